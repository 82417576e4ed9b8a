# PostgreSQL beside the cluster: the stand-in for a managed database, for the stages whose database is external. It accepts TLS
# only, and each stage has a role and a database of its own. Data and keys are below POSTGRES_DIR.
# shellcheck shell=bash

POSTGRES_DIR=$STATE_DIR/postgres
# The server sees POSTGRES_DIR here. It refuses to run as root, and other users cannot read below root's home.
POSTGRES_HOME=/var/lib/postgresql
# shellcheck disable=SC2016 # the inner shell expands these
AS_POSTGRES=(unshare --mount --propagation private bash -c
  'mount --bind "$1" "$2" && cd "$2" && shift 2 && exec setpriv --reuid postgres --regid postgres --init-groups "$@"' _
  "$POSTGRES_DIR" "$POSTGRES_HOME")

# postgres_programs: the folder of the server that has made the data; before there is data, of the newest one. Nothing without one.
postgres_programs() {
  local version
  version=$(cat "$POSTGRES_DIR/data/PG_VERSION" 2>/dev/null || echo '*')
  compgen -G "/usr/lib/postgresql/$version/bin/postgres" | sort -V | tail -n 1 | xargs -r dirname
}

# server_certificate: signed by an authority that signs nothing else. Both have the extensions that strict clients ask for.
server_certificate() {
  authority "$POSTGRES_DIR/ca" '/CN=todo-app local PostgreSQL'
  signed "$POSTGRES_DIR/server" "$POSTGRES_DIR/ca" /CN=postgres "subjectAltName=IP:$BRIDGE_IP" extendedKeyUsage=serverAuth \
    authorityKeyIdentifier=keyid
  chown postgres: "$POSTGRES_DIR/server.key"
}

# postgres_configure: a role can use the database of its name only. The superuser logs in from this machine, as root.
postgres_configure() {
  cat >"$POSTGRES_DIR/postgresql.conf" <<EOF
listen_addresses = '$BRIDGE_IP'
port = $POSTGRES_PORT
unix_socket_directories = '$POSTGRES_HOME'
max_connections = 400
ssl = on
ssl_cert_file = '$POSTGRES_HOME/server.crt'
ssl_key_file = '$POSTGRES_HOME/server.key'
hba_file = '$POSTGRES_HOME/hba.conf'
ident_file = '$POSTGRES_HOME/ident.conf'
EOF
  cat >"$POSTGRES_DIR/hba.conf" <<EOF
hostssl sameuser all $NODE_NET scram-sha-256
hostssl sameuser all $POD_NET scram-sha-256
local all postgres peer map=root
EOF
  echo 'root root postgres' >"$POSTGRES_DIR/ident.conf"
}

# postgres_answers PROGRAMS: starts the server unless it runs. A new one ends while processes of a killed one are still there.
postgres_answers() {
  start postgres "${AS_POSTGRES[@]}" "$1/postgres" -D "$POSTGRES_HOME/data" --config-file="$POSTGRES_HOME/postgresql.conf"
  "$1/pg_isready" --quiet --host "$POSTGRES_DIR" --port "$POSTGRES_PORT" --username postgres
}

postgres_up() {
  local programs pid
  programs=$(postgres_programs)
  install -d -m 700 -o postgres -g postgres "$POSTGRES_DIR"
  server_certificate
  postgres_configure
  if [[ ! -e $POSTGRES_DIR/data ]]; then # the folder gets its name when it is complete
    rm -rf "$POSTGRES_DIR/data.new"
    "${AS_POSTGRES[@]}" "$programs/initdb" --pgdata "$POSTGRES_HOME/data.new" --encoding UTF8 --locale C.UTF-8
    mv "$POSTGRES_DIR/data.new" "$POSTGRES_DIR/data"
  fi
  # The lock of the data names a process id. After a reboot that may be another process.
  pid=$(head -n 1 "$POSTGRES_DIR/data/postmaster.pid" 2>/dev/null || true)
  [[ $(readlink "/proc/$pid/exe") == "$programs/postgres" ]] || rm -f "$POSTGRES_DIR/data/postmaster.pid"
  wait_for 60 "PostgreSQL (log: $LOG_DIR/postgres.log)" postgres_answers "$programs"
  sha256sum <"$LOCAL_DIR/cluster/postgres.sh" >"$POSTGRES_DIR/applied"
}

# ensure_postgres: starts the server unless it runs, and starts it again when this file has changed.
ensure_postgres() {
  if [[ $(cat "$POSTGRES_DIR/applied" 2>/dev/null) == "$(sha256sum <"$LOCAL_DIR/cluster/postgres.sh")" ]]; then
    ! alive postgres || return 0
  else
    stop postgres INT
  fi
  local programs
  programs=$(postgres_programs)
  ensure_packages "${programs:-/usr/lib/postgresql/*/bin}/postgres:postgresql"
  [[ $(postgres_programs) ]] || die "PostgreSQL $(cat "$POSTGRES_DIR/data/PG_VERSION") is not installed, and it made the data in $POSTGRES_DIR" \
    "install it again, or remove that folder and the stage files in $STATE_DIR/stages: the databases of the stages start empty then"
  port_must_be_free "$BRIDGE_IP" "$POSTGRES_PORT" "PostgreSQL"
  step "PostgreSQL beside the cluster" postgres_up
}

# ensure_database STAGE: a role and a database with the name of the stage, and their URL in POSTGRES_DIR/STAGE.url.
ensure_database() {
  ensure_postgres
  [[ -s $POSTGRES_DIR/$1.url ]] || step "Database of $1" create_database "$1"
}

create_database() {
  local stage=$1 password
  password=$(openssl rand -hex 24)
  "$(postgres_programs)/psql" --host "$POSTGRES_DIR" --port "$POSTGRES_PORT" --username postgres --quiet --set ON_ERROR_STOP=1 <<EOF
SELECT 'CREATE ROLE "$stage" LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '$stage') \gexec
ALTER ROLE "$stage" PASSWORD '$password';
SELECT 'CREATE DATABASE "$stage" OWNER "$stage"' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '$stage') \gexec
EOF
  once "$POSTGRES_DIR/$stage.url" echo "postgresql://$stage:$password@$BRIDGE_IP:$POSTGRES_PORT/$stage?sslmode=verify-full"
}
