#!/usr/bin/env bash
# Builds the oldest engine that the stack supports, unless the cache has it, with the language host beside it as an
# installation has it; prints the folder. Older ones were never tried.
# shellcheck source=local/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../local/lib.sh"
# shellcheck source=local/toolchain/toolchain.sh
source "$LOCAL_DIR/toolchain/toolchain.sh"
host=$(readlink -f "$(type -P pulumi-language-nodejs)")
# shellcheck disable=SC2034 # where go_tool looks, and where it links what it has built
MODULES_DIR=$LOCAL_DIR/../test/engines BIN_DIR=$CACHE_DIR/engines
mkdir -p "$BIN_DIR"

version=$(pinned oldest github.com/pulumi/pulumi/pkg/v3)
go_tool oldest "$version" -ldflags "-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=$version" \
  github.com/pulumi/pulumi/pkg/v3/cmd/pulumi >&2
ln -f "$host" "$TOOL_DIR/"
echo "$TOOL_DIR"
