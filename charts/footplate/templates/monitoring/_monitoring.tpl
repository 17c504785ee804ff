{{/* Whether a kind of the Prometheus operator may be made: "true" or nothing. Given (dict "kind" KIND "root" $). */}}
{{- define "footplate.monitoringKind" -}}
{{- $has := .root.Capabilities.APIVersions.Has (printf "monitoring.coreos.com/v1/%s" .kind) -}}
{{- if or .root.Values.monitoring.force $has -}}true{{- end -}}
{{- end }}

{{/* What is wanted and cannot be made, for NOTES.txt. */}}
{{- define "footplate.monitoringMissing" -}}
{{- $missing := list -}}
{{- range $value, $kind := dict "serviceMonitor" "ServiceMonitor" "podMonitor" "PodMonitor" "prometheusRule" "PrometheusRule" -}}
{{- if and (index $.Values.monitoring $value).enabled (not (include "footplate.monitoringKind" (dict "kind" $kind "root" $))) -}}
{{- $missing = append $missing $kind -}}
{{- end -}}
{{- end -}}
{{- join ", " $missing -}}
{{- end }}

{{/* One endpoint of a monitor: how, of VALUES.monitoring.serviceMonitor or podMonitor. */}}
{{- define "footplate.scrape" -}}
path: /metrics
interval: {{ .interval }}
scrapeTimeout: {{ .scrapeTimeout }}
{{- with .metricRelabelings }}
metricRelabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
