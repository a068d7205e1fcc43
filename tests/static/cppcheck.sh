#!/usr/bin/env bash
# cppcheck over every source file of the programs: it alone sees leaked descriptors and some off-by-ones.
set -euo pipefail
build=$1
mkdir -p "$build/cppcheck"
mapfile -t files < <(git ls-files '*.c' | grep -v '^tests/')
cppcheck --quiet --error-exitcode=1 --std=c11 --library=posix --library=tests/static/cppcheck.cfg \
	--enable=warning,performance,portability --inline-suppr --suppressions-list=tests/static/cppcheck.suppress \
	--cppcheck-build-dir="$build/cppcheck" -j "$(nproc)" -D_GNU_SOURCE -I . "${files[@]}"
echo "cppcheck: ${#files[@]} files clean"
