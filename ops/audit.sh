#!/usr/bin/env bash
# Asks the advisory services of PyPI and npm for known vulnerabilities in the locked dependencies of both images.
# Prints `ok` or `not ok` for each, or `NOT CHECKED` with the reason where the service gives no answer.
#
# Usage: ops/audit.sh [--allow-unchecked]
# Exit code: 0 when all were checked and nothing is known, 1 for a vulnerability, 2 when some were not checked and that is
# not allowed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=ops/python-tools.sh
source ops/python-tools.sh
python_tools audit

failures=0
unchecked=0
# audit NAME NO_ANSWER COMMAND...: NO_ANSWER is the pattern by which the output says that something was not checked; a
# package that the service does not know is no answer either, whatever the exit code.
audit() {
  local name=$1 no_answer=$2 output reason status=0
  shift 2
  output=$("$@" 2>&1) || status=$?
  if ! grep -qE '[1-9][0-9]* .*vulnerabilit' <<<"$output" && reason=$(grep -m 1 -oE "$no_answer" <<<"$output"); then
    echo "NOT CHECKED - $name: $reason"
    unchecked=$((unchecked + 1))
  elif ((status == 0)); then
    echo "ok - $name: no known vulnerability"
  else
    printf '%s\nnot ok - %s: known vulnerabilities\n' "$output" "$name"
    failures=$((failures + 1))
  fi
}

audit "Python packages (pip-audit)" "Dependency not found on PyPI.*|Could not connect.*|.*(Connection|HTTP)Error.*" \
  pip-audit --requirement app/backend/requirements.lock --require-hashes --disable-pip --progress-spinner off
audit "npm packages (npm audit)" "npm warn audit .*|audit endpoint returned an error" \
  npm --prefix app/frontend --loglevel warn audit --omit dev
((!failures)) || exit 1
[[ ${1-} == --allow-unchecked ]] || ((!unchecked)) || {
  printf 'error: %d of 2 were not checked, so nothing is known about them\n  fix: make audit where the advisory services of PyPI and npm answer\n' "$unchecked" >&2
  exit 2
}
