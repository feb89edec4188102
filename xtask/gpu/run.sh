#!/bin/sh
# Tests and measures plangrad on this machine's GPU: out/gpu.md tells, out/ has what every part printed. It ends after nine
# minutes; started again it goes on.
set -eu
cd "$(dirname "$0")"
exec ./runner gpu --run . "$@"
