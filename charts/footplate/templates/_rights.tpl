{{/* What the operator calls where jobs are. Its tests run with these rights, and tests/integration/test_rights.py uses each. */}}
{{- define "footplate.rights" -}}
- apiGroups: [footplate.dev]
  resources: [trainingjobs]
  verbs: [get, list, watch, patch, delete] # patch: the finalizer; delete: ttlSecondsAfterFinished
- apiGroups: [footplate.dev]
  resources: [environments]
  verbs: [get, list, watch]
- apiGroups: [footplate.dev]
  resources: [trainingjobs/status, environments/status]
  verbs: [update]
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch, create, delete]
- apiGroups: [""]
  resources: [services, configmaps]
  verbs: [get, create]
- apiGroups: [""]
  resources: [secrets] # the keys of MPI jobs, which the operator makes and may not read
  verbs: [create]
- apiGroups: [""]
  resources: [events]
  verbs: [get, list, create, patch]
{{- end }}

{{- define "footplate.subjects" -}}
- kind: ServiceAccount
  name: {{ include "footplate.serviceAccount" . }}
  namespace: {{ .Release.Namespace }}
{{- end }}
