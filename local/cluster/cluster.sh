# A Kubernetes cluster on this machine: the control plane runs on the host, and each of the NODES nodes in a network namespace of
# its own. Needs root, the built tools in BIN_DIR, Debian's runc and CNI plugins, and the registry for the images of its add-ons.
# Leaves data, keys and volumes in CLUSTER_DIR, what does not outlive a reboot in NODE_RUN, the bridge todo0, namespaces, cgroups
# and firewall rules named todo-…, and a line in /etc/hosts. cluster_clean removes all of it.
# shellcheck shell=bash

NODES=${NODES:-3}
CLUSTER_DIR=$STATE_DIR/cluster
PAUSE_IMAGE=localhost:5000/todo-app-local/pause:1
DNS_IP=10.96.0.10
# The cluster's daemons run before other processes. On a busy machine their probes would be late otherwise, and end healthy pods.
FIRST=(nice -n -10)
NODE_DAEMONS=(containerd kubelet kube-proxy kube-router)
CONTROL_PLANE=(etcd kube-apiserver kube-controller-manager kube-scheduler hostpath-provisioner pebble)

source "$LOCAL_DIR/cluster/network.sh"
source "$LOCAL_DIR/cluster/pki.sh"
source "$LOCAL_DIR/cluster/nodes.sh"
source "$LOCAL_DIR/cluster/acme.sh"
source "$LOCAL_DIR/cluster/addons.sh"

# kube ARGUMENT...: kubectl with the administrator's credentials of this cluster. KUBECONFIG plays no part.
kube() { kubectl --kubeconfig "$CLUSTER_DIR/admin.kubeconfig" "$@"; }

# ask URL: asks a server that has a certificate of this cluster.
ask() { curl -fsS --noproxy '*' --max-time 5 --cacert "$PKI_DIR/ca.crt" "$1"; }

apiserver_ready() { ask "https://$BRIDGE_IP:6443/readyz"; }

