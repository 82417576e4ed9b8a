# Network of the local cluster: a bridge on the host, a network namespace per node, routes and rules.
# Everything carries the prefix todo0/todo-, so that clean-up finds it without a record of what was made.
# shellcheck shell=bash

BRIDGE=todo0
BRIDGE_IP=10.245.0.1
NODE_NET=10.245.0.0/24
POD_NET=10.244.0.0/16
SERVICE_NET=10.96.0.0/16
REGISTRY_PORT=5000
ACME_PORT=14000
POSTGRES_PORT=5433

# A locked-down network often means a proxy: it must not be asked for the cluster's own addresses.
export NO_PROXY=${NO_PROXY:+$NO_PROXY,}localhost,127.0.0.1,$NODE_NET,$POD_NET,$SERVICE_NET,.svc
export no_proxy=$NO_PROXY

# node_ip INDEX
node_ip() { echo "10.245.0.$((10 + $1))"; }

# in_node INDEX COMMAND...: `ip netns exec` would remount /sys and hide the cgroups, nsenter does not.
in_node() {
  local node=todo-node$1
  shift
  nsenter --net="/run/netns/$node" "$@"
}

# uplink_mtu: packets of pods must fit what leads out of the machine; some networks drop the ICMP replies that say so.
uplink_mtu() {
  local device
  device=$(ip route show default | sed -n 's/.* dev \([^ ]*\).*/\1/p;q')
  awk '{ print ($1 < 1500) ? $1 : 1500 }' "/sys/class/net/${device:-lo}/mtu"
}

# What a firewall of the machine may forbid. Docker sets FORWARD to DROP, and only a rule in the same chain lifts that.
ACCEPTED=("FORWARD -i $BRIDGE" "FORWARD -o $BRIDGE" "INPUT -i $BRIDGE -p tcp --dport 6443" "INPUT -i $BRIDGE -p tcp --dport $REGISTRY_PORT"
  "INPUT -i $BRIDGE -p tcp --dport $POSTGRES_PORT" "INPUT -i $BRIDGE -p tcp --dport $ACME_PORT")

# accept_rule ACTION RULE
# shellcheck disable=SC2086 # the rule's words
accept_rule() { iptables -w "$1" $2 -m comment --comment todo-app -j ACCEPT; }

# network_present: whether host side and rules are complete (some firewalls flush rules that are not theirs).
network_present() {
  local rule
  [[ -e /sys/class/net/$BRIDGE ]] && nft list table ip todo-app || return 1
  for rule in "${ACCEPTED[@]}"; do accept_rule -C "$rule" || return 1; done
} &>/dev/null

host_network_up() {
  echo 1 >/proc/sys/net/ipv4/ip_forward
  # A fixed address: by default a bridge takes its ports' lowest one, and nodes would keep stale neighbours.
  [[ -e /sys/class/net/$BRIDGE ]] || ip link add "$BRIDGE" address 02:74:6f:64:6f:01 type bridge
  ip link set "$BRIDGE" mtu "$(uplink_mtu)" up
  ip address replace "$BRIDGE_IP/24" dev "$BRIDGE"
  # Lets nodes reach the registry, which listens on the loopback interface only; the input chain keeps all else out.
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

# netns_present INDEX: a file below /run/netns without a namespace behind it is left over from before a reboot.
netns_present() { in_node "$1" test -e /sys/class/net 2>/dev/null && [[ -e /sys/class/net/todo-veth$1 ]]; }

# netns_up INDEX
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
  # Replies between pods of one node must pass the rules that turned the Service's address into the pod's.
  for setting in ipv4/ip_forward bridge/bridge-nf-call-iptables; do
    in_node "$1" sh -c "[ ! -e /proc/sys/net/$setting ] || echo 1 >/proc/sys/net/$setting"
  done
  ip route replace "10.244.$1.0/24" via "$(node_ip "$1")"
}

# netns_down INDEX
netns_down() {
  [[ ! -e /sys/class/net/todo-veth$1 ]] || ip link delete "todo-veth$1"
  ip netns delete "todo-node$1" 2>/dev/null || rm -f "/run/netns/todo-node$1"
}

# drop_unused_tables: iptables makes its tables at first use and leaves them behind; without a rule they do nothing.
drop_unused_tables() {
  local table
  for table in filter nat; do
    [[ $(iptables-save -t "$table" 2>/dev/null) =~ (^|$'\n')(-A|:[^$'\n']+' '-' ') ]] || nft delete table ip "$table" 2>/dev/null || true
  done
}

host_network_down() {
  local rule
  for rule in "${ACCEPTED[@]}"; do
    while accept_rule -D "$rule" 2>/dev/null; do :; done
  done
  drop_unused_tables
  nft delete table ip todo-app 2>/dev/null || true
  [[ ! -e /sys/class/net/$BRIDGE ]] || ip link delete "$BRIDGE"
  # `ip netns` mounts its directory onto itself; an empty one serves nobody.
  [[ -n $(ls /run/netns 2>/dev/null) ]] || umount /run/netns 2>/dev/null || true
}
