"""The benchmark's work in other frameworks: see README.md. Prints one JSON line: epoch seconds, first step, evaluation, accuracy,
memory."""

import argparse
import gzip
import json
import os
import time

START = float(os.environ.get("BENCH_START", time.time()))

parser = argparse.ArgumentParser()
parser.add_argument("peer", choices=["torch-eager", "torch-compile", "torch-manual", "jax"])
parser.add_argument("--data", choices=["mnist", "cifar10", "random", "regression"], default="mnist")
parser.add_argument("--data-dir", default="data")
parser.add_argument("--inputs", type=int, default=784, help="of random data")
parser.add_argument("--hidden", default="128", help="units of the hidden layers: 128,64")
parser.add_argument("--rows", type=int, default=60_000, help="of random data")
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
CLASSES, EVALUATION_BATCH = 10, 1000
IS_REGRESSION = ARGS.data == "regression"


def normalised(pixels, mean, std):
    x = pixels.astype(np.float32)
    x /= np.float32(255)
    x -= np.float32(mean)
    x /= np.float32(std)
    return x


def mnist():
    def idx(name, header):
        with gzip.open(os.path.join(ARGS.data_dir, "mnist", name + ".gz")) as file:
            return np.frombuffer(file.read(), np.uint8, offset=header)

    def images(name):
        return normalised(idx(name, 16).reshape(-1, 784), 0.1307, 0.3081)

    train = images("train-images-idx3-ubyte"), idx("train-labels-idx1-ubyte", 8).astype(np.int32)
    return train, (images("t10k-images-idx3-ubyte"), idx("t10k-labels-idx1-ubyte", 8).astype(np.int32))


def cifar10():
    def records(names):
        files = [os.path.join(ARGS.data_dir, "cifar-10-batches-bin", name) for name in names]
        bytes_ = np.concatenate([np.fromfile(file, np.uint8).reshape(-1, 3073) for file in files])
        return normalised(bytes_[:, 1:], 0.5, 0.5), bytes_[:, 0].astype(np.int32)

    return records([f"data_batch_{i}.bin" for i in range(1, 6)]), records(["test_batch.bin"])


def random():
    pixels = np.random.default_rng(1).integers(0, 256, (ARGS.rows, ARGS.inputs), np.uint8)
    return (normalised(pixels, 0.1307, 0.3081), np.arange(ARGS.rows, dtype=np.int32) % CLASSES), None


def regression():
    x = np.random.default_rng(1).uniform(-1, 1, (ARGS.rows, ARGS.inputs)).astype(np.float32)
    return (x, x[:, :2].sum(1, keepdims=True)), None


(TRAIN_X, TRAIN_Y), TEST = {"mnist": mnist, "cifar10": cifar10, "random": random, "regression": regression}[ARGS.data]()
UNITS = [TRAIN_X.shape[1], *map(int, ARGS.hidden.split(",")), 1 if IS_REGRESSION else CLASSES]
LAYERS = list(zip(UNITS[:-1], UNITS[1:]))
FIRST_STEP = []


def first_step_done():
    if not FIRST_STEP:
        FIRST_STEP.append(time.time() - START)


def evaluated(correct):
    """Seconds and accuracy on the test set; `correct` counts right answers in a batch. The second time counts."""
    if TEST is None:
        return None, None
    x, y = TEST
    for _ in range(2):
        started = time.perf_counter()
        right = sum(int(correct(slice(i, i + EVALUATION_BATCH))) for i in range(0, len(x), EVALUATION_BATCH))
        seconds = time.perf_counter() - started
    return seconds, right / len(x)


def run_torch(mode):
    import torch
    import torch.nn.functional as F
    from torch import nn

    torch.set_flush_denormal(True)  # before any thread is started, which then does the same
    torch.manual_seed(ARGS.seed)
    torch.set_num_threads(ARGS.threads)
    x, y = torch.from_numpy(TRAIN_X), torch.from_numpy(TRAIN_Y if IS_REGRESSION else TRAIN_Y.astype(np.int64))
    layers = [part for inputs, outputs in LAYERS for part in (nn.Linear(inputs, outputs), nn.ReLU())]
    model = nn.Sequential(*layers[:-1])
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
    if TEST is not None:
        test_x, test_y = torch.from_numpy(TEST[0]), torch.from_numpy(TEST[1])
    with torch.inference_mode():
        evaluation = evaluated(lambda rows: (model(test_x[rows]).argmax(1) == test_y[rows]).sum())
    return seconds, evaluation, "torch " + torch.__version__


