#!/usr/bin/env bash
# package.sh SHOAL FOLDER: makes FOLDER/shoal_VERSION_ARCH.deb of a built program. SHOAL_PACKAGE_VERSION replaces the
# version that the program tells.
set -euo pipefail
shoal=$(realpath "${1:?usage: package.sh SHOAL FOLDER}")
out=$(realpath "${2:?usage: package.sh SHOAL FOLDER}")
cd "$(dirname "$0")/.."
version=${SHOAL_PACKAGE_VERSION:-$("$shoal" --version | cut -d' ' -f2)}
maintainer="Shoal maintainers <shoal@shoal.invalid>"
arch=$(dpkg --print-architecture)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 022
tree=$work/tree

put() { install -D -m "$1" "$2" "$tree/$3"; }
put 0755 "$shoal" usr/bin/shoal
strip --strip-unneeded --remove-section=.comment --remove-section=.note "$tree/usr/bin/shoal"
put 0644 deploy/systemd/shoal.service lib/systemd/system/shoal.service
put 0644 deploy/systemd/shoal-backup@.service lib/systemd/system/shoal-backup@.service
put 0644 deploy/systemd/shoal-backup@.timer lib/systemd/system/shoal-backup@.timer
# Several nodes on one machine: shoal@NAME runs /etc/shoal/NAME/shoal.toml.
sed -e 's|/etc/shoal/shoal.toml|/etc/shoal/%i/shoal.toml|' -e 's|^\(.*Directory\)=shoal$|\1=shoal/%i|' \
  -e 's|^Description=Shoal node|& %i|' -e 's|^ProtectSystem=.*|&\nReadWritePaths=-/etc/shoal/%i/run|' \
  deploy/systemd/shoal.service >"$work/shoal@.service"
put 0644 "$work/shoal@.service" lib/systemd/system/shoal@.service
put 0644 deploy/systemd/shoal.sysusers usr/lib/sysusers.d/shoal.conf
put 0644 deploy/systemd/shoal.tmpfiles usr/lib/tmpfiles.d/shoal.conf
put 0644 docs/shoal.1 usr/share/man/man1/shoal.1
gzip -9n "$tree/usr/share/man/man1/shoal.1"
mkdir -p "$tree"/usr/share/{bash-completion/completions,zsh/vendor-completions,fish/vendor_completions.d}
"$shoal" completion bash >"$tree/usr/share/bash-completion/completions/shoal"
"$shoal" completion zsh >"$tree/usr/share/zsh/vendor-completions/_shoal"
"$shoal" completion fish >"$tree/usr/share/fish/vendor_completions.d/shoal.fish"
doc=usr/share/doc/shoal
put 0644 README.md $doc/README.md
put 0644 deploy/debian/copyright $doc/copyright
put 0644 CHANGELOG.md $doc/NEWS.md
when=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
printf 'shoal (%s) unstable; urgency=medium\n\n  * What changed is in NEWS.md.\n\n -- %s  %s\n' \
  "$version" "$maintainer" "$(date -u -R -d "@$when")" >"$work/changelog"
put 0644 "$work/changelog" $doc/changelog
gzip -9n "$tree/$doc/changelog"
for file in docs/*.md docs/*.svg docs/openapi.yaml; do
  [ ! -f "$file" ] || put 0644 "$file" "$doc/$file"
done
mkdir -p "$tree/$doc/examples"
cp -r deploy/examples/. examples/notes deploy/prometheus deploy/grafana "$tree/$doc/examples/"
chmod -R u=rwX,go=rX "$tree/$doc/examples"

# Which packages the program's libraries are in, and from which version on.
mkdir -p "$work/debian"
printf 'Source: shoal\n\nPackage: shoal\nArchitecture: any\n' >"$work/debian/control"
depends=$(cd "$work" && dpkg-shlibdeps -O tree/usr/bin/shoal 2>"$work/shlibdeps" | sed -n 's/^shlibs:Depends=//p')
[ -n "$depends" ] || { cat "$work/shlibdeps" >&2; echo "package: dpkg-shlibdeps found no library" >&2; exit 1; }

mkdir "$tree/DEBIAN"
size=$(du -sk --exclude=DEBIAN "$tree" | cut -f1)
cat >"$tree/DEBIAN/control" <<CONTROL
Package: shoal
Version: $version
Architecture: $arch
Maintainer: $maintainer
Installed-Size: $size
Depends: $depends, passwd
Recommends: systemd
Section: database
Priority: optional
Description: libraries of records, the same on many machines
 Shoal keeps a library of records the same on many machines, with no leader
 and no server. Each node holds everything, takes writes while it is cut off,
 and brings its peers up to date when it meets them again.
 .
 Installing makes a key, a token and /etc/shoal/shoal.toml, and starts the
 node where systemd runs. Removing keeps them and the records; purging does
 not.
CONTROL
(cd "$tree" && find . -path ./DEBIAN -prune -o -type f -printf '%P\0' | sort -z | xargs -0 md5sum >DEBIAN/md5sums)
for script in postinst prerm postrm; do install -m 0755 "deploy/debian/$script" "$tree/DEBIAN/$script"; done
dpkg-deb --root-owner-group -Zxz --build "$tree" "$out/shoal_${version}_$arch.deb" >/dev/null
echo "$out/shoal_${version}_$arch.deb"
