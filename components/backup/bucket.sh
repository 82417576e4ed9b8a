# What the programs share that copy backups to a bucket and from it. They run in the image of rclone, which has BusyBox and no bash,
# beside the programs of the database's image. The volume at /backups, which both see, lives as long as the pod.
#
# A backup in the bucket has the same three files (lib.sh), below $S3_PREFIX. It counts as a backup once it has its manifest.hmac,
# which is written last and removed first.
# shellcheck shell=sh disable=SC2034 # the programs use what is set here

umask 077
# The tests of the programs set others.
BACKUPS=${BACKUPS:-/backups}
TEMPORARY=${TMPDIR:-/tmp}
TRIES=${TRIES:-30}
PLACE=bucket:$S3_BUCKET/$S3_PREFIX
NAME_PATTERN='[0-9]\{8\}-[0-9]\{6\}'

# Settings of rclone. A key as an argument would be seen by every process of the node.
export RCLONE_CONFIG=/dev/null RCLONE_CACHE_DIR="$TEMPORARY" RCLONE_CONFIG_BUCKET_TYPE=s3 RCLONE_CONFIG_BUCKET_PROVIDER=Other
export RCLONE_CONFIG_BUCKET_ENDPOINT="$S3_ENDPOINT" RCLONE_CONFIG_BUCKET_REGION="$S3_REGION"
RCLONE_CONFIG_BUCKET_ACCESS_KEY_ID=$(cat "$S3_ACCESS_KEY_ID_FILE")
RCLONE_CONFIG_BUCKET_SECRET_ACCESS_KEY=$(cat "$S3_SECRET_ACCESS_KEY_FILE")
export RCLONE_CONFIG_BUCKET_ACCESS_KEY_ID RCLONE_CONFIG_BUCKET_SECRET_ACCESS_KEY
# Without this, rclone would create a bucket whose name is misspelt.
export RCLONE_CONFIG_BUCKET_NO_CHECK_BUCKET=true

# fail MESSAGE: ends the program with an error, which `make` shows.
fail() {
  echo "error: $1" >&2
  exit 1
}

# reason LOG: the error in it, without the time and what rclone adds.
reason() { echo "$1" | sed '/ Failed to lsf /,$d; s/^.*error listing: //; s/^.*error in ListJSON: //' | tr -s '\n\t ' ' ' | sed 's/ $//'; }

# explain STATUS LOG: ends the program if trying again is of no use, because of what the server has answered.
explain() {
  # rclone's own exit code for a folder that does not exist. A bucket without backups is an empty folder.
  [ "$1" != 3 ] || fail "there is no bucket $S3_BUCKET at $S3_ENDPOINT"
  case $2 in
  *"tatus code: 403"* | *"StatusCode: 403"*) fail "$S3_ENDPOINT refuses the key for the bucket $S3_BUCKET: $(reason "$2")" ;;
  *"tatus code: "[34]* | *"StatusCode: "[34]*) fail "$S3_ENDPOINT refuses what is asked of the bucket $S3_BUCKET: $(reason "$2")" ;;
  esac
}

# find_all: notes every file of the backups in $TEMPORARY/found, with its size in front. A pod's network may need some seconds until
# its NetworkPolicy is in force.
find_all() {
  tries=$TRIES
  until rclone lsf --recursive --files-only --format sp --separator ' ' --contimeout 5s --retries 1 --low-level-retries 1 "$PLACE" \
    >"$TEMPORARY/found" 2>"$TEMPORARY/log"; do
    explain $? "$(cat "$TEMPORARY/log")"
    tries=$((tries - 1))
    [ "$tries" != 0 ] || fail "$S3_ENDPOINT does not answer: $(reason "$(cat "$TEMPORARY/log")")"
    sleep 2
  done
}

# finished: the backups that are whole, oldest first. begun: those as well of which an upload was interrupted.
finished() { sed -n "s|^[0-9]* \($NAME_PATTERN\)/manifest\.hmac$|\1|p" "$TEMPORARY/found" | sort; }
begun() { sed -n "s|^[0-9]* \($NAME_PATTERN\)/.*$|\1|p" "$TEMPORARY/found" | sort -u; }
