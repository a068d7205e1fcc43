#!/usr/bin/env bash
# Builds what has threads (the listener's intake and its store) with ThreadSanitizer and runs its unit tests.
set -euo pipefail
cmake --preset tsan >/dev/null
mapfile -t targets < <(cd build/tsan && ninja -t targets all | sed -n 's/^\(unit_listener_[a-z_]*\): phony$/\1/p; s/^.*\/\(unit_listener_[a-z_]*\): .*$/\1/p' | sort -u)
[ ${#targets[@]} -gt 0 ] || { echo "thread sanitizer: no listener tests found" >&2; exit 1; }
cmake --build build/tsan --target "${targets[@]}"
cd tests
for target in "${targets[@]}"; do
	TSAN_OPTIONS="halt_on_error=1 second_deadlock_stack=1" "../build/tsan/tests/$target"
done
echo "thread sanitizer: ${#targets[@]} programs without a report"
