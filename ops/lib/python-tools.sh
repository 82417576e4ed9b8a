# Command-line tools from PyPI, pinned with their hashes, each set in a folder of its own in the user's cache.
# shellcheck shell=bash

# shellcheck source=ops/lib/sha256sum.sh
source "$(dirname "${BASH_SOURCE[0]}")/sha256sum.sh"

# python_tools NAME [REQUIREMENTS]: installs the tools of that file (by default ops/requirements/NAME.txt) once and puts
# them first on PATH.
python_tools() {
  local requirements=${2:-$(dirname "${BASH_SOURCE[0]}")/../requirements/$1.txt} folder
  folder=${XDG_CACHE_HOME:-$HOME/.cache}/todo-app/$1-$(sha256sum <"$requirements" | cut -c 1-12)
  [[ -d $folder ]] || install_python_tools "$requirements" "$folder"
  export PATH=$folder/bin:$PATH PYTHONPATH=$folder
}

# install_python_tools REQUIREMENTS FOLDER: installs into FOLDER, which appears only when it is complete. A package whose hash is
# not in the file REQUIREMENTS is refused.
install_python_tools() {
  rm -rf "$2.part"
  python3 -m pip install --quiet --root-user-action=ignore --disable-pip-version-check --require-hashes \
    --target "$2.part" --requirement "$1"
  mv "$2.part" "$2"
}
