"""Writes what other packages say about the memory of the networks that `plangrad plan --compare` compares.

    python3 -m venv venv
    venv/bin/pip install torch torchsummary torchinfo keras accelerate
    venv/bin/python tests/golden/summaries.py       # rewrites tests/golden/summaries.json

The file is committed; the test `tests/plan.rs` reads it and needs no Python. Each package is called the way its own
documentation calls it, and its numbers are taken from what it returns or prints: nothing is computed here.
"""

import importlib.metadata
import io
import json
import os
import re
from contextlib import redirect_stdout

os.environ["KERAS_BACKEND"] = "torch"
os.environ["COLUMNS"] = "120"

import keras
import torch
import torchinfo
import torchsummary
from accelerate.commands.estimate import estimate_training_usage
from accelerate.utils import calculate_maximum_sizes, convert_bytes
from torch import nn

HERE = os.path.dirname(os.path.abspath(__file__))
CASES = [  # sample shape, hidden layers, classes, dropout, batch size
    ([1, 28, 28], [128], 10, 0.0, 64),
    ([1, 28, 28], [128], 10, 0.0, 4096),
    ([3, 32, 32], [128], 10, 0.0, 32),
    ([3, 32, 32], [512, 256], 100, 0.25, 256),
    ([1, 28, 28], [], 10, 0.0, 64),
]
SIZES = ["Input size", "Forward/backward pass size", "Params size", "Estimated Total Size"]


def network(shape, hidden, classes, dropout):
    layers, inputs = [nn.Flatten()], shape[0] * shape[1] * shape[2]
    for units in hidden:
        layers += [nn.Linear(inputs, units), nn.ReLU()] + ([nn.Dropout(dropout)] if dropout else [])
        inputs = units
    return nn.Sequential(*layers, nn.Linear(inputs, classes))


def keras_network(shape, hidden, classes, dropout):
    layers = [keras.layers.Input(shape=shape), keras.layers.Flatten()]
    for units in hidden:
        layers += [keras.layers.Dense(units, activation="relu")]
        layers += [keras.layers.Dropout(dropout)] if dropout else []
    return keras.Sequential(layers + [keras.layers.Dense(classes)])


def summary_megabytes(model, shape, batch):
    """The four sizes torchsummary prints, in its MB of 1024² bytes, with the digits it prints."""
    output = io.StringIO()
    with redirect_stdout(output):
        torchsummary.summary(model, tuple(shape), batch_size=batch, device="cpu")
    found = [re.search(rf"{re.escape(size)} \(MB\): ([0-9.]+)", output.getvalue()) for size in SIZES]
    return [match.group(1) for match in found]


def info_bytes(model, shape, batch):
    """The same four of torchinfo, which keeps them in bytes."""
    found = torchinfo.summary(model, input_size=(batch, *shape), device="cpu", verbose=0)
    parts = [found.total_input, found.total_output_bytes, found.total_param_bytes]
    return [int(part) for part in parts] + [int(sum(parts))]


def keras_parameters(shape, hidden, classes, dropout):
    """What Keras prints below its table after one step with each optimizer: counts and sizes, with the digits it prints."""
    optimizers = {
        "adam": keras.optimizers.Adam(),
        "adamw": keras.optimizers.AdamW(),
        "sgd": keras.optimizers.SGD(),
        "momentum": keras.optimizers.SGD(momentum=0.9),
    }
    images, labels = torch.zeros([2, *shape]), torch.zeros([2], dtype=torch.int64)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    found = {}
    for name, optimizer in optimizers.items():
        model = keras_network(shape, hidden, classes, dropout)
        model.compile(optimizer=optimizer, loss=loss)
        model.fit(images, labels, verbose=0)
        lines = []
        model.summary(print_fn=lambda line, **_: lines.append(line), line_length=120)
        text = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(lines))
        sizes = re.findall(r"(Total|Optimizer) params: ([0-9,]+) \(([0-9.]+ [A-Z]+)\)", text)
        found[name] = {kind: [int(count.replace(",", "")), size] for kind, count, size in sizes}
    return found


def accelerate_bytes(model):
    """What `accelerate estimate-memory` gives for training in float32 with Adam, and as it prints it."""
    total, _ = calculate_maximum_sizes(model)
    step = int(max(estimate_training_usage(total, "float32").values()))
    return [step, convert_bytes(step)]


def record(shape, hidden, classes, dropout, batch):
    model = network(shape, hidden, classes, dropout)
    return {
        "sample_shape": shape,
        "hidden": hidden,
        "classes": classes,
        "dropout": dropout,
        "batch_size": batch,
        "torchsummary": summary_megabytes(model, shape, batch),
        "torchinfo": info_bytes(model, shape, batch),
        "keras": keras_parameters(shape, hidden, classes, dropout),
        "accelerate": accelerate_bytes(model),
    }


packages = ["torch", "torchsummary", "torchinfo", "keras", "accelerate"]
versions = {name: importlib.metadata.version(name) for name in packages}
cases = ",\n  ".join(json.dumps(record(*case)) for case in CASES)
with open(os.path.join(HERE, "summaries.json"), "w") as file:
    file.write(f'{{\n "versions": {json.dumps(versions)},\n "cases": [\n  {cases}\n ]\n}}\n')
