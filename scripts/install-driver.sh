#!/usr/bin/env bash
# Installs Mesa's Vulkan drivers (among them lavapipe, the fast CPU driver) with apt, in a version that Dawn accepts: 24 or newer.
# Debian 12 has such a version in its backports, which are added beside the existing sources. Needs root.
#
#     sudo bash scripts/install-driver.sh
set -euo pipefail

version() { dpkg-query -W -f '${Version}' mesa-vulkan-drivers 2>/dev/null || true; }
new_enough() { [ -n "$1" ] && dpkg --compare-versions "$1" ge 24; }

command -v apt-get >/dev/null || { echo 'install-driver: expected a system with apt, got none; see the README' >&2; exit 1; }
if new_enough "$(version)" && [ -e /usr/share/vulkan/icd.d ]; then
  echo "mesa-vulkan-drivers $(version) is installed"
  exit 0
fi
[ "$(id -u)" = 0 ] || { echo 'install-driver: expected to run as root; use sudo' >&2; exit 1; }

. /etc/os-release
export DEBIAN_FRONTEND=noninteractive
apt=(apt-get -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=60 -o Acquire::Retries=2)
target=()
if [ "$ID" = debian ] && [ "${VERSION_ID:-99}" -lt 13 ]; then
  suite=$VERSION_CODENAME-backports
  if [ -z "$(apt-get indextargets --format '$(RELEASE)' 'Created-By: Packages' "Release: $suite")" ]; then
    # From the mirror that this machine uses already.
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Release: $VERSION_CODENAME" | sed -n 1p)
    key=/usr/share/keyrings/debian-archive-keyring.gpg
    echo "deb [signed-by=$key] ${mirror:?no Debian mirror among the apt sources} $suite main" >"/etc/apt/sources.list.d/cfr-$suite.list"
  fi
  target=(-t "$suite")
fi
"${apt[@]}" update
"${apt[@]}" install -y --no-install-recommends "${target[@]}" mesa-vulkan-drivers libvulkan1
new_enough "$(version)" || { echo "install-driver: expected Mesa 24 or newer, got $(version)" >&2; exit 1; }
echo "mesa-vulkan-drivers $(version) is installed"
