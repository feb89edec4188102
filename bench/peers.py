"""The main job in other frameworks: see README.md. Prints one JSON line: epoch seconds, first step, accuracy, memory."""

import argparse
import gzip
import json
import os
import time

START = float(os.environ.get("BENCH_START", time.time()))

parser = argparse.ArgumentParser()
parser.add_argument("peer", choices=["torch-eager", "torch-compile", "torch-manual", "jax"])
parser.add_argument("--data-dir", required=True)
parser.add_argument("--batch-size", type=int, default=64)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--epochs", type=int, default=5)
parser.add_argument("--seed", type=int, default=42)
ARGS = parser.parse_args()
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = str(ARGS.threads)
if ARGS.peer == "jax" and ARGS.threads == 1:
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    os.sched_setaffinity(0, {0})

import numpy as np  # noqa: E402  (the thread counts must be set before)

LEARNING_RATE, BETA1, BETA2, EPSILON = 1e-3, 0.9, 0.999, 1e-8
MEAN, STD = 0.1307, 0.3081
INPUTS, HIDDEN, CLASSES = 784, 128, 10


def idx(name, header):
    with gzip.open(os.path.join(ARGS.data_dir, "mnist", name + ".gz")) as file:
        return np.frombuffer(file.read(), np.uint8, offset=header)


def images(name):
    return ((idx(name, 16).reshape(-1, INPUTS).astype(np.float32) / 255 - MEAN) / STD).astype(np.float32)


TRAIN_X, TRAIN_Y = images("train-images-idx3-ubyte"), idx("train-labels-idx1-ubyte", 8).astype(np.int32)
TEST_X, TEST_Y = images("t10k-images-idx3-ubyte"), idx("t10k-labels-idx1-ubyte", 8).astype(np.int32)
FIRST_STEP = []


def first_step_done():
    if not FIRST_STEP:
        FIRST_STEP.append(time.time() - START)


def run_torch(mode):
    import torch
    import torch.nn.functional as F
    from torch import nn

    torch.manual_seed(ARGS.seed)
    torch.set_num_threads(ARGS.threads)
    x, y = torch.from_numpy(TRAIN_X), torch.from_numpy(TRAIN_Y.astype(np.int64))
    model = nn.Sequential(nn.Linear(INPUTS, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, CLASSES))
    step = {"torch-eager": eager, "torch-compile": compiled, "torch-manual": manual}[mode](torch, F, model, x, y)
    seconds = []
    for _ in range(ARGS.epochs):
        started = time.perf_counter()
        order = torch.randperm(len(x))
        total = torch.zeros(())
        for start in range(0, len(x), ARGS.batch_size):
            total += step(order[start : start + ARGS.batch_size])
            first_step_done()
        total.item()
        seconds.append(time.perf_counter() - started)
    with torch.no_grad():
        right = (model(torch.from_numpy(TEST_X)).argmax(1).numpy() == TEST_Y).mean()
    return seconds, float(right), "torch " + torch.__version__


def eager(torch, F, model, x, y):
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, fused=True)

    def step(rows):
        loss = F.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def flatten(torch, model):
    """All parameters as views of one vector, so that Adam is one operation."""
    parameters = list(model.parameters())
    flat = torch.cat([p.detach().reshape(-1) for p in parameters])

    def split(vector):
        parts, start = [], 0
        for p in parameters:
            parts.append(vector[start : start + p.numel()].view(p.shape))
            start += p.numel()
        return parts

    with torch.no_grad():
        for p, view in zip(parameters, split(flat)):
            p.data = view
    return flat, split


def compiled(torch, F, model, x, y):
    flat, split = flatten(torch, model)
    m, v = torch.zeros_like(flat), torch.zeros_like(flat)

    def whole_step(flat, m, v, x, y, rows, corrections):
        xb, yb = x[rows], y[rows]
        w1, b1, w2, b2 = split(flat)
        h = torch.addmm(b1, xb, w1.t()).relu()
        log_p = F.log_softmax(torch.addmm(b2, h, w2.t()), 1)
        loss = -log_p.gather(1, yb[:, None]).mean()
        dz = (log_p.exp() - F.one_hot(yb, CLASSES)) / xb.shape[0]
        dh = (dz @ w2) * (h > 0)
        g = torch.cat([(dh.t() @ xb).reshape(-1), dh.sum(0), (dz.t() @ h).reshape(-1), dz.sum(0)])
        m.mul_(BETA1).add_(g, alpha=1 - BETA1)
        v.mul_(BETA2).addcmul_(g, g, value=1 - BETA2)
        flat.sub_(corrections[0] * m / (v.sqrt() * corrections[1] + EPSILON))
        return loss

    run, t = torch.compile(whole_step, dynamic=False), 0

    def step(rows):
        nonlocal t
        t += 1
        corrections = torch.tensor([LEARNING_RATE / (1 - BETA1**t), (1 - BETA2**t) ** -0.5])
        with torch.no_grad():
            return run(flat, m, v, x, y, rows, corrections)

    return step


