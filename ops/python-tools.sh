# Command-line tools from PyPI, pinned, each set in a folder of its own in the user's cache.
# shellcheck shell=bash

# python_tools NAME REQUIREMENT...: installs the tools once and puts them first on PATH.
python_tools() {
  local name=$1 folder
  shift
  folder=${XDG_CACHE_HOME:-$HOME/.cache}/todo-app/$name-$(sha256sum <<<"$*" | cut -c 1-12)
  if [[ ! -d $folder ]]; then
    rm -rf "$folder.part"
    python3 -m pip install --quiet --root-user-action=ignore --disable-pip-version-check --target "$folder.part" "$@"
    mv -T "$folder.part" "$folder"
  fi
  export PATH=$folder/bin:$PATH PYTHONPATH=$folder
}
