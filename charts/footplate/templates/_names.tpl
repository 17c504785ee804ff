{{/* Names and labels. All objects of the operator have one name: a namespace holds one release. */}}
{{- define "footplate.operator" -}}
footplate-operator
{{- end }}

{{- define "footplate.settingsName" -}}
footplate-settings
{{- end }}

{{- define "footplate.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (include "footplate.operator" .) -}}
{{- end }}

{{/* What selects the operator's pods. It can never change: a Deployment's selector is immutable. */}}
{{- define "footplate.selectorLabels" -}}
app.kubernetes.io/name: footplate
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "footplate.labels" -}}
{{ include "footplate.selectorLabels" . }}
app.kubernetes.io/part-of: footplate
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The reference of an image; given (dict "image" IMAGE "root" $). */}}
{{- define "footplate.image" -}}
{{- with .image.registry | default .root.Values.image.registry -}}{{ . }}/{{- end -}}
{{- .image.repository -}}
{{- if .image.digest -}}@{{ .image.digest }}{{- else -}}:{{ .image.tag | default .root.Chart.AppVersion }}{{- end -}}
{{- end }}