def manual(torch, F, model, x, y):
    flat, split = flatten(torch, model)
    g, m, v = torch.zeros_like(flat), torch.zeros_like(flat), torch.zeros_like(flat)
    (w1, b1, w2, b2), (gw1, gb1, gw2, gb2) = split(flat), split(g)
    steps, buffers = [torch.tensor(0.0)], {}

    def step(rows):
        n = rows.shape[0]
        if n not in buffers:
            buffers[n] = [torch.empty(n, k) for k in (INPUTS, HIDDEN, CLASSES, HIDDEN)] + [
                torch.empty(n, dtype=torch.int64),
                torch.arange(n),
            ]
        xb, h, z, dh, yb, each = buffers[n]
        with torch.no_grad():
            torch.index_select(x, 0, rows, out=xb)
            torch.index_select(y, 0, rows, out=yb)
            torch.addmm(b1, xb, w1.t(), out=h).relu_()
            torch.addmm(b2, h, w2.t(), out=z)
            p = torch.softmax(z, 1)
            loss = p[each, yb].log().neg().mean()
            p[each, yb] -= 1
            p /= n
            torch.mm(p.t(), h, out=gw2)
            torch.sum(p, 0, out=gb2)
            torch.mm(p, w2, out=dh)
            dh.mul_(h > 0)
            torch.mm(dh.t(), xb, out=gw1)
            torch.sum(dh, 0, out=gb1)
            torch._fused_adam_(
                [flat], [g], [m], [v], [], [steps[0].add_(1)], lr=LEARNING_RATE, beta1=BETA1, beta2=BETA2,
                weight_decay=0.0, eps=EPSILON, amsgrad=False, maximize=False,
            )  # fmt: skip
        return loss

    return step


def run_jax():
    from functools import partial

    import jax
    import jax.numpy as jnp

    rng = np.random.default_rng(ARGS.seed)
    x, y = jnp.asarray(TRAIN_X), jnp.asarray(TRAIN_Y)
    size, whole, rest = ARGS.batch_size, len(x) // ARGS.batch_size, len(x) % ARGS.batch_size
    uniform = lambda k, *shape: jnp.asarray(rng.uniform(-k, k, shape).astype(np.float32))  # noqa: E731
    k1, k2 = INPUTS**-0.5, HIDDEN**-0.5
    params = [uniform(k1, INPUTS, HIDDEN), uniform(k1, HIDDEN), uniform(k2, HIDDEN, CLASSES), uniform(k2, CLASSES)]
    zeros = lambda: [jnp.zeros_like(p) for p in params]  # noqa: E731
    state = (params, zeros(), zeros(), jnp.zeros(()))

    def scores(p, x):
        return jax.nn.relu(x @ p[0] + p[1]) @ p[2] + p[3]

    def loss_of(p, x, y):
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(scores(p, x)), y[:, None], 1))

    def step(x, y, state, rows):
        p, m, v, t = state
        loss, g = jax.value_and_grad(loss_of)(p, x[rows], y[rows])
        t = t + 1
        a, b = LEARNING_RATE / (1 - BETA1**t), 1 / jnp.sqrt(1 - BETA2**t)
        m = [BETA1 * m + (1 - BETA1) * g for m, g in zip(m, g)]
        v = [BETA2 * v + (1 - BETA2) * g * g for v, g in zip(v, g)]
        p = [p - a * m / (jnp.sqrt(v) * b + EPSILON) for p, m, v in zip(p, m, v)]
        return (p, m, v, t), loss

    @partial(jax.jit, donate_argnums=0)
    def epoch(state, key, x, y):
        order = jax.random.permutation(key, len(x))
        state, losses = jax.lax.scan(partial(step, x, y), state, order[: whole * size].reshape(whole, size))
        total = losses.sum()
        if rest:
            state, loss = step(x, y, state, order[whole * size :])
            total = total + loss
        return state, total

    key = jax.random.PRNGKey(ARGS.seed)
    run = epoch.lower(state, key, x, y).compile()
    first_step_done()  # the first step runs inside the compiled epoch: this is the time of compilation
    seconds = []
    for _ in range(ARGS.epochs):
        started = time.perf_counter()
        key, shuffle = jax.random.split(key)
        state, total = run(state, shuffle, x, y)
        float(total)
        seconds.append(time.perf_counter() - started)
    right = (np.asarray(scores(state[0], jnp.asarray(TEST_X))).argmax(1) == TEST_Y).mean()
    return seconds, float(right), "jax " + jax.__version__


def peak_mebibytes():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))


epochs, accuracy, version = run_jax() if ARGS.peer == "jax" else run_torch(ARGS.peer)
print(
    json.dumps(
        {
            "version": version,
            "epoch_seconds": epochs,
            "first_step_seconds": FIRST_STEP[0],
            "peak_mebibytes": peak_mebibytes(),
            "accuracy": accuracy,
        }
    )
)
