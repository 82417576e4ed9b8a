#!/usr/bin/env bash
# What only the tests need, installed from the distribution where it is missing: PostgreSQL's server programs for the
# backend's tests, Chromium for the browser's, an S3 server, rclone and BusyBox for those of backups in a bucket,
# Prometheus for those of alerts, GNU time for the comparison of commands. Prints one `ok` line for each.
set -euo pipefail

has_postgres() { compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || type -P initdb >/dev/null; }
has_swift() { /usr/bin/python3 -c 'import swift.common.middleware.s3api' 2>/dev/null; }
missing=()
has_postgres || missing+=(postgresql)
type -P chromium >/dev/null || missing+=(chromium)
has_swift || missing+=(python3-swift)
type -P rclone >/dev/null || missing+=(rclone)
type -P busybox >/dev/null || missing+=(busybox)
[[ -x /usr/bin/time ]] || missing+=(time)
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
has_swift && echo "ok - Swift, an S3 server"
type -P rclone >/dev/null && type -P busybox >/dev/null && echo "ok - rclone and BusyBox"
[[ -x /usr/bin/time ]] && echo "ok - GNU time"
"$(dirname "$0")/monitoring/prometheus.sh" >/dev/null && echo "ok - Prometheus"
