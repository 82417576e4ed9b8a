#!/usr/bin/env bash
# Scans what staging and production deploy, and the Dockerfiles, with every check of checkov and kube-score on; validates
# the objects for the oldest and the newest supported Kubernetes. Prints one `ok` or `not ok` line per scan and finding;
# what is accepted stands in waivers.txt.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

STAGES=(staging production)
OLDEST=1.30
NEWEST=1.36
KUBE_SCORE=v1.20.0

# shellcheck source=ops/lib/python-tools.sh
source ops/lib/python-tools.sh
# pip would report that other programs of this machine want other versions: they don't share the folder. (0: what the
# option --no-warn-conflicts sets.)
PIP_NO_WARN_CONFLICTS=0 python_tools scan

kube_score_folder=${XDG_CACHE_HOME:-$HOME/.cache}/todo-app/kube-score-$KUBE_SCORE
[[ -x $kube_score_folder/kube-score ]] ||
  GOBIN=$kube_score_folder go install "github.com/zegl/kube-score/cmd/kube-score@$KUBE_SCORE"
PATH=$kube_score_folder:$PATH

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
manifests=$folder/manifests
node test/scan/render.ts "$manifests" "${STAGES[@]}"
mkdir "$manifests/images"
# With the base image filled in, as Docker does: checkov does not.
for image in backend frontend; do
  base=$(sed -n 's/^ARG BASE_IMAGE=//p' "app/$image/Dockerfile")
  sed "s|\${BASE_IMAGE}|$base|" "app/$image/Dockerfile" >"$manifests/images/Dockerfile.$image"
done

# run TOOL PART COMMAND...: keeps the tool's report; the exit code says no more than that there are findings.
run() {
  local report=$folder/$1.$2
  shift 2
  "$@" >"$report" 2>"$report.log" || true
  [[ -s $report ]] || { cat "$report.log" >&2; return 1; }
}

# Each stage by itself: a NetworkPolicy of one must not count for the other.
for part in "${STAGES[@]}" images; do
  run checkov "$part" checkov --directory "$manifests/$part" --framework kubernetes dockerfile --skip-download --compact --output json
done
for stage in "${STAGES[@]}"; do
  run kube-score "$stage" kube-score score --all-default-optional --kubernetes-version "v$OLDEST" --output-format json "$manifests/$stage"/*
  run kubernetes-validate "$stage" kubernetes-validate --strict --kubernetes-version "$OLDEST" --kubernetes-version "$NEWEST" "$manifests/$stage"/*
done

node test/scan/report.ts test/scan/waivers.txt "$folder"/*.{staging,production,images}
