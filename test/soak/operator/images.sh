#!/usr/bin/env bash
# Builds CloudNativePG, its plugin for backups and the images that both need, unless the cache and the registry of the local cluster
# have them. Prints the folders of both Go modules, which have the manifests of their releases, and the certificate of a server at
# the address at which the pods reach this machine.
# shellcheck source=local/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../../local/lib.sh"
# shellcheck source=local/toolchain/toolchain.sh
source "$LOCAL_DIR/toolchain/toolchain.sh"
# shellcheck source=local/docker/docker.sh
source "$LOCAL_DIR/docker/docker.sh"
# shellcheck source=local/images/images.sh
source "$LOCAL_DIR/images/images.sh"
# shellcheck source=local/cluster/cluster.sh
source "$LOCAL_DIR/cluster/cluster.sh"
# shellcheck disable=SC2034 # where publish looks
IMAGES_DIR=$LOCAL_DIR/../test/soak/operator

OPERATOR=github.com/cloudnative-pg/cloudnative-pg
PLUGIN=github.com/cloudnative-pg/plugin-barman-cloud

# program NAME PATH: builds the manager of the Go module PATH; sets TOOL_DIR. Not by go_tool: both programs have the same name.
program() {
  local MODULE=cloudnative-pg version
  version=$(pinned $MODULE "$2")
  set -- "$1" "$version" -ldflags "-s -w" "$2/cmd/manager"
  tool_dir "$@"
  [[ -d $TOOL_DIR ]] || { go_installed && step "build $1 $version" build_go "$MODULES_DIR/$MODULE" "$TOOL_DIR" "${@:3}"; }
}

# folder_of PATH: the folder of the Go module PATH.
folder_of() { go -C "$MODULES_DIR/cloudnative-pg" list -mod=readonly -m -f '{{.Dir}}' "$1"; }

{
  program cloudnative-pg $OPERATOR
  publish build_image operator todo-app-test/cloudnative-pg latest "$TOOL_DIR/manager"
  program barman-cloud $PLUGIN
  publish build_image plugin todo-app-test/barman-cloud latest "$TOOL_DIR/manager"
  publish build_image sidecar todo-app-test/barman-cloud-sidecar latest "$TOOL_DIR/manager" \
    "$(folder_of $PLUGIN)/containers/sidecar-requirements.txt" "$PKI_DIR/ca.crt"
  publish build_image postgres todo-app-test/cloudnative-pg-postgres 17
  certificate s3 /CN=s3 "IP:$BRIDGE_IP"
} >&2
printf '%s\n' "$(folder_of $OPERATOR)" "$(folder_of $PLUGIN)" "$PKI_DIR/s3"
