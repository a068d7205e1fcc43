#!/usr/bin/env bash
# clang-tidy over every source file of the programs; compile commands come from the build directory given.
set -euo pipefail
renice -n 10 $$ >/dev/null
build=$1
# One file a process: with several, clang-tidy 14 reports va_lists that it has mixed up.
mapfile -t files < <(git ls-files '*.c' | grep -v '^tests/')
# clang does not know some of gcc's flags: they change nothing it looks at.
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
sed -e 's/-fstack-clash-protection//g; s/-Wno-format-truncation//g; s/-fsanitize=[a-z,]*//g; s/-fno-sanitize-recover=[a-z]*//g' "$build/compile_commands.json" >"$dir/compile_commands.json"
printf '%s\n' "${files[@]}" | xargs -P "$(nproc)" -n 1 clang-tidy-14 --quiet -p "$dir" 2>"$dir/err" || {
	grep -E 'error:' "$dir/err" >&2 || true
	exit 1
}
echo "clang-tidy: ${#files[@]} files clean"
