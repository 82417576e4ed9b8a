# The command line of a shell command in ops/: its arguments, its options, --help and the exit codes, as command.ts has them.
# shellcheck shell=bash

# command_line SUMMARY USAGE EXAMPLE LINE...: USAGE is the command with its arguments, such as `<stage>`, and its options, such as
# `[--all]`. Sets ARGS and OPTIONS to what LINE gives of them. Ends the script for --help, and with 2 for wrong usage.
command_line() {
  local summary=$1 usage="usage: $2 [--help]" example=$3 count word
  count=$(grep -o '<' <<<"$2" | wc -l) || true
  shift 3
  ARGS=() OPTIONS=()
  for word in "$@"; do
    case $word in
      --help)
        printf '%s\n\n%s\nexample: %s\nexit code: 0 done, 1 failed, 2 wrong usage\n' "$summary" "$usage" "$example"
        exit 0
        ;;
      -*)
        [[ $usage == *"[$word]"* ]] || wrong_usage "unknown option '$word'" "$usage" "$example"
        OPTIONS+=("$word")
        ;;
      *) ARGS+=("$word") ;;
    esac
  done
  ((${#ARGS[@]} == count)) || wrong_usage "$count arguments are needed, and ${#ARGS[@]} were given" "$usage" "$example"
}

# wrong_usage MESSAGE USAGE EXAMPLE
wrong_usage() {
  printf '\nerror: %s\n  %s\n  fix: call it as in "%s"; --help explains it\n' "$1" "$2" "$3" >&2
  exit 2
}

# has_option OPTION: whether the command line gave it.
has_option() { [[ " ${OPTIONS[*]-} " == *" $1 "* ]]; } # bash 3 takes an empty array for an unset one
