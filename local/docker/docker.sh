# Docker and the image registry of this machine. A Docker daemon that answers is used as it is; otherwise one is started, and a
# client that can build with BuildKit comes first on PATH. Needs root and Debian's package manager where something must be
# installed. Leaves the daemons `dockerd` and `registry`, their images and build cache below CACHE_DIR/docker and
# CACHE_DIR/registry, and sockets below RUN_DIR. local/clean ends the daemons and keeps the images.
# shellcheck shell=bash disable=SC2034 # local/up prints DOCKER_CHOICE

DOCKER_SOCKET=$RUN_DIR/docker.sock
CLIENT_DIR=$CACHE_DIR/docker-client # holds `docker` alone, so that it can come first on PATH
REGISTRY_DIR=$CACHE_DIR/registry

# has_buildkit CLIENT: whether the client has buildx, or is older than version 23 and can use the BuildKit in the daemon.
has_buildkit() {
  local version
  [[ -x $1 ]] || return
  "$1" buildx version >/dev/null 2>&1 && return
  version=$("$1" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
  ((version < 23))
}

# choose_docker_client: links the first client that can build into CLIENT_DIR.
choose_docker_client() {
  local client
  while read -r client; do
    [[ $client -ef $CLIENT_DIR/docker && -L $client ]] && continue
    has_buildkit "$client" || continue
    mkdir -p "$CLIENT_DIR"
    ln -sfn "$client" "$CLIENT_DIR/docker"
    hash -d docker 2>/dev/null || true # bash remembers which client it found before
    return
  done < <(type -ap docker; echo /usr/bin/docker)
  return 1
}

# ensure_docker: sets DOCKER_HOST where the daemon is one that this script starts, and DOCKER_CHOICE, which says whose it is.
ensure_docker() {
  PATH=$CLIENT_DIR:$PATH
  DOCKER_CHOICE="own daemon, as none answered"
  if alive dockerd && [[ -e /sys/class/net/docker0 ]]; then
    export DOCKER_HOST=unix://$DOCKER_SOCKET
    return
  fi
  # Without its bridge the daemon cannot run a build step, and makes the bridge only when it starts.
  stop dockerd
  if [[ ${DOCKER_HOST-} == "unix://$DOCKER_SOCKET" ]]; then unset DOCKER_HOST; fi
  if type -P docker >/dev/null && docker version >/dev/null 2>&1; then
    DOCKER_CHOICE="the machine's daemon"
    [[ -x $CLIENT_DIR/docker ]] || choose_docker_client ||
      die "the docker client on PATH cannot build with BuildKit" "install its buildx plugin"
    return
  fi
  ((EUID == 0)) || die "Docker does not answer, and only root can start one here" \
    "start Docker Desktop or the Docker service, or install it (https://docs.docker.com/get-docker); docker version shows whether it answers"
  ensure_packages dockerd:docker.io iptables:iptables /usr/bin/docker:docker.io
  [[ -x $CLIENT_DIR/docker ]] || choose_docker_client
  export DOCKER_HOST=unix://$DOCKER_SOCKET
  step "start Docker" start_dockerd
}

start_dockerd() {
  local pid
  # After a reboot these process ids may belong to other programs, and dockerd would kill them.
  rm -f "$RUN_DIR/docker.pid"
  pid=$(cat "$RUN_DIR/docker/containerd/containerd.pid" 2>/dev/null || true)
  grep -qs "$RUN_DIR/docker" "/proc/$pid/cmdline" || rm -f "$RUN_DIR/docker/containerd/containerd.pid"
  start dockerd dockerd --host "unix://$DOCKER_SOCKET" --pidfile "$RUN_DIR/docker.pid" \
    --exec-root "$RUN_DIR/docker" --data-root "$CACHE_DIR/docker" --oom-score-adjust 0 \
    --exec-opt native.cgroupdriver=cgroupfs --cgroup-parent /todo-app/docker \
    --registry-mirror "http://localhost:$REGISTRY_PORT"
  until_ready dockerd docker version
}

# fetch_registry: takes the binary alone out of Debian's package, whose service would use the same port.
fetch_registry() {
  local work
  work=$(mktemp -d "$CACHE_DIR/download.XXXX")
  chmod 755 "$work"
  cd "$work" || return
  apt-get update
  apt-get download docker-registry
  dpkg-deb -x docker-registry_*.deb .
  mv usr/bin/docker-registry "$BIN_DIR/"
  rm -rf "$work"
}

# ensure_registry: listens on the loopback interface only. Nodes reach it by a rule of cluster/network.sh.
ensure_registry() {
  alive registry && return
  type -P docker-registry >/dev/null || step "install docker-registry" fetch_registry
  port_must_be_free 127.0.0.1 "$REGISTRY_PORT" "the image registry"
  step "start the image registry on 127.0.0.1" start_registry
}

start_registry() {
  local config=$RUN_DIR/registry.yaml
  mkdir -p "$REGISTRY_DIR"
  cat >"$config" <<YAML
version: 0.1
log: {level: warn, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $REGISTRY_DIR}, delete: {enabled: true}}
http: {addr: "127.0.0.1:$REGISTRY_PORT"}
YAML
  start registry docker-registry serve "$config"
  until_ready registry curl -fs "http://127.0.0.1:$REGISTRY_PORT/v2/"
}

# docker_clean: ends the daemon and removes what it leaves behind: containers, mounts, networks and firewall rules.
docker_clean() {
  stop dockerd
  kill_all processes_of '*/todo-app/docker*' "${RUN_DIR%/*}/[r]un/docker" # what runs in its containers, containerd and the shims
  unmount_below "$RUN_DIR"
  unmount_below "$CACHE_DIR/docker"
  local bridge='docker0|br-[0-9a-f]{12}' link # of the default network, and of those of `docker network create`
  for link in /sys/class/net/*; do
    [[ ! ${link##*/} =~ ^($bridge)$ ]] || ip link delete "${link##*/}"
  done
  iptables-save | grep -vE "DOCKER|$bridge" | iptables-restore
}
