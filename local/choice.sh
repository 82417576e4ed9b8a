# Which cluster and which state backend a stage uses, for every command that has to do with it.
# shellcheck shell=bash

# choose_cluster STAGE: sets what local/chooseCluster.ts decides.
choose_cluster() {
  local project=${LOCAL_DIR%/*} settings
  [[ -x $project/node_modules/.bin/node ]] || die "the npm packages are not installed" "make cluster STAGE=$1 installs them"
  separate_backends
  # shellcheck disable=SC2034 # lib.sh would say the same again
  settings=$(NODE_COMPILE_CACHE=$CACHE_DIR/node "$project/node_modules/.bin/node" \
    "$LOCAL_DIR/chooseCluster.ts" "$1" "$project" "$STATE_DIR") || { REPORTED=1; exit 1; }
  eval "$settings"
  export KUBECONFIG
}

# remember_cluster STAGE CHOICE: from now on, for every command of STAGE.
remember_cluster() {
  mkdir -p "$STATE_DIR/clusters"
  echo "$2" >"$STATE_DIR/clusters/$1"
}

# forget_local_clusters: once there is none, a stage must be told anew to use one.
forget_local_clusters() {
  local file
  for file in "$STATE_DIR"/clusters/*; do [[ ! -e $file || $(<"$file") != local ]] || rm "$file"; done
}

# separate_backends: earlier versions kept all states in one folder, and noted that the last run was on the machine's own
# cluster. They are of that one, or, where a local cluster is there too, of either.
separate_backends() {
  [[ -e $STATE_DIR/machine-context ]] || return 0
  if [[ -d $STATE_DIR/pulumi && ! -e $STATE_DIR/stacks ]]; then
    if [[ -d $STATE_DIR/cluster ]]; then cp -a "$STATE_DIR/pulumi" "$STATE_DIR/stacks"; else mv "$STATE_DIR/pulumi" "$STATE_DIR/stacks"; fi
  fi
  rm "$STATE_DIR/machine-context"
}

# print_settings: of the chosen cluster, for a shell. Needs docker.sh.
print_settings() {
  local folder tools=$PATH
  [[ ! -x $CLIENT_DIR/docker || $PATH == "$CLIENT_DIR:"* ]] || tools=$CLIENT_DIR:$PATH
  emit PATH "$tools"
  emit KUBECONFIG "$KUBECONFIG"
  [[ ! -e $RUN_DIR/dockerd.pid ]] || emit DOCKER_HOST "unix://$DOCKER_SOCKET"
  emit PULUMI_SKIP_UPDATE_CHECK true
  # Node.js keeps the SDK's compiled code: half a second on every preview.
  emit NODE_COMPILE_CACHE "$CACHE_DIR/node"
  # The local cluster's base images may be stand-ins (images.sh), which have the official tags and digests of their own.
  if [[ $CHOICE == local ]]; then emit TODO_APP_IMAGE_DIGESTS none; else echo 'unset TODO_APP_IMAGE_DIGESTS'; fi
  if [[ $BACKEND ]]; then
    folder=${BACKEND#file://}
    mkdir -p "${folder%\?*}"
    emit PULUMI_BACKEND_URL "$BACKEND"
    [[ -n ${PULUMI_CONFIG_PASSPHRASE-}${PULUMI_CONFIG_PASSPHRASE_FILE-} ]] || emit PULUMI_CONFIG_PASSPHRASE_FILE "$STATE_DIR/passphrase"
  elif [[ ${PULUMI_BACKEND_URL-} == "file://$STATE_DIR/"* ]]; then
    echo 'unset PULUMI_BACKEND_URL' # left in this shell by the settings of another stage
  fi
}

emit() { printf 'export %s=%q\n' "$1" "$2"; }
