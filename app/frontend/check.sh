#!/usr/bin/env bash
# Checks the types and runs the unit tests of the frontend, with the locked dependencies. test/e2e/app tests the pages in a browser.
set -euo pipefail
cd "$(dirname "$0")"

[[ node_modules/.package-lock.json -nt package-lock.json ]] || npm ci --ignore-scripts --no-update-notifier
npm run --silent check
node --import ./tests/alias.ts --test --test-reporter=tap "tests/*.test.ts"
