#!/usr/bin/env bash
# Builds act unless the cache has it, as every tool of the local cluster is built; prints where it is.
# shellcheck source=local/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../../local/lib.sh"
# shellcheck source=local/toolchain/toolchain.sh
source "$LOCAL_DIR/toolchain/toolchain.sh"
# shellcheck disable=SC2034 # where go_tool looks, and where it links what it has built: not on PATH
MODULES_DIR=$LOCAL_DIR/../test/soak/workflows BIN_DIR=$CACHE_DIR/soak
mkdir -p "$BIN_DIR"

version=$(pinned act github.com/nektos/act)
go_tool act "$version" -ldflags "-s -w -X main.version=${version#v}" github.com/nektos/act >&2
echo "$TOOL_DIR/act"
