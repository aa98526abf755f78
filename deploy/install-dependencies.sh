#!/usr/bin/env bash
# Installs what Shoal needs on Debian 12: to build it, and with `test` also what its tests run. Idempotent; quick when all
# is there. Runs as root or through sudo.
#   deploy/install-dependencies.sh [test]
set -euo pipefail
[ $# -eq 0 ] || { [ $# -eq 1 ] && [ "$1" = test ]; } || { echo "usage: install-dependencies.sh [test]" >&2; exit 2; }

packages=(
  build-essential cmake ninja-build ccache mold pkg-config git
  libcaf-dev librocksdb-dev libmsgpack-cxx-dev libssl-dev
  libboost-dev libboost-test-dev libtomlplusplus-dev libcli11-dev libspdlog-dev libfmt-dev
  libcpp-httplib-dev nlohmann-json3-dev libsimdjson-dev prometheus-cpp-dev libxxhash-dev libzstd-dev zlib1g-dev libsystemd-dev
  libjemalloc-dev
  clang clang-format clang-tidy libclang-rt-14-dev
  openssl python3
)
if [ "${1:-}" = test ]; then
  packages+=(chromium prometheus python3-jsonschema python3-yaml lintian man-db)
  # Often there from elsewhere, with a package npm or without.
  command -v node >/dev/null || packages+=(nodejs)
  command -v npm >/dev/null || packages+=(npm)
fi

missing=()
for package in "${packages[@]}"; do
  state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$state" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "install-dependencies: needs root or sudo to install: ${missing[*]}" >&2; exit 1; }
  as_root=(sudo)
fi
echo "install-dependencies: installing ${missing[*]}" >&2
"${as_root[@]}" apt-get update -qq
# Debian starts a server with its package; the tests want the program alone.
if [[ " ${missing[*]} " == *" prometheus "* ]] && [ -d /run/systemd/system ]; then
  "${as_root[@]}" systemctl mask prometheus.service >&2
  echo "install-dependencies: prometheus.service is masked; 'systemctl unmask prometheus' to use it" >&2
fi
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
