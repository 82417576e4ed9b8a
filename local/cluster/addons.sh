# Add-ons of the local cluster: name service, ingress controller, cert-manager and metrics; and the host names of the stages.
# shellcheck shell=bash

CRD_LINKS=("$BIN_DIR"/{certmanager,traefik,prometheus-operator,cloudnative-pg,barman-cloud}-crds.yaml)
crd_files() { readlink "${CRD_LINKS[@]}"; } # their names have the versions

# crds_up: applies the CustomResourceDefinitions where they are missing or have changed. It takes the API server some seconds.
crds_up() {
  local record=$CLUSTER_DIR/crds
  if [[ $(cat "$record" 2>/dev/null) != "$(crd_files)" ]] || ! kube get "${CRD_LINKS[@]/#/--filename=}" -o name; then
    kube apply --server-side --force-conflicts "${CRD_LINKS[@]/#/--filename=}"
    crd_files >"$record"
  fi
}

# addons_serve: whether name service and ingress controller answer at the addresses that pods and browsers use.
addons_serve() {
  in_node 1 curl -fsS --max-time 2 "http://$DNS_IP:9153/metrics" &&
    curl -sS --noproxy '*' --max-time 2 "http://$(node_ip 1)/"
}

# grant ROLE SUBJECT: the manifest that gives SUBJECT the rights of the ClusterRole ROLE.
grant() {
  cat <<EOF
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: "$1" }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "$1" }
subjects: [$2]
EOF
}

# daemon_rights: the rights of the daemons that are no part of Kubernetes. Each is the user whom its certificate names.
daemon_rights() {
  cat "$LOCAL_DIR/cluster/addons/kube-router.yaml"
  grant system:kube-router '{ kind: User, name: "system:kube-router" }'
  grant system:persistent-volume-provisioner '{ kind: User, name: "system:hostpath-provisioner" }'
}

# namespace NAME: the manifest of a namespace that takes restricted pods only.
namespace() {
  printf '%s\n' --- 'apiVersion: v1' 'kind: Namespace' "metadata: { name: $1, labels: { pod-security.kubernetes.io/enforce: restricted } }"
}

# account NAMESPACE NAME ROLE...: the manifest of a ServiceAccount that has the rights of each ClusterRole ROLE.
account() {
  local role
  printf '%s\n' --- 'apiVersion: v1' 'kind: ServiceAccount' "metadata: { name: $2, namespace: $1 }"
  for role in "${@:3}"; do grant "$role" "{ kind: ServiceAccount, name: $2, namespace: $1 }"; done
}

# addon_manifests: the namespaces, the files in addons/ with their placeholders replaced, and the account of each add-on.
addon_manifests() {
  local pod='{ runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: RuntimeDefault } }'
  local container='{ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: [ALL] } }'
  namespace ingress-nginx
  namespace cert-manager
  sed "s|STAGE_HOSTS|$(stage_hosts)|; s|DNS_IP|$DNS_IP|; s|RESTRICTED_POD|$pod|; s|RESTRICTED_CONTAINER|$container|" \
    "$LOCAL_DIR"/cluster/addons/*.yaml
  account kube-system coredns system:coredns
  account kube-system metrics-server system:metrics-server system:auth-delegator
  account ingress-nginx traefik traefik
  account cert-manager cert-manager cert-manager
}

addons_up() {
  kube wait --for condition=Established crd gatewayclasses.gateway.networking.k8s.io --timeout 60s
  addon_manifests | kube apply --server-side --force-conflicts -f -
  # What a cloud's load balancer would do: the Service gets the address of the first node, where kube-proxy serves it.
  kube -n ingress-nginx patch service traefik --subresource status --type merge \
    --patch "{\"status\":{\"loadBalancer\":{\"ingress\":[{\"ip\":\"$(node_ip 1)\"}]}}}"
  kube -n kube-system rollout status deployment coredns --timeout 300s
  kube -n ingress-nginx rollout status deployment traefik --timeout 300s
  kube -n cert-manager rollout status deployment cert-manager --timeout 300s
  acme_accounts
  kube wait --for condition=Available apiservice v1beta1.metrics.k8s.io --timeout 300s
  wait_for 60 "the cluster's name service and ingress controller" addons_serve
}

# stage_hosts: the line of a hosts file that leads the host names of the stages to the cluster.
stage_hosts() {
  { node_ip 1; sed -n 's/^ *todo-app:host: *//p' "$LOCAL_DIR"/../Pulumi.{dev,staging,production}.yaml 2>/dev/null || true; } | paste -sd ' '
}

# hosts_entry: writes that line into /etc/hosts. The file may be a mount, so it is changed in place.
hosts_entry() {
  local line
  line="$(stage_hosts) # todo-app local cluster"
  grep -qxF "$line" /etc/hosts || { hosts_clean && echo "$line" >>/etc/hosts; }
}

hosts_clean() {
  local rest
  rest=$(grep -v '# todo-app local cluster$' /etc/hosts || true)
  [[ $rest == "$(</etc/hosts)" ]] || printf '%s\n' "$rest" >/etc/hosts
}
