{{/* The settings file of the operator: `settings`, and what other values say. What is empty is left to its defaults. */}}
{{- define "footplate.settings" -}}
{{- $settings := deepCopy .Values.settings -}}
{{- $store := dict "uri" .Values.store.uri "pathStyle" .Values.store.pathStyle -}}
{{- range $key := list "secretName" "endpoint" "region" "caCertificate" -}}
{{- with index $.Values.store $key -}}{{- $_ := set $store $key . -}}{{- end -}}
{{- end -}}
{{- $_ := set $settings "store" $store -}}
{{- $_ := set $settings "operatorNamespace" .Release.Namespace -}}
{{- $_ := set $settings "namespaces" .Values.watchNamespaces -}}
{{- $_ := set $settings "runtimeImage" (include "footplate.image" (dict "image" .Values.runtime.image "root" .)) -}}
{{- $_ := set $settings "runtimePullPolicy" .Values.runtime.image.pullPolicy -}}
{{- $_ := set $settings "runtimeResources" .Values.runtime.resources -}}
{{- $names := list -}}
{{- range .Values.imagePullSecrets -}}{{- $names = append $names .name -}}{{- end -}}
{{- $_ := set $settings "imagePullSecrets" $names -}}
{{- with .Values.builder.image -}}
{{- $_ := set $settings "builder" (dict "image" . "command" $.Values.builder.command "env" $.Values.builder.env) -}}
{{- end -}}
{{- toYaml $settings -}}
{{- end }}

{{/* Whether the operators agree by a Lease on which of them works: "true" or nothing. */}}
{{- define "footplate.leaderElection" -}}
{{- if ne (toString .Values.settings.leaderElection) "false" -}}true{{- end -}}
{{- end }}
