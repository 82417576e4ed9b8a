# Images in the registry of this machine: the base images that the stack builds on and runs, under their official names, and the
# images of the cluster's add-ons. A base image is the official one where it can be pulled, otherwise a stand-in made from
# Debian's packages. Needs Docker, the registry, the built tools, npm and debootstrap. Leaves images in Docker and in the
# registry, each with a second tag that says what it was made from; working folders below CACHE_DIR are removed or made again.
# shellcheck shell=bash

IMAGES_DIR=$LOCAL_DIR/images
NPM_VERSION=11.6.2
CA_BUNDLE=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}
DEBIAN=todo-app/debian:trixie # what every stand-in is built on

# in_registry REPOSITORY TAG: looks into the registry's files, which is faster than to ask the registry.
in_registry() { [[ -e $REGISTRY_DIR/docker/registry/v2/repositories/$1/_manifests/tags/$2/current/link ]]; }

# publish COMMAND TARGET REPOSITORY TAG FILE...: runs COMMAND to make the image, and pushes it, unless the registry has it. The
# second tag of the image is a hash of everything that it is made from.
publish() {
  local command=$1 target=$2 repository=$3 tag=$4 key
  shift 4
  key=$({ cat "$IMAGES_DIR"/* "$CA_BUNDLE"; ((!$#)) || stat -Lc '%n %s %Y' "$@"; } | sha256sum)
  key=recipe-${key:0:12}
  in_registry "$repository" "$key" && in_registry "$repository" "$tag" && return
  step "image $repository:$tag" push_image "localhost:$REGISTRY_PORT/$repository" "$tag" "$key" "$command" "$target" "$@"
}

push_image() {
  local name=$1 tag=$2 key=$3
  "${@:4}" "$name:$tag"
  docker tag "$name:$tag" "$name:$key"
  docker push --quiet "$name:$tag"
  docker push --quiet "$name:$key"
}

# build_image TARGET FILE... NAME: builds a target of the Dockerfile with the FILEs beside it. PROGRAM is the first one's name.
build_image() {
  local context=$CACHE_DIR/image-context program=()
  rm -rf "$context"
  cp -R "$IMAGES_DIR" "$context"
  if (($# > 2)); then
    cp -RL "${@:2:$#-2}" "$context/"
    program=(--build-arg "PROGRAM=${2##*/}")
  fi
  DOCKER_BUILDKIT=1 docker build --progress plain --target "$1" "${program[@]}" --label todo-app.stand-in=true --tag "${*: -1}" "$context"
  rm -rf "$context"
}

# base_image TARGET NAME: pulls the official image, or builds its stand-in. The stand-in gets the official name too: a Docker
# daemon of the machine does not ask this registry for images of Docker Hub.
base_image() {
  local target=$1 name=$2 official=${2#*/}
  official=${official#library/}
  if timeout 600 docker pull --quiet "$official" && [[ -z $(label "$official" todo-app.stand-in) ]]; then
    docker tag "$official" "$name"
    return
  fi
  debian_image
  if [[ $target == node ]]; then
    node_files
    build_image node "$CACHE_DIR/node-files/node" "$CACHE_DIR/node-files/npm" "$name"
  else
    build_image "$target" "$name"
  fi
  docker tag "$name" "$official"
}

# label IMAGE NAME: the value of an image's label; nothing if it has none.
label() { docker image inspect --format "{{index .Config.Labels \"$2\"}}" "$1" 2>/dev/null || true; }

# node_files: the Node.js program and npm, which are both packages of the npm registry.
node_files() {
  local work=$CACHE_DIR/node-files version
  version=$(sed -n 's/.*"node": "\([0-9.]*\)".*/\1/p' "$LOCAL_DIR/../package.json")
  rm -rf "$work"
  npm install --prefix "$work" --no-save --no-package-lock "node@$version" "npm@$NPM_VERSION"
  cp -L "$work/node_modules/node/bin/node" "$work/node"
  mv "$work/node_modules/npm" "$work/npm"
}

# debian_image: a minimal Debian without documentation, translations and package lists. It gets this machine's CA certificates and
# settings of package clients, because the network of the machine may need them.
debian_image() {
  local key root=$CACHE_DIR/debian mirror
  key=$({ declare -f debian_image; cat "$CA_BUNDLE"; client_settings; } | sha256sum)
  [[ $(label $DEBIAN todo-app.recipe) != "$key" ]] || return 0
  # shellcheck disable=SC2016 # apt-get's own placeholders
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' | head -n 1)
  rm -rf "$root"
  debootstrap --variant=minbase trixie "$root" ${mirror:+"$mirror"}
  mkdir -p "$root/etc/ssl/certs"
  cp "$CA_BUNDLE" "$root/etc/ssl/host-ca.crt"
  ln -sf ../host-ca.crt "$root/etc/ssl/certs/ca-certificates.crt"
  apt-config dump | grep -E '^Acquire::(Check|http|https)' >"$root/etc/apt/apt.conf.d/90host" || true
  printf 'path-exclude=/usr/share/%s/*\n' doc man info locale lintian >"$root/etc/dpkg/dpkg.cfg.d/slim"
  tar --directory "$root" --create --exclude=./var/cache/apt/'*' --exclude=./var/lib/apt/lists/'*' --exclude=./var/log/'*' \
    --exclude=./usr/share/{doc,man,info,locale,lintian}/'*' . |
    docker import --change "LABEL todo-app.recipe=\"$key\"" --change 'CMD ["bash"]' \
      --change "ENV $(client_settings)" - $DEBIAN
  rm -rf "$root"
}

# client_settings: environment variables that make programs trust this machine's CA certificates and use its package indexes.
client_settings() {
  local name index
  for name in SSL_CERT_FILE NODE_EXTRA_CA_CERTS PIP_CERT REQUESTS_CA_BUNDLE CURL_CA_BUNDLE; do
    printf '%s=/etc/ssl/host-ca.crt ' $name
  done
  printf 'LANG=C.UTF-8 npm_config_registry=%s ' "$(npm config get registry 2>/dev/null)"
  index=$(python3 -m pip config get global.index-url 2>/dev/null || true)
  [[ -z $index ]] || printf 'PIP_INDEX_URL=%s UV_DEFAULT_INDEX=%s ' "$index" "$index"
}

ensure_images() {
  publish base_image python library/python 3.13-slim
  publish base_image node library/node 24-slim
  publish base_image postgres library/postgres 17
  publish base_image rclone rclone/rclone 1.75.1
}

# ensure_addon_images: the images that the manifests of the add-ons name, and the one that holds the namespaces of a pod.
ensure_addon_images() {
  local image name
  for image in "$PAUSE_IMAGE" $(grep -oh "${PAUSE_IMAGE%/*}/[a-z-]*:[0-9.]*" "$LOCAL_DIR"/cluster/addons/*.yaml); do
    image=${image#*/}
    name=$(basename "${image%:*}")
    publish build_image program "${image%:*}" "${image##*:}" "$BIN_DIR/$name"
  done
}
