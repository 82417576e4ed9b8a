# Certificates and kubeconfig files of the local cluster. A certificate that exists is kept, because clients have copies of it.
# shellcheck shell=bash

PKI_DIR=$CLUSTER_DIR/pki

# The options of `openssl req` for a new EC key.
NEW_KEY=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)

# authority FILE SUBJECT: makes the key and the certificate of an authority, with the extension that strict clients ask for.
authority() {
  [[ ! -s $1.crt ]] || return 0
  openssl req -x509 "${NEW_KEY[@]}" -days 3650 -subj "$2" -addext keyUsage=critical,keyCertSign,cRLSign -keyout "$1.key" -out "$1.new"
  mv "$1.new" "$1.crt" # comes last, so that an interrupted run leaves no certificate without a key
}

# signed FILE AUTHORITY SUBJECT EXTENSION...: makes a key, and a certificate that the authority has signed.
signed() {
  [[ ! -s $1.crt ]] || return 0
  openssl req "${NEW_KEY[@]}" -subj "$3" -keyout "$1.key" |
    openssl x509 -req -days 3650 -CA "$2.crt" -CAkey "$2.key" -set_serial "0x$(openssl rand -hex 8)" \
      -extfile <(printf '%s\n' "${@:4}") -out "$1.new"
  mv "$1.new" "$1.crt"
}

# certificate NAME SUBJECT [SUBJECT-ALTERNATIVE-NAMES]: makes a certificate for a client, and with alternative names for a server.
certificate() {
  local extensions=extendedKeyUsage=clientAuth
  [[ -z ${3-} ]] || extensions=$'extendedKeyUsage=clientAuth,serverAuth\nsubjectAltName='$3
  signed "$PKI_DIR/$1" "$PKI_DIR/ca" "$2" "$extensions"
}

# kubeconfig FILE CERTIFICATE [CONTEXT...]: writes a kubeconfig that contains the credentials, so that a copy of it works too.
kubeconfig() {
  local file=$1 name=$2
  shift 2
  (($#)) || set -- local
  (umask 077 && cat >"$file.new") <<EOF
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
$(printf "  - { name: %s, context: { cluster: todo-app-local, user: $name } }\n" "$@")
EOF
  mv "$file.new" "$file"
}