# fingerprint: a hash of what daemons and add-ons are made from. When it changes, daemons are restarted and add-ons applied again.
fingerprint() {
  { echo "$NODES" "$CLUSTER_DIR"
    cat "$LOCAL_DIR"/cluster/{cluster,network,pki,nodes,acme,addons}.sh "$LOCAL_DIR"/cluster/addons/*.yaml
    stat -Lc %Y "$BIN_DIR"/{kubelet,containerd}; } | sha256sum
}

configured() { fingerprint; stage_hosts; crd_files; } # what a cluster that is up was made from

# cluster_warm: whether everything runs as configured. It must be fast, because every `make up` waits for it.
cluster_warm() {
  local index daemon
  [[ $(cat "$CLUSTER_DIR/applied") == "$(configured)" ]] && network_present && hosts_entry || return 1
  for daemon in "${CONTROL_PLANE[@]}"; do alive "$daemon" || return 1; done
  for ((index = 1; index <= NODES; index++)); do
    netns_present "$index" || return 1
    for daemon in "${NODE_DAEMONS[@]}"; do alive "todo-node$index-$daemon" || return 1; done
  done
  apiserver_ready
} &>/dev/null

# after_reboot: removes what is left of the pods of an earlier boot. /run is not a tmpfs on every machine.
after_reboot() {
  local index boot
  boot=$(</proc/sys/kernel/random/boot_id)
  [[ $(cat "$NODE_RUN/boot_id" 2>/dev/null) == "$boot" ]] && return 0
  for index in $(node_indices); do node_kill "$index"; done
  rm -rf --one-file-system "$NODE_RUN"
  (umask 077 && mkdir -p "$NODE_RUN")
  echo "$boot" >"$NODE_RUN/boot_id"
  echo "$STATE_DIR" >"$NODE_RUN/owner"
}

credentials() {
  local component
  (umask 077 && mkdir -p "$PKI_DIR")
  authority "$PKI_DIR/ca" /CN=todo-app-local
  certificate kube-apiserver /CN=kube-apiserver "DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,\
DNS:kubernetes.default.svc.cluster.local,DNS:localhost,IP:127.0.0.1,IP:$BRIDGE_IP,IP:${SERVICE_NET%.0/16}.1"
  certificate admin /O=system:masters/CN=todo-app-admin
  certificate kubelet-client /O=system:masters/CN=kube-apiserver-kubelet-client
  certificate front-proxy /CN=front-proxy-client
  for component in kube-controller-manager kube-scheduler kube-proxy kube-router hostpath-provisioner; do
    certificate "$component" "/CN=system:$component"
    kubeconfig "$CLUSTER_DIR/$component.kubeconfig" "$component"
  done
  kubeconfig "$CLUSTER_DIR/admin.kubeconfig" admin
  # The contexts that the stage files name. All of them lead to this cluster.
  kubeconfig "$STATE_DIR/kubeconfig" admin minikube staging production
  once "$PKI_DIR/service-account.key" openssl ecparam -genkey -name prime256v1 -noout
  once "$PKI_DIR/encryption.yaml" printf '%s\n' 'apiVersion: apiserver.config.k8s.io/v1' 'kind: EncryptionConfiguration' 'resources:' \
    "  - { resources: [secrets], providers: [{ secretbox: { keys: [{ name: key1, secret: $(openssl rand -base64 32) }] } }] }"
}

start_etcd() {
  # Sockets instead of ports: only root can reach them, and no other program can hold them. An advertised address must have a port,
  # but no client uses it: there is one member, and the API server is told the socket.
  local client=http://localhost:2379 peer=http://localhost:2380
  alive etcd || rm -f "$NODE_RUN/etcd.sock"
  start etcd "${FIRST[@]}" "$BIN_DIR/etcd" --name local --data-dir "$CLUSTER_DIR/etcd" \
    --listen-client-urls "unix://$NODE_RUN/etcd.sock" --advertise-client-urls "$client" \
    --listen-peer-urls "unix://$NODE_RUN/etcd-peer.sock" --initial-advertise-peer-urls "$peer" --initial-cluster "local=$peer"
  until_ready etcd test -S "$NODE_RUN/etcd.sock"
}

start_apiserver() {
  # Who asked for what, of the administrator's commands alone. Neither bodies nor what the cluster does by itself.
  printf '%s\n' 'apiVersion: audit.k8s.io/v1' 'kind: Policy' 'omitStages: [RequestReceived]' 'rules:' \
    '  - { level: Metadata, users: [todo-app-admin] }' '  - { level: None }' >"$CLUSTER_DIR/audit-policy.yaml"
  start kube-apiserver "${FIRST[@]}" "$BIN_DIR/kube-apiserver" \
    --bind-address "$BRIDGE_IP" --advertise-address "$BRIDGE_IP" --secure-port 6443 \
    --etcd-servers "unix://$NODE_RUN/etcd.sock" --encryption-provider-config "$PKI_DIR/encryption.yaml" \
    --service-cluster-ip-range "$SERVICE_NET" --allow-privileged \
    --authorization-mode Node,RBAC --enable-admission-plugins NodeRestriction --client-ca-file "$PKI_DIR/ca.crt" \
    --tls-cert-file "$PKI_DIR/kube-apiserver.crt" --tls-private-key-file "$PKI_DIR/kube-apiserver.key" \
    --kubelet-certificate-authority "$PKI_DIR/ca.crt" --kubelet-preferred-address-types InternalIP \
    --kubelet-client-certificate "$PKI_DIR/kubelet-client.crt" --kubelet-client-key "$PKI_DIR/kubelet-client.key" \
    --proxy-client-cert-file "$PKI_DIR/front-proxy.crt" --proxy-client-key-file "$PKI_DIR/front-proxy.key" \
    --requestheader-client-ca-file "$PKI_DIR/ca.crt" --requestheader-allowed-names front-proxy-client \
    --requestheader-username-headers X-Remote-User --requestheader-group-headers X-Remote-Group \
    --requestheader-extra-headers-prefix X-Remote-Extra- --enable-aggregator-routing \
    --service-account-issuer https://kubernetes.default.svc.cluster.local \
    --service-account-key-file "$PKI_DIR/service-account.key" \
    --service-account-signing-key-file "$PKI_DIR/service-account.key" --cert-dir "$PKI_DIR" \
    --audit-policy-file "$CLUSTER_DIR/audit-policy.yaml" --audit-log-path "$LOG_DIR/kube-apiserver-audit.log" \
    --audit-log-maxsize 100 --audit-log-maxbackup 1
}

# start_controllers: controllers, scheduler and volume provisioner. Each has a user of its own with limited rights.
start_controllers() {
  local component
  for component in kube-controller-manager kube-scheduler; do
    local flags=(--kubeconfig "$CLUSTER_DIR/$component.kubeconfig"
      --authentication-kubeconfig "$CLUSTER_DIR/$component.kubeconfig"
      --authorization-kubeconfig "$CLUSTER_DIR/$component.kubeconfig"
      --bind-address "$BRIDGE_IP" --cert-dir "$PKI_DIR/$component" --leader-elect=false)
    [[ $component == kube-scheduler ]] || flags+=(--use-service-account-credentials
      --root-ca-file "$PKI_DIR/ca.crt" --service-account-private-key-file "$PKI_DIR/service-account.key"
      --cluster-signing-cert-file "$PKI_DIR/ca.crt" --cluster-signing-key-file "$PKI_DIR/ca.key")
    start "$component" "${FIRST[@]}" "$BIN_DIR/$component" "${flags[@]}"
  done
  start hostpath-provisioner "$BIN_DIR/hostpath-provisioner" --root "$CLUSTER_DIR/volumes" \
    --kubeconfig "$CLUSTER_DIR/hostpath-provisioner.kubeconfig"
}

control_plane_up() {
  start_etcd
  start_apiserver
  until_ready kube-apiserver apiserver_ready
  start_controllers
  # Applied before the nodes start: kube-router ends when it has no right to read the policies.
  daemon_rights | kube apply --server-side --force-conflicts -f -
  start_acme
  crds_up
}

# nodes_ready: whether all nodes have reported Ready since the machine started. Starts daemons that have ended: a kubelet ends when
# its containerd is not ready yet.
nodes_ready() {
  local index ready columns='{range .items[*]}{.status.nodeInfo.bootID} {.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}'
  for index in $(node_indices); do node_start "$index"; done
  ready=$(kube get nodes -o jsonpath="$columns" | grep -cx "$(</proc/sys/kernel/random/boot_id) True")
  ((ready >= $(node_indices | wc -l)))
}

nodes_up() {
  local index
  for index in $(node_indices); do
    # A node counts as Ready for 50 s after its kubelet has ended. Without this, the wait below could be over too early.
    alive "todo-node$index-kubelet" || kube patch node "todo-node$index" --subresource status --patch \
      '{"status":{"conditions":[{"type":"Ready","status":"Unknown","reason":"KubeletStopped"}]}}' || true
    if ((index <= NODES)) && [[ -e $NODE_ROOT/$index/retiring ]]; then
      kube uncordon "todo-node$index"
      rm "$NODE_ROOT/$index/retiring"
    fi
  done
  wait_for 180 "all nodes to be Ready" nodes_ready || { tail -n 5 "$LOG_DIR"/todo-node*-kubelet.log; return 1; }
}

unwanted_nodes() { node_indices | awk -v wanted="$NODES" '$1 > wanted'; }

# retire_nodes: drains and removes the unwanted nodes. They run until the wanted ones are ready.
retire_nodes() {
  local index
  for index in $(unwanted_nodes); do
    touch "$NODE_ROOT/$index/retiring"
    kube drain "todo-node$index" --ignore-daemonsets --delete-emptydir-data --force --timeout 120s
    kube delete node "todo-node$index"
    node_clean "$index"
  done
}

cluster_prepare() {
  after_reboot
  mkdir -p "$CLUSTER_DIR"
  rm -f "$CLUSTER_DIR/applied"
  # Daemons that were started with other settings end here, and are started again later. Pods keep running.
  if [[ $(cat "$CLUSTER_DIR/started" 2>/dev/null) != "$(fingerprint)" ]]; then
    stop_daemons
    fingerprint >"$CLUSTER_DIR/started"
  fi
  kill_all unrecorded_processes # they hold ports and data that their successors need
  host_network_up
  credentials
  local index
  for index in $( (seq "$NODES"; node_indices) | sort -nu); do node_configure "$index"; done
}

# daemon_processes: the daemons of this cluster, also those whose record somebody has deleted.
daemon_processes() {
  local pid
  grep -lse "$STATE_DIR/[c]luster/" /proc/[0-9]*/cmdline | cut -d / -f 3 | while read -r pid; do
    case $(readlink "/proc/$pid/exe") in "$CACHE_DIR"/tools/* | */pebble) echo "$pid" ;; esac
  done
}

