#!/usr/bin/env bash
# Types and tests of the frontend's own logic, with the locked dependencies. What it shows is tested in a browser.
set -euo pipefail
cd "$(dirname "$0")"

[[ node_modules/.package-lock.json -nt package-lock.json ]] || npm ci --ignore-scripts --no-update-notifier
npm run --silent check
node --import ./tests/alias.ts --test --test-reporter=tap "tests/*.test.ts"
