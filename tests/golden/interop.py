"""What PyTorch makes of plangrad's files, and files that PyTorch writes.

    python tests/golden/interop.py check MODEL OUT      # MODEL as plangrad saved it; logits, and a copy saved by PyTorch
    python tests/golden/interop.py write                # rewrites tests/golden/pytorch.safetensors

The module is the lessons': two layers named layer1 and layer2, whatever their sizes. Inputs are formulas of their index,
the same as in tests/interop.rs. Needs torch, numpy and safetensors.
"""

import os
import sys

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

ROWS = 4
PIXELS = 784


class Net(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.layer1 = nn.Linear(PIXELS, hidden)
        self.layer2 = nn.Linear(hidden, 10)

    def forward(self, x):
        return self.layer2(torch.relu(self.layer1(x)))


def inputs():
    """Normalised images: pixel j of image i is (7 i + 13 j + i j) mod 256."""
    i, j = np.meshgrid(np.arange(ROWS), np.arange(PIXELS), indexing="ij")
    pixels = ((7 * i + 13 * j + i * j) % 256).astype(np.float32)
    return torch.from_numpy((pixels / np.float32(255) - np.float32(0.1307)) / np.float32(0.3081))


def check(model, out):
    weights = load_file(model)
    net = Net(weights["layer1.bias"].shape[0])
    net.load_state_dict(weights, strict=True)
    with torch.no_grad():
        logits = net(inputs())
    save_file({"logits": logits}, os.path.join(out, "logits.safetensors"))
    save_file(net.state_dict(), os.path.join(out, "copy.safetensors"))


def write():
    torch.manual_seed(3)
    net = Net(8)
    with torch.no_grad():
        logits = net(inputs())
    here = os.path.dirname(os.path.abspath(__file__))
    for name, tensors in [("pytorch", net.state_dict()), ("pytorch_logits", {"logits": logits})]:
        path = os.path.join(here, f"{name}.safetensors")
        save_file(tensors, path)
        os.chmod(path, 0o644)


if __name__ == "__main__":
    torch.set_num_threads(1)
    check(*sys.argv[2:]) if sys.argv[1] == "check" else write()
