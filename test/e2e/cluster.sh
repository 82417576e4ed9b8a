#!/usr/bin/env bash
# The local cluster does what the stack needs, and comes back with its data from `kill -9` of any part and from a reboot.
# Prints one `ok` or `not ok` line per behaviour; the exit status says whether all held.
# shellcheck source=local/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../local/lib.sh"
# shellcheck source=local/cluster.sh
source "$LOCAL_DIR/cluster.sh"
# shellcheck source=local/docker.sh
source "$LOCAL_DIR/docker.sh"

NAMESPACE=todo-app-cluster-test
failures=0

# check DESCRIPTION COMMAND...
check() {
  local description=$1 output status
  shift
  set +e # not `if`: bash would ignore errors within the steps of cluster_up
  output=$("$@" 2>&1)
  status=$?
  set -e
  if ((status == 0)); then
    echo "ok - $description"
  else
    printf 'not ok - %s\n  # %s\n' "$description" "${output//$'\n'/$'\n  # '}"
    failures=$((failures + 1))
  fi
}

deploy() {
  kube apply -f - <<'YAML'
apiVersion: v1
kind: Namespace
metadata:
  name: todo-app-cluster-test
  labels: { pod-security.kubernetes.io/enforce: restricted }
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: data, namespace: todo-app-cluster-test }
spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Mi } } }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: todo-app-cluster-test }
spec:
  replicas: 3
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      terminationGracePeriodSeconds: 1
      securityContext: { runAsUser: 10001, runAsNonRoot: true, seccompProfile: { type: RuntimeDefault } }
      topologySpreadConstraints:
        - maxSkew: 1
          topologyKey: topology.kubernetes.io/zone
          whenUnsatisfiable: ScheduleAnyway
          labelSelector: { matchLabels: { app: web } }
      containers:
        - name: web
          image: docker.io/library/python:3.13-slim
          command: [python3, -m, http.server, --directory, /data, "8000"]
          readinessProbe: { httpGet: { path: /, port: 8000 }, periodSeconds: 1 }
          securityContext: { readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, capabilities: { drop: [ALL] } }
          volumeMounts: [{ name: data, mountPath: /data }]
      volumes: [{ name: data, persistentVolumeClaim: { claimName: data } }]
---
apiVersion: v1
kind: Service
metadata: { name: web, namespace: todo-app-cluster-test }
spec: { selector: { app: web }, ports: [{ port: 80, targetPort: 8000 }] }
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: web, namespace: todo-app-cluster-test }
spec:
  ingressClassName: nginx
  rules:
    - host: cluster.test
      http: { paths: [{ path: /, pathType: Prefix, backend: { service: { name: web, port: { number: 80 } } } }] }
YAML
  kube -n $NAMESPACE rollout status deployment web --timeout 120s
}

chooses_client() (
  CLIENT_DIR=$(mktemp -d) stub=$(mktemp -d)
  trap 'rm -rf "$CLIENT_DIR" "$stub"' EXIT
  printf '#!/bin/sh\n[ "$1" = --version ] && echo "Docker version 99.0.0, without buildx"\n' >"$stub/docker"
  chmod +x "$stub/docker"
  PATH=$CLIENT_DIR:$stub:$PATH
  docker --version && choose_docker_client && [[ $(docker --version) != *without* ]]
)

