# Certificates and kubeconfig files of the local cluster. What exists is kept: clients hold copies of it.
# shellcheck shell=bash

PKI_DIR=$CLUSTER_DIR/pki

# new_key: an EC key for `openssl req`.
new_key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)

# authority: the cluster's certificate authority and the key that signs service account tokens.
authority() {
  (umask 077 && mkdir -p "$PKI_DIR")
  [[ -s $PKI_DIR/ca.crt ]] ||
    { openssl req -x509 "${new_key[@]}" -days 3650 -subj /CN=todo-app-local -keyout "$PKI_DIR/ca.key" -out "$PKI_DIR/ca.new" &&
      mv "$PKI_DIR/ca.new" "$PKI_DIR/ca.crt"; }
  [[ -s $PKI_DIR/service-account.key ]] ||
    { openssl ecparam -genkey -name prime256v1 -noout -out "$PKI_DIR/service-account.new" &&
      mv "$PKI_DIR/service-account.new" "$PKI_DIR/service-account.key"; }
}

# certificate NAME SUBJECT [SUBJECT-ALTERNATIVE-NAMES]: for clients, and with alternative names for servers too.
certificate() {
  local file=$PKI_DIR/$1 extensions='extendedKeyUsage=clientAuth'
  [[ ! -s $file.crt ]] || return 0
  [[ -z ${3:-} ]] || extensions=$'extendedKeyUsage=clientAuth,serverAuth\nsubjectAltName='$3
  openssl req "${new_key[@]}" -subj "$2" -keyout "$file.key" |
    openssl x509 -req -days 3650 -CA "$PKI_DIR/ca.crt" -CAkey "$PKI_DIR/ca.key" \
      -set_serial "0x$(openssl rand -hex 8)" -extfile <(echo "$extensions") -out "$file.new"
  mv "$file.new" "$file.crt" # last and at once: an interrupted run leaves no certificate without its key
}

# kubeconfig FILE CERTIFICATE [CONTEXT...]: credentials embedded, so that the file works wherever it is copied to.
kubeconfig() {
  local file=$1 name=$2 context
  shift 2
  (($#)) || set -- local
  {
    cat <<EOF
apiVersion: v1
kind: Config
current-context: $1
clusters:
  - name: todo-app-local
    cluster:
      server: https://$BRIDGE_IP:6443
      certificate-authority-data: $(base64 -w0 "$PKI_DIR/ca.crt")
users:
  - name: $name
    user:
      client-certificate-data: $(base64 -w0 "$PKI_DIR/$name.crt")
      client-key-data: $(base64 -w0 "$PKI_DIR/$name.key")
contexts:
EOF
    for context; do
      printf '  - { name: %s, context: { cluster: todo-app-local, user: %s } }\n' "$context" "$name"
    done
  } | (umask 077 && cat >"$file.new")
  mv "$file.new" "$file"
}
