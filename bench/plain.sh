#!/bin/bash
# What `ci --env local` does on a node that runs, as a plain script with the same binaries: the measure for the pipeline's own
# cost. HELM, KUBECTL, KUBECONFORM and ACTIONLINT name the commands, KUBECONFIG the cluster, VALUES a folder with <env>.yaml.
set -euo pipefail
cd "$(dirname "$0")/.."

lint() {
  local file
  "$HELM" lint --strict appManifests
  for file in appManifests/ci/*.yaml "$VALUES"/*.yaml; do
    "$HELM" lint --strict appManifests --values "$file"
  done
  for file in "$VALUES"/*.yaml; do
    "$HELM" template helloworld appManifests --namespace helloworld --values "$file" |
      "$KUBECONFORM" -strict -schema-location 'pipeline/schemas/{{ .ResourceKind }}{{ .KindSuffix }}.json'
  done
  "$KUBECONFORM" -strict -schema-location 'pipeline/schemas/{{ .ResourceKind }}{{ .KindSuffix }}.json' clusters/{dev,prod}/*.yaml
  "$ACTIONLINT" .github/workflows/*.yml
}

deploy() {
  "$HELM" upgrade --install helloworld appManifests --namespace helloworld --values "$VALUES/dev.yaml" \
    --set-string "image.tag=$1" --set canary.enabled=false,serviceMonitor.enabled=false
  "$KUBECTL" --namespace helloworld rollout status deployment/helloworld --timeout 120s
}

lint
"$KUBECTL" apply -f clusters/dev/namespace.yaml
deploy v0.1.0
deploy v0.2.0
"$KUBECTL" --namespace helloworld port-forward service/helloworld-primary 18080:8080 >/dev/null &
forward=$!
curl --silent --fail --retry 20 --retry-delay 0 --retry-connrefused http://127.0.0.1:18080/ | grep v0.2.0
kill "$forward"
sed 's/tag: "v0.1.0"/tag: "v0.2.0"/' clusters/prod/release.yaml | diff clusters/prod/release.yaml - || true
"$HELM" uninstall helloworld --namespace helloworld
"$KUBECTL" delete namespace helloworld --wait
