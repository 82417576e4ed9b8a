# What a stage works with on this machine: cluster, state backend, passphrase and stage file. Every command of the stage asks
# here. ops/lib/chooseCluster.ts decides, and mergeStage.ts writes the stage file that a stage uses on the local cluster. Needs the
# npm packages. Leaves below STATE_DIR: clusters/ (which cluster a stage was told to use), pulumi/ (states of stages on the local
# cluster), stacks/ (those on other clusters), stages/ (merged stage files), and passphrase.
# shellcheck shell=bash

source "$LOCAL_DIR/docker/docker.sh" # the settings name its client and its daemon

# choose_cluster STAGE: sets the variables that chooseCluster.ts prints.
choose_cluster() {
  local project=${LOCAL_DIR%/*} settings
  [[ -x $project/node_modules/.bin/node ]] || die "the npm packages are not installed" "make cluster STAGE=$1 installs them"
  separate_backends
  # shellcheck disable=SC2034 # with REPORTED, lib.sh does not report the failure a second time
  settings=$(typescript ops/lib/chooseCluster.ts "$1" "$project" "$STATE_DIR") || { REPORTED=1; exit 1; }
  eval "$settings"
  export KUBECONFIG
}

# choose_file STAGE: sets FILE, the stage file that a deploy of STAGE uses. On the local cluster it is merged with
# local/overrides.STAGE.yaml, where that file exists. Needs what choose_cluster sets.
choose_file() {
  local stage=${1##*/} project=${LOCAL_DIR%/*} # without the organisation, as its file is named
  FILE=Pulumi.$stage.yaml
  [[ $CHOICE == local && -e $LOCAL_DIR/overrides.$stage.yaml ]] || return 0
  # Pulumi creates a stack in the folder of a project, and writes the stack's file there.
  mkdir -p "$STATE_DIR/stages"
  ln -sfn "$project/Pulumi.yaml" "$STATE_DIR/stages/Pulumi.yaml"
  # shellcheck disable=SC2034
  FILE=$(eval "$(print_settings)" && cd "$project" && typescript local/stage/mergeStage.ts "$stage" "$STATE_DIR") || { REPORTED=1; exit 1; }
}

# remember_cluster STAGE CHOICE: every later command of STAGE uses CHOICE.
remember_cluster() {
  mkdir -p "$STATE_DIR/clusters"
  echo "$2" >"$STATE_DIR/clusters/$1"
}

# forget_local_clusters: after local/clean, a stage uses a local cluster only when it is told to again.
forget_local_clusters() {
  local file
  for file in "$STATE_DIR"/clusters/*; do [[ ! -e $file || $(<"$file") != local ]] || rm "$file"; done
}

# separate_backends: earlier versions kept all states in one folder. When their last run was on the machine's own cluster they
# left a note, machine-context. The states are of that cluster then; where a local cluster exists too, they may be of either,
# and both get a copy.
separate_backends() {
  [[ -e $STATE_DIR/machine-context ]] || return 0
  if [[ -d $STATE_DIR/pulumi && ! -e $STATE_DIR/stacks ]]; then
    if [[ -d $STATE_DIR/cluster ]]; then cp -Rp "$STATE_DIR/pulumi" "$STATE_DIR/stacks"; else mv "$STATE_DIR/pulumi" "$STATE_DIR/stacks"; fi
  fi
  rm "$STATE_DIR/machine-context"
}

# print_settings: the settings of the chosen cluster as commands for a shell.
print_settings() {
  local folder tools=$PATH
  [[ ! -x $CLIENT_DIR/docker || $PATH == "$CLIENT_DIR:"* ]] || tools=$CLIENT_DIR:$PATH
  emit PATH "$tools"
  emit KUBECONFIG "$KUBECONFIG"
  [[ ! -e $RUN_DIR/dockerd.pid ]] || emit DOCKER_HOST "unix://$DOCKER_SOCKET"
  emit PULUMI_SKIP_UPDATE_CHECK true
  # Node.js keeps the compiled code of the SDK there, which saves half a second on every preview.
  emit NODE_COMPILE_CACHE "$CACHE_DIR/node"
  # The base images of the local cluster may be stand-ins (images.sh). They have the official tags, but other digests.
  if [[ $CHOICE == local ]]; then emit TODO_APP_IMAGE_DIGESTS none; else echo 'unset TODO_APP_IMAGE_DIGESTS'; fi
  if [[ $BACKEND ]]; then
    folder=${BACKEND#file://}
    mkdir -p "${folder%\?*}"
    emit PULUMI_BACKEND_URL "$BACKEND"
    [[ -n ${PULUMI_CONFIG_PASSPHRASE-}${PULUMI_CONFIG_PASSPHRASE_FILE-} ]] || emit PULUMI_CONFIG_PASSPHRASE_FILE "$STATE_DIR/passphrase"
  elif [[ ${PULUMI_BACKEND_URL-} == "file://$STATE_DIR/"* ]]; then
    echo 'unset PULUMI_BACKEND_URL' # the settings of another stage have set it in this shell
  fi
}

emit() { printf 'export %s=%q\n' "$1" "$2"; }

# ensure_passphrase: makes what encrypts the secrets in Pulumi's states.
ensure_passphrase() { once "$STATE_DIR/passphrase" new_passphrase; }

new_passphrase() { od -An -tx1 -N32 /dev/urandom | tr -d ' \n'; }
