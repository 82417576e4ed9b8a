#!/usr/bin/env bash
# `make audit`: asks the advisory services of PyPI and npm for known vulnerabilities in the locked dependencies of both images.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=ops/lib/command.sh
source ops/lib/command.sh
# shellcheck source=ops/lib/python-tools.sh
source ops/lib/python-tools.sh

command_line "Asks the advisory services of PyPI and npm for known vulnerabilities in the locked dependencies of both images. Prints
\`ok\` or \`not ok\` for each, or \`NOT CHECKED\` with the reason where a service gives no answer. That fails as well, unless
--allow-unchecked is given." "ops/audit.sh [--allow-unchecked]" "make audit" "$@"
python_tools audit
failures=0
unchecked=0
# audit NAME NO_ANSWER COMMAND...: runs COMMAND. Output that matches the pattern NO_ANSWER means that something was not checked,
# whatever the exit code. A package that the service does not know was not checked either.
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
has_option --allow-unchecked || ((!unchecked)) || {
  printf 'error: %d of 2 were not checked, so nothing is known about them\n  fix: make audit where the advisory services of PyPI and npm answer\n' "$unchecked" >&2
  exit 1
}
