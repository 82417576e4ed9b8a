#!/usr/bin/env bash
# The local cluster has the features that the stack needs, and recovers with its data from `kill -9` of any part and
# from a reboot. Prints one `ok` or `not ok` line per behaviour; the exit status is 0 if all passed.
# shellcheck source=local/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../local/lib.sh"
# shellcheck source=local/cluster/cluster.sh
source "$LOCAL_DIR/cluster/cluster.sh"
# shellcheck source=local/docker/docker.sh
source "$LOCAL_DIR/docker/docker.sh"

NAMESPACE=todo-app-cluster-test
HOST=$(stage_hosts | cut -d ' ' -f 2)
ROOT=$RUN_DIR/cluster-test-root.pem
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
kind: LimitRange
metadata: { name: limits, namespace: todo-app-cluster-test }
spec: { limits: [{ type: Container, defaultRequest: { cpu: 10m, memory: 32Mi }, default: { cpu: 500m, memory: 128Mi } }] }
---
apiVersion: v1
kind: ResourceQuota
metadata: { name: quota, namespace: todo-app-cluster-test }
spec: { hard: { requests.cpu: 100m, requests.memory: 512Mi, limits.cpu: "4", limits.memory: 1Gi } }
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

# A certificate for a host name of a stage; only such names lead to the cluster. The fields that cert-manager's
# admission webhook fills in are left out.
request_certificate() {
  kube apply -f - <<YAML
apiVersion: cert-manager.io/v1
kind: Issuer
metadata: { name: acme, namespace: $NAMESPACE }
spec:
  acme:
    server: $ACME_SERVER
    caBundle: $(base64 -w0 "$STATE_DIR/acme-ca.pem")
    privateKeySecretRef: { name: acme-account }
    solvers: [{ http01: { ingress: { ingressClassName: nginx } } }]
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: { name: web, namespace: $NAMESPACE }
spec: { dnsNames: [$HOST], secretName: web-tls, issuerRef: { name: acme } }
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: web-tls, namespace: $NAMESPACE }
spec:
  ingressClassName: traefik
  tls: [{ hosts: [$HOST], secretName: web-tls }]
  rules:
    - host: $HOST
      http: { paths: [{ path: /kept, pathType: Prefix, backend: { service: { name: web, port: { number: 80 } } } }] }
YAML
}

deploy_gateway() {
  kube apply -f - <<YAML
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: web, namespace: $NAMESPACE }
spec: { gatewayClassName: traefik, listeners: [{ name: http, port: 80, protocol: HTTP, hostname: gateway.test }] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: web, namespace: $NAMESPACE }
spec: { parentRefs: [{ name: web }], rules: [{ backendRefs: [{ name: web, port: 80 }] }] }
YAML
  kube -n $NAMESPACE wait --for condition=Programmed gateway web --timeout 20s
  wait_for 20 'the route to serve' through_ingress kept gateway.test
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
through_ingress() { curl -fsS --noproxy '*' --max-time 5 -H "Host: ${2:-cluster.test}" "http://$(node_ip 1)/$1"; }
through_tls() { ask "https://$ACME_MANAGEMENT/roots/0" >"$ROOT" && curl -fsS --noproxy '*' --cacert "$ROOT" "https://$HOST/kept"; }
issued() { kube -n $NAMESPACE delete secret web-tls --ignore-not-found && wait_for 90 'a certificate of the ACME server' through_tls; }
usage() { kube -n $NAMESPACE top pods -l app=web --no-headers | grep -E ' [1-9][0-9]*Mi'; }
# dns_flags NAME: whether the DNS server is authoritative for the name, and its response code (0: found, 3: no such
# name).
dns_flags() {
  in_pod python3 -c 'import socket, struct, sys
name = b"".join(bytes([len(label)]) + label.encode() for label in sys.argv[1].split("."))
query = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
query.settimeout(5)
query.sendto(struct.pack(">6H", 1, 256, 1, 0, 0, 0) + name + struct.pack(">B2H", 0, 1, 1), (sys.argv[2], 53))
flags = query.recv(512)[2:4]
print("own" if flags[0] & 4 else "forwarded", flags[1] & 15)' "$1" "$DNS_IP"
}
no_letsencrypt() { [[ $(dns_flags acme-v02.api.letsencrypt.org) == 'own 3' ]]; }
stages_resolve() {
  local address names name
  read -r address names < <(stage_hosts)
  for name in $names; do
    [[ $(getent ahostsv4 "$name") == "$address "* && $(in_pod getent ahostsv4 "$name") == "$address "* ]] || return 1
  done
}
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

# killed NAME...: kills the named daemons with `kill -9`, then runs cluster_up once.
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

# rebooted: acts like a reboot: no process, mount, network namespace or rule is left, and the files stay.
rebooted() {
  local index
  for index in $(node_indices); do node_kill "$index"; done
  stop_daemons
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

# crds_moved: applies another version of some CustomResourceDefinitions to the running cluster.
crds_moved() {
  local link=$BIN_DIR/traefik-crds.yaml file moved status=0
  file=$(readlink "$link")
  moved=$(mktemp)
  sed 's|^  annotations:$|&\n    todo-app-test: moved|' "$file" >"$moved"
  ln -sfn "$moved" "$link"
  # In a shell of its own, so that a failure which ends it does not leave the link as it is.
  (cluster_up && [[ $(kube get crd gateways.gateway.networking.k8s.io -o jsonpath='{.metadata.annotations.todo-app-test}') == moved ]]) || status=1
  ln -sfn "$file" "$link"
  rm "$moved"
  return $status
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
check 'names of all stages lead to the cluster, from this machine and from pods' stages_resolve
check "Let's Encrypt can't be reached from the cluster" no_letsencrypt
check 'the metrics API knows what pods use' wait_for 60 'metrics of the pods' usage
check 'a Gateway serves' deploy_gateway
check 'a certificate is requested' request_certificate
check 'the ACME server issues it, the ingress serves with it' issued
check 'data survive the deletion of every pod' eval 'replace_pods && serves'
check 'an unchanged cluster_up takes less than 0.3 s' warm
before=$(pod_ids)
for daemon in etcd kube-apiserver kube-controller-manager hostpath-provisioner todo-node1-kubelet todo-node1-containerd todo-node1-kube-proxy; do
  check "heals after kill -9 of $daemon" killed $daemon
done
check 'heals after kill -9 of every daemon at once' all_killed
check 'a certificate is issued by an ACME server that has lost its accounts' issued
check 'none of that restarted a pod' test "$before" = "$(pod_ids)"
check 'other versions of CustomResourceDefinitions are applied to a running cluster' crds_moved
check 'comes back after a reboot with its data' rebooted
kube delete namespace $NAMESPACE --wait >/dev/null
rm -f "$ROOT"
((failures == 0))
