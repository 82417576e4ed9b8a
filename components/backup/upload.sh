#!/bin/sh
# Copies the backup that backup.sh has made to the bucket, then removes those beyond the newest $KEEP there. Prints what it copied as
# a line of JSON.
set -eu
# shellcheck source=components/backup/bucket.sh
. "${0%/*}/bucket.sh"

# put FILE...: copies files of the backup, and compares their sizes and checksums with what the server says it has.
put() {
  for file; do
    rclone copyto "$BACKUPS/$NAME/$file" "$PLACE/$NAME/$file" || fail "backup $NAME could not be uploaded to $S3_ENDPOINT, bucket $S3_BUCKET"
    rclone check --one-way --include "/$file" "$BACKUPS/$NAME" "$PLACE/$NAME" ||
      fail "the bucket $S3_BUCKET has another content than what was uploaded: $NAME/$file"
  done
}

# remove NAME: first what makes it a backup, so that a removal that is interrupted leaves none that lacks a file.
remove() {
  { ! grep -q " $1/manifest\.hmac$" "$TEMPORARY/found" || rclone deletefile "$PLACE/$1/manifest.hmac"; } && rclone delete "$PLACE/$1"
}

# remove_all REASON: removes the backups that it reads.
remove_all() {
  while read -r old; do
    echo "removing $old, $1"
    remove "$old" || fail "backup $NAME is complete, but $old could not be removed from the bucket $S3_BUCKET at $S3_ENDPOINT"
  done
}

NAME=$(find "$BACKUPS" -mindepth 1 -maxdepth 1 -type d | sed -n "s|^.*/\($NAME_PATTERN\)$|\1|p" | sort | tail -n 1)
[ -n "$NAME" ] || fail "there is nothing to upload in $BACKUPS"
find_all
put dump manifest manifest.hmac

find_all
finished | sort -r | tail -n "+$((KEEP + 1))" >"$TEMPORARY/old"
remove_all "because $KEEP newer ones are kept" <"$TEMPORARY/old"
# No Job runs for a day: another one may be uploading what is younger.
YESTERDAY=$(date -u -d "@$(($(date +%s) - 86400))" +%Y%m%d-%H%M%S)
finished >"$TEMPORARY/finished"
begun | grep -vxF -f "$TEMPORARY/finished" | awk -v limit="$YESTERDAY" '$0 < limit' >"$TEMPORARY/interrupted"
remove_all "whose upload was interrupted" <"$TEMPORARY/interrupted"

BEGAN=$(date -u -d "$(echo "$NAME" | sed 's/\(....\)\(..\)\(..\)-\(..\)\(..\)\(..\)/\1-\2-\3 \4:\5:\6/')" +%s)
printf '{"name":"%s","bytes":%d,"seconds":%d}\n' "$NAME" "$(stat -c %s "$BACKUPS/$NAME/dump")" "$(($(date +%s) - BEGAN))"
