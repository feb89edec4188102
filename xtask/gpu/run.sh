#!/bin/sh
# Tests and measures plangrad on this machine's GPU. What each step prints is kept in out/; `cargo xtask gpu --report out`
# checks it. A step that has ended is not repeated, so an interrupted start is continued by the next one.
#
# Environment: STOP_AFTER, seconds after which this start ends (540); PYTHON, a Python that has PyTorch (python3).
set -u
cd "$(dirname "$0")"
mkdir -p out
began=$(date +%s)
python=${PYTHON:-python3}
data=digits
[ -d data/mnist ] && data=mnist

# step NAME SECONDS COMMAND...: runs a command to its end, or for so many seconds; once.
step() {
    name=$1 limit=$2
    shift 2
    [ -e "out/$name.status" ] && return
    left=$((began + ${STOP_AFTER:-540} - $(date +%s)))
    [ "$left" -gt 0 ] || return
    [ "$left" -lt "$limit" ] && cut=yes limit=$left || cut=no
    timeout -k 5 "$limit" "$@" >"out/$name.out" 2>"out/$name.err" </dev/null
    status=$?
    # Cut short by the end of this start and not by its own limit: the next start repeats it.
    [ "$status" -ge 124 ] && [ "$cut" = yes ] && return
    echo "$status" >"out/$name.status"
    echo "$name: exit code $status"
}

plangrad() {
    name=$1
    shift
    step "$name" 300 ./plangrad "$@" --format json
}

train() {
    name=$1
    shift
    plangrad "$name" train --dataset "$data" --data-dir data --overwrite --out "out/run-$name" "$@"
}

# sanitize NAME TOOL SECONDS COMMAND...
sanitize() {
    name=$1 tool=$2 limit=$3
    shift 3
    step "$name" "$limit" env PROPTEST_CASES=20 compute-sanitizer --tool "$tool" --error-exitcode 9 "$@"
}

# ours INPUTS HIDDEN BATCH
ours() {
    step "time-plangrad-f32-$1-$2-$3" 120 ./step_time cuda "$3" "$1" "$2"
    step "time-plangrad-tf32-$1-$2-$3" 120 ./step_time cuda-tf32 "$3" "$1" "$2"
}

# torch WAY INPUTS HIDDEN BATCH
torch() {
    [ "$pytorch" = yes ] || return
    for precision in f32 tf32; do
        option=
        [ "$precision" = tf32 ] && option=--tf32
        step "time-$1-$precision-$2-$3-$4" 120 \
            "$python" gpu.py "$1" --inputs "$2" --hidden "$3" --batch-size "$4" $option
    done
}

# each COMMAND...: for every network and batch size.
each() {
    for network in "784 128" "3072 128" "784 4096"; do
        for batch in 64 128 1024 8192; do
            "$@" $network $batch
        done
    done
}

plangrad devices devices
grep -q '"cuda_unavailable_because":null' out/devices.out || {
    rm -f out/devices.status
    echo "there is no GPU to test here, see out/devices.out" >&2
    exit 1
}
date -u +%Y-%m-%d >out/date

step tensor-tests 300 ./tensor-tests
train losses-cuda --max-steps 100 --log-every 1 --device cuda
train losses-cpu --max-steps 100 --log-every 1 --device cpu
train epochs --epochs 5 --device cuda
plangrad fit-budget fit --dataset digits --device cuda --memory-budget 64MiB
plangrad fit-card fit --dataset digits --device cuda --hidden 4096 --synthetic --time-limit 120
plangrad sweep sweep --dataset digits --devices cuda --batch-sizes 4096,64 --memory-budget 24MiB --seconds 0.1
train ladder --max-steps 20 --device cuda --on-oom ladder --memory-budget 1700KiB

if command -v compute-sanitizer >/dev/null; then
    small="./plangrad train --dataset digits --device cuda --overwrite --out out/run-sanitizer --max-steps"
    for tool in memcheck racecheck synccheck initcheck; do
        sanitize "$tool" "$tool" 60 $small 5
    done
    sanitize memcheck-kernels memcheck 120 ./tensor-tests backend::cuda::tests::kernels --test-threads 1
    for tool in memcheck racecheck; do
        # Large enough for tensor cores in both kinds of products; a test of the tensor crate checks that.
        sanitize "$tool-tensor-cores" "$tool" 90 $small 2 --precision tf32 --hidden 4096 --batch-size 1024
    done
fi

pytorch=no
"$python" -c 'import torch' 2>/dev/null && pytorch=yes
# First what the targets are checked by, last what takes long to compile.
ours 784 128 64
ours 784 4096 8192
torch eager 784 128 64
torch graph 784 128 64
torch matmul 784 4096 8192
each ours
each torch eager
each torch graph
each torch compile
echo "done, or out of time: start again to continue; then \`cargo xtask gpu --report out\`"
