#!/usr/bin/env bash
# bench/build.sh NAME MODULE [PACKAGE]: builds a package of the Go module that modules/NAME pins, unless the cache has it, as every
# tool of the local cluster is built; prints the folder with the program.
# shellcheck source=local/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../local/lib.sh"
# shellcheck source=local/toolchain/toolchain.sh
source "$LOCAL_DIR/toolchain/toolchain.sh"
# shellcheck disable=SC2034 # where go_tool looks, and where it links what it has built: not on PATH
MODULES_DIR=$LOCAL_DIR/../bench/modules BIN_DIR=$CACHE_DIR/bench
mkdir -p "$BIN_DIR"

go_tool "$1" "$(pinned "$1" "$2")" -ldflags "-s -w" "$2${3:+/$3}" >&2
echo "$TOOL_DIR"
