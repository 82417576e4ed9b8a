# Nodes of the local cluster. Each has a network namespace, a cgroup, containerd, kubelet, kube-proxy, and kube-router, which
# enforces the NetworkPolicies. Files that must outlive a reboot are below NODE_ROOT. Files that must not (sockets, state of
# containers, address leases) are below NODE_RUN.
# shellcheck shell=bash

NODE_ROOT=$CLUSTER_DIR/nodes
NODE_RUN=/run/todo-app

# cgroup_up INDEX: makes the cgroup of a node in every hierarchy. Kubelet and runc need it, and do not make it.
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
      for file in cpuset.cpus cpuset.mems; do # empty in a new group, which no process can enter then
        [[ ! -e $parent/$file ]] || cat "$parent/$file" >"$parent/$group/$file"
      done
      parent=$parent/$group
    done
    # By default all pods together get as much CPU time as one other process of the machine. A build would leave them too little.
    [[ ! -e $hierarchy/todo-app/cpu.shares ]] || echo 4096 >"$hierarchy/todo-app/cpu.shares"
  done < <(awk '$3 == "cgroup" { print $2 }' /proc/mounts)
}

containerd_config() {
  local root=$NODE_ROOT/$1 run=$NODE_RUN/$1 host
  cat >"$root/containerd.toml" <<EOF
version = 3
root = "$root/containerd"
state = "$run/containerd"
# Not needed here. They would write outside of the folders of this node.
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
  restrict_oom_score_adj = true # lowering it takes CAP_SYS_RESOURCE, which is often missing inside a container
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["/usr/lib/cni", "/opt/cni/bin"]
    conf_dir = "$root/cni"
    use_internal_loopback = true
  [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    runtime_path = "$BIN_DIR/containerd-shim-runc-v2" # the one on PATH may be Docker's, and older
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

kubelet_config() {
  local root=$NODE_ROOT/$1 resolvers=/etc/resolv.conf
  # Pods cannot reach a name server on the host's loopback interface. The file of systemd-resolved names the servers behind it.
  [[ ! -e /run/systemd/resolve/resolv.conf ]] || resolvers=/run/systemd/resolve/resolv.conf
  grep -vE '^nameserver[[:space:]]+(127\.|::1)' "$resolvers" >"$root/resolv.conf" || true
  # A file without a name server is not valid. With this one, names outside the cluster are not found.
  grep -q '^nameserver' "$root/resolv.conf" || echo "nameserver $BRIDGE_IP" >>"$root/resolv.conf"
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
# The nodes share the disk of the machine. With the defaults, pods would be evicted when it is 90 % full.
evictionHard: { memory.available: 100Mi, nodefs.available: 2%, imagefs.available: 2% }
imageGCHighThresholdPercent: 97
imageGCLowThresholdPercent: 95
EOF
}

# node_configure INDEX: makes everything that the daemons of a node need.
node_configure() {
  local index=$1 name=todo-node$1 root=$NODE_ROOT/$1
  netns_present "$index" || node_kill "$index" # pods that still run have no network any more
  mkdir -p "$root/cni" "$NODE_RUN/$index"
  netns_up "$index"
  cgroup_up "$index"
  certificate "$name" "/O=system:nodes/CN=system:node:$name" "DNS:$name,IP:$(node_ip "$index")"
  kubeconfig "$root/kubelet.kubeconfig" "$name"
  containerd_config "$index"
  kubelet_config "$index"
}

# node_start INDEX: starts the daemons that do not run. Pods keep running while a daemon is replaced.
node_start() {
  local index=$1 name=todo-node$1 root=$NODE_ROOT/$1 zones=({a..z})
  local enter=("${FIRST[@]}" nsenter --net="/run/netns/$name")
  start "$name-containerd" "${enter[@]}" "$BIN_DIR/containerd" --config "$root/containerd.toml"
  start "$name-kubelet" "${enter[@]}" "$BIN_DIR/kubelet" --config "$root/kubelet.yaml" \
    --kubeconfig "$root/kubelet.kubeconfig" --hostname-override "$name" --node-ip "$(node_ip "$index")" \
    --root-dir "$root/kubelet" --cert-dir "$root/kubelet/pki" \
    --node-labels "topology.kubernetes.io/zone=local-${zones[index - 1]}"
  # The zeros leave the limits and timeouts of connection tracking alone, which belong to the whole machine.
  start "$name-kube-proxy" "${enter[@]}" "$BIN_DIR/kube-proxy" --proxy-mode nftables \
    --kubeconfig "$CLUSTER_DIR/kube-proxy.kubeconfig" --hostname-override "$name" --cluster-cidr "$POD_NET" \
    --conntrack-max-per-core 0 --conntrack-tcp-timeout-established 0 --conntrack-tcp-timeout-close-wait 0
  # kube-router enforces NetworkPolicies only. kube-proxy serves the Services, and the host has the routes.
  start "$name-kube-router" "${enter[@]}" "$BIN_DIR/kube-router" --run-firewall=true --run-router=false \
    --run-service-proxy=false --run-loadbalancer=false --kubeconfig "$CLUSTER_DIR/kube-router.kubeconfig" \
    --hostname-override "$name" --service-cluster-ip-range "$SERVICE_NET" --metrics-port 0 --health-port 0
}

# node_indices: the nodes that run or have left files, in ascending order.
node_indices() {
  find "$NODE_ROOT" "$NODE_RUN" -maxdepth 1 -name '[0-9]*' -printf '%f\n' 2>/dev/null | sort -nu
}

# node_kill INDEX: ends daemons and pods, and removes the files that belong to running pods, as a reboot would.
node_kill() {
  local daemon
  for daemon in kubelet kube-proxy kube-router containerd; do stop "todo-node$1-$daemon" KILL; done
  kill_all processes_of "*/todo-app/todo-node$1/*" "$NODE_RUN/$1/[c]ontainerd.sock" # what runs in its cgroups, and the shims
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
  # Kubelet and the CNI library write there whatever their settings.
  find /var/log/containers -lname "$NODE_ROOT/$1/*" -delete 2>/dev/null || true
  rm -rf --one-file-system "${NODE_ROOT:?}/$1" "/var/lib/cni/results/todo-app-$1-"*
}
