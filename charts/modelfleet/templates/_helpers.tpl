{{- /* The name by which selectors know the chart. */ -}}
{{- define "modelfleet.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- /* The stem of every object's name; 40 characters leave room for what follows it in the 63 of a label. */ -}}
{{- define "modelfleet.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- /* Labels that never change for a component: what selectors say. Give (dict "root" $ "component" "gateway"). */ -}}
{{- define "modelfleet.selectorLabels" -}}
app.kubernetes.io/name: {{ include "modelfleet.name" .root | quote }}
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- /*
name, namespace, labels and annotations of an object. Give root, component (may be empty), name, and optionally namespace ("" for an object of the
cluster), labels and annotations. Maps are merged, not written one after the other: a key given twice would be no YAML that every parser takes.
*/ -}}
{{- define "modelfleet.metadata" -}}
{{- $root := .root -}}
{{- $own := dict
  "helm.sh/chart" (printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_")
  "app.kubernetes.io/name" (include "modelfleet.name" $root)
  "app.kubernetes.io/instance" $root.Release.Name
  "app.kubernetes.io/version" ($root.Chart.AppVersion | replace "+" "_")
  "app.kubernetes.io/part-of" "modelfleet"
  "app.kubernetes.io/managed-by" $root.Release.Service
-}}
{{- if .component -}}
{{- $_ := set $own "app.kubernetes.io/component" .component -}}
{{- end -}}
name: {{ .name | quote }}
{{- if not (hasKey . "namespace") }}
namespace: {{ $root.Release.Namespace | quote }}
{{- else if .namespace }}
namespace: {{ .namespace | quote }}
{{- end }}
labels:
  {{- toYaml (merge dict $own (.labels | default dict) $root.Values.commonLabels) | nindent 2 }}
{{- with merge dict (.annotations | default dict) $root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- /* Name of a component's ServiceAccount. */ -}}
{{- define "modelfleet.serviceAccountName" -}}
{{- $account := (index .root.Values .component).serviceAccount -}}
{{- if $account.create -}}
{{- default (printf "%s-%s" (include "modelfleet.fullname" .root) .component) $account.name -}}
{{- else -}}
{{- required (printf "%s.serviceAccount.name is needed when %s.serviceAccount.create is false" .component .component) $account.name -}}
{{- end -}}
{{- end -}}

{{- /* Name of the Secret by which the gateways know the controller. */ -}}
{{- define "modelfleet.statsTokenSecret" -}}
{{- .Values.gateway.stats.tokenSecretName | default (printf "%s-stats-token" (include "modelfleet.fullname" .)) -}}
{{- end -}}

{{- /* Fails where something needs the Redis of gateway.redis, and there is none. Its address may come by the environment. Give root and what. */ -}}
{{- define "modelfleet.needsRedis" -}}
{{- $gateway := .root.Values.gateway -}}
{{- $given := or $gateway.redis.url $gateway.redis.secretName $gateway.extraEnvFrom -}}
{{- range $gateway.extraEnv -}}
{{- $given = or $given (eq .name "MODELFLEET_REDIS_URL") -}}
{{- end -}}
{{- if not $given -}}
{{- fail (printf "%s needs gateway.redis.url or gateway.redis.secretName" .what) -}}
{{- end -}}
{{- end -}}

{{- /* Environment of the gateway: addresses of Redis, which may be secrets, and the name of its folder for usage logs. */ -}}
{{- define "modelfleet.gatewayEnv" -}}
{{- with .Values.gateway.redis }}
{{- if and .url .secretName -}}
{{- fail "gateway.redis takes an address by url or by secretName, not both" -}}
{{- end -}}
{{- if .secretName }}
- name: MODELFLEET_REDIS_URL
  valueFrom:
    secretKeyRef:
      name: {{ .secretName | quote }}
      key: {{ .secretKey | quote }}
{{- else if .url }}
- name: MODELFLEET_REDIS_URL
  value: {{ .url | quote }}
{{- end }}
{{- end }}
{{- with .Values.gateway.responseCache }}
{{- if .secretName }}
- name: MODELFLEET_RESPONSE_CACHE
  valueFrom:
    secretKeyRef:
      name: {{ .secretName | quote }}
      key: {{ .secretKey | quote }}
{{- end }}
{{- end }}
{{- if include "modelfleet.usageFile" . }}
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
{{- end }}
{{- end -}}

{{- /* Where the gateway writes its usage log; empty when not into a file. */ -}}
{{- define "modelfleet.usageFile" -}}
{{- if and .Values.gateway.usageLog.enabled (eq .Values.gateway.usageLog.output "file") -}}
/var/log/modelfleet/usage.jsonl
{{- end -}}
{{- end -}}

{{- /* Not empty when the controller serves metrics to autoscalers. */ -}}
{{- define "modelfleet.servesMetrics" -}}
{{- if or .Values.metricsApi.external .Values.metricsApi.custom -}}
{{- if not .Values.gateway.stats.enabled -}}
{{- fail "metricsApi tells what the gateways count: it needs gateway.stats.enabled; else switch metricsApi.external and metricsApi.custom off" -}}
{{- end -}}
yes
{{- end -}}
{{- end -}}

{{- /* The metrics that it serves, separated by spaces. */ -}}
{{- define "modelfleet.metricNames" -}}
modelfleet_requests_in_system modelfleet_requests_waiting modelfleet_tokens_in_flight modelfleet_kv_cache_usage modelfleet_time_to_first_token_seconds
{{- end -}}

{{- /* Name of the Service of these metrics; the Secret with its certificate is named after it. */ -}}
{{- define "modelfleet.metricsApiService" -}}
{{- printf "%s-metrics-api" (include "modelfleet.fullname" .) -}}
{{- end -}}

{{- /* A full image name. Give root, image and optionally suffix, which tells the variants of one version apart. */ -}}
{{- define "modelfleet.image" -}}
{{- $registry := .image.registry | default .root.Values.image.registry -}}
{{- $repository := ternary (printf "%s/%s" (trimSuffix "/" $registry) .image.repository) .image.repository (ne $registry "") -}}
{{- if .image.digest -}}
{{- printf "%s@%s" $repository .image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository (.image.tag | default (printf "%s%s" (.root.Values.image.tag | default .root.Chart.AppVersion) (.suffix | default ""))) -}}
{{- end -}}
{{- end -}}

{{- /* Seconds of a whole duration such as 90s, 5m or 1h. */ -}}
{{- define "modelfleet.seconds" -}}
{{- mul (regexFind "^[0-9]+" . | int64) (get (dict "s" 1 "m" 60 "h" 3600) (regexFind "[smh]$" .)) -}}
{{- end -}}

{{- /* Port of the gateway's Service. To Helm 3.18 a number of the values is a text, and a text "0" counts as given: hence int. */ -}}
{{- define "modelfleet.gatewayPort" -}}
{{- int .Values.gateway.service.port | default (ternary 443 80 .Values.gateway.tls.enabled) -}}
{{- end -}}

{{- /* Where callers inside of the cluster find the gateway. */ -}}
{{- define "modelfleet.gatewayUrl" -}}
{{- $scheme := ternary "https" "http" .Values.gateway.tls.enabled -}}
{{- $port := include "modelfleet.gatewayPort" . -}}
{{- $suffix := ternary "" (printf ":%s" $port) (eq $port (ternary "443" "80" .Values.gateway.tls.enabled)) -}}
{{- printf "%s://%s-gateway.%s%s" $scheme (include "modelfleet.fullname" .) .Release.Namespace $suffix -}}
{{- end -}}
