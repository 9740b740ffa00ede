{{- define "teardown.step" -}}
name: {{ .step.name }}
image: {{ required "kubectlImage" .image }}
args:
  {{- toYaml .step.args | nindent 2 }}
resources:
  requests:
    cpu: 10m
    memory: 32Mi
  limits:
    memory: 128Mi
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end }}
