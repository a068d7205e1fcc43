#!/usr/bin/env bash
# Builds the Debian package from a clean copy of the sources, lets lintian judge it, and looks into it.
# usage: build.sh SOURCE-DIRECTORY OUTPUT-DIRECTORY
set -euo pipefail
source=$(realpath "$1")
mkdir -p "$2"
out=$(realpath "$2")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

mkdir "$dir/ergsync"
tar -C "$source" -c --exclude=./build --exclude=./.git --exclude=node_modules . | tar -C "$dir/ergsync" -x
cd "$dir/ergsync"
dpkg-buildpackage -us -uc -b >"$dir/build.log" 2>&1 || { tail -40 "$dir/build.log"; exit 1; }
cd "$dir"
lintian --allow-root --tag-display-limit 0 --fail-on warning,error ergsync_*.changes
package=$(echo ergsync_*.deb)

bad=0
contents=$(dpkg-deb -c "$package" | awk '{print $1, $6}')
has() { grep -Fqx -- "$1" <<<"$contents" || { echo "the package lacks: $1"; bad=1; }; }
has '-rwxr-xr-x ./usr/sbin/ergsync-listener'
has '-rwxr-xr-x ./usr/sbin/ergsync-reconciler'
has '-rwxr-xr-x ./usr/sbin/ergsync-state'
has '-rwxr-xr-x ./usr/bin/ergsyncctl'
has '-rwxr-xr-x ./usr/bin/ergsync-graphsim'
has 'drwxr-x--- ./etc/ergsync/'
has '-rw-r----- ./etc/ergsync/ergsync.conf'
for unit in ergsync-listener.socket ergsync-listener.service ergsync-reconciler.service ergsync-resync@.service ergsync-resync@.timer \
	ergsync-failed@.service ergsync-backup.service ergsync-backup.timer; do
	has "-rw-r--r-- ./lib/systemd/system/$unit"
done
has '-rw-r--r-- ./usr/lib/sysusers.d/ergsync.conf'
has '-rw-r--r-- ./usr/lib/tmpfiles.d/ergsync.conf'
has '-rw-r--r-- ./usr/lib/systemd/catalog/ergsync.catalog'
has '-rw-r--r-- ./usr/share/bash-completion/completions/ergsyncctl'
has '-rw-r--r-- ./usr/share/doc/ergsync/openapi.json'
for page in man1/ergsyncctl.1 man1/ergsync-graphsim.1 man5/ergsync.conf.5 man7/ergsync-api.7 man7/ergsync-log.7 man7/ergsync-metrics.7 man8/ergsync-listener.8 \
	man8/ergsync-reconciler.8 man8/ergsync-state.8; do
	has "-rw-r--r-- ./usr/share/man/$page.gz"
done
[ "$(dpkg-deb --ctrl-tarfile "$package" | tar -xO ./conffiles)" = /etc/ergsync/ergsync.conf ] || { echo "ergsync.conf is not the one conffile"; bad=1; }
version=$(sed -n 's/^project(ergsync VERSION \([0-9.]*\) .*/\1/p' "$source/CMakeLists.txt")
[ "$(dpkg-deb -f "$package" Version)" = "$version" ] || { echo "debian/changelog is not at version $version"; bad=1; }
[ $bad -eq 0 ] || exit 1
rm -f "$out"/ergsync_*.deb
mv "$package" "$out/"
echo "$out/$package"
