#!/bin/bash
# Makes a backup, then removes those beyond the newest $KEEP, unless they are in a bucket. Prints what it made as a line of JSON.
set -euo pipefail
# shellcheck source=components/backup/lib.sh
source "${BASH_SOURCE[0]%/*}/lib.sh"

# snapshot: prints the lines of the manifest that describe the content, of the same moment as the dump.
snapshot() {
  sql "$DATABASE" <<SQL
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT pg_export_snapshot() AS snapshot \gset
\setenv SNAPSHOT :snapshot
\! bash "$SCRIPTS/dump.sh" </dev/null
SELECT 'server', current_setting('server_version');
SELECT 'size', pg_database_size(current_database());
SELECT to_regclass('public.alembic_version') IS NOT NULL AS migrated \gset
\if :migrated
SELECT 'schema', version_num FROM alembic_version;
\endif
SELECT 'role', rolname FROM pg_roles WHERE rolname !~ '^pg_' AND NOT rolsuper ORDER BY rolname;
\o | sed 's/^/table\t/' >"\$NEW/tables"
\i $SCRIPTS/tables.sql
\o
COMMIT;
SQL
}

log_in "$BACKUP_ROLE" "$BACKUP_PASSWORD_FILE"
exec 9>"$BACKUPS/.lock"
flock --timeout 600 9 || fail "another backup has been running for 10 minutes"
rm -rf "$BACKUPS"/.new-* "$BACKUPS"/.old-* # of a backup that was killed

NAME=$(date --utc +%Y%m%d-%H%M%S)
NEW=$BACKUPS/.new-$NAME
mkdir "$NEW"
trap 'rm -rf "$NEW"' EXIT
export NEW
snapshot >"$NEW/content"
[[ -s $NEW/plain-sha256 ]] || fail "pg_dump failed, and no backup was made"

{
  printf '%s\n' "$FORMAT"
  printf '%s\t%s\n' name "$NAME" plain-sha256 "$(<"$NEW/plain-sha256")" encrypted-sha256 "$(digest <"$NEW/dump")" \
    encrypted-bytes "$(stat -c %s "$NEW/dump")"
  cat "$NEW/content" "$NEW/tables"
} >"$NEW/manifest"
authenticate <"$NEW/manifest" >"$NEW/manifest.hmac"
rm "$NEW/plain-sha256" "$NEW/content" "$NEW/tables"
sync "$NEW"/* "$NEW"
mv --no-target-directory "$NEW" "$BACKUPS/$NAME"
sync "$BACKUPS"

[[ ${IN_BUCKET-} == true ]] || names | head -n "-$KEEP" | while read -r old; do
  echo "removing $old, because $KEEP newer ones are kept"
  mv "$BACKUPS/$old" "$BACKUPS/.old-$old"
  rm -rf "$BACKUPS/.old-$old"
done
printf '{"name":"%s","bytes":%d,"seconds":%d}\n' "$NAME" "$(stat -c %s "$BACKUPS/$NAME/dump")" "$SECONDS"