unrecorded_processes() { daemon_processes | grep -vxFf <(cut -d ' ' -f 1 "$RUN_DIR"/*.pid 2>/dev/null); }

# stop_daemons: uses SIGKILL, because some daemons wait for their clients after a SIGTERM. None of them loses data by it.
stop_daemons() {
  local records=("${CONTROL_PLANE[@]/#/$RUN_DIR/}")
  kill_all daemon_processes
  rm -f "${records[@]/%/.pid}" "$RUN_DIR"/todo-node*.pid
}

# cluster_up: brings the cluster to the configured state, whatever state it is in. Does nothing if everything is there already.
cluster_up() {
  [[ $NODES =~ ^[1-9]$|^1[0-9]$ ]] || die "NODES=$NODES is not a number from 1 to 19" "make up NODES=3"
  ! cluster_warm || return 0
  # Bridge, namespaces and addresses exist once on a machine, so two clusters with different state folders cannot share it.
  local owner
  owner=$(cat "$NODE_RUN/owner" 2>/dev/null || true)
  [[ -z $owner || $owner == "$STATE_DIR" || ! -d $owner/cluster ]] ||
    die "this machine already runs the cluster of $owner" "remove it: XDG_STATE_HOME=${owner%/*} local/clean"
  ensure_packages /usr/bin/pebble:pebble
  step "Cluster network and credentials" cluster_prepare
  step "Control plane" control_plane_up
  step "Nodes ($NODES)" nodes_up
  [[ -z $(unwanted_nodes) ]] || step "Nodes no longer wanted" retire_nodes
  step "Name service, ingress, certificates, metrics" addons_up
  hosts_entry
  configured >"$CLUSTER_DIR/applied"
}

# cluster_clean: removes the cluster with its data.
cluster_clean() {
  local index
  for index in $(node_indices); do node_clean "$index"; done
  stop_daemons
  host_network_down
  find /sys/fs/cgroup -depth -type d -path '*/todo-app*' -exec rmdir {} + 2>/dev/null || true
  hosts_clean
  rm -rf --one-file-system "$CLUSTER_DIR" "$NODE_RUN" "$STATE_DIR/kubeconfig"
  # Kubelet and the CNI library write there whatever their settings. Other programs may use these folders too.
  rmdir --ignore-fail-on-non-empty -p /var/log/containers /var/lib/cni/results 2>/dev/null || true
}
