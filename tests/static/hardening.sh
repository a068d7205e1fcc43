#!/usr/bin/env bash
# The shipped binaries are position-independent, fully relocated read-only, without an executable stack, and fortified.
set -euo pipefail
release=$1
bad=0
for program in ergsync-listener ergsync-reconciler ergsync-state ergsyncctl ergsync-graphsim; do
	file=$release/$program
	[ -x "$file" ] || { echo "hardening: $file is missing: build the release preset first" >&2; exit 1; }
	headers=$(readelf -hldW "$file")
	grep -q 'Type:.*DYN' <<<"$headers" || { echo "$program: not position-independent"; bad=1; }
	grep -q 'GNU_RELRO' <<<"$headers" || { echo "$program: no RELRO"; bad=1; }
	grep -Eq 'BIND_NOW|FLAGS_1.*NOW' <<<"$headers" || { echo "$program: lazy binding"; bad=1; }
	grep -Eq 'GNU_STACK.*RWE' <<<"$headers" && { echo "$program: executable stack"; bad=1; }
	symbols=$(readelf -sW --dyn-syms "$file")
	grep -q '__stack_chk_fail' <<<"$symbols" || { echo "$program: no stack protector"; bad=1; }
	grep -q '_chk@' <<<"$symbols" || { echo "$program: not fortified"; bad=1; }
done
[ $bad -eq 0 ] && echo "hardening: five programs carry PIE, RELRO, BIND_NOW, NX, stack protector, FORTIFY"
exit $bad
