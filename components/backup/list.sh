#!/bin/bash
# Prints each backup as a line of JSON: its name, its size, what is wrong with it, and whether its dump was compared by content or size.
set -euo pipefail
# shellcheck source=components/backup/lib.sh
source "${BASH_SOURCE[0]%/*}/lib.sh"

[[ ${IN_BUCKET-} != true ]] || CHECKED=size # of the dump, download.sh has fetched nothing else

names | while read -r name; do
  printf '{"name":"%s","bytes":%d,"problem":"%s","checked":"%s"}\n' "$name" "$(stat -c %s "$BACKUPS/$name/dump" 2>/dev/null || echo 0)" "$(problem "$name")" "$CHECKED"
done
