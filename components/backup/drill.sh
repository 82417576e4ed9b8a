#!/bin/bash
# Restores $BACKUP, or the newest one, into a server that runs in this pod alone, and compares it with what the backup recorded. The
# pod and its scratch volume are all that there is to remove. Prints what it did as a line of JSON.
set -euo pipefail
# shellcheck source=components/backup/lib.sh
source "${BASH_SOURCE[0]%/*}/lib.sh"

SCRATCH=${SCRATCH:-/scratch}
NAME=${BACKUP:-$(names | tail -n 1)}
[[ -n $NAME ]] || fail "there is no backup yet"
verify "$NAME"

export PGDATA=$SCRATCH/pgdata PGHOST=$TEMPORARY PGUSER=$OWNER
initdb --username="$OWNER" --auth=trust --encoding=UTF8 --no-sync >/dev/null
# Nobody connects from outside, and the data is thrown away: it need not survive a crash. The volume has the size of the one in use,
# so a log of 1 GB, which is usual, could fill it.
OPTIONS="-c listen_addresses='' -c unix_socket_directories=$TEMPORARY -c fsync=off -c full_page_writes=off -c min_wal_size=32MB -c max_wal_size=64MB"
pg_ctl --wait --log="$SCRATCH/log" --options="$OPTIONS" start >/dev/null ||
  fail "the scratch server did not start: $(tail -n 3 "$SCRATCH/log")"
trap 'pg_ctl --mode=immediate stop >/dev/null' EXIT
load "$NAME" "$DATABASE"
ROWS=$(values "$NAME" table | awk -F '\t' '{ rows += $2 } END { print rows + 0 }')
printf '{"backup":"%s","tables":%d,"rows":%d,"seconds":%d}\n' "$NAME" "$(values "$NAME" table | wc -l)" "$ROWS" "$SECONDS"
