#!/usr/bin/env bash
# Builds certificateMetrics.go with the cert-manager of the local cluster, unless the cache has it; prints where it is.
# shellcheck source=local/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../../local/lib.sh"
# shellcheck source=local/toolchain/toolchain.sh
source "$LOCAL_DIR/toolchain/toolchain.sh"
# shellcheck disable=SC2034 # where go_tool finds the pinned modules, and where it links what it has built: not on PATH
MODULE=cluster BIN_DIR=$CACHE_DIR/soak
mkdir -p "$BIN_DIR"

# Built from the folder of the version's name, so that another program is another version.
program=$LOCAL_DIR/../test/soak/alerts/certificateMetrics.go
version=$(pinned cluster github.com/cert-manager/cert-manager)-$(sha256sum <"$program" | cut -c 1-8)
go_tool certificate-metrics "$version" -ldflags "-s -w" "$program" >&2
echo "$TOOL_DIR/certificateMetrics"
