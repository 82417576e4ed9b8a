#!/bin/bash
# Restores $BACKUP into a new database beside the one in use, then switches their names. Until the switch, which is one transaction,
# nothing has changed for the app. Prints what it did as a line of JSON.
set -euo pipefail
# shellcheck source=components/backup/lib.sh
source "${BASH_SOURCE[0]%/*}/lib.sh"

# schema: the version of the schema in use; nothing if there is none.
schema() {
  [[ -z $(sql "$DATABASE" <<<"SELECT to_regclass('public.alembic_version')") ]] || sql "$DATABASE" <<<"SELECT version_num FROM alembic_version"
}

# require_room: ends the program unless the volume of the database has room for a second one, and for what the log grows by while it
# is filled. A server whose log finds no room ends, and the database in use with it. A backup of an earlier release has no size.
require_room() {
  local size lack
  size=$(values "$BACKUP" size)
  [[ $size ]] || return 0
  lack=$(sql postgres <<SQL
CREATE TEMP TABLE volume (free bigint);
COPY volume FROM PROGRAM 'df --output=avail --block-size=1 . | tail -n 1';
WITH
  ready AS (SELECT coalesce(sum(size), 0) AS log FROM pg_ls_waldir() WHERE name > pg_walfile_name(pg_current_wal_lsn()) AND name ~ '^[0-9A-F]{24}$'),
  restore AS (SELECT $size + greatest(0, least($size, pg_size_bytes(current_setting('max_wal_size'))) - log) AS needed FROM ready)
SELECT format('%s, and %s are free', pg_size_pretty(needed), pg_size_pretty(free)) FROM volume, restore WHERE free < needed;
SQL
  )
  [[ -z $lack ]] || fail "the volume of the database has no room for a restore beside the database in use: that needs $lack"
}

# end_sessions: of everybody but this program, in the database in use.
end_sessions() {
  sql postgres <<<"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '$DATABASE'" >/dev/null
}

# switch: PostgreSQL renames no database that has sessions. The first statement keeps new ones out until the end of the transaction,
# and waits 5 s for those that there are. They are ended meanwhile.
switch() {
  sql postgres <<SQL &
SET lock_timeout = '20s';
BEGIN;
ALTER DATABASE $DATABASE RENAME TO $OLD;
ALTER DATABASE $RESTORED RENAME TO $DATABASE;
COMMIT;
SQL
  local switching=$!
  while kill -0 "$switching" 2>/dev/null; do
    end_sessions || true
    sleep 0.2
  done
  wait "$switching"
}

verify "$BACKUP"
log_in "$OWNER" "$POSTGRES_PASSWORD_FILE"
BACKED_UP=$(values "$BACKUP" schema)
IN_USE=$(schema)
if [[ $BACKED_UP != "$IN_USE" && ${OTHER_SCHEMA-} != true ]]; then
  fail "the schema of backup $BACKUP is ${BACKED_UP:-empty}, and that of the database in use is ${IN_USE:-empty}"
fi

NOW=$(date --utc +%Y%m%d_%H%M%S)
RESTORED=${DATABASE}_restored_$NOW
OLD=${DATABASE}_before_$NOW
for left in $(sql postgres <<<"SELECT datname FROM pg_database WHERE datname LIKE '${DATABASE}\_restored\_%'"); do
  sql postgres <<<"DROP DATABASE $left" # of a restore that was killed
done
require_room
trap 'sql postgres <<<"DROP DATABASE IF EXISTS $RESTORED"' EXIT
load "$BACKUP" "$RESTORED"
switch || fail "the databases could not be switched, and nothing was changed"
printf '{"backup":"%s","old":"%s","tables":%d,"seconds":%d}\n' "$BACKUP" "$OLD" "$(values "$BACKUP" table | wc -l)" "$SECONDS"
