# Shared by every script in local/: where things are kept, how a step reports, how a daemon is started and ended, how a
# package of the distribution is installed.
# shellcheck shell=bash disable=SC2034 # other scripts use what is set here
set -euo pipefail

LOCAL_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CACHE_DIR=${XDG_CACHE_HOME:-$HOME/.cache}/todo-app        # built tools and images, kept per version
STATE_DIR=${XDG_STATE_HOME:-$HOME/.local/state}/todo-app  # cluster, registry and Pulumi state
LOG_DIR=$STATE_DIR/logs
RUN_DIR=$STATE_DIR/run
BIN_DIR=$CACHE_DIR/bin                                    # tools that PATH did not have
REGISTRY_PORT=5000                                        # of the image registry
mkdir -p "$CACHE_DIR" "$STATE_DIR" "$LOG_DIR" "$RUN_DIR" "$BIN_DIR"
case ":$PATH:" in *":$BIN_DIR:"*) ;; *) PATH=$PATH:$BIN_DIR ;; esac

# Every failure is reported: here where `set -e` ends the script; `die` has reported its own. A lock is released in any case.
trap 'status=$?; ((!status)) || [[ ${REPORTED-} ]] || echo "error: $0 stopped with exit code $status after: $BASH_COMMAND" >&2
  [[ -z ${HELD_LOCK-} ]] || rm -f "$HELD_LOCK"' EXIT

# die MESSAGE FIX: ends the script with one error and the way to fix it.
die() {
  REPORTED=1
  printf '\nerror: %s\n  fix: %s\n' "$1" "$2" >&2
  exit 1
}

note() { printf '  %s\n' "$*"; }

# typescript FILE ARGUMENT...: runs a file of this repository with the Node.js of the npm packages; the one on PATH may be too old.
typescript() { NODE_COMPILE_CACHE=$CACHE_DIR/node "$LOCAL_DIR/../node_modules/.bin/node" "$LOCAL_DIR/../$1" "${@:2}"; }

# take_lock ARGUMENT...: waits until no other run of local/up or local/clean is under way. To be called first, with the arguments
# of the script: flock runs it again. With -o the lock is in a process of its own, so that no daemon of this run inherits it.
take_lock() {
  if ! type -P flock >/dev/null; then
    lock_by_link
  elif [[ -z ${TODO_APP_LOCKED-} ]]; then
    flock -n "$STATE_DIR/lock" true || note "another run is under way: waiting for it to end"
    TODO_APP_LOCKED=1 exec flock -o "$STATE_DIR/lock" "$0" "$@"
  fi
  unset TODO_APP_LOCKED
}

# is_run PID: whether the process is one of the scripts that take the lock. A process id is used again after its process has ended.
is_run() { [[ $(ps -o args= -p "$1" 2>/dev/null) =~ local/(up|clean)( |$) ]]; }

# lock_by_link: waits until no other run holds the lock, and takes it. For machines without flock, such as macOS: the lock is a link
# to the process id of its holder. A link is made in one step, and fails where there is one.
lock_by_link() {
  local lock=$STATE_DIR/lock.link holder said=
  until ln -s "$$" "$lock" 2>/dev/null; do
    if ! holder=$(readlink "$lock"); then continue; fi # it was released just now
    if ! is_run "$holder" && mkdir "$lock.dead" 2>/dev/null; then
      # Only one waiting run may remove the lock of a killed one, and it looks again: the lock may be that of a live one by now.
      if holder=$(readlink "$lock") && ! is_run "$holder"; then rm -f "$lock"; fi
      rmdir "$lock.dead"
      continue
    fi
    [[ $said ]] || note "another run is under way: waiting for it to end (lock: $lock)"
    said=1
    sleep 1
  done
  HELD_LOCK=$lock
}

# once FILE COMMAND...: writes what COMMAND prints into FILE, for its owner alone, unless that was done before.
once() {
  [[ ! -s $1 ]] || return 0
  (umask 077 && "${@:2}" >"$1.new")
  mv "$1.new" "$1"
}

# step TITLE COMMAND...: runs COMMAND, which may be a function, and writes its output to a log. Prints the elapsed time; on
# failure also the log's last lines and its name.
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

# started_at PID: when the process started, in the kernel's ticks. A later process with the same id has another start time.
# Prints nothing for a zombie (state Z), which has ended already.
started_at() {
  local line fields
  read -r line 2>/dev/null <"/proc/$1/stat" || return 0
  read -r -a fields <<<"${line##*) }" # the name of the process, in parentheses, may have blanks
  [[ ${fields[0]} == Z ]] || echo "${fields[19]}"
}

