#!/bin/bash
# Prints each backup as a line of JSON: its name, its size, and what is wrong with it.
set -euo pipefail
# shellcheck source=components/backup/lib.sh
source "${BASH_SOURCE[0]%/*}/lib.sh"

names | while read -r name; do
  printf '{"name":"%s","bytes":%d,"problem":"%s"}\n' "$name" "$(stat -c %s "$BACKUPS/$name/dump" 2>/dev/null || echo 0)" "$(problem "$name")"
done
