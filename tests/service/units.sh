#!/usr/bin/env bash
# The units as installed: systemd finds nothing to say about them, and they expose no more than promised.
# usage: units.sh BUILD-DIRECTORY BIN-DIRECTORY SBIN-DIRECTORY     (where the units say the programs are)
set -euo pipefail
build=$1 bin=$2 sbin=$3
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
bad=0

# Programs of the build in place of the installed ones; templates as their instances.
for unit in "$build"/systemd/ergsync-*; do
	name=$(basename "$unit")
	case $name in
	*.service | *.socket | *.timer) ;;
	*) continue ;;
	esac
	sed -e "s#$sbin/ergsync-#$build/ergsync-#g" -e "s#$bin/ergsyncctl#$build/ergsyncctl#g" "$unit" >"$dir/$name"
done
for unit in 'ergsync-resync@.service' 'ergsync-resync@.timer' 'ergsync-failed@.service'; do
	ln -s "$unit" "$dir/${unit/@/@all}"
done

cd "$dir"
export SYSTEMD_UNIT_PATH=$dir:
units=(ergsync-listener.socket ergsync-listener.service ergsync-reconciler.service ergsync-resync@all.service ergsync-resync@all.timer
	ergsync-failed@all.service ergsync-backup.service ergsync-backup.timer)
said=$(systemd-analyze verify --man=no "${units[@]/#/./}" 2>&1) || bad=1
[ -z "$said" ] || { printf 'verify says:\n%s\n' "$said"; bad=1; }

# exposure UNIT TENTHS
exposure() {
	local said
	said=$(systemd-analyze security --offline=yes --no-pager --threshold="$2" "./$1" 2>&1) || { printf '%s\n' "$said"; bad=1; }
	tail -1 <<<"$said"
}
exposure ergsync-listener.service 2
exposure ergsync-reconciler.service 11
exposure ergsync-resync@all.service 2
exposure ergsync-failed@all.service 2
exposure ergsync-backup.service 2

# What the configuration may name as %d/... is what the units load, and nothing is loaded without a stand-in for its absence.
for unit in ergsync-listener.service ergsync-reconciler.service ergsync-backup.service; do
	loaded=$(sed -n 's/^LoadCredential=\([^:]*\):.*/\1/p' "$unit" | sort)
	defaulted=$(sed -n 's/^SetCredential=\([^:]*\):.*/\1/p' "$unit" | sort)
	[ "$loaded" = "$defaulted" ] || { echo "$unit: LoadCredential= and SetCredential= differ"; bad=1; }
done
named=$(grep -o '%d/[a-z][a-z._-]*' "$build/man/ergsync.conf" | sed 's|%d/||' | sort -u)
loaded=$(sed -n 's/^LoadCredential=\([^:]*\):.*/\1/p' ergsync-listener.service ergsync-reconciler.service | sort -u)
[ "$named" = "$loaded" ] || { printf 'the example configuration names\n%s\nthe units load\n%s\n' "$named" "$loaded"; bad=1; }

# The instance's name says what to compare: the unit's own shell line, with systemd's doubled dollars undone and a stand-in for ergsyncctl.
line=$(sed -n "/^ExecStart=/,/ergsync-resync %i$/p" ergsync-resync@.service | sed "s/^ExecStart=.*-c '//; s/' ergsync-resync %i$//; s/ *\\\\$//" | tr '\n' ' ')
line=${line//'$$'/'$'}
line=${line//"$build/ergsyncctl"/echo}
# compares INSTANCE ARGUMENTS
compares() {
	local is
	is=$(/bin/sh -c "$line" ergsync-resync "$1" 2>/dev/null) || is="failed $?"
	[ "$is" = "$2" ] || { echo "ergsync-resync@$1: '$is' instead of '$2'"; bad=1; }
}
compares all 'resync --all'
compares tenant:acme 'resync --tenant acme'
compares erg:pride-2.x_y 'resync --erg pride-2.x_y'
compares erg: 'failed 2'
compares everything 'failed 2'

# The daily backup: one more file by name of the time, the newest seven stay, and nothing of another name is touched.
line=$(sed -n "/^ExecStart=/,/'$/p" ergsync-backup.service | sed "s/^ExecStart=.*-ec '//; s/'$//; s/ *\\\\$//" | tr '\n' ' ')
line=${line//'$$'/'$'}
line=${line//'%%'/'%'}
line=${line//\\\\/\\}
line=${line//"$build/ergsyncctl backup"/touch}
mkdir "$dir/backups"
line=${line//\/var\/backups\/ergsync/"$dir/backups"}
touch "$dir/backups/notes" "$dir"/backups/ergsync-2026010{1..9}T020000Z.backup
/bin/sh -ec "$line" || { echo "ergsync-backup.service: its command fails"; bad=1; }
kept=$(cd "$dir/backups" && printf '%s ' *)
[[ $kept =~ ^(ergsync-2026010[4-9]T020000Z\.backup\ ){6}ergsync-[0-9]{8}T[0-9]{6}Z\.backup\ notes\ $ ]] || { echo "ergsync-backup.service leaves: $kept"; bad=1; }

# What is told when a unit has given up: each names the hook, and the hook's own line puts it into the journal, here a stand-in's.
for unit in ergsync-*.service; do
	[[ $unit = ergsync-failed@* ]] || grep -qx 'OnFailure=ergsync-failed@%n.service' "$unit" || { echo "$unit: nobody is told when it has failed"; bad=1; }
done
line=$(sed -n 's/^ExecStart=//p' ergsync-failed@.service)
line=${line//%i/ergsync-reconciler.service}
cat >"$dir/journal.mjs" <<'EOF'
import net from 'node:net';
import { spawn } from 'node:child_process';
let heard = '';
const journal = net.createServer((c) => c.on('data', (d) => { heard += d; }).on('end', () => { console.log(heard); process.exit(); }));
journal.listen('/run/systemd/journal/stdout', () => spawn('/bin/sh', ['-c', process.argv[2]], { stdio: 'inherit' }));
EOF
isolated=(unshare --mount)
[ "$(id -u)" -eq 0 ] || isolated=(unshare --map-root-user --mount)
if "${isolated[@]}" true 2>/dev/null; then
	# shellcheck disable=SC2016  # expanded by the inner shell
	told=$("${isolated[@]}" sh -ec 'mount -t tmpfs none /run; mkdir -p /run/systemd/journal; exec timeout 20 node "$0" "$1"' "$dir/journal.mjs" "$line") || told="failed $?"
	[ "$(head -1 <<<"$told")" = ergsync ] || { printf 'ergsync-failed@.service tells by another name:\n%s\n' "$told"; bad=1; }
	[ "$(sed -n 3p <<<"$told")" = 1 ] || { printf 'ergsync-failed@.service is no alert:\n%s\n' "$told"; bad=1; }
	grep -qx 'event=unit_failed unit=ergsync-reconciler.service consequence="it is not tried again" next="journalctl -u ergsync-reconciler.service"' <<<"$told" ||
		{ printf 'ergsync-failed@.service tells:\n%s\n' "$told"; bad=1; }
else
	echo 'SKIPPED: no right to stand in for the journal here; what ergsync-failed@.service tells is not shown'
fi
exit $bad