def eager(torch, F, model, x, y):
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, fused=True)
    loss_of = F.mse_loss if IS_REGRESSION else F.cross_entropy

    def step(rows):
        loss = loss_of(model(x[rows]), y[rows])
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

    def loss_and_gradient(z, yb):
        if IS_REGRESSION:
            difference = z - yb
            return difference.square().mean(), difference * (2 / z.shape[0])
        log_p = F.log_softmax(z, 1)
        loss = -log_p.gather(1, yb[:, None]).mean()
        return loss, (log_p.exp() - F.one_hot(yb, CLASSES)) / z.shape[0]

    def whole_step(flat, m, v, x, y, rows, corrections):
        parameters = split(flat)
        weights, biases = parameters[0::2], parameters[1::2]
        inputs = [x[rows]]
        for w, b in zip(weights[:-1], biases[:-1]):
            inputs.append(torch.addmm(b, inputs[-1], w.t()).relu())
        loss, dz = loss_and_gradient(torch.addmm(biases[-1], inputs[-1], weights[-1].t()), y[rows])
        gradients = []
        for i in reversed(range(len(weights))):
            gradients = [(dz.t() @ inputs[i]).reshape(-1), dz.sum(0), *gradients]
            if i > 0:
                dz = (dz @ weights[i]) * (inputs[i] > 0)
        g = torch.cat(gradients)
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
    parameters, gradients = split(flat), split(g)
    weights, biases, dw, db = parameters[0::2], parameters[1::2], gradients[0::2], gradients[1::2]
    last = len(weights) - 1
    steps, buffers = [torch.tensor(0.0)], {}

    def buffers_for(n):
        if n not in buffers:
            values = [torch.empty(n, units) for units in UNITS]
            deltas = [torch.empty(n, units) for units in UNITS[1:-1]]
            buffers[n] = values, deltas, torch.empty(n, *y.shape[1:], dtype=y.dtype), torch.arange(n)
        return buffers[n]

    def loss_and_gradient(z, yb, each):
        """The loss, and its gradient in place of z or in a new place."""
        if IS_REGRESSION:
            z -= yb
            loss = z.square().mean()
            return loss, z.mul_(2 / z.shape[0])
        p = torch.softmax(z, 1)
        loss = p[each, yb].log().neg().mean()
        p[each, yb] -= 1
        return loss, p.div_(z.shape[0])

    def step(rows):
        values, deltas, yb, each = buffers_for(rows.shape[0])
        with torch.no_grad():
            torch.index_select(x, 0, rows, out=values[0])
            torch.index_select(y, 0, rows, out=yb)
            for i in range(last + 1):
                torch.addmm(biases[i], values[i], weights[i].t(), out=values[i + 1])
                if i < last:
                    values[i + 1].relu_()
            loss, dz = loss_and_gradient(values[-1], yb, each)
            for i in reversed(range(last + 1)):
                torch.mm(dz.t(), values[i], out=dw[i])
                torch.sum(dz, 0, out=db[i])
                if i > 0:
                    torch.mm(dz, weights[i], out=deltas[i - 1])
                    dz = deltas[i - 1].mul_(values[i] > 0)
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

    def layer(inputs, outputs):
        bound = inputs**-0.5
        return [jnp.asarray(rng.uniform(-bound, bound, shape).astype(np.float32)) for shape in ((inputs, outputs), outputs)]

    params = [values for inputs, outputs in LAYERS for values in layer(inputs, outputs)]
    zeros = lambda: [jnp.zeros_like(p) for p in params]  # noqa: E731
    state = (params, zeros(), zeros(), jnp.zeros(()))

    def scores(p, x):
        for w, b in zip(p[0:-2:2], p[1:-2:2]):
            x = jax.nn.relu(x @ w + b)
        return x @ p[-2] + p[-1]

    def loss_of(p, x, y):
        if IS_REGRESSION:
            return jnp.mean((scores(p, x) - y) ** 2)
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
    if TEST is not None:
        test_x, test_y = jnp.asarray(TEST[0]), jnp.asarray(TEST[1])
    right = jax.jit(lambda p, x, y: (scores(p, x).argmax(1) == y).sum())
    evaluation = evaluated(lambda rows: right(state[0], test_x[rows], test_y[rows]))
    return seconds, evaluation, "jax " + jax.__version__


def peak_mebibytes():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))


epochs, (evaluation, accuracy), version = run_jax() if ARGS.peer == "jax" else run_torch(ARGS.peer)
print(
    json.dumps(
        {
            "version": version,
            "epoch_seconds": epochs,
            "first_step_seconds": FIRST_STEP[0],
            "evaluation_seconds": evaluation,
            "peak_mebibytes": peak_mebibytes(),
            "accuracy": accuracy,
        }
    )
)
