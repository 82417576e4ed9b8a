# Shared by every script in local/: where things live, how a step reports, how a daemon is kept.
# shellcheck shell=bash
set -euo pipefail

# shellcheck disable=SC2034 # used by the scripts that read this file
LOCAL_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CACHE_DIR=${XDG_CACHE_HOME:-$HOME/.cache}/todo-app        # built tools and images, kept per version
STATE_DIR=${XDG_STATE_HOME:-$HOME/.local/state}/todo-app  # cluster, registry and Pulumi state
LOG_DIR=$STATE_DIR/logs
RUN_DIR=$STATE_DIR/run
BIN_DIR=$CACHE_DIR/bin                                    # what was installed for want of it on PATH
mkdir -p "$CACHE_DIR" "$STATE_DIR" "$LOG_DIR" "$RUN_DIR" "$BIN_DIR"
case ":$PATH:" in *":$BIN_DIR:"*) ;; *) PATH=$PATH:$BIN_DIR ;; esac

# No script ends without a word: what `set -e` stops is reported here, what `die` reports is not repeated.
trap 'status=$?; ((!status)) || [[ ${REPORTED-} ]] || echo "error: $0 stopped with exit code $status after: $BASH_COMMAND" >&2' EXIT

# die MESSAGE FIX: one clear error, with what to do about it.
die() {
  REPORTED=1
  printf '\nerror: %s\n  fix: %s\n' "$1" "$2" >&2
  exit 1
}

# note TEXT: one line of information.
note() { printf '  %s\n' "$*"; }

# step TITLE COMMAND...: runs COMMAND with its output in a log; prints the elapsed time,
# and on failure the log's name and its last lines. COMMAND may be a function.
step() {
  local title=$1 log begin status=0
  shift
  log=$LOG_DIR/$(tr -cs 'A-Za-z0-9' '-' <<<"$title" | sed 's/-$//').log
  begin=$SECONDS
  printf '  %s … ' "$title"
  # Not `|| status=$?`: bash ignores `set -e` inside whatever stands left of an `||`.
  set +e
  (set -e; "$@") >"$log" 2>&1 </dev/null
  status=$?
  set -e
  if ((status)); then
    printf 'failed after %d s\n' $((SECONDS - begin))
    tail -n 15 "$log" | sed 's/^/    | /' >&2
    die "$title failed with exit code $status" "see $log; run the same command again, it continues where it stopped"
  fi
  printf '%d s\n' $((SECONDS - begin))
}

# started_at PID: the kernel's start time of a process, which tells it from a later one with the same id.
# Nothing for a process that has ended and waits for its parent to notice (state Z).
started_at() { awk '{ sub(/^.*\) /, ""); if ($1 != "Z") print $20 }' "/proc/$1/stat" 2>/dev/null; }

# alive NAME: whether the daemon that `start` recorded under NAME still runs.
alive() {
  local pid time
  read -r pid time 2>/dev/null <"$RUN_DIR/$1.pid" || return 1
  [[ -n $time && $(started_at "$pid") == "$time" ]]
}

# start NAME COMMAND...: runs COMMAND detached, logged and recorded, unless it runs already. The process records
# itself before it becomes COMMAND: whatever kills this script in between, no daemon runs unrecorded. It inherits no
# open file: a lock or a pipe of the caller would stay open for as long as the daemon runs.
start() {
  local name=$1 record=$RUN_DIR/$1.pid
  shift
  alive "$name" && return 0
  rm -f "$record"
  setsid -f bash -c "$(declare -f started_at)"'
    for fd in /proc/$$/fd/*; do ((${fd##*/} < 3)) || eval "exec ${fd##*/}>&-"; done
    echo "$$ $(started_at $$)" >"$1.new" && mv "$1.new" "$1" && shift && exec "$@"' _ "$record" "$@" \
    >"$LOG_DIR/$name.log" 2>&1 </dev/null
  until [[ -e $record ]]; do sleep 0.02; done
}

# stop NAME [SIGNAL]: ends the recorded daemon and waits until it is gone (10 s, then SIGKILL).
stop() {
  local pid name=$1 tries=100
  if alive "$name"; then
    read -r pid _ <"$RUN_DIR/$name.pid"
    kill -s "${2:-TERM}" "$pid" 2>/dev/null || true
    while alive "$name" && ((tries--)); do sleep 0.1; done
    alive "$name" && kill -s KILL "$pid" 2>/dev/null
  fi
  rm -f "$RUN_DIR/$name.pid"
}

# wait_for SECONDS WHAT COMMAND...: repeats COMMAND until it succeeds; says WHAT did not happen in time.
wait_for() {
  local deadline=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || { echo "timed out waiting for $what" >&2; return 1; }
    sleep 0.2
  done
}
