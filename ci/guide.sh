#!/usr/bin/env bash
# The suite's own steps, typed as shell commands: what a run is timed beside. Needs `eval "$(ci/cluster/env)"`. With BARE=1, only the
# guide's commands: without the hold of five seconds, and without waiting for what a purge removes, which the suite proves too.
set -euo pipefail
namespace=bookinfo-by-hand
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

oras pull --plain-http "$REGISTRY/istioctl-tool:$ISTIO_VERSION" >/dev/null
tar -zxf "istio-$ISTIO_VERSION-linux-amd64.tar.gz"
cd "istio-$ISTIO_VERSION"
export PATH=$PWD/bin:$PATH

# shellcheck disable=SC2086 # it is a list of words
istioctl install --set profile=demo --set hub="$REGISTRY" $ISTIOCTL_ARGS -y >/dev/null 2>&1
kubectl get all -n istio-system
kubectl create namespace $namespace
kubectl label namespace $namespace istio-injection=enabled
kubectl -n $namespace apply -f samples/bookinfo/platform/kube/bookinfo.yaml
kubectl -n $namespace wait --for=condition=Ready pod --all --timeout=300s
kubectl -n $namespace get svc,pods
kubectl -n $namespace exec "$(kubectl -n $namespace get pod -l app=ratings -o jsonpath='{.items[0].metadata.name}')" -c ratings -- \
    curl -sS productpage:9080/productpage | grep -o "<title>.*</title>"
kubectl -n $namespace apply -f samples/bookinfo/networking/bookinfo-gateway.yaml
istioctl analyze -n $namespace
host=$(kubectl -n istio-system get service istio-ingressgateway -o jsonpath='{.status.loadBalancer.ingress[0].ip}')
port=$(kubectl -n istio-system get service istio-ingressgateway -o jsonpath='{.spec.ports[?(@.name=="http2")].port}')
until curl -sf --max-time 5 "http://$host:$port/productpage" | grep -o "<title>.*</title>"; do sleep 0.2; done

[ -n "${BARE:-}" ] || { sleep 5; kubectl -n $namespace get pods; }
kubectl -n $namespace delete -f samples/bookinfo/networking/bookinfo-gateway.yaml
kubectl -n $namespace delete -f samples/bookinfo/platform/kube/bookinfo.yaml
istioctl uninstall --purge -y >/dev/null 2>&1
[ -n "${BARE:-}" ] || kubectl wait --for=delete deployment --all -n istio-system --timeout=60s
kubectl delete namespace istio-system
kubectl label namespace $namespace istio-injection-
kubectl delete configmaps -A -l istio.io/config=true
kubectl delete namespace $namespace
