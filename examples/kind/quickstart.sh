#!/usr/bin/env bash
# Installs regen on kind, with PostgreSQL and an S3 store in the cluster, and runs one job.
#   ./quickstart.sh            creates the cluster, builds and loads the images, installs the chart, runs a job; safe to repeat
#   ./quickstart.sh job        runs one more job
#   ./quickstart.sh down       deletes the cluster
# CLUSTER=regen   the kind cluster's name             CONTEXT=<kubectl context>   use that cluster; create and delete none
# BUILD=no        use the existing images              LOAD="<command>"            command that loads an image archive into the cluster
# POSTGRES_IMAGE, STORE_IMAGE    image names, if no public registry is reachable
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd) root=$(cd "$here/../.." && pwd)
CLUSTER=${CLUSTER:-regen} CONTEXT=${CONTEXT:-} REGISTRY=${REGISTRY:-} TAG=${TAG:-dev}
POSTGRES_IMAGE=${POSTGRES_IMAGE:-postgres:18} STORE_IMAGE=${STORE_IMAGE:-chrislusf/seaweedfs:4.48}
context=${CONTEXT:-kind-$CLUSTER}

say() { printf '\n== %s\n' "$*"; }
fail() { echo "quickstart: $*" >&2; exit 1; }
kube() { kubectl --context "$context" "$@"; }
random() { od -An -N18 -tx1 /dev/urandom | tr -d ' \n'; }

need() {
  for program in kubectl helm "$@"; do command -v "$program" >/dev/null || fail "$program is not on PATH; install it"; done
}

cluster() {
  [ -z "$CONTEXT" ] || return 0
  if kind get clusters 2>/dev/null | grep -qx "$CLUSTER"; then return 0; fi
  say "creating the kind cluster $CLUSTER"
  kind create cluster --name "$CLUSTER" --wait 120s
}

version() {
  minor=$(kube version -o json | tr -d ' \n' | sed -n 's/.*"serverVersion":{[^}]*"minor":"\([0-9]*\).*/\1/p')
  [ "${minor:-0}" -ge 34 ] || fail "Kubernetes is 1.${minor:-?}; regen needs 1.34 or later. Install a newer kind"
}

images() {
  [ "${BUILD:-yes}" = yes ] || return 0
  say "building the images"
  LOAD="${LOAD:-kind load image-archive --name $CLUSTER}" "$root/images.sh"
}

# secret NAMESPACE NAME KEY=VALUE...: created once, so that a repeated run keeps the passwords of the database
secret() {
  namespace=$1 name=$2
  shift 2
  kube -n "$namespace" get secret "$name" >/dev/null 2>&1 && return 0
  kube -n "$namespace" create secret generic "$name" "${@/#/--from-literal=}" >/dev/null
}

backends() {
  say "starting PostgreSQL and the store"
  kube apply -f "$here/namespaces.yaml" >/dev/null
  if ! kube -n backends get secret passwords >/dev/null 2>&1; then
    owner=$(random) operator=$(random) runner=$(random) key=$(random)
    database=database.backends.svc.cluster.local:5432/platform
    secret regen regen-owner-database "url=postgresql://platform_owner:$owner@$database"
    secret regen regen-operator-database "url=postgresql://platform_operator:$operator@$database"
    secret regen-runs regen-runner-database "url=postgresql://platform_runner:$runner@$database"
    secret regen-runs regen-runner-store AWS_ACCESS_KEY_ID=runner "AWS_SECRET_ACCESS_KEY=$key" AWS_REGION=us-east-1 \
      AWS_ENDPOINT_URL_S3=http://store.backends.svc.cluster.local:8333
    identities='{"identities": [{"name": "runner", "credentials": [{"accessKey": "runner", "secretKey": "'$key'"}],'
    identities="$identities"' "actions": ["Read:regen", "Write:regen", "List:regen"]}]}'
    # Last: if it is missing, an interrupted run starts over.
    secret backends passwords "owner=$owner" "operator=$operator" "runner=$runner" "identities.json=$identities"
  fi
  sed -e "s|POSTGRES_IMAGE|$POSTGRES_IMAGE|" -e "s|STORE_IMAGE|$STORE_IMAGE|" "$here/backends.yaml" | kube apply -f - >/dev/null
  kube -n backends rollout status deployment/database deployment/store --timeout=300s
  kube -n backends exec deploy/store -- sh -c 'shell() { echo "$1" | weed shell -master=localhost:9333; }
    shell s3.bucket.list | grep -qw regen || shell "s3.bucket.create -name regen"' >/dev/null
}

install() {
  say "installing the chart"
  helm --kube-context "$context" upgrade --install regen "$root/charts/regen" --namespace regen -f "$here/values.yaml" \
    --set "operator.image=${REGISTRY}regen-operator:$TAG" --set "runner.image=${REGISTRY}regen-runner:$TAG" --wait --timeout 5m >/dev/null
  kube -n regen get pods
}

job() {
  name=hello-$(date +%H%M%S)
  say "applying the job $name"
  sed "s/name: hello/name: $name/" "$here/job.yaml" | kube -n regen create -f -
  kube -n regen wait "rj/$name" --for='jsonpath={.status.phase}=COMPLETED' --timeout=180s >/dev/null || {
    kube -n regen describe "rj/$name"
    fail "the job did not complete; see the description above"
  }
  kube -n regen get rj
  kube -n regen-runs get jobs,pods
  say "its output: $(kube -n regen get "rj/$name" -o 'jsonpath={.status.outputRef}')"
  echo "list jobs:  kubectl --context $context -n regen get rj        run another: $0 job        delete the cluster: $0 down"
}

case ${1:-up} in
up)
  if [ -n "$CONTEXT" ]; then need; else need kind; fi
  cluster
  version
  images
  backends
  install
  job
  ;;
job)
  need
  job
  ;;
down)
  [ -z "$CONTEXT" ] || fail "down only deletes a kind cluster; on $CONTEXT run helm uninstall regen -n regen, then delete the namespaces"
  need kind
  kind delete cluster --name "$CLUSTER"
  ;;
*)
  sed -n '2,8s/^# \{0,1\}//p' "$0"
  exit 2
  ;;
esac
