#!/usr/bin/env bash
# Writes FILE.txt from each FILE.in: the newest versions of the packages that FILE.in names and of their dependencies, with the
# hashes of all their files, for every platform and every Python that the project supports. `make update-pins` runs it.
#
# Usage: ops/lib/pins/python-lock.sh FILE...
set -euo pipefail
project=$(dirname "${BASH_SOURCE[0]}")/../../..
# shellcheck source=ops/lib/python-tools.sh
source "$project/ops/lib/python-tools.sh"
python_tools uv "$project/app/backend/requirements-build.lock"

for file in "$@"; do
  uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
    --output-file "$file.txt" "$file.in"
done
