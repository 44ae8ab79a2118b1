#!/usr/bin/env bash
# Builds regen-operator, regen-runner and regen-api with docker, podman or buildah.
#   BUILDER=docker|podman|buildah   BASE=<python image>   TAG=<tag>   REGISTRY=<prefix/>   BUILD_ARGS="…" (given to the builder)
#   TEST_IMAGE=<name>   also builds the runner with the test-only executors
#   LOAD="<command>"    command that loads an image archive, called once per image: "kind load image-archive", "ctr -n k8s.io images import"
set -euo pipefail
cd "$(dirname "$0")"
BUILDER=${BUILDER:-$(for b in docker podman buildah; do if command -v "$b" >/dev/null && "$b" info >/dev/null 2>&1; then echo "$b"; break; fi; done)}
[ -n "$BUILDER" ] || { echo "images: docker, podman and buildah are missing or do not work. Install one, or set BUILDER." >&2; exit 2; }
TAG=${TAG:-dev} REGISTRY=${REGISTRY:-} BASE=${BASE:-python:3.13-slim-bookworm}
REVISION=$(git rev-parse HEAD 2>/dev/null || echo unknown)
for part in operator runner api; do
  echo "images: building ${REGISTRY}regen-$part:$TAG with $BUILDER"
  case $BUILDER in buildah) verb=bud ;; *) verb=build ;; esac
  # shellcheck disable=SC2086
  "$BUILDER" $verb ${BUILD_ARGS:-} --build-arg "BASE=$BASE" --build-arg "REVISION=$REVISION" -f "Dockerfile.$part" -t "${REGISTRY}regen-$part:$TAG" .
done
if [ -n "${TEST_IMAGE:-}" ]; then # the runner with the test-only executors, for `make cluster-test`
  # shellcheck disable=SC2086
  "$BUILDER" $verb ${BUILD_ARGS:-} --build-arg "RUNNER=${REGISTRY}regen-runner:$TAG" -f tests/executors/Dockerfile -t "$TEST_IMAGE" .
fi
if [ -n "${LOAD:-}" ]; then
  archives=$(mktemp -d)
  trap 'rm -rf "$archives"' EXIT
  for image in "${REGISTRY}regen-operator:$TAG" "${REGISTRY}regen-runner:$TAG" "${REGISTRY}regen-api:$TAG" ${TEST_IMAGE:+"$TEST_IMAGE"}; do
    echo "images: loading $image"
    archive=$archives/image.tar
    rm -f "$archive"
    case $BUILDER in
    buildah) buildah push --quiet "$image" "docker-archive:$archive:$image" ;;
    *) "$BUILDER" save --output "$archive" "$image" ;;
    esac
    $LOAD "$archive"
  done
fi
