#!/usr/bin/env bash
# Builds the policy evaluator unless the cache has it, as every tool of the local cluster is built; prints where it is.
# shellcheck source=local/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../local/lib.sh"
# shellcheck source=local/toolchain/toolchain.sh
source "$LOCAL_DIR/toolchain/toolchain.sh"
# shellcheck disable=SC2034 # where go_tool looks
MODULES_DIR=$LOCAL_DIR/../test/network

go_tool evaluator "$(pinned evaluator github.com/mattfenwick/cyclonus)" -ldflags "-s -w" . >&2
echo "$TOOL_DIR/policy-evaluator"
