#!/usr/bin/env bash
# The manual formats without a warning, every option and command is in it, and the completion is understood by bash.
# usage: manual.sh BUILD-DIRECTORY
set -euo pipefail
man=$1/man
bad=0
wrong() { echo "$*"; bad=1; }

pages=0
for page in "$man"/*.[1-8]; do
	pages=$((pages + 1))
	said=$(LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 >/dev/null) || wrong "$page does not format"
	[ -z "$said" ] || wrong "$page: $said"
	grep -q '@[A-Z]*@' "$page" && wrong "$page: a place was not filled in"
done
[ "$pages" -ge 8 ] || wrong "only $pages pages: is scdoc there?"

show() { LC_ALL=C.UTF-8 MANWIDTH=2000 man -l "$man/$1" 2>/dev/null | sed 's/.\x08//g'; }

text=$(show ergsync.conf.5)
while read -r key; do
	grep -Eq "^ +$key = " <<<"$text" || wrong "ergsync.conf(5) does not explain $key"
done < <(sed -n 's/^#\{0,1\}\([a-z_]*\) = .*/\1/p' "$man/ergsync.conf" | sort -u)

text=$(show ergsyncctl.1)
while read -r command; do
	grep -Eq "^ +Usage: ergsyncctl $command( |$)" <<<"$text" || wrong "ergsyncctl(1) does not explain $command"
	# shellcheck disable=SC2086  # a command may be two words
	"$1/ergsyncctl" $command --help >/dev/null || wrong "ergsyncctl $command --help fails"
done < <("$1/ergsyncctl" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\( [a-z-]\{2,\}\)\{0,1\}\).*/\1/p' | grep -v '^$')

# complete WORD...: what bash offers for the last word
complete_words() {
	bash -c 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _ergsyncctl; printf "%s\n" "${COMPREPLY[@]}"' - "$man/ergsyncctl.bash" "$@"
}
[ "$(complete_words ergsyncctl statu)" = status ] || wrong 'completion: "statu" is not completed to status'
grep -qx add <<<"$(complete_words ergsyncctl erg '')" || wrong 'completion: "erg" does not offer add'
grep -qx -- --dry-run <<<"$(complete_words ergsyncctl resync --d)" || wrong 'completion: "resync --d" does not offer --dry-run'

for program in ergsync-listener ergsync-reconciler ergsync-state ergsyncctl ergsync-graphsim; do
	compgen -G "$man/$program.[18]" >/dev/null || wrong "$program has no page in the manual"
	grep -Eq "^$program [0-9]+\.[0-9]+\.[0-9]+" <<<"$("$1/$program" --version)" || wrong "$program --version: $("$1/$program" --version)"
done
[ $bad -eq 0 ] && echo "$pages pages without a warning; options, commands and completion agree with the programs"
exit $bad
