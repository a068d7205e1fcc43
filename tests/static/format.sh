#!/usr/bin/env bash
# .clang-format decides the layout; this says where a file differs.
set -euo pipefail
mapfile -t files < <(git ls-files '*.c' '*.h')
clang-format-14 --dry-run --Werror "${files[@]}"
echo "format: ${#files[@]} files are laid out as .clang-format says"
