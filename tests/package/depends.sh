#!/usr/bin/env bash
# packages.txt is the one list; debian/control has to repeat what builds: this holds the two together, and the list to what is used.
set -euo pipefail
source=$1
bad=0
wrong() { echo "depends: $*" >&2; bad=1; }

# section NAME: its packages; a line is NAME or NAME?COMMAND.
section() { sed -n "/^\[$1\]/,/^\[/s/^\([a-z0-9][^?]*\).*/\1/p" "$source/packages.txt"; }
mapfile -t build < <(section build)
mapfile -t all < <(section build; section package)
one_of() { local word=$1; shift; grep -Fqx -- "$word" <<<"$(printf '%s\n' "$@")"; }

mapfile -t control < <(sed -n 's/^Build-Depends: //p' "$source/debian/control" | tr ',' '\n' | sed 's/^ *//; s/ .*//')
for package in "${build[@]}"; do
	case $package in gcc | libc6-dev) continue ;; esac # build-essential: not to be named (Debian policy 4.2)
	one_of "$package" "${control[@]}" || wrong "debian/control's Build-Depends lacks $package, which is in packages.txt [build]"
done
for package in "${control[@]}"; do
	case $package in debhelper-compat | dh-sequence-*) package=debhelper ;; esac
	one_of "$package" "${all[@]}" || wrong "packages.txt [build] and [package] lack $package, which debian/control builds with"
done

# What the folders link, by pkg-config's names in CMakeLists.txt.
modules=$(grep -oP '^ergsync_folder\(.* EXTERNAL \K[^)]*' "$source/CMakeLists.txt" | sed 's/ PROGRAM .*//' | tr ' ' '\n' | sort -u)
for module in $modules; do
	file=$(pkg-config --variable=pcfiledir "$module")/$module.pc
	package=$(dpkg -S "$(realpath "$file")" | sed 's/:.*//')
	one_of "$package" "${build[@]}" || wrong "packages.txt [build] lacks $package, which has $module"
done
[ -n "$modules" ] && [ ${#build[@]} -gt 10 ] && [ ${#control[@]} -gt 10 ] || wrong "a list could not be read"

[ $bad -eq 0 ] && echo "depends: ${#build[@]} packages build it, in packages.txt and debian/control alike; $(wc -w <<<"$modules") libraries are of them"
exit $bad
