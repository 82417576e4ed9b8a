#!/usr/bin/env bash
# test/e2e/up.sh STAGE...: deploys stages side by side, and fails where one of them fails.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

pids=()
for stage; do
  make up STAGE="$stage" >/dev/null &
  pids+=($!)
done
failed=0
for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
exit $failed
