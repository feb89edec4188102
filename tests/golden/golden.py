"""Writes the golden values: what PyTorch computes for the same weights and the same batches.

    python3 -m venv venv && venv/bin/pip install torch numpy safetensors
    venv/bin/python tests/golden/golden.py            # rewrites tests/golden/*.safetensors

`cargo xtask golden` does both. The files are committed; the tests read them and need no Python. Inputs and first
weights are formulas of their index (see `pixel` and `weight`), so that only results are stored: the logits of the first
batch, the gradient of every parameter, and per optimizer ten losses, the parameters and Adam's moments after ten steps.
`levers.safetensors` has the same of a small network for class weights, label smoothing, clipping and warm-up, and the
learning rates of schedules, step by step. `layers.safetensors` has the same of a network with normalisation, a residual block
and parallel branches, and the logits that its running statistics give in the end. `groups.safetensors` has parameters in groups
with rates and weight decay of their own, with clipping, and the averages of `swa_utils`.
"""

import os
import sys

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn
from torch.optim import lr_scheduler, swa_utils

HERE = os.path.dirname(os.path.abspath(__file__))
BATCH = 16
STEPS = 10
CASES = {  # name: sample elements, hidden layers, mean and std of the normalisation
    "mnist": (784, [128], 0.1307, 0.3081),
    "cifar": (3072, [32], 0.5, 0.5),
    "two_hidden": (784, [64, 32], 0.1307, 0.3081),
}
OPTIMIZERS = {
    "adam": lambda p: torch.optim.Adam(p, lr=1e-3),
    "adamw": lambda p: torch.optim.AdamW(p, lr=1e-3, weight_decay=0.01),
    "sgd": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=1e-4),
}


def mix(i):
    """A 32-bit hash of each index (the finaliser of MurmurHash3)."""
    x = i.astype(np.uint64) & 0xFFFFFFFF
    x = ((x ^ (x >> 16)) * 0x85EBCA6B) & 0xFFFFFFFF
    x = ((x ^ (x >> 13)) * 0xC2B2AE35) & 0xFFFFFFFF
    return x ^ (x >> 16)


