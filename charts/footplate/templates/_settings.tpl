{{/* The settings file of the operator: `settings`, and what other values say. What is empty is left to its defaults. */}}
{{- define "footplate.settings" -}}
{{- $settings := deepCopy (.Values.settings | default dict) -}}
{{- $store := dict "uri" .Values.store.uri "pathStyle" .Values.store.pathStyle -}}
{{- range $key := list "secretName" "endpoint" "region" "caCertificate" -}}
{{- with index $.Values.store $key -}}{{- $_ := set $store $key . -}}{{- end -}}
{{- end -}}
{{- $_ := set $settings "store" $store -}}
{{- $_ := set $settings "operatorNamespace" .Release.Namespace -}}
{{- $_ := set $settings "namespaces" (.Values.watchNamespaces | default list) -}}
{{- $_ := set $settings "runtimeImage" (include "footplate.image" (dict "image" .Values.runtime.image "root" .)) -}}
{{- $_ := set $settings "runtimePullPolicy" .Values.runtime.image.pullPolicy -}}
{{- $_ := set $settings "runtimeResources" .Values.runtime.resources -}}
{{- $names := list -}}
{{- range .Values.imagePullSecrets -}}{{- $names = append $names .name -}}{{- end -}}
{{- $_ := set $settings "imagePullSecrets" $names -}}
{{- $_ := set $settings "runAsUser" .Values.runtime.runAsUser -}}{{/* null is kept: it says something */}}
{{- if .Values.builder.image -}}
{{- $builder := dict -}}
{{- range $key, $value := .Values.builder -}}{{- with $value -}}{{- $_ := set $builder $key . -}}{{- end -}}{{- end -}}
{{- $_ := set $settings "builder" $builder -}}
{{- end -}}
{{- toYaml $settings -}}
{{- end }}

{{/* Whether the operators agree by a Lease on which of them works: "true" or nothing. */}}
{{- define "footplate.leaderElection" -}}
{{- if dig "leaderElection" true (.Values.settings | default dict) -}}true{{- end -}}
{{- end }}
