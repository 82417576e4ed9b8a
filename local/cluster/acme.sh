# ACME server of the local cluster: Pebble in the place of Let's Encrypt, which cannot reach the hosts of this machine. Like Let's
# Encrypt it rejects a nonce now and then, takes its time for a validation, and validates HTTP-01 on port 80.
# shellcheck shell=bash

ACME_SERVER=https://$BRIDGE_IP:$ACME_PORT/dir
ACME_MANAGEMENT=$BRIDGE_IP:15000

start_acme() {
  certificate pebble /CN=pebble "IP:$BRIDGE_IP"
  cp "$PKI_DIR/ca.crt" "$STATE_DIR/acme-ca.pem"
  cat >"$CLUSTER_DIR/pebble.json" <<EOF
{ "pebble": {
  "listenAddress": "$BRIDGE_IP:$ACME_PORT", "managementListenAddress": "$ACME_MANAGEMENT",
  "certificate": "$PKI_DIR/pebble.crt", "privateKey": "$PKI_DIR/pebble.key",
  "httpPort": 80, "tlsPort": 443, "certificateValidityPeriod": 7776000 } }
EOF
  alive pebble && return
  touch "$CLUSTER_DIR/acme-accounts-lost"
  start pebble /usr/bin/pebble -config "$CLUSTER_DIR/pebble.json"
  until_ready pebble ask "$ACME_SERVER"
  # Pebble makes a new root certificate whenever it starts. The file keeps the earlier ones, whose certificates are still in use.
  ask "https://$ACME_MANAGEMENT/roots/0" >>"$STATE_DIR/acme-roots.pem"
}

# acme_accounts: Pebble keeps its accounts in memory and loses them when it ends. cert-manager registers an issuer again when the
# address of its account is empty.
acme_accounts() {
  local namespace name
  [[ -e $CLUSTER_DIR/acme-accounts-lost ]] || return 0
  kube get issuers --all-namespaces -o jsonpath="{range .items[?(@.spec.acme.server=='$ACME_SERVER')]}\
{.metadata.namespace} {.metadata.name}{'\n'}{end}" | while read -r namespace name; do
    kube -n "$namespace" patch issuer "$name" --subresource status --type merge --patch '{"status":{"acme":{"uri":""}}}'
  done
  rm -f "$CLUSTER_DIR/acme-accounts-lost"
}
