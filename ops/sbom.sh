#!/usr/bin/env bash
# `make sbom`: writes what the deployed images of a stage consist of, as CycloneDX.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=ops/lib/command.sh
source ops/lib/command.sh
# shellcheck source=ops/lib/python-tools.sh
source ops/lib/python-tools.sh

command_line "Writes what the deployed images of a stage consist of to sbom/backend.cdx.json and sbom/frontend.cdx.json, in the format
CycloneDX." "ops/sbom.sh <stage>" "make sbom STAGE=staging" "$@"
stage=${ARGS[0]}
references=$(pulumi stack output --stack "$stage" --json images) || {
  printf 'error: stage %s has no images yet\n  fix: make up STAGE=%s\n' "$stage" "$stage" >&2
  exit 1
}
python_tools sbom
mkdir -p sbom
while read -r name reference <&3; do
  # From the registry, because that is the image that runs. A local Docker may have another one.
  SYFT_CHECK_FOR_APP_UPDATE=false syft scan --quiet "registry:$reference" --output "cyclonedx-json=sbom/$name.cdx.json"
  components=$(python3 -c 'import json, sys; print(len(json.load(open(sys.argv[1]))["components"]))' "sbom/$name.cdx.json")
  echo "  sbom/$name.cdx.json: $components components of $reference"
done 3< <(python3 -c 'import json, sys; [print(*image) for image in json.loads(sys.argv[1]).items()]' "$references")