def pixels(rows, elements):
    """Bytes: two thirds black, the rest anything, brighter in places that depend on the label."""
    i = np.arange(rows * elements, dtype=np.uint64)
    h = mix(i + 1)
    row, column = i // elements, i % elements
    lit = (h % 3 == 0) | (column // 16 % 10 == row % 10)
    return np.where(lit, (h >> 8) & 255, 0).astype(np.uint8).reshape(rows, elements)


def weights(parameter, count, inputs):
    """Uniform in ±1/sqrt(inputs), a formula of the parameter's number and the element's."""
    h = mix(np.arange(count, dtype=np.uint64) + np.uint64(1_000_003 * (parameter + 1)))
    return ((h / 2.0**31 - 1.0) / np.sqrt(inputs)).astype(np.float32)


class Net(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.depth = len(sizes) - 1
        for i in range(self.depth):
            setattr(self, f"layer{i + 1}", nn.Linear(sizes[i], sizes[i + 1]))
        with torch.no_grad():
            for n, p in enumerate(self.parameters()):
                inputs = sizes[n // 2]
                p.copy_(torch.from_numpy(weights(n, p.numel(), inputs)).reshape(p.shape))

    def forward(self, x):
        for i in range(self.depth):
            x = getattr(self, f"layer{i + 1}")(x)
            x = torch.relu(x) if i + 1 < self.depth else x
        return x


def run(name, elements, hidden, mean, std):
    sizes = [elements, *hidden, 10]
    data = pixels(BATCH * STEPS, elements).astype(np.float32)
    x = torch.from_numpy((data / np.float32(255) - np.float32(mean)) / np.float32(std))
    y = torch.arange(BATCH * STEPS) % 10
    out = {}
    for optimizer_name, make in OPTIMIZERS.items():
        model = Net(sizes)
        optimizer = make(model.parameters())
        losses = []
        for step in range(STEPS):
            rows = slice(step * BATCH, (step + 1) * BATCH)
            logits = model(x[rows])
            loss = nn.functional.cross_entropy(logits, y[rows])
            optimizer.zero_grad()
            loss.backward()
            if step == 0 and optimizer_name == "adam":
                out["logits"] = logits.detach().clone()
                for key, p in model.named_parameters():
                    out[f"gradient.{key}"] = p.grad.clone()
            optimizer.step()
            losses.append(loss.item())
        out[f"{optimizer_name}.losses"] = torch.tensor(losses, dtype=torch.float32)
        if name == "two_hidden":
            for key, p in model.named_parameters():
                out[f"{optimizer_name}.after.{key}"] = p.detach().clone()
                if optimizer_name == "adam" and key != "layer1.weight":
                    state = optimizer.state[p]
                    out[f"adam.moment1.{key}"] = state["exp_avg"].clone()
                    out[f"adam.moment2.{key}"] = state["exp_avg_sq"].clone()
    path = os.path.join(sys.argv[1] if len(sys.argv) > 1 else HERE, f"{name}.safetensors")
    save_file(out, path)
    os.chmod(path, 0o644)
    print(name, {k: tuple(v.shape) for k, v in out.items() if not k.startswith("adamw.after")})


LEVERS = {  # name: class weights, label smoothing, largest norm, whether with AdamW after a warm-up
    "smoothed": (False, 0.1, None, False),
    "weighted": (True, 0.0, None, False),
    "both": (True, 0.1, None, False),
    "clipped": (False, 0.0, 0.3, False),
    "all": (True, 0.1, 0.35, True),
}
CLASS_WEIGHTS = [0.5 * (c % 4 + 1) for c in range(10)]


def warmed_up(optimizer, steps, schedule):
    rise = lr_scheduler.LinearLR(optimizer, start_factor=1 / steps, total_iters=steps - 1)
    return lr_scheduler.SequentialLR(optimizer, [rise, schedule], milestones=[steps])


def lever(out, name, weighted, smoothing, max_norm, warm, elements=64):
    x = torch.from_numpy(pixels(BATCH * STEPS, elements).astype(np.float32) / np.float32(255))
    y = torch.arange(BATCH * STEPS) % 10
    weight = torch.tensor(CLASS_WEIGHTS) if weighted else None
    criterion = nn.CrossEntropyLoss(weight=weight, label_smoothing=smoothing)
    model = Net([elements, 16, 10])
    optimizer = OPTIMIZERS["adamw" if warm else "sgd"](model.parameters())
    cosine = lr_scheduler.CosineAnnealingLR(optimizer, STEPS - 3)
    schedule = warmed_up(optimizer, 3, cosine) if warm else None
    losses, norms = [], []
    for step in range(STEPS):
        rows = slice(step * BATCH, (step + 1) * BATCH)
        loss = criterion(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        if max_norm:
            norms.append(nn.utils.clip_grad_norm_(model.parameters(), max_norm).item())
        optimizer.step()
        if schedule:
            schedule.step()
        losses.append(loss.item())
    assert not norms or min(norms) < max_norm < max(norms), norms
    out[f"{name}.losses"] = torch.tensor(losses)
    for key, p in model.named_parameters():
        out[f"{name}.after.{key}"] = p.detach().clone()


def rates(make, steps):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    schedule, found = make(optimizer), []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return torch.tensor(found)


def levers():
    out = {}
    for name, settings in LEVERS.items():
        lever(out, name, *settings)

    def one_cycle(steps):
        return lambda o: lr_scheduler.OneCycleLR(o, max_lr=0.1, total_steps=steps, cycle_momentum=False)

    for steps in [2, 10, 97]:
        out[f"one_cycle.{steps}"] = rates(one_cycle(steps), steps - 1)  # one more would be refused
    cosine = lambda o: lr_scheduler.CosineAnnealingLR(o, 20, eta_min=0.01)
    out["cosine_after_warmup"] = rates(lambda o: warmed_up(o, 5, cosine(o)), 26)
    step = lambda o: lr_scheduler.StepLR(o, 4, gamma=0.5)
    out["step_after_warmup"] = rates(lambda o: warmed_up(o, 5, step(o)), 26)
    path = os.path.join(sys.argv[1] if len(sys.argv) > 1 else HERE, "levers.safetensors")
    save_file(out, path)
    os.chmod(path, 0o644)


class Residual(nn.Sequential):
    def forward(self, x):
        return x + super().forward(x)


class Parallel(nn.ModuleList):
    def forward(self, x):
        return sum(branch(x) for branch in self)


def layered(elements=64):
    model = nn.Sequential(
        nn.Linear(elements, 32),
        nn.Tanh(),  # without it, the gradient of the bias would be rounding noise
        nn.BatchNorm1d(32),
        Residual(nn.Linear(32, 24), nn.LayerNorm(24), nn.GELU(), nn.Linear(24, 32)),
        Parallel([
            nn.Sequential(nn.Linear(32, 16), nn.ReLU()),
            nn.Sequential(nn.Linear(32, 16), nn.Sigmoid(), nn.BatchNorm1d(16)),
        ]),
        nn.Linear(16, 10),
    )
    with torch.no_grad():
        for n, p in enumerate(model.parameters()):
            p.copy_(torch.from_numpy(weights(n, p.numel(), p.shape[1] if p.dim() == 2 else 4)).reshape(p.shape))
        for module in model.modules():
            if isinstance(module, (nn.BatchNorm1d, nn.LayerNorm)):
                module.weight.add_(1)
    return model


def layers(elements=64):
    x = torch.from_numpy(pixels(BATCH * STEPS, elements).astype(np.float32) / np.float32(255))
    y = torch.arange(BATCH * STEPS) % 10
    out = {}
    for name in ["adam", "sgd"]:
        model = layered()
        optimizer = OPTIMIZERS[name](model.parameters())
        losses = []
        for step in range(STEPS):
            rows = slice(step * BATCH, (step + 1) * BATCH)
            loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            if step == 0:
                out |= {f"gradient.{key}": p.grad.clone() for key, p in model.named_parameters()}
            optimizer.step()
            losses.append(loss.item())
        out[f"{name}.losses"] = torch.tensor(losses)
        state = model.state_dict()
        out |= {f"{name}.after.{key}": state[key].clone() for key in state}
        out[f"{name}.logits"] = model.eval()(x[:BATCH]).detach()
    path = os.path.join(sys.argv[1] if len(sys.argv) > 1 else HERE, "layers.safetensors")
    save_file(out, path)
    os.chmod(path, 0o644)


def groups(elements=64):
    x = torch.from_numpy(pixels(BATCH * STEPS, elements).astype(np.float32) / np.float32(255))
    y = torch.arange(BATCH * STEPS) % 10
    out = {}
    makers = {
        "sgd": lambda groups: torch.optim.SGD(groups, lr=0.05, momentum=0.9, weight_decay=0.1),
        "adam": lambda groups: torch.optim.Adam(groups, lr=1e-3, weight_decay=0.1),
        "adamw": lambda groups: torch.optim.AdamW(groups, lr=1e-3, weight_decay=0.1),
    }
    for name, make in makers.items():
        model = Net([elements, 16, 10])
        first, last = [list(model.children())[i] for i in (0, -1)]
        rate = 0.05 if name == "sgd" else 1e-3
        optimizer = make([
            {"params": [first.weight], "lr": 0.1 * rate},
            {"params": [first.bias], "lr": 0.1 * rate, "weight_decay": 0.0},
            {"params": [last.weight]},
            {"params": [last.bias], "weight_decay": 0.0},
        ])
        average = swa_utils.AveragedModel(model, multi_avg_fn=swa_utils.get_ema_multi_avg_fn(0.75))
        average.update_parameters(model)  # which begins with the first weights
        losses = []
        for step in range(STEPS):
            rows = slice(step * BATCH, (step + 1) * BATCH)
            loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 0.5)
            optimizer.step()
            average.update_parameters(model)
            losses.append(loss.item())
        out[f"{name}.losses"] = torch.tensor(losses)
        for key, p in model.named_parameters():
            out[f"{name}.after.{key}"] = p.detach().clone()
        for key, p in average.module.named_parameters():
            out[f"{name}.average.{key}"] = p.detach().clone()
        out[f"{name}.logits"] = average(x[:BATCH]).detach()
    path = os.path.join(sys.argv[1] if len(sys.argv) > 1 else HERE, "groups.safetensors")
    save_file(out, path)
    os.chmod(path, 0o644)


torch.manual_seed(0)
torch.set_num_threads(1)
for case, settings in CASES.items():
    run(case, *settings)
levers()
layers()
groups()
