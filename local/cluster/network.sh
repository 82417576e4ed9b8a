# Network of the local cluster: a bridge on the host, a network namespace for each node, routes and firewall rules. All names begin
# with todo0 or todo-, so that cluster_clean finds them without a record.
# shellcheck shell=bash

BRIDGE=todo0
BRIDGE_IP=10.245.0.1
NODE_NET=10.245.0.0/24
POD_NET=10.244.0.0/16
SERVICE_NET=10.96.0.0/16
ACME_PORT=14000
POSTGRES_PORT=5433

# Where a proxy is set, it must not get requests for addresses of the cluster.
export NO_PROXY=${NO_PROXY:+$NO_PROXY,}localhost,127.0.0.1,$NODE_NET,$POD_NET,$SERVICE_NET,.svc
export no_proxy=$NO_PROXY

node_ip() { echo "10.245.0.$((10 + $1))"; }

# in_node INDEX COMMAND...: runs COMMAND in the network of a node. `ip netns exec` would mount another /sys, without cgroups.
in_node() {
  local node=todo-node$1
  shift
  nsenter --net="/run/netns/$node" "$@"
}

# uplink_mtu: the largest packet that leaves the machine whole. Some networks drop the ICMP replies about larger ones.
uplink_mtu() {
  local device
  device=$(ip route show default | sed -n 's/.* dev \([^ ]*\).*/\1/p;q')
  awk '{ print ($1 < 1500) ? $1 : 1500 }' "/sys/class/net/${device:-lo}/mtu"
}

# Traffic that a firewall of the machine may forbid. When Docker sets the policy of FORWARD to DROP, only a rule there can accept.
ACCEPTED=("FORWARD -i $BRIDGE" "FORWARD -o $BRIDGE" "INPUT -i $BRIDGE -p tcp --dport 6443" "INPUT -i $BRIDGE -p tcp --dport $REGISTRY_PORT"
  "INPUT -i $BRIDGE -p tcp --dport $POSTGRES_PORT" "INPUT -i $BRIDGE -p tcp --dport $ACME_PORT")

# accept_rule ACTION RULE: checks (-C), inserts (-I) or deletes (-D) a rule.
# shellcheck disable=SC2086 # the rule's words
accept_rule() { iptables -w "$1" $2 -m comment --comment todo-app -j ACCEPT; }

# network_present: whether the bridge and all rules are there. Some firewalls delete the rules of others.
network_present() {
  local rule
  [[ -e /sys/class/net/$BRIDGE ]] && nft list table ip todo-app || return 1
  for rule in "${ACCEPTED[@]}"; do accept_rule -C "$rule" || return 1; done
} &>/dev/null

host_network_up() {
  echo 1 >/proc/sys/net/ipv4/ip_forward
  # A fixed address: by default a bridge takes the lowest one of its ports, and nodes would remember an old one.
  [[ -e /sys/class/net/$BRIDGE ]] || ip link add "$BRIDGE" address 02:74:6f:64:6f:01 type bridge
  ip link set "$BRIDGE" mtu "$(uplink_mtu)" up
  ip address replace "$BRIDGE_IP/24" dev "$BRIDGE"
  # Lets nodes reach the registry, which listens on the loopback interface only. The input chain drops everything else.
  echo 1 >"/proc/sys/net/ipv4/conf/$BRIDGE/route_localnet"
  nft -f - <<EOF
table ip todo-app
delete table ip todo-app
table ip todo-app {
  chain prerouting {
    type nat hook prerouting priority dstnat
    ip saddr $NODE_NET ip daddr $BRIDGE_IP tcp dport $REGISTRY_PORT dnat to 127.0.0.1
  }
  chain input {
    type filter hook input priority filter
    iifname "$BRIDGE" ip daddr 127.0.0.0/8 ct status & dnat != dnat drop
  }
  chain postrouting {
    type nat hook postrouting priority srcnat
    ip saddr { $NODE_NET, $POD_NET } ip daddr != { $NODE_NET, $POD_NET } masquerade
  }
}
EOF
  local rule
  for rule in "${ACCEPTED[@]}"; do accept_rule -C "$rule" 2>/dev/null || accept_rule -I "$rule"; done
}

# netns_present INDEX: whether the namespace of a node exists. After a reboot its file in /run/netns may be there without it.
netns_present() { in_node "$1" test -e /sys/class/net 2>/dev/null && [[ -e /sys/class/net/todo-veth$1 ]]; }

netns_up() {
  local node=todo-node$1 port=todo-veth$1 setting
  if ! netns_present "$1"; then
    netns_down "$1"
    ip netns add "$node"
    ip link add "$port" mtu "$(uplink_mtu)" type veth peer name eth0 mtu "$(uplink_mtu)" netns "$node"
  fi
  ip link set "$port" master "$BRIDGE" up
  in_node "$1" ip link set lo up
  in_node "$1" ip address replace "$(node_ip "$1")/24" dev eth0
  in_node "$1" ip link set eth0 up
  in_node "$1" ip route replace default via "$BRIDGE_IP"
  # A reply between pods of one node must pass the rules that have replaced the address of a Service by that of a pod.
  for setting in ipv4/ip_forward bridge/bridge-nf-call-iptables; do
    in_node "$1" sh -c "[ ! -e /proc/sys/net/$setting ] || echo 1 >/proc/sys/net/$setting"
  done
  ip route replace "10.244.$1.0/24" via "$(node_ip "$1")"
}

netns_down() {
  [[ ! -e /sys/class/net/todo-veth$1 ]] || ip link delete "todo-veth$1"
  ip netns delete "todo-node$1" 2>/dev/null || rm -f "/run/netns/todo-node$1"
}

host_network_down() {
  local rule table
  for rule in "${ACCEPTED[@]}"; do
    while accept_rule -D "$rule" 2>/dev/null; do :; done
  done
  # iptables makes a table when it is first used. One without rules is removed.
  for table in filter nat; do
    [[ $(iptables-save -t "$table" 2>/dev/null) =~ (^|$'\n')(-A|:[^$'\n']+' '-' ') ]] || nft delete table ip "$table" 2>/dev/null || true
  done
  nft delete table ip todo-app 2>/dev/null || true
  [[ ! -e /sys/class/net/$BRIDGE ]] || ip link delete "$BRIDGE"
  # `ip netns` has mounted its directory onto itself. The mount goes when no namespace is left.
  [[ -n $(ls /run/netns 2>/dev/null) ]] || umount /run/netns 2>/dev/null || true
}
