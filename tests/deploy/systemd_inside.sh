#!/usr/bin/env bash
# What systemd_test.sh runs in the machine that it made, as a service of the systemd there.
set -euo pipefail
export HOME=/root
conf=/etc/shoal/shoal.toml
fail() {
  echo "systemd: $1" >&2
  systemctl status --no-pager --full shoal.service >&2 || true
  exit 1
}
value() { systemctl show -P "$1" shoal.service; }
until_is() { # until_is PROPERTY VALUE
  for _ in $(seq 1200); do
    [ "$(value "$1")" != "$2" ] || return 0
    sleep 0.1
  done
  fail "$1 is $(value "$1"), and should become $2"
}
# The node accepts work, as another process than $1, without a moment's waiting.
runs() {
  [ "$(value ActiveState)/$(value SubState)" = active/running ] || fail "it does not run"
  [ "$(value MainPID)" != "${1:-0}" ] || fail "it is the same process"
  shoal status --config $conf >/dev/null 2>&1 || [ $? = 1 ] || fail "it is called started, and does not answer"
}
# systemd's own word on how each run ended, whenever it is looked at. All addresses, as in a container: none of them leads out
# of here, and the commands of this machine must find the one to ask.
mkdir -p /etc/systemd/system/shoal.service.d
cat >/etc/systemd/system/shoal.service.d/trial.conf <<'UNIT'
[Service]
Environment=SHOAL__NODE__LISTEN=127.0.0.1:0 SHOAL__API__LISTEN=0.0.0.0:0
ExecStopPost=+/bin/sh -c 'echo $SERVICE_RESULT $EXIT_STATUS >>/packages/ends'
UNIT

dpkg -i /packages/shoal_1.0_*.deb >/packages/dpkg 2>&1 || { cat /packages/dpkg >&2; fail "it does not install"; }
systemctl is-enabled --quiet shoal.service || fail "it is not enabled"
runs
[ -n "$(value StatusText)" ] || fail "it does not say what it does"
device=$(shoal id --config $conf)
shoal library create photos --config $conf >/dev/null
shoal put photos tag new canonical_name=kept --config $conf >/dev/null
grep -q '^NoNewPrivs:.*1$' "/proc/$(value MainPID)/status" || fail "it may take new rights"
grep -q '^Seccomp:.*2$' "/proc/$(value MainPID)/status" || fail "its system calls are not filtered"
[ "$(stat -c %U "/proc/$(value MainPID)")" = shoal ] || fail "it runs as $(stat -c %U "/proc/$(value MainPID)")"

before=$(value MainPID)
systemctl reload shoal.service || fail "it does not reload"
[ "$(value MainPID)" = "$before" ] || fail "a reload made another process"
runs

kill -9 "$before"
until_is NRestarts 1
until_is SubState running
runs "$before"

# Fed, it lives on beyond the watchdog's time; stopped in its tracks, it is ended and started anew.
cat >/etc/systemd/system/shoal.service.d/watchdog.conf <<'UNIT'
[Service]
WatchdogSec=20
TimeoutAbortSec=1
UNIT
systemctl daemon-reload
systemctl restart shoal.service
before=$(value MainPID)
fed=$(value WatchdogTimestampMonotonic)
for _ in $(seq 1200); do
  [ "$(value WatchdogTimestampMonotonic)" = "$fed" ] || break
  sleep 0.1
done
[ "$(value WatchdogTimestampMonotonic)" != "$fed" ] || fail "it does not feed the watchdog"
runs
kill -STOP "$before"
until_is NRestarts 1 # counted from the restart on
until_is SubState running
runs "$before"
tail -n 1 /packages/ends | grep -q '^watchdog ' || fail "the hang ended as: $(tail -n 1 /packages/ends)"
rm /etc/systemd/system/shoal.service.d/watchdog.conf
systemctl daemon-reload

# A wrong configuration is told, and not tried again and again.
cp -p $conf /packages/shoal.toml
echo 'colour = "red"' >>$conf
! systemctl restart shoal.service || fail "it starts with a wrong configuration"
[ "$(value ActiveState)" = failed ] || fail "a wrong configuration leaves it $(value ActiveState)"
[ "$(value ExecMainStatus)" = 78 ] || fail "a wrong configuration ends it with $(value ExecMainStatus)"
cp -p /packages/shoal.toml $conf
systemctl start shoal.service || fail "it does not start with the configuration mended"
runs

systemctl start shoal-backup@photos.service || fail "the backup's unit fails"
[ -n "$(find /var/backups/shoal -name 'photos-*.backup' -size +0)" ] || fail "there is no backup"

before=$(value MainPID)
dpkg -i /packages/shoal_1.1_*.deb >/packages/dpkg 2>&1 || { cat /packages/dpkg >&2; fail "it does not upgrade"; }
runs "$before"
[ "$(shoal id --config $conf)" = "$device" ] || fail "the upgrade made it another device"
shoal export photos --config $conf | grep -q kept || fail "the record did not survive"
tail -n 1 /packages/ends | grep -q '^success 0$' || fail "the upgrade ended the old one as: $(tail -n 1 /packages/ends)"

dpkg -P shoal >/packages/dpkg 2>&1 || { cat /packages/dpkg >&2; fail "it cannot be purged"; }
rm -r /etc/systemd/system/shoal.service.d
systemctl daemon-reload
[ "$(value LoadState)" = not-found ] || fail "a purge leaves the unit $(value LoadState)"
! pgrep -x shoal || fail "a purge leaves it running"
[ ! -e /etc/shoal ] && [ ! -e /var/lib/shoal ] || fail "a purge leaves its folders"
