# The provider plugins of Pulumi that the stack uses. An official plugin that the machine has or can download is used. Otherwise
# the official one for kubernetes is built from its Go module, and those for docker and random, which are in no package
# registry, have stand-ins here (Go). Needs toolchain.sh, and Go where something must be built. Leaves builds below
# CACHE_DIR/tools, links named pulumi-resource-<name> in BIN_DIR, and for an hour a note that the site could not be reached.
# shellcheck shell=bash

# ensure_plugins: makes every plugin available in the version of its SDK package, and says which are official.
ensure_plugins() {
  local name version official='' standin=()
  for name in docker kubernetes random; do
    version=$(sdk_version "$name")
    if official_plugin "$name" "$version"; then
      rm -f "$BIN_DIR/pulumi-resource-$name"
      official+="${official:+, }$name $version"
    elif [[ $name == kubernetes ]]; then
      ensure_kubernetes_provider "$version"
      official+="${official:+, }$name $version (built from its Go module)"
    else
      standin+=("$name")
    fi
  done
  ((!${#standin[@]})) || build_plugins "${standin[@]}"
  note "provider plugins: official $official${standin[*]:+; stand-ins for ${standin[*]} (neither installed nor downloadable)}"
}

# official_plugin NAME VERSION: whether the machine has that plugin or has just downloaded it. After the site could not be reached,
# it is not asked again for an hour: where a firewall drops the packets, that costs five seconds.
official_plugin() {
  local refused=$STATE_DIR/official-plugins-refused status=0
  on_path "pulumi-resource-$1" || [[ -d ${PULUMI_HOME:-$HOME/.pulumi}/plugins/resource-$1-v$2 ]] || {
    [[ -z $(find "$refused" -mmin -60 2>/dev/null) ]] || return
    fetch_official plugin "$1" "$2" || status=$?
    if ((status == 3)); then touch "$refused"; fi
    return "$status"
  }
}

ensure_kubernetes_provider() {
  BUILDER=build_kubernetes_provider go_tool kubernetes-provider "$1" \
    -ldflags "-s -w -X github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/version.Version=$1" .
}

# build_kubernetes_provider: the program embeds two files that are made for a release and are not in the Go module. The files that
# they are made from are in the module, and serve as well.
build_kubernetes_provider() {
  local module=$1 copy=$CACHE_DIR/kubernetes-provider-source name=github.com/pulumi/pulumi-kubernetes/provider/v4 source
  shift
  rm -rf "$copy"
  cp -R "$module" "$copy"
  source=$(source_of "$module" $name)/cmd/pulumi-resource-kubernetes
  install -m 644 "$source/schema.json" "$source/terraform-mapping.json" "$copy/"
  build_go "$copy" "$@"
  rm -rf "$copy"
}

# build_plugins NAME...: builds the stand-ins, which are one program that is called by the names of the plugins.
build_plugins() {
  local source=$LOCAL_DIR/plugins key target name
  key=$(find "$source" -name '*.go' ! -name '*_test.go' -o -name 'go.*' | sort | xargs cat | sha256sum)
  target=$CACHE_DIR/tools/plugins-${key:0:12}
  [[ -d $target ]] || { go_installed && step "build the stand-in plugins" build_go "$source" "$target" -ldflags "-s -w" .; }
  for name in "$@"; do ln -sfn "$target/plugins" "$BIN_DIR/pulumi-resource-$name"; done
}
