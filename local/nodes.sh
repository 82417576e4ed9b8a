# Nodes of the local cluster: each has its own network namespace, cgroup, containerd, kubelet, kube-proxy, and
# kube-router, which enforces the NetworkPolicies.
# What must outlive a reboot is below NODE_ROOT, what must not (sockets, containers' state, address leases) below NODE_RUN.
# shellcheck shell=bash

NODE_ROOT=$CLUSTER_DIR/nodes
NODE_RUN=/run/todo-app

# cgroup_up INDEX: kubelet and runc expect the node's group in every hierarchy and never make it.
cgroup_up() {
  local group hierarchy parent file
  if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then # version 2
    mkdir -p "/sys/fs/cgroup/todo-app/todo-node$1"
    for group in /sys/fs/cgroup /sys/fs/cgroup/todo-app "/sys/fs/cgroup/todo-app/todo-node$1"; do
      echo '+cpuset +cpu +memory +pids' >"$group/cgroup.subtree_control"
    done
    return
  fi
  while read -r hierarchy; do
    parent=$hierarchy
    for group in todo-app "todo-node$1"; do
      mkdir -p "$parent/$group"
      for file in cpuset.cpus cpuset.mems; do # empty in a new group, and then no process may enter
        [[ ! -e $parent/$file ]] || cat "$parent/$file" >"$parent/$group/$file"
      done
      parent=$parent/$group
    done
    # All pods together would weigh as much as one of the machine's other processes: a build beside them could starve them.
    [[ ! -e $hierarchy/todo-app/cpu.shares ]] || echo 4096 >"$hierarchy/todo-app/cpu.shares"
  done < <(awk '$3 == "cgroup" { print $2 }' /proc/mounts)
}

