#!/usr/bin/env bash
# `make local-clean` leaves nothing behind: after a clean-up, a start and another clean-up, the machine looks as it did
# after the first one. Prints one `ok` or `not ok` line per kind of trace.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

state=${XDG_STATE_HOME:-$HOME/.local/state}/todo-app
cache=${XDG_CACHE_HOME:-$HOME/.cache}/todo-app
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Processes of the stack, found by their command line, their cgroup or their network namespace.
processes() {
  local directory
  for directory in /proc/[0-9]*; do
    [[ $directory != "/proc/$$" && $(tr '\0' ' ' <"$directory/cmdline") ]] || continue
    if grep -qsae "$state/" -e "$cache/bin/" -e "$cache/tools/" -e /run/todo-app/ \
      -e /var/lib/postgresql/postgresql.conf "$directory/cmdline" ||
      grep -qs todo-app "$directory/cgroup" ||
      [[ $(readlink "$directory/ns/net") != "$(readlink /proc/self/ns/net)" ]]; then
      tr '\0' ' ' <"$directory/cmdline" && echo
    fi
  done 2>/dev/null | sort
}
mounts() { awk '{ print $5 }' /proc/self/mountinfo | sort; }
network_namespaces() { ls /run/netns 2>/dev/null || true; }
links() { ip -o link show | awk -F ': ' '{ print $2 }' | sort; }
routes() { ip route show table all | sort; }
rules() { nft list ruleset 2>/dev/null | sed 's/ counter packets [0-9]* bytes [0-9]*//'; }
iptables_rules() { iptables-save | grep -E '^(-A|:[^ ]+ -)' || true; }
cgroups() { find /sys/fs/cgroup -type d -path '*todo-app*' | sort; }
hosts() { cat /etc/hosts; }
directories() {
  find "$state" /run/todo-app /var/log/containers /var/log/pods /var/lib/cni /var/lib/kubelet /var/run/kubernetes \
    -maxdepth 0 2>/dev/null || true
}
KINDS=(processes mounts network_namespaces links routes rules iptables_rules cgroups hosts directories)

snapshot() {
  local kind
  mkdir "$work/$1"
  for kind in "${KINDS[@]}"; do "$kind" >"$work/$1/$kind"; done
}

local/clean >"$work/log" 2>&1
snapshot before
local/up staging >>"$work/log" 2>&1 || { cat "$work/log"; echo "not ok - the cluster starts"; exit 1; }
snapshot during
local/clean >>"$work/log" 2>&1 || { cat "$work/log"; echo "not ok - clean-up succeeds"; exit 1; }
snapshot after

failures=0
for kind in "${KINDS[@]}"; do
  if cmp -s "$work/before/$kind" "$work/during/$kind"; then
    echo "not ok - ${kind//_/ }: a running cluster shows none, so this check sees nothing"
    failures=$((failures + 1))
  elif difference=$(diff "$work/before/$kind" "$work/after/$kind"); then
    echo "ok - ${kind//_/ }: nothing left behind"
  else
    printf 'not ok - %s\n  # %s\n' "${kind//_/ }: left behind" "${difference//$'\n'/$'\n  # '}"
    failures=$((failures + 1))
  fi
done
# The comparison would not show what was there already before the first clean-up, so this searches for the names of the
# stack.
if traces=$(grep -rhE 'todo0|todo-(app/|veth|node)|todo-app local|table ip todo-app' "$work/after"); then
  printf 'not ok - something still carries the stack'"'"'s names\n  # %s\n' "${traces//$'\n'/$'\n  # '}"
  failures=$((failures + 1))
else
  echo "ok - nothing carries the stack's names"
fi
((failures == 0))
