#!/usr/bin/env bash
# Builds the libFuzzer targets of the two parsers that face the internet (clang) and runs each for a few seconds over its corpus.
set -euo pipefail
cmake --preset fuzz >/dev/null
cmake --build build/fuzz --target fuzz_http_head fuzz_envelope
ctest --test-dir build/fuzz -L fuzz --output-on-failure