pods() { kube -n $NAMESPACE get pods -l app=web --field-selector status.phase=Running -o jsonpath="{range .items[*]}$1{'\n'}{end}"; }
in_pod() { kube -n $NAMESPACE exec "$(pods '{.metadata.name}' | head -n 1)" -- "$@"; }
fetch() { in_pod python3 -c 'import sys, urllib.request as u; print(u.urlopen(sys.argv[1], timeout=5).read())' "$1"; }
spread() { (($(pods '{.spec.nodeName}' | sort -u | wc -l) == (NODES < 3 ? NODES : 3))); }
pod_to_pod() { local ip; for ip in $(pods '{.status.podIP}'); do fetch "http://$ip:8000/" || return 1; done; }
through_ingress() { curl -fsS --noproxy '*' --max-time 5 -H 'Host: cluster.test' "http://$(node_ip 1)/$1"; }
data_kept() { [[ $(through_ingress kept) == 'still here' ]]; }
ingress_status() { [[ $(kube -n $NAMESPACE get ingress web -o jsonpath='{.status.loadBalancer.ingress[0].ip}') == "$(node_ip 1)" ]]; }
secrets_encrypted() {
  kube -n $NAMESPACE create secret generic canary --from-literal value=plain-text-canary &&
    ! grep -rqs plain-text-canary "$CLUSTER_DIR/etcd"
}
serves() { wait_for 90 'the test application' all_serving; }
all_serving() { kube -n $NAMESPACE wait pod -l app=web --for condition=Ready --timeout 1s && pod_to_pod && data_kept; }
replace_pods() { kube -n $NAMESPACE delete pods -l app=web --wait && kube -n $NAMESPACE rollout status deployment web --timeout 90s; }
pod_ids() { pods '{.metadata.uid}{.status.containerStatuses[0].restartCount}' | sort; }

# killed NAME...: `kill -9` of the named daemons, then one cluster_up.
killed() {
  local name pid
  for name; do
    read -r pid _ <"$RUN_DIR/$name.pid"
    kill -9 "$pid"
  done
  wait_for 5 'the processes to be gone' eval "! alive $name"
  cluster_up && serves
}

all_killed() {
  local daemons=("${CONTROL_PLANE[@]}") index
  for ((index = 1; index <= NODES; index++)); do daemons+=("${NODE_DAEMONS[@]/#/todo-node$index-}"); done
  killed "${daemons[@]}"
}

# rebooted: no process is left, mounts, namespaces and rules are gone, files are as they were.
rebooted() {
  local index
  cluster_down
  for index in $(node_indices); do
    netns_down "$index"
    touch "/run/netns/todo-node$index"
  done
  host_network_down
  mkdir -p "$NODE_RUN/1" "$NODE_RUN/2/containerd"
  echo another-boot >"$NODE_RUN/boot_id"
  echo "$$ 1" >"$RUN_DIR/etcd.pid" # a recorded id that belongs to another process now
  cluster_up && serves
}

warm() {
  local begin=${EPOCHREALTIME/./}
  cluster_up
  echo "took $(((${EPOCHREALTIME/./} - begin) / 1000)) ms"
  ((${EPOCHREALTIME/./} - begin < 300000))
}

check 'a docker client that cannot build is passed over, although it was the first to run' chooses_client
check 'cluster comes up' cluster_up
check 'a restricted deployment becomes ready' deploy
check 'its pods are spread over the zones' spread
in_pod sh -c 'echo still here >/data/kept'
check 'pods reach pods on all nodes' pod_to_pod
check 'pods reach a Service by its name' fetch http://web.$NAMESPACE.svc.cluster.local/
check 'the ingress serves on the first node' through_ingress ''
check 'the Ingress has an address in its status' ingress_status
check 'secrets are encrypted on disk' secrets_encrypted
check 'data survive the deletion of every pod' eval 'replace_pods && serves'
check 'an unchanged cluster_up takes less than 0.3 s' warm
before=$(pod_ids)
for daemon in etcd kube-apiserver kube-controller-manager hostpath-provisioner todo-node1-kubelet todo-node1-containerd todo-node1-kube-proxy; do
  check "heals after kill -9 of $daemon" killed $daemon
done
check 'heals after kill -9 of every daemon at once' all_killed
check 'none of that restarted a pod' test "$before" = "$(pod_ids)"
check 'comes back after a reboot with its data' rebooted
kube delete namespace $NAMESPACE --wait >/dev/null
((failures == 0))
