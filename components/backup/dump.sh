#!/bin/bash
# Writes the encrypted dump to $NEW, and the checksum of the dump in clear, which is never on a disk. backup.sh calls it while the
# transaction is open whose snapshot it uses. Without that checksum, the dump has failed.
set -euo pipefail
# shellcheck source=components/backup/lib.sh
source "${BASH_SOURCE[0]%/*}/lib.sh"

{ pg_dump --format=custom --snapshot="$SNAPSHOT" "$DATABASE" | tee /dev/fd/3 | encrypt >"$NEW/dump"; } 3>&1 >/dev/null |
  digest >"$NEW/sum"
mv "$NEW/sum" "$NEW/plain-sha256"
