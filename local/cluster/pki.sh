# Certificates and kubeconfig files of the local cluster. A certificate that exists is kept, because clients have copies of it.
# shellcheck shell=bash

PKI_DIR=$CLUSTER_DIR/pki

# The options of `openssl req` for a new EC key.
NEW_KEY=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)

# authority: makes the certificate authority of the cluster, and the key that signs the tokens of service accounts.
authority() {
  (umask 077 && mkdir -p "$PKI_DIR")
  [[ -s $PKI_DIR/ca.crt ]] ||
    { openssl req -x509 "${NEW_KEY[@]}" -days 3650 -subj /CN=todo-app-local -keyout "$PKI_DIR/ca.key" -out "$PKI_DIR/ca.new" &&
      mv "$PKI_DIR/ca.new" "$PKI_DIR/ca.crt"; }
  [[ -s $PKI_DIR/service-account.key ]] ||
    { openssl ecparam -genkey -name prime256v1 -noout -out "$PKI_DIR/service-account.new" &&
      mv "$PKI_DIR/service-account.new" "$PKI_DIR/service-account.key"; }
}

# certificate NAME SUBJECT [SUBJECT-ALTERNATIVE-NAMES]: makes a certificate for a client, and with alternative names for a server.
certificate() {
  local file=$PKI_DIR/$1 extensions='extendedKeyUsage=clientAuth'
  [[ ! -s $file.crt ]] || return 0
  [[ -z ${3:-} ]] || extensions=$'extendedKeyUsage=clientAuth,serverAuth\nsubjectAltName='$3
  openssl req "${NEW_KEY[@]}" -subj "$2" -keyout "$file.key" |
    openssl x509 -req -days 3650 -CA "$PKI_DIR/ca.crt" -CAkey "$PKI_DIR/ca.key" \
      -set_serial "0x$(openssl rand -hex 8)" -extfile <(echo "$extensions") -out "$file.new"
  mv "$file.new" "$file.crt" # comes last, so that an interrupted run leaves no certificate without a key
}

# kubeconfig FILE CERTIFICATE [CONTEXT...]: writes a kubeconfig that contains the credentials, so that a copy of it works too.
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
