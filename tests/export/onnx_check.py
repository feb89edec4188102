"""Checks ONNX files that plangrad has exported: `onnx_check.py data FOLDER` makes datasets, `onnx_check.py RUN FOLDER` compares.

Logits are computed three times: by ONNX Runtime, by numpy in 64 bits from the exported weights, and, as probabilities or
values, by `plangrad predict`.
"""

import json
import math
import os
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime

run, folder = sys.argv[1:]
os.chdir(folder)

if run == "data":
    random = np.random.default_rng(1)
    labels = np.arange(400) % 4
    images = (random.integers(0, 60, (400, 8, 8, 3)) + 45 * labels[:, None, None, None]).astype(np.uint8)
    np.savez("colours.npz", x_train=images[:300], y_train=labels[:300], x_test=images[300:], y_test=labels[300:])
    numbers = random.normal(size=(200, 3)) * [1, 100, 0.01] + [5, -1000, 0]
    with open("values.csv", "w") as file:
        file.write("a,b,c,y\n")
        file.writelines(f"{a},{b},{c},{1e5 + 3 * a - b + 50 * c}\n" for a, b, c in numbers)
    with open("words.csv", "w") as file:
        file.write("colour,size,good\n")
        words = ["red", "green", "blue"]
        file.writelines(f"{words[i % 3]},{i % 7 + 0.5},{'yes' if i % 3 == 1 else 'no'}\n" for i in range(150))
    sys.exit()

model = onnx.load(f"{run}.onnx")
onnx.checker.check_model(model, full_check=True)
session = onnxruntime.InferenceSession(f"{run}.onnx", providers=["CPUExecutionProvider"])
port = session.get_inputs()[0]
facts = session.get_modelmeta().custom_metadata_map
random = np.random.default_rng(2)


def samples(count):
    sizes = [count, *port.shape[1:]]
    if port.type == "tensor(uint8)":
        return random.integers(0, 256, sizes).astype(np.uint8)
    return random.normal(size=sizes) * 10


def by_hand(batch):
    """The network in 64 bits, from the exported weights and the constants of the normalisation."""
    constants = {one.name: onnx.numpy_helper.to_array(one) for one in model.graph.initializer}
    x = batch.astype(np.float64)
    if "normalise.mean" in constants:
        x = ((x - constants["normalise.mean"]) / constants["normalise.std"]).astype(np.float32).astype(np.float64)
    else:
        x = x * constants["normalise.scale"] + constants["normalise.shift"]
    x = x.reshape(len(x), -1)
    weights = np.load(f"{run}.npz")
    if "layer1.weight" not in weights.files:
        return of_layers(x, weights)
    layers = len(weights.files) // 2
    activation = {
        "tanh": np.tanh,
        "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
        "gelu": np.vectorize(lambda x: x * 0.5 * (1 + math.erf(x / math.sqrt(2)))),
    }.get(run, lambda x: np.maximum(x, 0))
    for layer in range(1, layers + 1):
        x = x @ weights[f"layer{layer}.weight"].T.astype(np.float64) + weights[f"layer{layer}.bias"]
        if layer < layers:
            x = activation(x)
    return x


def of_layers(x, weights):
    """The network of LAYERS in tests/export.rs in evaluation."""
    gelu = np.vectorize(lambda x: x * 0.5 * (1 + math.erf(x / math.sqrt(2))))

    def linear(x, name):
        return x @ weights[f"{name}.weight"].T.astype(np.float64) + weights[f"{name}.bias"]

    def scaled(x, mean, variance, name):
        return (x - mean) / np.sqrt(variance + 1e-5) * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def batch_norm(x, name):
        mean, variance = weights[f"{name}.running_mean"], weights[f"{name}.running_var"]
        return scaled(x, mean.astype(np.float64), variance.astype(np.float64), name)

    def layer_norm(x, name):
        return scaled(x, x.mean(axis=1, keepdims=True), x.var(axis=1, keepdims=True), name)

    x = np.maximum(batch_norm(linear(x, "0"), "1"), 0)
    x = x + linear(gelu(layer_norm(linear(x, "3.0"), "3.1")), "3.4")
    second = batch_norm(1 / (1 + np.exp(-linear(x, "4.1.0.0"))), "4.1.1")
    return linear(np.tanh(linear(x, "4.0.0")) + second + linear(x, "4.2.0"), "5")


for count in [1, 7]:
    batch = samples(count)
    outputs = session.run(None, {port.name: batch})
    names = [output.name for output in session.get_outputs()]
    scores = by_hand(batch)
    if names == ["value"]:
        constants = {one.name: onnx.numpy_helper.to_array(one) for one in model.graph.initializer}
        std, mean = constants["restore.std"], constants["restore.mean"]
        assert np.abs((outputs[0] - mean) / std - scores).max() < 1e-5 * max(1, np.abs(scores).max())
    else:
        assert names == ["logits", "probabilities"]
        # 1e-5, relative where logits are large, as they are for random pixels.
        assert np.abs(outputs[0] - scores).max() < 1e-5 * max(1, np.abs(scores).max()), np.abs(outputs[0] - scores).max()
        assert np.abs(outputs[1].sum(axis=1) - 1).max() < 1e-5


def predicted(*arguments):
    command = [os.environ["PLANGRAD"], "predict", run, "--device", "cpu", "--format", "json", *arguments]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[0])


if run == "values":
    value = session.run(None, {"rows": np.array([[5.5, -900.0, 0.003]])})[0][0, 0]
    answer = predicted("--values", "5.5,-900,0.003")
    assert abs(value - answer["value"]) < 1e-5 * abs(value), (value, answer)
elif run == "words":
    columns = json.loads(facts["columns"])
    row = [1.0 if column == "colour=green" else 2.5 if column == "size" else 0.0 for column in columns]
    probabilities = session.run(["probabilities"], {"rows": np.array([row])})[0][0]
    answer = predicted("--values", "green,2.5")
    assert np.abs(probabilities - answer["probabilities"]).max() < 1e-5, (probabilities, answer)
elif run != "gelu":
    with open("data/mnist/t10k-images-idx3-ubyte", "rb") as file:
        image = np.frombuffer(file.read()[16 + 5 * 784 : 16 + 6 * 784], np.uint8).reshape(1, 1, 28, 28)
    probabilities = session.run(["probabilities"], {"images": image})[0][0]
    answer = predicted("--index", "5")
    assert np.abs(probabilities - answer["probabilities"]).max() < 1e-5, (probabilities, answer)
else:
    image = np.load("colours.npz")["x_test"][5:6].transpose(0, 3, 1, 2)
    probabilities = session.run(["probabilities"], {"images": image})[0][0]
    answer = predicted("--index", "5")
    assert np.abs(probabilities - answer["probabilities"]).max() < 1e-5, (probabilities, answer)
