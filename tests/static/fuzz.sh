#!/usr/bin/env bash
# Builds the libFuzzer targets (clang) of all that reads strangers' bytes - HTTP heads and bodies, rich items and tokens, Graph's
# JSON - and runs each for a few seconds over its corpus.
set -euo pipefail
cmake --preset fuzz >/dev/null
cmake --build build/fuzz --target fuzz_http_head fuzz_envelope fuzz_rich fuzz_graph_json
ctest --test-dir build/fuzz -L fuzz --output-on-failure
