#!/usr/bin/env bash
# What only the tests need, installed from the distribution where it is missing: PostgreSQL's server programs for the
# backend's tests, Chromium for the browser's. Prints one `ok` line for each.
set -euo pipefail

has_postgres() { compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || type -P initdb >/dev/null; }
missing=()
has_postgres || missing+=(postgresql)
type -P chromium >/dev/null || missing+=(chromium)
if ((${#missing[@]})); then
  if ((EUID)) || ! type -P apt-get >/dev/null; then
    printf 'error: the tests need %s\n  fix: install it, or run them as root on Debian\n' "${missing[*]}" >&2
    exit 1
  fi
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
has_postgres && echo "ok - PostgreSQL's server programs"
type -P chromium >/dev/null && echo "ok - Chromium"
