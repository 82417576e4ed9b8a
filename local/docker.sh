# Docker and the image registry of this machine.
# shellcheck shell=bash

DOCKER_SOCKET=$RUN_DIR/docker.sock
CLIENT_DIR=$CACHE_DIR/docker-client # holds `docker` only, goes first on PATH
REGISTRY_DIR=$CACHE_DIR/registry
REGISTRY_PORT=5000
REGISTRY_PACKAGE=docker-registry

# ensure_packages COMMAND:PACKAGE...: installs the Debian packages whose command or file is missing.
ensure_packages() {
  local entry missing=()
  for entry in "$@"; do
    type -P "${entry%:*}" >/dev/null || [[ -e ${entry%:*} ]] || missing+=("${entry#*:}")
  done
  ((${#missing[@]})) || return 0
  type -P apt-get >/dev/null || die "these are missing: ${missing[*]}" "install them with this machine's package manager"
  step "install ${missing[*]}" install_packages "${missing[@]}"
}

# The packages' services must not start by themselves: they would take this stack's ports and sockets.
install_packages() {
  local policy=/usr/sbin/policy-rc.d
  if [[ ! -e $policy ]]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    # shellcheck disable=SC2064
    trap "rm -f $policy" EXIT
  fi
  apt-get update
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

# A client that can build: one with buildx, or one old enough to drive the daemon's own BuildKit.
has_buildkit() {
  local version
  "$1" buildx version >/dev/null 2>&1 && return
  version=$("$1" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
  ((version < 23))
}

choose_docker_client() {
  local client
  while read -r client; do
    [[ $client -ef $CLIENT_DIR/docker && -L $client ]] && continue
    has_buildkit "$client" || continue
    mkdir -p "$CLIENT_DIR"
    ln -sfn "$client" "$CLIENT_DIR/docker"
    hash -d docker 2>/dev/null || true # bash remembers the client that was first on PATH until now
    return
  done < <(type -ap docker; echo /usr/bin/docker)
  return 1
}

# ensure_docker: a daemon that answers already is used as it is; otherwise one of our own is kept.
ensure_docker() {
  PATH=$CLIENT_DIR:$PATH
  # shellcheck disable=SC2034 # for local/up
  DOCKER_CHOICE="own daemon, as none answered"
  if alive dockerd && [[ -e /sys/class/net/docker0 ]]; then
    export DOCKER_HOST=unix://$DOCKER_SOCKET
    return
  fi
  # Only a new start makes the bridge anew; without it no build step can run.
  stop dockerd
  if [[ ${DOCKER_HOST-} == "unix://$DOCKER_SOCKET" ]]; then unset DOCKER_HOST; fi
  if type -P docker >/dev/null && docker version >/dev/null 2>&1; then
    # shellcheck disable=SC2034
    DOCKER_CHOICE="the machine's daemon"
    rm -f "$RUN_DIR/dockerd.pid"
    [[ -x $CLIENT_DIR/docker ]] || choose_docker_client ||
      die "the docker client on PATH cannot build with BuildKit" "install its buildx plugin"
    return
  fi
  ensure_packages dockerd:docker.io iptables:iptables /usr/bin/docker:docker.io
  [[ -x $CLIENT_DIR/docker ]] || choose_docker_client
  export DOCKER_HOST=unix://$DOCKER_SOCKET
  step "start Docker" start_dockerd
}

start_dockerd() {
  local pid
  # After a restart of the machine a recorded process id may belong to something else, which dockerd would kill.
  rm -f "$RUN_DIR/docker.pid"
  pid=$(cat "$RUN_DIR/docker/containerd/containerd.pid" 2>/dev/null || true)
  grep -qs "$RUN_DIR/docker" "/proc/$pid/cmdline" || rm -f "$RUN_DIR/docker/containerd/containerd.pid"
  start dockerd dockerd --host "unix://$DOCKER_SOCKET" --pidfile "$RUN_DIR/docker.pid" \
    --exec-root "$RUN_DIR/docker" --data-root "$CACHE_DIR/docker" --oom-score-adjust 0 \
    --exec-opt native.cgroupdriver=cgroupfs --cgroup-parent /todo-app/docker \
    --registry-mirror "http://localhost:$REGISTRY_PORT"
  wait_for 60 "the Docker daemon (log: $LOG_DIR/dockerd.log)" docker version
}

# port_must_be_free ADDRESS PORT WHAT: names the process that holds the port.
port_must_be_free() {
  local holder
  holder=$(ss -ltnpH "sport = :$2" | grep -E "(^| )(\*|0\.0\.0\.0|${1//./\\.}):$2 " |
    sed -n 's/.*(("\([^"]*\)",pid=\([0-9]*\).*/\1 (process \2)/p;q' || true)
  [[ -z $holder ]] || die "port $2, which $3 needs, is in use by $holder" \
    "stop that process (see: ss -ltnp 'sport = :$2'), then run the same command again"
}

# Debian's package would also install a service on the same port, so only its binary is taken.
fetch_registry() {
  local work
  work=$(mktemp -d "$CACHE_DIR/download.XXXX")
  chmod 755 "$work"
  cd "$work" || return
  apt-get update
  apt-get download "$REGISTRY_PACKAGE"
  dpkg-deb -x "$REGISTRY_PACKAGE"_*.deb .
  mv usr/bin/docker-registry "$BIN_DIR/"
  rm -rf "$work"
}

# ensure_registry NAME ADDRESS: a registry on ADDRESS. All of them share one storage, so what is pushed to
# localhost is what the nodes pull from the bridge's address.
ensure_registry() {
  alive "$1" && return
  type -P docker-registry >/dev/null || step "install $REGISTRY_PACKAGE" fetch_registry
  port_must_be_free "$2" "$REGISTRY_PORT" "the image registry"
  step "start the image registry on $2" start_registry "$1" "$2"
}

start_registry() {
  local config=$RUN_DIR/$1.yaml
  mkdir -p "$REGISTRY_DIR"
  cat >"$config" <<YAML
version: 0.1
log: {level: warn, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $REGISTRY_DIR}, delete: {enabled: true}}
http: {addr: "$2:$REGISTRY_PORT"}
YAML
  start "$1" docker-registry serve "$config"
  wait_for 20 "the image registry (log: $LOG_DIR/$1.log)" curl -fs "http://$2:$REGISTRY_PORT/v2/"
}
