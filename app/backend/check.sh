#!/usr/bin/env bash
# Checks style and formatting and runs the tests of the backend, in a virtual environment with the locked dependencies.
set -euo pipefail
cd "$(dirname "$0")"

python=${PYTHON:-python3}
lock_hash=$({ "$python" --version && cat requirements-*.lock; } | sha256sum | cut -c1-16)
venv=${XDG_CACHE_HOME:-$HOME/.cache}/todo-app/backend-venv-$lock_hash

if [[ ! -f $venv/complete ]]; then
  "$python" -m venv --clear "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes --requirement requirements-build.lock
  VIRTUAL_ENV=$venv "$venv/bin/uv" pip sync --quiet --require-hashes requirements-dev.lock
  touch "$venv/complete"
fi

"$venv/bin/ruff" check .
"$venv/bin/ruff" format --check .
"$venv/bin/python" -m pytest --numprocesses auto "$@"
