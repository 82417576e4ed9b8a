# What the programs of backup, restore and drill share. They run in the image of the database, in a pod that has the volume of the
# backups at /backups and the key in $BACKUP_KEY_FILE. With IN_BUCKET=true, the volume lives as long as the pod, and another container
# of it copies backups to a bucket or from it (bucket.sh).
#
# A backup is a directory, named after its time, with three files:
#   dump           the output of pg_dump (custom format), encrypted
#   manifest       lines `key<TAB>value`: checksums of the dump in clear and encrypted, its size, tables with row counts and checksums
#   manifest.hmac  authenticates the manifest, and with it everything whose checksum it has
# shellcheck shell=bash

umask 077
# The tests of the programs set other places.
BACKUPS=${BACKUPS:-/backups}
# How a dump is compared with its manifest: by its content, or by its size where the content has stayed in a bucket.
CHECKED=content
TEMPORARY=${TMPDIR:-/tmp}
SCRIPTS=${BASH_SOURCE[0]%/*}
export DATABASE=todo OWNER=todo PGOPTIONS='--client-min-messages=warning'
FORMAT=$'format\ttodo-app backup 1'

# fail MESSAGE: ends the program with an error, which `make` shows.
fail() {
  echo "error: $1" >&2
  exit 1
}

# log_in ROLE PASSWORD_FILE: makes psql and the other clients log in to the server as the role. The password stays out of arguments
# and variables.
log_in() {
  export PGHOST=${PGHOST:-postgres} PGUSER=$1 PGPASSFILE=$TEMPORARY/pgpass
  printf '*:*:*:%s:%s\n' "$1" "$(<"$2")" >"$PGPASSFILE"
  local try
  # A pod's network may need some seconds until its NetworkPolicy is in force.
  for try in {1..60}; do
    pg_isready --quiet --dbname=postgres && return
    sleep 1
  done
  fail "the database server does not answer after $try tries"
}

# sql DATABASE ARGUMENT...: runs psql; the first error ends it.
sql() { psql --no-psqlrc --quiet --no-align --tuples-only --field-separator=$'\t' --set=ON_ERROR_STOP=1 --dbname="$1" "${@:2}"; }

digest() { sha256sum | cut -d ' ' -f 1; }
encrypt() { openssl enc -aes-256-cbc -pbkdf2 -md sha256 -salt -pass "file:$BACKUP_KEY_FILE"; }
decrypt() { openssl enc -d -aes-256-cbc -pbkdf2 -md sha256 -pass "file:$BACKUP_KEY_FILE"; }
# OpenSSL takes the key of an HMAC as an argument only. No other program runs in this pod that could see it.
authenticate() { openssl dgst -sha256 -hmac "$(<"$BACKUP_KEY_FILE")" -r | cut -d ' ' -f 1; }

# names: the backups that are complete, oldest first.
names() { find "$BACKUPS" -mindepth 1 -maxdepth 1 -type d -name '[0-9]*-[0-9]*' -printf '%f\n' | sort; }

# values NAME KEY: the values of a key in the manifest of a backup.
values() { awk -F '\t' -v key="$2" '$1 == key { sub(/^[^\t]*\t/, ""); print }' "$BACKUPS/$1/manifest"; }

# is_recorded NAME: whether the dump is the one that the manifest describes.
is_recorded() {
  local dump=$BACKUPS/$1/dump bytes
  bytes=$(values "$1" encrypted-bytes) # manifests of earlier releases lack it
  [[ ! $bytes || $bytes == "$(stat -c %s "$dump")" ]] &&
    [[ $CHECKED == size || $(digest <"$dump") == "$(values "$1" encrypted-sha256)" ]]
}

# problem NAME: what is wrong with the files of a backup; nothing if they are those that were written.
problem() {
  local backup=$BACKUPS/$1 file computed
  [[ $1 =~ ^[0-9]{8}-[0-9]{6}$ && -d $backup ]] || { echo "there is no backup of that name"; return; }
  for file in dump manifest manifest.hmac; do
    [[ -f $backup/$file ]] || { echo "the file $file is missing"; return; }
    # What can't be read would count as empty, and two empty checksums are equal.
    [[ -r $backup/$file && -s $backup/$file ]] || { echo "the file $file can't be read or is empty"; return; }
  done
  computed=$(authenticate <"$backup/manifest") || true
  if [[ -z $computed || $computed != "$(<"$backup/manifest.hmac")" ]]; then
    echo "the manifest was altered, or made with another key"
  elif [[ $(head -n 1 "$backup/manifest") != "$FORMAT" || $(values "$1" name) != "$1" ]]; then
    echo "the manifest is of another backup or of another format"
  elif ! is_recorded "$1"; then
    echo "the dump was altered"
  fi
}

# verify NAME: ends the program unless the backup is whole and its dump can be decrypted.
verify() {
  local found
  found=$(problem "$1")
  [[ -z $found ]] || fail "backup $1 can't be used: $found"
  [[ $(decrypt <"$BACKUPS/$1/dump" | digest) == "$(values "$1" plain-sha256)" ]] ||
    fail "backup $1 can't be used: what was decrypted is not what was dumped"
}

# tables DATABASE: a line for each table: its name, the number of its rows, and a checksum of them in any order.
tables() { sql "$1" --file="$SCRIPTS/tables.sql"; }

# load NAME DATABASE: creates the database, fills it from the backup, and compares every table with what the backup recorded.
load() {
  local role
  # A dump contains the rights of roles, but not the roles. The next deploy gives those that it uses a password.
  while read -r role; do
    [[ -n $(sql postgres <<<"SELECT 1 FROM pg_roles WHERE rolname = '$role'") ]] || sql postgres <<<"CREATE ROLE \"$role\" NOLOGIN"
  done < <(values "$1" role)
  sql postgres <<<"CREATE DATABASE $2 OWNER $OWNER TEMPLATE template0"
  decrypt <"$BACKUPS/$1/dump" | pg_restore --dbname="$2" --exit-on-error
  tables "$2" >"$TEMPORARY/found"
  values "$1" table >"$TEMPORARY/wanted"
  diff "$TEMPORARY/wanted" "$TEMPORARY/found" >&2 || fail "the restored tables are not those of backup $1 (< recorded, > restored)"
  sql "$2" <<<"ANALYZE"
}
