"""The same work in PyTorch on a GPU, on random bytes: see README.md. Prints one JSON line.

gpu.py eager|compile|graph --batch-size N --inputs N --hidden N [--tf32]: seconds of a step
gpu.py matmul [--tf32]: operations per second of a large product through cuBLAS
"""

import argparse
import json
import time

import torch
import torch.nn.functional as F
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("peer", choices=["eager", "compile", "graph", "matmul"])
parser.add_argument("--batch-size", type=int, default=64)
parser.add_argument("--inputs", type=int, default=784)
parser.add_argument("--hidden", type=int, default=128)
parser.add_argument("--tf32", action="store_true")
ARGS = parser.parse_args()
EPOCHS, ROWS, CLASSES = 6, 60_000, 10

if not torch.cuda.is_available():
    raise SystemExit("PyTorch finds no GPU")
torch.backends.cuda.matmul.allow_tf32 = ARGS.tf32
torch.manual_seed(42)
DEVICE = torch.device("cuda:0")


def timed(work, count):
    """Fastest seconds of `count` calls of `work`, of several rounds."""
    fastest = float("inf")
    for _ in range(EPOCHS):
        torch.cuda.synchronize()
        started = time.perf_counter()
        for _ in range(count):
            work()
        torch.cuda.synchronize()
        fastest = min(fastest, (time.perf_counter() - started) / count)
    return fastest


def matmul():
    n = 8192
    a, b = torch.randn(n, n, device=DEVICE), torch.randn(n, n, device=DEVICE)
    out = torch.empty(n, n, device=DEVICE)
    seconds = timed(lambda: torch.mm(a, b, out=out), 5)
    return {"operations_per_second": 2 * n**3 / seconds}


def network():
    """Data on the device, normalised; the model; an optimizer whose whole state is there."""
    steps = ROWS // ARGS.batch_size
    x = torch.rand(steps * ARGS.batch_size, ARGS.inputs, device=DEVICE)
    y = torch.randint(0, CLASSES, (len(x),), device=DEVICE)
    model = nn.Sequential(nn.Linear(ARGS.inputs, ARGS.hidden), nn.ReLU(), nn.Linear(ARGS.hidden, CLASSES)).to(DEVICE)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True, capturable=True)
    return x, y, model, optimizer, steps


def epochs(step, order, steps):
    def epoch():
        for start in range(0, steps * ARGS.batch_size, ARGS.batch_size):
            step(order[start : start + ARGS.batch_size])

    return {"step_seconds": timed(epoch, 1) / steps}


def loss_of(model, x, y, rows):
    return F.cross_entropy(model(x[rows]), y[rows])


def eager(compiled):
    x, y, model, optimizer, steps = network()
    total = torch.zeros((), device=DEVICE)
    compute = torch.compile(loss_of, dynamic=False) if compiled else loss_of

    def step(rows):
        loss = compute(model, x, y, rows)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        total.add_(loss.detach())

    return epochs(step, torch.randperm(len(x), device=DEVICE), steps)


def graph():
    """The whole step as one CUDA graph, which also moves on to the next batch by itself."""
    x, y, model, optimizer, steps = network()
    order = torch.randperm(len(x), device=DEVICE)
    each = torch.arange(ARGS.batch_size, device=DEVICE)
    place = torch.zeros((), dtype=torch.int64, device=DEVICE)
    total = torch.zeros((), device=DEVICE)

    def step():
        rows = order[place + each]
        optimizer.zero_grad(set_to_none=False)
        loss = loss_of(model, x, y, rows)
        loss.backward()
        optimizer.step()
        total.add_(loss.detach())
        place.add_(ARGS.batch_size).remainder_(len(x))

    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(side)
    recorded = torch.cuda.CUDAGraph()
    with torch.cuda.graph(recorded):
        step()
    return {"step_seconds": timed(recorded.replay, steps)}


PEERS = {"eager": lambda: eager(False), "compile": lambda: eager(True), "graph": graph, "matmul": matmul}
result = PEERS[ARGS.peer]()
print(json.dumps({"version": torch.__version__, "device": torch.cuda.get_device_name(0), **result}))
