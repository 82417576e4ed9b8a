# Which cluster a stage uses, for every command that has to do with it.
# shellcheck shell=bash

# The kubeconfig of the machine itself; what `eval "$(local/env)"` left in a shell is not.
MACHINE_KUBECONFIG=${KUBECONFIG-}
[[ -n $MACHINE_KUBECONFIG && $MACHINE_KUBECONFIG != "$STATE_DIR/kubeconfig" ]] || MACHINE_KUBECONFIG=$HOME/.kube/config

# context_of STAGE: the context that its stage file names.
context_of() { PATH=${LOCAL_DIR%/*}/node_modules/.bin:$PATH node "$LOCAL_DIR/stageContext.ts" "${LOCAL_DIR%/*}/Pulumi.$1.yaml"; }

# machine_has CONTEXT: KUBECONFIG may be a list of files; most machines without a cluster have none, and need no kubectl to know.
machine_has() {
  local files
  IFS=: read -ra files <<<"$MACHINE_KUBECONFIG"
  grep -qsF -- "$1" "${files[@]}" || return 1
  type -P kubectl >/dev/null || ensure_kubectl
  KUBECONFIG=$MACHINE_KUBECONFIG kubectl config get-contexts "$1" >/dev/null 2>&1
}

# choose_cluster STAGE: sets CHOICE (local or context), REASON and KUBECONFIG.
choose_cluster() {
  local stage=$1 remembered=$STATE_DIR/clusters/$1
  CHOICE=${CLUSTER:-$(cat "$remembered" 2>/dev/null || true)}
  if [[ -n ${CLUSTER-} ]]; then
    REASON="CLUSTER=$CLUSTER"
  elif [[ -n $CHOICE ]]; then
    REASON="as CLUSTER=$CHOICE said before; CLUSTER=$([[ $CHOICE == local ]] && echo context || echo local) changes it"
  else
    choose_by_looking "$stage"
  fi
  case $CHOICE in
    local) KUBECONFIG=$STATE_DIR/kubeconfig ;;
    context) KUBECONFIG=$MACHINE_KUBECONFIG ;;
    *) die "CLUSTER=$CHOICE is neither local nor context" "CLUSTER=local uses a cluster on this machine, CLUSTER=context the one that Pulumi.$stage.yaml names" ;;
  esac
  export KUBECONFIG
}

# choose_by_looking STAGE: a cluster on this machine is never taken for another stage's than dev's without being asked for.
choose_by_looking() {
  local context
  context=$(context_of "$1") || die "Pulumi.$1.yaml can't be read" "the reason stands above"
  REASON="context \"$context\" in ${MACHINE_KUBECONFIG/#$HOME/\~}"
  CHOICE=context
  ! machine_has "$context" || return 0
  REASON="no $REASON"
  CHOICE=local
  [[ $1 == dev ]] || die "$REASON, which stage $1 is deployed to" \
    "point KUBECONFIG at the file that has it; or, for a cluster on this machine: make up STAGE=$1 CLUSTER=local"
}

# remember_cluster STAGE: what CLUSTER said counts for the commands that follow.
remember_cluster() {
  [[ -z ${CLUSTER-} ]] || { mkdir -p "$STATE_DIR/clusters" && echo "$CLUSTER" >"$STATE_DIR/clusters/$1"; }
}
