#!/usr/bin/env bash
# package_test.sh SHOAL: the Debian package is made, installed, started, upgraded, removed and purged by dpkg, in a copy of
# this machine that is thrown away (an overlay over /, in namespaces of its own): nothing of it stays. Exit code 77
# (ctest: skipped) where that cannot be made.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
shoal=$(realpath "${1:?usage: package_test.sh SHOAL}")
fail() { echo "package: $1" >&2; exit 1; }

if [ "${2:-}" != inside ]; then
  [ "$(id -u)" = 0 ] || { echo "package: skipped: needs root"; exit 77; }
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  mkdir "$work"/{packages,upper,scratch,copy}
  unshare --mount sh -c "mount -t overlay overlay -o 'lowerdir=/,upperdir=$work/upper,workdir=$work/scratch' '$work/copy'" 2>"$work/why" ||
    { cat "$work/why"; echo "package: skipped: no overlay can be mounted"; exit 77; }
  SHOAL_PACKAGE_VERSION=1.0 "$root/deploy/package.sh" "$shoal" "$work/packages" >/dev/null
  SHOAL_PACKAGE_VERSION=1.1 "$root/deploy/package.sh" "$shoal" "$work/packages" >/dev/null
  if command -v lintian >/dev/null; then
    lintian --allow-root --fail-on error --suppress-tags embedded-library,no-copyright-file "$work"/packages/shoal_1.0_*.deb ||
      fail "lintian objects"
  fi
  # Namespaces of its own for mounts and processes: all of both end with it.
  unshare --mount --pid --fork --kill-child sh -c "
    mount -t overlay overlay -o 'lowerdir=/,upperdir=$work/upper,workdir=$work/scratch' '$work/copy' &&
    mount -t proc proc '$work/copy/proc' && mount --rbind /dev '$work/copy/dev' && mount -t tmpfs tmpfs '$work/copy/run' &&
    mkdir '$work/copy/packages' && cp '$work'/packages/* '$work/copy/packages' &&
    exec chroot '$work/copy' bash '$root/tests/deploy/package_test.sh' '$shoal' inside"
  left=$(cd "$work/upper" && find . \( -name '*shoal*' -not -name 'shoal-lab-*' \) -not -path './packages/*' \
    -not -path './tmp/*' -not -type c -not -path './var/lib/systemd/deb-systemd-helper-*' -not -path "./${root#/}/*" || true)
  [ -z "$left" ] || fail "a purge leaves $left"
  echo "package: installs, starts, upgrades, removes and purges"
  exit 0
fi

cd /
unset SHOAL_API SHOAL_TOKEN_FILE
export SHOAL__NODE__LISTEN=127.0.0.1:0 SHOAL__API__LISTEN=127.0.0.1:0
conf=/etc/shoal/shoal.toml
node=
start() {
  setpriv --reuid shoal --regid shoal --init-groups /usr/bin/shoal run --config $conf 2>/tmp/node.log &
  node=$!
  for _ in $(seq 600); do
    [ ! -e /etc/shoal/run/endpoints.json ] || return 0
    kill -0 $node 2>/dev/null || break
    sleep 0.2
  done
  cat /tmp/node.log >&2
  fail "the node did not start"
}
stop() {
  kill -TERM $node
  wait $node || fail "the node stopped with status $?"
  [ ! -e /run/shoal/endpoints.json ] || fail "endpoints.json is still there"
}
mode() { [ "$(stat -c '%a %U:%G' "$1")" = "$2" ] || fail "$1 is $(stat -c '%a %U:%G' "$1"), and should be $2"; }

dpkg -i /packages/shoal_1.0_*.deb >/tmp/dpkg.log 2>&1 || { cat /tmp/dpkg.log >&2; fail "it does not install"; }
mode /etc/shoal/device.key 600\ shoal:shoal
mode /etc/shoal/api.token 600\ shoal:shoal
mode $conf 640\ root:shoal
mode /var/lib/shoal 700\ shoal:shoal
for file in /lib/systemd/system/shoal.service /usr/lib/sysusers.d/shoal.conf /usr/lib/tmpfiles.d/shoal.conf \
  /usr/share/man/man1/shoal.1.gz /usr/share/bash-completion/completions/shoal /usr/share/zsh/vendor-completions/_shoal \
  /usr/share/fish/vendor_completions.d/shoal.fish /usr/share/doc/shoal/README.md; do
  [ -s "$file" ] || fail "there is no $file"
done
systemd-analyze verify --man=no shoal.service shoal@one.service shoal-backup@photos.service \
  shoal-backup@photos.timer 2>/tmp/verify || true
grep -q '^ExecStart=.* /etc/shoal/%i/shoal.toml$' /lib/systemd/system/shoal@.service || fail "shoal@.service runs another file"
grep -q '^StateDirectory=shoal/%i$' /lib/systemd/system/shoal@.service || fail "shoal@.service has no folder of its own"
! grep -E 'shoal' /tmp/verify || fail "systemd-analyze verify objects"
grep -q '^shoal:' /etc/passwd || fail "there is no user shoal"
setpriv --reuid shoal --regid shoal --init-groups shoal config check --config $conf >/dev/null || fail "the configuration is refused"
device=$(shoal id --config $conf)

start
shoal library create photos --config $conf >/dev/null
shoal put photos tag new canonical_name=kept --config $conf >/dev/null
# What the backup's unit runs, as systemd would: %i is the library, %% a percent sign.
unit=/lib/systemd/system/shoal-backup@.service
for step in ExecStart ExecStartPost; do
  setpriv --reuid shoal --regid shoal --init-groups bash -c "$(sed -n "s/^$step=//p" $unit | sed 's/%i/photos/g; s/%%/%/g')" >/dev/null ||
    fail "$step of the backup's unit fails"
done
[ -n "$(find /var/backups/shoal -name 'photos-*.backup' -size +0)" ] || fail "there is no backup"
stop

dpkg -i /packages/shoal_1.1_*.deb >/tmp/dpkg.log 2>&1 || { cat /tmp/dpkg.log >&2; fail "it does not upgrade"; }
[ "$(dpkg-query -W -f '${Version}' shoal)" = 1.1 ] || fail "the upgrade is not there"
[ "$(shoal id --config $conf)" = "$device" ] || fail "the upgrade made it another device"
start
shoal export photos --config $conf | grep -q kept || fail "the record did not survive the upgrade"
stop

dpkg -r shoal >/tmp/dpkg.log 2>&1 || { cat /tmp/dpkg.log >&2; fail "it cannot be removed"; }
[ ! -e /usr/bin/shoal ] || fail "a removal leaves the program"
[ -e /etc/shoal/device.key ] && [ -e $conf ] && [ -d /var/lib/shoal ] || fail "a removal takes what belongs to the user"
dpkg -i /packages/shoal_1.1_*.deb >/tmp/dpkg.log 2>&1 || { cat /tmp/dpkg.log >&2; fail "it cannot come back"; }
[ "$(shoal id --config $conf)" = "$device" ] || fail "it came back as another device"
start
shoal export photos --config $conf | grep -q kept || fail "the record did not survive the removal"
stop

rm /var/backups/shoal/photos-*.backup # a purge leaves backups to the user
dpkg -P shoal >/tmp/dpkg.log 2>&1 || { cat /tmp/dpkg.log >&2; fail "it cannot be purged"; }
for path in /etc/shoal /var/lib/shoal /run/shoal /usr/bin/shoal /lib/systemd/system/shoal.service /usr/share/doc/shoal; do
  [ ! -e $path ] || fail "a purge leaves $path"
done
! getent passwd shoal >/dev/null || fail "a purge leaves the user"
! getent group shoal >/dev/null || fail "a purge leaves the group"
rm -rf /packages /tmp/node.log /tmp/dpkg.log /tmp/verify
