#!/bin/bash
# Does what the official image's entry point does for one database: initialises an empty PGDATA from POSTGRES_USER,
# POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE, and POSTGRES_DB; then becomes the server.
set -euo pipefail

# initialise DIRECTORY: makes the data folder with the user, the password and the database.
initialise() {
  local password=${POSTGRES_PASSWORD-} user=${POSTGRES_USER:-postgres}
  if [[ ${POSTGRES_PASSWORD_FILE-} ]]; then
    if [[ $password ]]; then
      echo "error: POSTGRES_PASSWORD and POSTGRES_PASSWORD_FILE are both set; keep one of them" >&2
      return 1
    fi
    password=$(<"$POSTGRES_PASSWORD_FILE")
  fi
  [[ $password ]] || { echo "error: set POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE" >&2; return 1; }
  initdb --pgdata "$1" --username "$user" --pwfile <(printf '%s\n' "$password") \
    --auth-local trust --auth-host scram-sha-256 --encoding UTF8
  echo "host all all all scram-sha-256" >>"$1/pg_hba.conf"
  echo "listen_addresses = '*'" >>"$1/postgresql.conf"
  if [[ ${POSTGRES_DB:-$user} != postgres ]]; then
    echo "CREATE DATABASE \"${POSTGRES_DB:-$user}\";" | postgres --single -D "$1" postgres
  fi
}

[[ ${1-} != -* ]] || set -- postgres "$@"
if [[ ${1-} == postgres && ! -s $PGDATA/PG_VERSION ]]; then
  # Filled beside its final place, and PG_VERSION is moved last: a start that was interrupted is repeated from the beginning.
  new=$PGDATA/.new
  mkdir -p "$PGDATA"
  rm -rf "$new"
  initialise "$new"
  chmod 700 "$PGDATA"
  # shellcheck disable=SC2010 # initdb chooses these names
  for entry in $(ls "$new" | grep -vx PG_VERSION) PG_VERSION; do
    rm -rf "${PGDATA:?}/$entry"
    mv "$new/$entry" "$PGDATA/$entry"
  done
  rmdir "$new"
fi
exec "$@"