# alive NAME: whether the daemon that `start` recorded as NAME still runs.
alive() {
  local pid time
  read -r pid time 2>/dev/null <"$RUN_DIR/$1.pid" || return 1
  [[ -n $time && $(started_at "$pid") == "$time" ]]
}

# start NAME COMMAND...: runs COMMAND as a daemon, with a log and a record, unless the daemon runs already. The new process
# writes the record before it becomes COMMAND, so that no daemon is without a record even if this script is killed. It closes
# the files that it inherits: otherwise a lock or a pipe of the caller would stay open for as long as the daemon runs.
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

# stop NAME [SIGNAL]: ends the recorded daemon and waits until it is gone. After 10 s it sends SIGKILL.
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

# wait_for SECONDS WHAT COMMAND...: repeats COMMAND until it succeeds. Fails after SECONDS, and says that WHAT did not happen.
wait_for() {
  local deadline=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || { echo "timed out waiting for $what" >&2; return 1; }
    sleep 0.1
  done
}

# until_ready DAEMON COMMAND...: repeats COMMAND until it succeeds. Fails after 90 s, and at once when DAEMON has ended; shows its log.
until_ready() {
  wait_for 90 "$1" succeeds_or_ended "$@" && alive "$1" && return
  echo "$1 has ended or does not answer; the end of $LOG_DIR/$1.log:"
  tail -n 10 "$LOG_DIR/$1.log"
  return 1
}

succeeds_or_ended() { "${@:2}" || ! alive "$1"; }

# processes_of CGROUP PATTERN: the ids of processes in cgroups whose path matches CGROUP, and of those whose command line
# matches PATTERN. Put one letter of PATTERN in brackets, so that grep does not find its own command line.
processes_of() {
  {
    find /sys/fs/cgroup -path "$1" -name cgroup.procs -exec cat {} + 2>/dev/null
    grep -lse "$2" /proc/[0-9]*/cmdline | cut -d / -f 3
  } | sort -nu
}

# kill_all LISTER...: kills the processes that the command LISTER prints, until it prints none (10 s at most).
kill_all() {
  local tries=100 processes
  while processes=$("$@" || true) && [[ -n $processes ]] && ((tries--)); do
    # shellcheck disable=SC2086 # one argument per process
    kill -s KILL $processes 2>/dev/null || true
    sleep 0.1
  done
}

# unmount_below DIRECTORY: unmounts what is mounted on DIRECTORY and below it, innermost first. A mount that is in use is
# detached and goes when its last user does.
unmount_below() {
  local target
  awk -v top="$1" '$5 == top || index($5, top "/") == 1 { print $5 }' /proc/self/mountinfo | tac | while read -r target; do
    umount -l "$(printf '%b' "$target")" || true # mountinfo writes the blanks of a path as octal numbers
  done
}

# ensure_packages COMMAND:PACKAGE...: installs the Debian packages whose command or file is missing.
ensure_packages() {
  local entry missing=()
  for entry in "$@"; do
    type -P "${entry%:*}" >/dev/null || [[ -e ${entry%:*} ]] || missing+=("${entry#*:}")
  done
  ((${#missing[@]})) || return 0
  type -P apt-get >/dev/null || die "these are missing: ${missing[*]}" "install them with this machine's package manager"
  step "install ${missing[*]}" install_packages "${missing[@]}"
}

# install_packages PACKAGE...: keeps their services from starting, which would take ports and sockets of local/up's daemons.
install_packages() {
  local policy=/usr/sbin/policy-rc.d
  if [[ ! -e $policy ]]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    # shellcheck disable=SC2064
    trap "rm -f $policy" EXIT
  fi
  apt-get update
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

# port_must_be_free ADDRESS PORT WHAT: ends the script with the process that holds the port which WHAT needs.
port_must_be_free() {
  local holder
  holder=$(ss -ltnpH "sport = :$2" | grep -E "(^| )(\*|0\.0\.0\.0|${1//./\\.}):$2 " |
    sed -n 's/.*(("\([^"]*\)",pid=\([0-9]*\).*/\1 (process \2)/p;q' || true)
  [[ -z $holder ]] || die "port $2, which $3 needs, is in use by $holder" \
    "stop that process (see: ss -ltnp 'sport = :$2'), then run the same command again"
}
