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
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/version: {{ include "helloworld.tag" . | quote }}
{{- end -}}

{{/*
Annotations of a pod. With the canary a changed autoscaling is a change of the pods too: Flagger brings it to the autoscaler of
the primary only when it promotes, and judges only changed pods.
*/}}
{{- define "helloworld.podAnnotations" -}}
{{- $own := dict -}}
{{- if .Values.canary.enabled -}}
{{- $own = dict "helloworld/autoscaling" (.Values.autoscaling | toJson | sha256sum | trunc 8) -}}
{{- end -}}
{{- with merge $own (.Values.podAnnotations | default dict) -}}
{{- toYaml . -}}
{{- end -}}
{{- end -}}

{{- define "helloworld.commonLabels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
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

{{/* The seconds of a duration, as values.schema.json allows it: 30s or 5m. */}}
{{- define "helloworld.seconds" -}}
{{- mul (trimSuffix "s" . | trimSuffix "m" | int) (hasSuffix "m" . | ternary 60 1) -}}
{{- end -}}

{{/* A quantity, as values.schema.json allows it, in thousandths. */}}
{{- define "helloworld.thousandths" -}}
{{- $unit := regexFind "[A-Za-z]*$" . -}}
{{- $units := dict "m" 1 "" 1e3 "k" 1e6 "M" 1e9 "G" 1e12 "T" 1e15
  "Ki" 1024e3 "Mi" 1048576e3 "Gi" 1073741824e3 "Ti" 1099511627776e3 -}}
{{- mulf (trimSuffix $unit .) (get $units $unit) -}}
{{- end -}}

{{/* Whether `helm test` has pods to ask: with the canary not after an upgrade (templates/tests/http.yaml). Empty: no. */}}
{{- define "helloworld.isTested" -}}
{{- if and .Values.tests.enabled (or .Release.IsInstall (not .Values.canary.enabled)) (or .Values.autoscaling.enabled .Values.replicaCount) -}}
true
{{- end -}}
{{- end -}}

{{/*
How often a check of `helm test` is tried, a second apart. With the canary the Service comes with the first of Flagger's intervals
that finds the primary Ready.
*/}}
{{- define "helloworld.testAttempts" -}}
{{- $attempts := int .Values.tests.attempts -}}
{{- if .Values.canary.enabled -}}
{{- $attempts = max 60 $attempts (include "helloworld.seconds" .Values.canary.interval | mul 3 | add 30) -}}
{{- end -}}
{{- $attempts -}}
{{- end -}}

{{/* How many seconds `helm test` may take: Flux waits 5m for it, in which the pod must also get a node and its image. */}}
{{- define "helloworld.testSeconds" -}}270{{- end -}}

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
{{- if and .enabled .targetCPUUtilizationPercentage (not (dig "requests" "cpu" "" ($.Values.resources | default dict))) -}}
{{- fail "autoscaling.targetCPUUtilizationPercentage is a share of resources.requests.cpu, which is not set" -}}
{{- end -}}
{{- if and .enabled .targetMemoryUtilizationPercentage (not (dig "requests" "memory" "" ($.Values.resources | default dict))) -}}
{{- fail "autoscaling.targetMemoryUtilizationPercentage is a share of resources.requests.memory, which is not set" -}}
{{- end -}}
{{- end -}}
{{- if .Values.canary.enabled -}}
{{- if not .Values.autoscaling.enabled -}}
{{- fail "canary.enabled needs autoscaling.enabled: Flagger scales the Deployment to 0 and back, a fixed replicaCount would fight it (use minReplicas = maxReplicas for a fixed number)" -}}
{{- end -}}
{{- if and (ne .Values.canary.provider "kubernetes") (not (dig "refs" "" (.Values.canary.gateway | default dict))) -}}
{{- fail (printf "canary.provider %s needs at least one canary.gateway.refs" .Values.canary.provider) -}}
{{- end -}}
{{- with .Values.canary -}}
{{- if and (eq .provider "kubernetes") .metrics.enabled (not .loadTester.enabled) (not .skipAnalysis) -}}
{{- fail "canary.metrics.enabled needs canary.loadTester.enabled with canary.provider kubernetes: nobody else asks a new version before it is promoted, and Flagger takes missing values for a failure; switch the load tester on, or the metrics off" -}}
{{- end -}}
{{- $attempts := include "helloworld.testAttempts" $ | int -}}
{{- $seconds := include "helloworld.testSeconds" $ | int -}}
{{- if and (include "helloworld.isTested" $) (gt $attempts $seconds) -}}
{{- fail (printf "canary.interval (%s) must not be longer than %ds with tests.enabled: the test of an installation waits three intervals and half a minute for the Service that Flagger makes, and Flux' 5m leave it %ds; shorten canary.interval, or switch the test off" .interval (div (sub $seconds 30) 3) $seconds) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- include "helloworld.validateContainer" . -}}
{{- include "helloworld.validateTimes" . -}}
{{- include "helloworld.validateNetworkPolicy" . -}}
{{- end -}}

{{/* What the API server would refuse, in the middle of the release. */}}
{{- define "helloworld.validateContainer" -}}
{{- $resources := .Values.resources | default dict -}}
{{- range $name, $request := $resources.requests -}}
{{- $limit := get ($resources.limits | default dict) $name -}}
{{- if and $limit (gt (include "helloworld.thousandths" $request | float64) (include "helloworld.thousandths" $limit | float64)) -}}
{{- fail (printf "resources.requests.%s (%s) must not be greater than resources.limits.%s (%s)" $name $request $name $limit) -}}
{{- end -}}
{{- end -}}
{{- $names := list -}}
{{- range .Values.env -}}
{{- if has .name $names -}}
{{- fail (printf "env must name %s only once" .name) -}}
{{- end -}}
{{- $names = append $names .name -}}
{{- end -}}
{{- end -}}

{{/* Times that don't fit together make no release fail: without values Flagger gives up each new version, however good. */}}
{{- define "helloworld.validateTimes" -}}
{{- $monitor := .Values.serviceMonitor -}}
{{- $scrape := include "helloworld.seconds" $monitor.interval | int -}}
{{- if and $monitor.enabled (gt (include "helloworld.seconds" $monitor.scrapeTimeout | int) $scrape) -}}
{{- fail (printf "serviceMonitor.scrapeTimeout (%s) must not be longer than serviceMonitor.interval (%s): the Prometheus operator leaves such a monitor out; shorten the timeout" $monitor.scrapeTimeout $monitor.interval) -}}
{{- end -}}
{{- with .Values.canary -}}
{{- if .enabled -}}
{{- $interval := include "helloworld.seconds" .interval | int -}}
{{- if lt $interval 10 -}}
{{- fail (printf "canary.interval (%s) must be at least 10s, which Flagger takes for anything shorter" .interval) -}}
{{- end -}}
{{- if .metrics.enabled -}}
{{- $window := include "helloworld.seconds" .metrics.interval | int -}}
{{- if le $window $interval -}}
{{- fail (printf "canary.metrics.interval (%s) must be longer than canary.interval (%s): a check must still see the load from before it; lengthen canary.metrics.interval" .metrics.interval .interval) -}}
{{- end -}}
{{- if and $monitor.enabled (lt $window (mul 4 $scrape | int)) -}}
{{- fail (printf "canary.metrics.interval (%s) must be at least four times serviceMonitor.interval (%s): too few samples give no value, which Flagger takes for a failure; lengthen the first or shorten the second" .metrics.interval $monitor.interval) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Who must reach the pods and would be shut out: it would show as a failed analysis, or as targets that are never healthy. */}}
{{- define "helloworld.validateNetworkPolicy" -}}
{{- $canary := .Values.canary -}}
{{- $ingress := .Values.ingress | default dict -}}
{{- with .Values.networkPolicy -}}
{{- if and .enabled (not .allowedCIDRs) -}}
{{- $named := .allowedNamespaces | default list -}}
{{- $allowed := prepend $named $.Release.Namespace -}}
{{- $prometheus := include "helloworld.prometheusNamespace" $ -}}
{{- if and $canary.enabled $canary.metrics.enabled (not ($prometheus | empty | ternary $named (has $prometheus $allowed))) -}}
{{- fail (printf "networkPolicy.enabled lets in only pods of %s, so the Prometheus of canary.metrics.prometheusAddress (%s) could not scrape the pods: add its namespace to networkPolicy.allowedNamespaces, or its addresses to networkPolicy.allowedCIDRs" (join ", " $allowed) $canary.metrics.prometheusAddress) -}}
{{- end -}}
{{- if and $canary.enabled (ne $canary.provider "kubernetes") -}}
{{- /* Its pods may be in another namespace than the Gateway, but hardly in Prometheus'. */}}
{{- $isOpen := without $named $prometheus -}}
{{- range $canary.gateway.refs -}}
{{- $isOpen = or $isOpen (has .namespace $allowed) -}}
{{- end -}}
{{- if not $isOpen -}}
{{- fail (printf "networkPolicy.enabled lets in only pods of %s, and would shut out the gateway of canary.gateway.refs, through which users come: add the namespace of its pods to networkPolicy.allowedNamespaces, or its addresses to networkPolicy.allowedCIDRs" (join ", " $allowed)) -}}
{{- end -}}
{{- end -}}
{{- if and $ingress.enabled (eq $ingress.className "alb") -}}
{{- fail "networkPolicy.enabled would shut out the ALB of ingress.enabled, whose requests and health checks come from its subnets: add their address ranges to networkPolicy.allowedCIDRs" -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/*
<service>.<namespace>:<port>, or with .svc… after the namespace; a Service by its bare name is in the release's own. Empty: the
address names no Service of the cluster.
*/}}
{{- define "helloworld.prometheusNamespace" -}}
{{- $host := (urlParse .Values.canary.metrics.prometheusAddress).host | regexFind "^[^:]*" -}}
{{- $parts := splitList "." $host -}}
{{- if eq (len $parts) 1 -}}
{{- .Release.Namespace -}}
{{- else if or (eq (len $parts) 2) (eq (index $parts 2) "svc") -}}
{{- index $parts 1 -}}
{{- end -}}
{{- end -}}
