#!/usr/bin/env bash
# bench/fake-nodes.sh up|down: adds nodes to the local cluster that no machine stands for, or removes them. Pods on them cost nothing:
# kwok says in the place of a kubelet that they are ready, and that those of Jobs have ended (kwok.yaml). No other pod gets there, as
# the nodes have a taint. kwok looks after these nodes alone.
# shellcheck source=local/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../local/lib.sh"

# That of the local cluster, whatever else this machine reaches. All of its contexts lead there.
export KUBECONFIG=$STATE_DIR/kubeconfig
NODES=3
LABEL=todo-app/fake
# A range for benchmarks (RFC 2544), which leads nowhere.
POD_NET=198.18.0.1/16

# node INDEX: the manifest of a node.
node() {
  cat <<EOF
---
apiVersion: v1
kind: Node
metadata:
  name: todo-fake$1
  labels: { $LABEL: "true", kubernetes.io/hostname: todo-fake$1, kubernetes.io/os: linux }
spec:
  taints: [{ key: $LABEL, effect: NoSchedule }]
status:
  allocatable: &size { cpu: "1000", memory: 4Ti, ephemeral-storage: 4Ti, pods: "1000" }
  capacity: *size
EOF
}

nodes() { for ((index = 1; index <= NODES; index++)); do node "$index"; done; }

up() {
  local folder
  folder=$("$LOCAL_DIR/../bench/build.sh" kwok sigs.k8s.io/kwok cmd/kwok)
  # Kubernetes takes a node for dead whose lease is not renewed.
  start kwok "$folder/kwok" --kubeconfig "$KUBECONFIG" --config "$LOCAL_DIR/../bench/kwok.yaml" --cidr "$POD_NET" \
    --manage-all-nodes=false --manage-nodes-with-label-selector "$LABEL=true" --node-lease-duration-seconds 40
  nodes | kubectl apply -f -
  kubectl wait --for condition=Ready nodes --selector "$LABEL=true" --timeout 60s ||
    die "kwok has not made its nodes ready" "see $LOG_DIR/kwok.log"
}

down() {
  kubectl delete nodes --selector "$LABEL=true"
  stop kwok
}

case ${1-} in
up | down) "$1" ;;
*) die "what to do is \"${1-}\"; allowed: up, down" "bench/fake-nodes.sh up" ;;
esac
