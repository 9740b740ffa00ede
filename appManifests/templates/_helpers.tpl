{{/*
The name of every object. It is also the value of the selector label: Flagger finds the pods of a Deployment by a label
whose value is the Deployment's name, and derives <name>-primary and <name>-canary from it.
*/}}
{{- define "helloworld.fullname" -}}
{{- .Values.fullnameOverride | default .Chart.Name -}}
{{- end -}}

{{- define "helloworld.tag" -}}
{{- .Values.image.tag | default .Chart.AppVersion -}}
{{- end -}}

{{- define "helloworld.image" -}}
{{- $image := printf "%s:%s" .Values.image.repository (include "helloworld.tag" .) -}}
{{- with .Values.image.digest }}{{ $image = printf "%s@%s" $image . }}{{ end -}}
{{- $image -}}
{{- end -}}

{{/*
What pods are selected by. Never add to it: a Deployment's selector can't be changed, and Flagger rewrites exactly this
label for the primary.
*/}}
{{- define "helloworld.selectorLabels" -}}
app.kubernetes.io/name: {{ include "helloworld.fullname" . }}
{{- end -}}

{{/*
Labels of a pod. The chart's version is not among them: with Flux's strategy Revision it changes with every commit, and
each commit would restart all pods.
*/}}
{{- define "helloworld.podLabels" -}}
{{ include "helloworld.selectorLabels" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ include "helloworld.tag" . | quote }}
{{- end -}}

{{- define "helloworld.commonLabels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ include "helloworld.tag" . | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: helloworld
{{- end -}}

{{- define "helloworld.labels" -}}
{{ include "helloworld.selectorLabels" . }}
{{ include "helloworld.commonLabels" . }}
{{- end -}}

{{- define "helloworld.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "helloworld.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{/* The pods of the Deployment and of the primary that Flagger makes from it. */}}
{{- define "helloworld.allPodsSelector" -}}
{{- $name := include "helloworld.fullname" . -}}
{{- if .Values.canary.enabled -}}
matchExpressions:
  - key: app.kubernetes.io/name
    operator: In
    values:
      - {{ $name }}
      - {{ $name }}-primary
{{- else -}}
matchLabels:
  {{- include "helloworld.selectorLabels" . | nindent 2 }}
{{- end -}}
{{- end -}}

{{/*
Requests to the canary, in a query of Prometheus. Takes root, metric, interval and, if there are, more matchers. The pattern
matches the pods of the target (<name>-<set>-<pod>) and not those of the primary, whose names have one part more. `and`:
pods that are gone, of the version before, say nothing.
*/}}
{{- define "helloworld.canaryRate" -}}
{{- $series := printf `%s{namespace="%s",pod=~"%s-[0-9a-zA-Z]+-[0-9a-zA-Z]+"%s}` .metric .root.Release.Namespace (include "helloworld.fullname" .root) (.more | default "") -}}
rate({{ $series }}[{{ .interval }}]) and {{ $series }}
{{- end -}}

{{- define "helloworld.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: {{ .Values.runAsUser }}
runAsGroup: {{ .Values.runAsUser }}
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "helloworld.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop:
    - ALL
{{- end -}}

{{- define "helloworld.probe" -}}
httpGet:
  path: {{ .path }}
  port: http
periodSeconds: {{ .periodSeconds }}
timeoutSeconds: {{ .timeoutSeconds }}
failureThreshold: {{ .failureThreshold }}
{{- end -}}

{{/* What a JSON schema can't say: rules between two values. */}}
{{- define "helloworld.validate" -}}
{{- if le (int .Values.terminationGracePeriodSeconds) (int .Values.preStopSleepSeconds) -}}
{{- fail (printf "terminationGracePeriodSeconds (%d) must be greater than preStopSleepSeconds (%d): the container would be killed while it still serves" (int .Values.terminationGracePeriodSeconds) (int .Values.preStopSleepSeconds)) -}}
{{- end -}}
{{- with .Values.autoscaling -}}
{{- if and .enabled (gt (int .minReplicas) (int .maxReplicas)) -}}
{{- fail (printf "autoscaling.minReplicas (%d) must not be greater than autoscaling.maxReplicas (%d)" (int .minReplicas) (int .maxReplicas)) -}}
{{- end -}}
{{- if and .enabled (not (or .targetCPUUtilizationPercentage .targetMemoryUtilizationPercentage)) -}}
{{- fail "autoscaling.enabled needs autoscaling.targetCPUUtilizationPercentage or autoscaling.targetMemoryUtilizationPercentage above 0" -}}
{{- end -}}
{{- if and .enabled .targetCPUUtilizationPercentage (not (dig "requests" "cpu" "" $.Values.resources)) -}}
{{- fail "autoscaling.targetCPUUtilizationPercentage is a share of resources.requests.cpu, which is not set" -}}
{{- end -}}
{{- if and .enabled .targetMemoryUtilizationPercentage (not (dig "requests" "memory" "" $.Values.resources)) -}}
{{- fail "autoscaling.targetMemoryUtilizationPercentage is a share of resources.requests.memory, which is not set" -}}
{{- end -}}
{{- end -}}
{{- if .Values.canary.enabled -}}
{{- if not .Values.autoscaling.enabled -}}
{{- fail "canary.enabled needs autoscaling.enabled: Flagger scales the Deployment to 0 and back, a fixed replicaCount would fight it (use minReplicas = maxReplicas for a fixed number)" -}}
{{- end -}}
{{- if and (ne .Values.canary.provider "kubernetes") (not .Values.canary.gateway.refs) -}}
{{- fail (printf "canary.provider %s needs at least one canary.gateway.refs" .Values.canary.provider) -}}
{{- end -}}
{{- end -}}
{{- end -}}
