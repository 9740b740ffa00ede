{{/*
A pod that runs one script against the Service. Takes root, name and script. It has a name label of its own, so that no
Service ever sends it traffic. A pod that failed stays for a look at it; the next run removes it.
*/}}
{{- define "helloworld.testPod" -}}
{{- $ := .root -}}
{{- $name := include "helloworld.fullname" $ -}}
apiVersion: v1
kind: Pod
metadata:
  name: {{ $name }}-test-{{ .name }}
  namespace: {{ $.Release.Namespace }}
  labels:
    app.kubernetes.io/name: {{ $name }}-test
    app.kubernetes.io/component: test
    {{- include "helloworld.commonLabels" $ | nindent 4 }}
  annotations:
    helm.sh/hook: test
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
    helm.sh/hook-output-log-policy: hook-succeeded,hook-failed
spec:
  restartPolicy: Never
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: 0
  # A test that hangs ends here, whatever the caller's timeout is.
  activeDeadlineSeconds: 120
  securityContext:
    {{- include "helloworld.podSecurityContext" $ | nindent 4 }}
  containers:
    - name: test
      image: {{ $.Values.tests.image | quote }}
      imagePullPolicy: IfNotPresent
      command:
        - sh
        - -c
        - |
          base={{ printf "http://%s:%d" $name (int $.Values.service.port) }}

          # check <path> <text>…: the answer is a success and contains every text.
          # timeout, not wget's -T: that ends only a silence, and crashes in some builds of BusyBox.
          check() {
            path=$1
            shift
            attempt=1
            while :; do
              if answer=$(timeout {{ $.Values.tests.timeoutSeconds }} wget -q -O - "$base$path" 2>&1); then
                missing=
                for text in "$@"; do
                  case $answer in *"$text"*) ;; *) missing=$text ;; esac
                done
                if [ -z "$missing" ]; then
                  echo "ok $base$path"
                  return
                fi
                reason="the answer lacks '$missing'"
              elif [ -n "$answer" ]; then
                reason="no success"
              else
                reason="no answer within {{ $.Values.tests.timeoutSeconds }}s"
              fi
              answer=$(printf '%.300s' "$answer")
              echo "attempt $attempt of {{ $.Values.tests.attempts }}: $base$path: $reason${answer:+ ($answer)}"
              if [ "$attempt" -ge {{ $.Values.tests.attempts }} ]; then
                echo "FAILED $base$path: $reason${answer:+ ($answer)}"
                exit 1
              fi
              attempt=$((attempt + 1))
              sleep 1
            done
          }

          {{- .script | nindent 10 }}
      securityContext:
        {{- include "helloworld.securityContext" $ | nindent 8 }}
      resources:
        requests:
          cpu: 10m
          memory: 8Mi
        limits:
          memory: 32Mi
{{- end -}}
