# Base images under their official names, and the add-ons' images, in the registry of this machine.
# shellcheck shell=bash

IMAGES_DIR=$LOCAL_DIR/images
NPM_VERSION=11.6.2
CA_BUNDLE=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}
DEBIAN=todo-app/debian:trixie # the stand-ins' common base

# in_registry REPOSITORY TAG: answered from the registry's files, so that a run with nothing to do costs nothing.
in_registry() { [[ -e $REGISTRY_DIR/docker/registry/v2/repositories/$1/_manifests/tags/$2/current/link ]]; }

# publish COMMAND TARGET REPOSITORY TAG FILE...: has COMMAND make the image and pushes it, unless the registry holds
# it. A second tag, the hash of all inputs, tells whether it does.
publish() {
  local command=$1 target=$2 repository=$3 tag=$4 key
  shift 4
  key=$({ cat "$IMAGES_DIR"/* "$LOCAL_DIR/images.sh" "$CA_BUNDLE"; ((!$#)) || stat -Lc '%n %s %Y' "$@"; } | sha256sum)
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

# build_image TARGET FILE... NAME: a target of images/Dockerfile, with the FILEs beside it.
build_image() {
  local context=$CACHE_DIR/image-context
  rm -rf "$context"
  cp -R "$IMAGES_DIR" "$context"
  if (($# > 2)); then cp -RL "${@:2:$#-2}" "$context/"; fi
  DOCKER_BUILDKIT=1 docker build --progress plain --target "$1" --label todo-app.stand-in=true --tag "${*: -1}" "$context"
  rm -rf "$context"
}

# base_image TARGET NAME: the official image where it can be pulled, otherwise its stand-in. It is tagged with the
# official name too, for a daemon that does not have this registry as its mirror.
base_image() {
  local target=$1 name=$2 official=${2##*/}
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

# label IMAGE NAME: the value of an image's label; empty without it.
label() { docker image inspect --format "{{index .Config.Labels \"$2\"}}" "$1" 2>/dev/null || true; }

# The Node.js binary and npm, as the npm registry publishes them.
node_files() {
  local work=$CACHE_DIR/node-files version
  version=$(sed -n 's/.*"node": "\([0-9.]*\)".*/\1/p' "$LOCAL_DIR/../package.json")
  rm -rf "$work"
  npm install --prefix "$work" --no-save --no-package-lock "node@$version" "npm@$NPM_VERSION"
  cp -L "$work/node_modules/node/bin/node" "$work/node"
  mv "$work/node_modules/npm" "$work/npm"
}

# debian_image: the distribution's own bootstrap, without what an image does not need (documentation, translations,
# package lists) and with what this machine's network needs: its CA certificates and package-client settings.
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

# client_settings: variables that make package clients and programs in the image trust this machine's CAs and use its
# package indexes.
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
}

# ensure_addon_images: what the cluster itself runs, under the names that its manifests give.
ensure_addon_images() {
  local image name
  for image in "$PAUSE_IMAGE" $(grep -oh "${PAUSE_IMAGE%/*}/[a-z-]*:[0-9.]*" "$LOCAL_DIR"/addons/*.yaml); do
    image=${image#*/}
    name=$(basename "${image%:*}")
    publish build_image "$name" "${image%:*}" "${image##*:}" "$BIN_DIR/$name"
  done
}