# containerd_config INDEX
containerd_config() {
  local root=$NODE_ROOT/$1 run=$NODE_RUN/$1 host
  cat >"$root/containerd.toml" <<EOF
version = 3
root = "$root/containerd"
state = "$run/containerd"
# Not needed here, and each would write outside of this node's directories.
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.nri.v1.nri"]
[grpc]
  address = "$run/containerd.sock"
[ttrpc]
  address = "$run/containerd.sock.ttrpc"
[plugins."io.containerd.shim.v1.manager"]
  socket_dir = "$run/shims"
[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "$PAUSE_IMAGE"
[plugins."io.containerd.cri.v1.images".registry]
  config_path = "$root/certs.d"
[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true # lowering it takes CAP_SYS_RESOURCE, which containers and sandboxes often lack
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["/usr/lib/cni", "/opt/cni/bin"]
    conf_dir = "$root/cni"
    use_internal_loopback = true
  [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    runtime_path = "$BIN_DIR/containerd-shim-runc-v2" # PATH may have an older one that belongs to Docker
EOF
  for host in docker.io localhost:5000; do
    mkdir -p "$root/certs.d/$host"
    printf '[host."http://%s:%s"]\n  capabilities = ["pull", "resolve"]\n' "$BRIDGE_IP" "$REGISTRY_PORT" \
      >"$root/certs.d/$host/hosts.toml"
  done
  cat >"$root/cni/10-todo-app.conflist" <<EOF
{ "cniVersion": "1.0.0", "name": "todo-app-$1",
  "plugins": [{ "type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true, "mtu": $(uplink_mtu),
    "ipam": { "type": "host-local", "dataDir": "$run/leases", "ranges": [[{ "subnet": "10.244.$1.0/24" }]],
      "routes": [{ "dst": "0.0.0.0/0" }] } }] }
EOF
}

# resolver_config FILE: a pod can't use a resolver on the host's loopback interface; systemd-resolved names the real ones.
resolver_config() {
  local source=/etc/resolv.conf
  [[ ! -e /run/systemd/resolve/resolv.conf ]] || source=/run/systemd/resolve/resolv.conf
  grep -vE '^nameserver[[:space:]]+(127\.|::1)' "$source" >"$1" || true
  grep -q '^nameserver' "$1" || echo "nameserver $BRIDGE_IP" >>"$1" # none left: names outside the cluster won't resolve
}

# kubelet_config INDEX
kubelet_config() {
  local root=$NODE_ROOT/$1
  resolver_config "$root/resolv.conf"
  cat >"$root/kubelet.yaml" <<EOF
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
containerRuntimeEndpoint: unix://$NODE_RUN/$1/containerd.sock
authentication:
  anonymous: { enabled: false }
  webhook: { enabled: true }
  x509: { clientCAFile: $PKI_DIR/ca.crt }
authorization: { mode: Webhook }
tlsCertFile: $PKI_DIR/todo-node$1.crt
tlsPrivateKeyFile: $PKI_DIR/todo-node$1.key
clusterDomain: cluster.local
clusterDNS: [$DNS_IP]
resolvConf: $root/resolv.conf
podLogsDir: $root/logs
volumePluginDir: $root/volume-plugins
cgroupDriver: cgroupfs
cgroupRoot: /todo-app/todo-node$1
failCgroupV1: false
failSwapOn: false
oomScoreAdj: 0
makeIPTablesUtilChains: false
serializeImagePulls: false
# The nodes share one disk: a laptop at 90 % would otherwise evict every pod.
evictionHard: { memory.available: 100Mi, nodefs.available: 2%, imagefs.available: 2% }
imageGCHighThresholdPercent: 97
imageGCLowThresholdPercent: 95
EOF
}

# node_configure INDEX: everything a node needs before its daemons start.
node_configure() {
  local index=$1 name=todo-node$1 root=$NODE_ROOT/$1
  netns_present "$index" || node_kill "$index" # what still runs has lost its network
  mkdir -p "$root/cni" "$NODE_RUN/$index"
  netns_up "$index"
  cgroup_up "$index"
  certificate "$name" "/O=system:nodes/CN=system:node:$name" "DNS:$name,IP:$(node_ip "$index")"
  kubeconfig "$root/kubelet.kubeconfig" "$name"
  containerd_config "$index"
  kubelet_config "$index"
}

# node_start INDEX: starts the daemons that don't run; pods don't notice when one of them is replaced.
node_start() {
  local index=$1 name=todo-node$1 root=$NODE_ROOT/$1 zones=({a..z})
  local enter=("${FIRST[@]}" nsenter --net="/run/netns/$name")
  start "$name-containerd" "${enter[@]}" "$BIN_DIR/containerd" --config "$root/containerd.toml"
  start "$name-kubelet" "${enter[@]}" "$BIN_DIR/kubelet" --config "$root/kubelet.yaml" \
    --kubeconfig "$root/kubelet.kubeconfig" --hostname-override "$name" --node-ip "$(node_ip "$index")" \
    --root-dir "$root/kubelet" --cert-dir "$root/kubelet/pki" \
    --node-labels "topology.kubernetes.io/zone=local-${zones[index - 1]}"
  # Connection tracking is the machine's, not the node's: its limits and timeouts stay as they are.
  start "$name-kube-proxy" "${enter[@]}" "$BIN_DIR/kube-proxy" --proxy-mode nftables \
    --kubeconfig "$CLUSTER_DIR/kube-proxy.kubeconfig" --hostname-override "$name" --cluster-cidr "$POD_NET" \
    --conntrack-max-per-core 0 --conntrack-tcp-timeout-established 0 --conntrack-tcp-timeout-close-wait 0
  # For NetworkPolicies only: Services are kube-proxy's, and routes are the host's.
  start "$name-kube-router" "${enter[@]}" "$BIN_DIR/kube-router" --run-firewall=true --run-router=false \
    --run-service-proxy=false --run-loadbalancer=false --kubeconfig "$CLUSTER_DIR/kube-router.kubeconfig" \
    --hostname-override "$name" --service-cluster-ip-range "$SERVICE_NET" --metrics-port 0 --health-port 0
}

# node_indices: nodes that have left something on this machine, in ascending order.
node_indices() {
  find "$NODE_ROOT" "$NODE_RUN" -maxdepth 1 -name '[0-9]*' -printf '%f\n' 2>/dev/null | sort -nu
}

# node_processes INDEX: shims, and whatever runs in the node's cgroups. The bracket keeps grep from finding itself.
node_processes() {
  {
    find /sys/fs/cgroup -path "*/todo-app/todo-node$1/*" -name cgroup.procs -exec cat {} + 2>/dev/null
    grep -lse "$NODE_RUN/$1/[c]ontainerd.sock" /proc/[0-9]*/cmdline | cut -d / -f 3
  } | sort -nu
}

# kill_all LISTER...: until the command LISTER names no process any more (10 s at most).
kill_all() {
  local tries=100 processes
  while processes=$("$@" || true) && [[ -n $processes ]] && ((tries--)); do
    # shellcheck disable=SC2086 # one argument per process
    kill -s KILL $processes 2>/dev/null || true
    sleep 0.1
  done
}

# unmount_below DIRECTORY: innermost mounts first, its own last; detached at once where something still uses them.
unmount_below() {
  local target
  awk -v top="$1" '$5 == top || index($5, top "/") == 1 { print $5 }' /proc/self/mountinfo | tac | while read -r target; do
    umount -l "$(printf '%b' "$target")" || true # a path's blanks are octal there
  done
}

# node_stop INDEX: ends the daemons; pods keep running.
node_stop() {
  local daemon
  for daemon in kubelet kube-proxy kube-router containerd; do stop "todo-node$1-$daemon" KILL; done
}

# node_kill INDEX: ends daemons and pods and forgets what belongs to running pods only, as a reboot would.
node_kill() {
  node_stop "$1"
  kill_all node_processes "$1"
  unmount_below "$NODE_RUN/$1"
  unmount_below "$NODE_ROOT/$1"
  rm -rf --one-file-system "${NODE_RUN:?}/$1"
}

# node_clean INDEX: removes every trace of a node.
node_clean() {
  node_kill "$1"
  netns_down "$1"
  ip route delete "10.244.$1.0/24" 2>/dev/null || true
  find /sys/fs/cgroup -depth -type d \( -path "*/todo-app/todo-node$1" -o -path "*/todo-app/todo-node$1/*" \) \
    -exec rmdir {} + 2>/dev/null || true
  # Paths that kubelet and the CNI library have built in.
  find /var/log/containers -lname "$NODE_ROOT/$1/*" -delete 2>/dev/null || true
  rm -rf --one-file-system "${NODE_ROOT:?}/$1" "/var/lib/cni/results/todo-app-$1-"*
}
