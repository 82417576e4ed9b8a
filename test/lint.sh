#!/usr/bin/env bash
# Style and types of everything: TypeScript, shell scripts, Dockerfiles, workflows. Prints one `ok` or `not ok` line per check.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# shellcheck source=ops/lib/python-tools.sh
source ops/lib/python-tools.sh
python_tools lint

# What PyPI has under this name downloads the program when it is installed, without a hash.
ACTIONLINT=v1.7.12
actionlint_folder=${XDG_CACHE_HOME:-$HOME/.cache}/todo-app/actionlint-$ACTIONLINT
[[ -x $actionlint_folder/actionlint ]] ||
  GOBIN=$actionlint_folder go install "github.com/rhysd/actionlint/cmd/actionlint@$ACTIONLINT"
PATH=$actionlint_folder:$PATH

failures=0
# check NAME COMMAND...
check() {
  local name=$1
  shift
  if "$@"; then
    echo "ok - $name"
  else
    echo "not ok - $name"
    failures=$((failures + 1))
  fi
}

scripts() { git ls-files -z --cached --others --exclude-standard | xargs -0 grep -slE '^#!.*(bash|/sh)|^# shellcheck shell=' -- | sort -u || true; }
shellcheck_all() { scripts | xargs shellcheck --external-sources --severity=warning; }

check "eslint" eslint .
check "prettier" prettier --check --log-level warn .
check "tsc" tsc
check "shellcheck" shellcheck_all
check "hadolint" hadolint app/backend/Dockerfile app/frontend/Dockerfile
# The stand-ins for base images take what the distribution's mirror of the day has.
check "hadolint, base images" hadolint --ignore DL3008 local/images/Dockerfile
check "actionlint" actionlint
check "zizmor" zizmor --offline --quiet .github
# What the advisory services did not answer is named, and is no fault of what is checked here.
ops/audit.sh --allow-unchecked || failures=$((failures + 1))
exit $((failures > 0))
