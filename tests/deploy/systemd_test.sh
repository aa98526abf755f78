#!/usr/bin/env bash
# systemd_test.sh SHOAL: the Debian package under a real systemd, as first process of a copy of this machine that is thrown
# away: an overlay over /, with processes, control group and network of its own. The package is installed, the service is
# started, reloaded, killed, hung and given a wrong configuration; the backup runs; the package is upgraded and purged.
# Exit code 77 (ctest: skipped) where that cannot be made.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
shoal=$(realpath "${1:?usage: systemd_test.sh SHOAL}")
skip() { echo "systemd: skipped: $1"; exit 77; }

[ "$(id -u)" = 0 ] || skip "needs root"
[ -x /lib/systemd/systemd ] || skip "there is no systemd here"
group=$(awk '$3 == "cgroup2" {print $2; exit}' /proc/mounts)
[ -n "$group" ] || skip "there is no cgroup2"
group=$group/shoal-systemd-test-$$
mkdir "$group" 2>/dev/null || skip "no control group can be made"
work=$(mktemp -d)
mkdir "$work"/{packages,upper,scratch,copy}
first=
clean() {
  set +e
  if [ -n "$first" ]; then # all of its processes end with it
    kill -9 "$first"
    wait "$first"
  fi 2>/dev/null
  for _ in $(seq 100); do
    find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
    [ -d "$group" ] || break
    sleep 0.1
  done
  rm -rf "$work"
}
trap clean EXIT
unshare --mount sh -c "mount -t overlay overlay -o 'lowerdir=/,upperdir=$work/upper,workdir=$work/scratch' '$work/copy'" 2>"$work/why" ||
  { cat "$work/why"; skip "no overlay can be mounted"; }
for version in 1.0 1.1; do
  SHOAL_PACKAGE_VERSION=$version "$root/deploy/package.sh" "$shoal" "$work/packages" >/dev/null
done

cat >"$work/boot.sh" <<'BOOT'
set -e
work=$1 copy=$1/copy
mount -t overlay overlay -o "lowerdir=/,upperdir=$work/upper,workdir=$work/scratch" "$copy"
mount -t proc proc "$copy/proc"
mount --bind "$copy/proc/sys" "$copy/proc/sys" # the kernel is everybody's: nothing in here sets it
mount -o remount,ro,bind "$copy/proc/sys"
mount -t sysfs -o ro sysfs "$copy/sys"
mount -t cgroup2 cgroup2 "$copy/sys/fs/cgroup"
for folder in dev run tmp; do mount -t tmpfs tmpfs "$copy/$folder"; done
for device in null zero full random urandom tty; do cp -a "/dev/$device" "$copy/dev"; done
mkdir "$copy/dev/pts" "$copy/dev/shm"
mount -t devpts devpts "$copy/dev/pts" -o newinstance,ptmxmode=0666
ln -s pts/ptmx "$copy/dev/ptmx"
ln -s /proc/self/fd "$copy/dev/fd"
ip link set lo up
mkdir "$copy/packages"
cp "$work"/packages/* "$work/inside.sh" "$copy/packages"
cat >"$copy/etc/systemd/system/trial.service" <<'UNIT'
[Service]
Type=oneshot
ExecStart=/bin/bash -c 'bash /packages/inside.sh >/packages/log 2>&1; echo $? >/packages/code'
TimeoutStartSec=infinity
UNIT
cat >"$copy/etc/systemd/system/trial.target" <<'UNIT'
[Unit]
Requires=basic.target
Wants=trial.service
After=basic.target
UNIT
rm -f "$copy/usr/sbin/policy-rc.d" # containers of build machines let no service start
echo begun >"$work/begun"
# Not chroot: from within one the kernel makes no user namespaces (PrivateUsers=yes).
cd "$copy"
pivot_root . mnt
umount -l /mnt
exec env -i container=trial PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --unit=trial.target --log-target=null </dev/null
BOOT
cp "$here/systemd_inside.sh" "$work/inside.sh"
(echo "$BASHPID" >"$group/cgroup.procs" && exec unshare --mount --pid --fork --kill-child --cgroup --ipc --uts --net \
  bash "$work/boot.sh" "$work" >"$work/boot.log" 2>&1) &
first=$!
code=$work/upper/packages/code
for _ in $(seq 3000); do # five minutes
  [ ! -s "$code" ] || break
  kill -0 "$first" 2>/dev/null || break
  sleep 0.1
done
if [ ! -s "$work/begun" ]; then
  cat "$work/boot.log"
  skip "a machine for systemd cannot be made"
fi
if [ "$(cat "$code" 2>/dev/null)" != 0 ]; then
  cat "$work/boot.log" "$work/upper/packages/log" >&2 2>/dev/null || true
  echo "systemd: it failed" >&2
  exit 1
fi
echo "systemd: starts, reloads, restarts, is watched, backs up, upgrades and is purged"
