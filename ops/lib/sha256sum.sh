# Defines sha256sum where the machine does not have it, as macOS before version 15.
# shellcheck shell=bash

type -P sha256sum >/dev/null || sha256sum() {
  node -p 'require("node:crypto").createHash("sha256").update(require("node:fs").readFileSync(0)).digest("hex")'
}
