#!/bin/sh
# Copies $BACKUP, or the newest one, from the bucket to the volume. With LIST=true, copies only what describes each backup, and an
# empty file of the same size for each dump.
set -eu
# shellcheck source=components/backup/bucket.sh
. "${0%/*}/bucket.sh"

get() { rclone copy "$@" || fail "the backups could not be downloaded from $S3_ENDPOINT, bucket $S3_BUCKET"; }

# describe: the small files, and a dump without content, which takes no room.
describe() {
  finished >"$TEMPORARY/names"
  sed 's|$|/manifest|; p; s|$|.hmac|' "$TEMPORARY/names" >"$TEMPORARY/small"
  get --files-from "$TEMPORARY/small" "$PLACE" "$BACKUPS"
  while read -r name; do
    mkdir -p "$BACKUPS/$name"
    size=$(sed -n "s|^\([0-9]*\) $name/dump$|\1|p" "$TEMPORARY/found")
    if [ -n "$size" ]; then truncate -s "$size" "$BACKUPS/$name/dump"; fi
  done <"$TEMPORARY/names"
}

find_all
if [ "${LIST-}" = true ]; then
  describe
  exit
fi
NAME=${BACKUP:-$(finished | tail -n 1)}
[ -n "$NAME" ] || fail "there is no backup yet"
if ! finished | grep -qxF "$NAME"; then
  ! begun | grep -qxF "$NAME" || fail "backup $NAME can't be used: its upload was interrupted"
  fail "backup $NAME can't be used: there is no backup of that name"
fi
get "$PLACE/$NAME" "$BACKUPS/$NAME"
