#!/usr/bin/env bash
# cmake --install puts everything where systemd, man, bash, Prometheus and an administrator look for it, and nothing else.
# usage: install.sh BUILD-DIRECTORY PREFIX
set -euo pipefail
build=$1 prefix=$2
here=$(dirname "$(realpath "$0")")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
bad=0
wrong() { echo "$*"; bad=1; }

DESTDIR=$dir/tree cmake --install "$build" >"$dir/log" || { cat "$dir/log"; exit 1; }
tree=$dir/tree

expected() {
	printf '%s\n' bin/ergsync-graphsim bin/ergsyncctl sbin/ergsync-listener sbin/ergsync-reconciler sbin/ergsync-state
	printf 'lib/systemd/system/%s\n' ergsync-backup.service ergsync-backup.timer ergsync-failed@.service ergsync-listener.service \
		ergsync-listener.socket ergsync-reconciler.service ergsync-resync@.service ergsync-resync@.timer
	printf '%s\n' lib/systemd/catalog/ergsync.catalog lib/sysusers.d/ergsync.conf lib/tmpfiles.d/ergsync.conf
	printf '%s\n' share/bash-completion/completions/ergsyncctl
	printf 'share/doc/ergsync/%s\n' README.md openapi.json examples/ergsync.conf monitoring/alerts.yml monitoring/dashboard.json
	for page in "$here"/../../man/*.scd; do
		page=$(basename "$page" .scd)
		echo "share/man/man${page##*.}/$page"
	done
}
diff <(expected | LC_ALL=C sort) <(cd "$tree$prefix" && find . ! -type d | sed 's|^\./||' | LC_ALL=C sort) || wrong 'expected (<) is not what is installed (>)'
[ -z "$(find "$tree" ! -type d ! -path "$tree$prefix/*")" ] || wrong "outside $prefix: $(find "$tree" ! -type d ! -path "$tree$prefix/*")"

# What units start is there, and runs.
while read -r program; do
	[ -x "$tree$program" ] || wrong "a unit starts $program, which is not installed"
done < <(grep -rhoE "$prefix/s?bin/[a-z-]+" "$tree$prefix/lib/systemd/system" | sort -u)
for program in "$tree$prefix"/bin/* "$tree$prefix"/sbin/*; do
	"$program" --version >/dev/null || wrong "$program --version fails"
done
# The example is the program's own.
"$tree$prefix/bin/ergsyncctl" completion | cmp - "$tree$prefix/share/bash-completion/completions/ergsyncctl" || wrong 'the completion is another'
exit $bad
