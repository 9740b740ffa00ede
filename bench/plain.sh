#!/bin/bash
# What `test-chart` does on a node that runs, as a plain script with the same binaries: the measure for the pipeline's own cost.
# HELM and KUBECTL name the commands, KUBECONFIG the cluster, VALUES a folder with <env>.yaml.
set -euo pipefail
cd "$(dirname "$0")/.."
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT

lint() {
  "$HELM" lint --strict appManifests "$@"
  "$HELM" template lint appManifests "$@" >/dev/null
}

deploy() {
  "$HELM" upgrade --install helloworld appManifests --namespace helloworld --values "$VALUES/dev.yaml" \
    --set-string image.tag=v0.1.0 --set canary.enabled=false,serviceMonitor.enabled=false "$@"
  "$KUBECTL" --namespace helloworld rollout status deployment/helloworld --timeout 120s
}

end_to_end() {
  "$KUBECTL" --namespace helloworld port-forward service/helloworld-primary 18080:8080 >/dev/null &
  local forward=$! url=http://127.0.0.1:18080
  until curl --silent --fail "$url/healthz"; do
    kill -0 "$forward"
    sleep 0.1
  done
  curl --silent --fail "$url/readyz"
  curl --silent --fail "$url/" | grep v0.1.0
  kill "$forward"
  wait "$forward" || true
}

# About ten requests a second by way of the API server: a forwarded port ends with its pod.
load() {
  local url=http://127.0.0.1:18081/api/v1/namespaces/helloworld/services/helloworld-primary:8080/proxy/
  while sleep 0.1; do curl --silent --max-time 5 "$url" || true; done
}

since=$(date +%s%3N)
lint
for file in appManifests/ci/*-values.yaml "$VALUES"/*.yaml; do lint --values "$file"; done
echo "Helm's checks took $(($(date +%s%3N) - since)) ms"
"$KUBECTL" apply -f clusters/dev/namespace.yaml
deploy
"$HELM" test helloworld --namespace helloworld --timeout 60s
end_to_end
"$KUBECTL" proxy --port 18081 >/dev/null &
load >/dev/null &
deploy --set-string podAnnotations.helloworld/upgrade=tested
sleep 1
kill "$!"
end_to_end
"$HELM" uninstall helloworld --namespace helloworld --wait --timeout 60s
