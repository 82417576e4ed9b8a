#!/usr/bin/env bash
# Prints the folder of prometheus and promtool: from Debian's package, unpacked into the cache. It is not installed, so no
# service starts. apt checks the package against the distribution's signature.
# shellcheck source=local/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../local/lib.sh"

VERSION=2.42.0+ds-5+deb12u1
folder=$CACHE_DIR/tools/prometheus-$VERSION

# unpack: the folder appears only when it is complete.
unpack() {
  rm -rf "$folder.part" && mkdir -p "$folder.part" && cd "$folder.part" &&
    apt-get download -qq -o APT::Sandbox::User=root "prometheus=$VERSION" && dpkg -x prometheus_*.deb . &&
    mv usr/bin "$folder" && cd / && rm -rf "$folder.part"
}

if [[ ! -d $folder ]]; then
  type -P apt-get >/dev/null || die "the tests need Prometheus $VERSION from Debian's packages, and there is no apt-get" \
    "run the tests on Debian, or unpack prometheus and promtool into $folder"
  unpack >&2 || { apt-get update -qq && unpack; } >&2 ||
    die "Debian's package prometheus $VERSION can't be downloaded; there are: $(apt-cache madison prometheus | awk '{ print $3 }' | paste -sd ' ')" \
      "set VERSION in test/monitoring/prometheus.sh to one of them, and run: node test/run.ts monitoring"
fi
echo "$folder"
