{{/* One alert as Prometheus takes it: with the labels of all, and a link to what to do. */}}
{{- define "footplate.alert" -}}
alert: {{ .alert.alert }}
expr: {{ .alert.expr | toJson }}
{{- with .alert.for }}
for: {{ . }}
{{- end }}
labels:
  {{- toYaml (merge (dict "severity" .alert.severity) (deepCopy .values.alertLabels)) | nindent 2 }}
annotations:
  summary: {{ .alert.summary | toJson }}
  description: {{ .alert.description | toJson }}
  {{- with .values.runbookUrl }}
  runbook_url: {{ printf "%s#%s" . (lower $.alert.alert) }}
  {{- end }}
{{- end }}

{{/*
All alerts. The operator's series are those of this release: its ServiceMonitor gives them the label namespace.
docs/monitoring.md says of each what to do.
*/}}
{{- define "footplate.alerts" -}}
{{- $is := printf "namespace=%q" .Release.Namespace -}}
{{- $limit := .Values.monitoring.prometheusRule.thresholds -}}
- name: footplate-operator
  rules:
    - alert: FootplateOperatorDown
      expr: absent(footplate_build_info{ {{- $is -}} })
      for: 5m
      severity: critical
      summary: No Footplate operator answers Prometheus.
      description: >-
        Jobs that run go on and upload, but none is started, retried, canceled or finished. Look at the pods of the
        Deployment footplate-operator and at the log of the last one.
    - alert: FootplateNoLeader
      expr: sum(footplate_leader{ {{- $is -}} }) < 1
      for: 2m
      severity: critical
      summary: Footplate operators run and none of them leads.
      description: >-
        Nothing is done about jobs. Look at the Lease footplate-operator, and in the operators' logs for why it cannot
        be taken, mostly the API server or missing rights.
    - alert: FootplateQueueStuck
      expr: >-
        max(footplate_queue_longest_wait_seconds{ {{- $is -}} }) > {{ $limit.queueWaitSeconds }}
        or max(footplate_queue_oldest_seconds{ {{- $is -}} }) > {{ $limit.reconcileSeconds }}
      for: 2m
      severity: warning
      summary: The Footplate operator does not keep up with its work.
      description: >-
        Something has waited or is in work for {{ `{{ $value | humanizeDuration }}` }}. Look at the API server's answers
        and at the wait for the operator's own limit; raise settings.qps or settings.workers when both are fine.
    - alert: FootplateReconcileErrors
      expr: >-
        sum by (kind) (rate(footplate_reconcile_errors_total{ {{- $is -}} }[15m]))
        / sum by (kind) (rate(footplate_reconcile_seconds_count{ {{- $is -}} }[15m])) > {{ $limit.reconcileErrorShare }}
      for: 15m
      severity: warning
      summary: {{ `Footplate fails at {{ $value | humanizePercentage }} of its work on {{ $labels.kind }}s.` }}
      description: >-
        The operator's log names the objects and says why; footplate_reconcile_errors_total has the class of the error.
    - alert: FootplateApiErrors
      expr: >-
        sum(rate(footplate_api_calls_total{ {{- $is -}} , code=~"5..|0"}[10m]))
        / sum(rate(footplate_api_calls_total{ {{- $is -}} }[10m])) > {{ $limit.apiErrorShare }}
      for: 10m
      severity: warning
      summary: {{ `The API server fails at {{ $value | humanizePercentage }} of Footplate's calls.` }}
      description: >-
        Calls are tried again, so work is late rather than lost. Look at the API server and the network between.
    - alert: FootplateApiThrottled
      expr: sum(rate(footplate_api_calls_total{ {{- $is -}} , code="429"}[10m])) > {{ $limit.throttledPerSecond }}
      for: 10m
      severity: warning
      summary: The API server tells Footplate to slow down.
      description: >-
        It answers {{ `{{ $value | humanize }}` }} calls a second with 429. Lower settings.qps, or give the operator's
        service account a FlowSchema of its own.
    - alert: FootplateRateLimited
      expr: >-
        sum(rate(footplate_api_rate_limit_seconds_sum{ {{- $is -}} }[10m]))
        / sum(rate(footplate_api_rate_limit_seconds_count{ {{- $is -}} }[10m])) > {{ $limit.rateLimitWaitSeconds }}
      for: 15m
      severity: warning
      summary: Footplate is held up by its own limit on calls.
      description: >-
        A call waits {{ `{{ $value | humanizeDuration }}` }} on average. Raise settings.qps and settings.burst.
    - alert: FootplateWatchSilent
      expr: max(max_over_time(footplate_watch_deaf_seconds{ {{- $is -}} }[30m])) > {{ $limit.watchSilenceSeconds }}
      severity: warning
      summary: Footplate's watches bring no events although objects change.
      description: >-
        A sweep found something of which no watch told for {{ `{{ $value | humanizeDuration }}` }}; jobs go on minutes
        late. Look for what holds watches back, mostly a proxy or a load balancer that buffers.
    - alert: FootplateSettingsInvalid
      expr: min(footplate_settings_valid{ {{- $is -}} }) == 0
      for: 5m
      severity: warning
      summary: Footplate's settings were changed and have mistakes.
      description: >-
        The operator goes on with the earlier ones and will not start with these. Its log says what is wrong.
- name: footplate-jobs
  rules:
    - alert: FootplateInfrastructureFailures
      expr: >-
        sum by (reason) (increase(footplate_job_attempts_ended_total{ {{- $is -}}
        , reason=~"NodeLost|Evicted|ImagePullFailed|FailedMount|FailedCreatePodSandBox|CreateContainerError|StartTimeout"}[1h]))
        > {{ $limit.infrastructureFailuresPerHour }}
      severity: warning
      summary: >-
        {{ `Jobs fail because of the infrastructure: {{ $labels.reason }}.` }}
      description: >-
        {{ `{{ $value | humanize }}` }} attempts of jobs ended for this reason within an hour. Look at the nodes of these
        jobs (status.attempts[].node), and at docs/troubleshooting.md.
    - alert: FootplateOutputsMissing
      expr: sum(increase(footplate_jobs_outputs_missing_total{ {{- $is -}} }[1h])) > 0
      severity: critical
      summary: Jobs ended with outputs that are not in the store.
      description: >-
        Find them with the condition OutputsPersisted and save what their pods still have with
        footplate upload --pod-dir before the pods are deleted.
    - alert: FootplateUploadLag
      expr: max by (namespace, pod) (footplate_agent_oldest_pending_seconds) > {{ $limit.uploadLagSeconds }}
      for: 5m
      severity: warning
      summary: {{ `Outputs of {{ $labels.namespace }}/{{ $labels.pod }} do not reach the store.` }}
      description: >-
        The oldest is {{ `{{ $value | humanizeDuration }}` }} old and would be lost with the node. The agent's log in
        the pod says why.
    - alert: FootplateStoreErrors
      expr: sum by (kind) (rate(footplate_agent_store_errors_total[10m])) > {{ $limit.storeErrorsPerSecond }}
      for: 10m
      severity: warning
      summary: >-
        {{ `The object store fails for the agents of jobs: {{ $labels.kind }}.` }}
      description: >-
        {{ `{{ $value | humanize }}` }} calls a second fail after the client's own retries. Look at the store's service,
        its limits and the keys in the Secret.
{{- end }}
