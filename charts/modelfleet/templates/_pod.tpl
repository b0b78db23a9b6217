{{- /* What the Deployments of controller and gateway have in common. All take (dict "root" $ "component" "gateway"). */ -}}

{{- /* The Deployment's spec but for template and replicas. */ -}}
{{- define "modelfleet.deploymentSpec" -}}
{{- $values := index .root.Values .component -}}
revisionHistoryLimit: {{ .root.Values.revisionHistoryLimit }}
strategy:
  {{- /* Recreate takes no numbers, and the defaults have some. */ -}}
  {{- toYaml (ternary (pick $values.strategy "type") $values.strategy (eq $values.strategy.type "Recreate")) | nindent 2 }}
selector:
  matchLabels:
    {{- include "modelfleet.selectorLabels" . | nindent 4 }}
{{- end -}}

{{- /* No version and no chart label: an upgrade that changes nothing of a pod shall not restart it. */ -}}
{{- define "modelfleet.podMetadata" -}}
{{- $values := index .root.Values .component -}}
labels:
  {{- toYaml (merge dict (include "modelfleet.selectorLabels" . | fromYaml) $values.podLabels .root.Values.commonLabels) | nindent 2 }}
{{- with merge dict $values.podAnnotations .root.Values.commonAnnotations (dict "kubectl.kubernetes.io/default-container" .component) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- /* Identity, security and placement of the pod. */ -}}
{{- define "modelfleet.podSpec" -}}
{{- $root := .root -}}
{{- $component := .component -}}
{{- $values := index $root.Values $component -}}
serviceAccountName: {{ include "modelfleet.serviceAccountName" . | quote }}
automountServiceAccountToken: {{ $values.serviceAccount.automount }}
enableServiceLinks: false
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.podSecurityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- range . }}
  {{- $counted := dict -}}
  {{- if not .labelSelector -}}
  {{- /* With the revision, so that a rolling update spreads the new pods among themselves. */ -}}
  {{- $labels := include "modelfleet.selectorLabels" (dict "root" $root "component" $component) | fromYaml -}}
  {{- $counted = dict "labelSelector" (dict "matchLabels" $labels) "matchLabelKeys" (list "pod-template-hash") -}}
  {{- end }}
  - {{- toYaml (merge dict . $counted) | nindent 4 }}
  {{- end }}
{{- end }}
{{- end -}}

{{- /* The volume with that Secret, and its mount. A file that is mounted whole follows its Secret. */ -}}
{{- define "modelfleet.statsTokenVolume" -}}
- name: stats-token
  secret:
    secretName: {{ include "modelfleet.statsTokenSecret" . | quote }}
    items: [{ key: token, path: token }]
    defaultMode: 288 # 0440
{{- end -}}
{{- define "modelfleet.statsTokenMount" -}}
- { name: stats-token, mountPath: /etc/modelfleet/stats, readOnly: true }
{{- end -}}

{{- /* The container's fields from image to probes, but for args and ports. The port named "metrics" answers the probes too. Takes env as well, a list. */ -}}
{{- define "modelfleet.container" -}}
{{- $root := .root -}}
{{- $values := index $root.Values .component -}}
image: {{ include "modelfleet.image" (dict "root" $root "image" $values.image) }}
imagePullPolicy: {{ $values.image.pullPolicy | default $root.Values.image.pullPolicy }}
env:
  {{- /* A name in the list twice would be refused by server-side apply. */ -}}
  {{- $given := list -}}
  {{- range $values.extraEnv -}}
  {{- $given = append $given .name -}}
  {{- end -}}
  {{- range prepend (.env | default list) (dict "name" "MODELFLEET_LOG_LEVEL" "value" $root.Values.logLevel) }}
  {{- if not (has .name $given) }}
  {{- toYaml (list .) | nindent 2 }}
  {{- end }}
  {{- end }}
  {{- with $values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with $values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- range $probe, $path := dict "startupProbe" "/healthz" "livenessProbe" "/healthz" "readinessProbe" "/readyz" }}
{{ $probe }}:
  httpGet: { path: {{ $path }}, port: metrics }
  {{- toYaml (index $values $probe) | nindent 2 }}
{{- end }}
{{- with $values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.securityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
terminationMessagePolicy: FallbackToLogsOnError
{{- end -}}
