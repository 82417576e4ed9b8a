#!/usr/bin/env bash
# Writes sbom/backend.cdx.json and sbom/frontend.cdx.json: what the deployed images of a stage consist of, as CycloneDX.
#
# Usage: ops/sbom.sh STAGE
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=ops/python-tools.sh
source ops/python-tools.sh

stage=$1
references=$(pulumi stack output --stack "$stage" --json images) || {
  printf 'error: stage %s has no images yet\n  fix: make up STAGE=%s\n' "$stage" "$stage" >&2
  exit 1
}
python_tools sbom
mkdir -p sbom
for name in backend frontend; do
  reference=$(python3 -c 'import json, sys; print(json.loads(sys.argv[1])[sys.argv[2]])' "$references" "$name")
  # Straight from the registry: the image that runs, not one that happens to lie in a local Docker.
  SYFT_CHECK_FOR_APP_UPDATE=false syft scan --quiet "registry:$reference" --output "cyclonedx-json=sbom/$name.cdx.json"
  components=$(python3 -c 'import json, sys; print(len(json.load(open(sys.argv[1]))["components"]))' "sbom/$name.cdx.json")
  echo "  sbom/$name.cdx.json: $components components of $reference"
done
