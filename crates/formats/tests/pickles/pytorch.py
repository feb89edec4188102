"""Files that PyTorch itself writes, for `tests/torch.rs`: run by `cargo xtask golden --write`. Recorded with 2.15.0."""
import sys
from pathlib import Path

import torch
from torch import nn

folder = Path(sys.argv[1])


def model():
    layers = nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 2))
    with torch.no_grad():
        for number, parameter in enumerate(layers.parameters()):
            parameter.copy_(torch.arange(parameter.numel()).reshape(parameter.shape) / 4 + number)
    return layers


def checkpoint():
    layers = model()
    optimizer = torch.optim.Adam(layers.parameters())
    layers(torch.ones(1, 3)).sum().backward()
    state = layers.state_dict()
    state = {name: value.clone() for name, value in state.items()}
    optimizer.step()
    return {"epoch": 3, "model": state, "optimizer": optimizer.state_dict(), "loss": 0.5, "name": "toy"}


torch.save(model().state_dict(), folder / "pytorch.pth")
torch.save(dict(model().named_parameters()), folder / "pytorch_parameters.pth")
torch.save(checkpoint(), folder / "pytorch_checkpoint.pth")
types = (torch.float16, torch.bfloat16, torch.float64)
numbers = {str(of): torch.tensor([[1.0, -2.5], [0.25, 3.0]], dtype=of) for of in types}
whole = torch.arange(12.0).reshape(3, 4)
torch.save(numbers | {"transposed": whole.t(), "part": whole[1:, ::2]}, folder / "pytorch_views.pth")
torch.save(model(), folder / "pytorch_module.pth")
torch.save(model().state_dict(), folder / "pytorch_legacy.pth", _use_new_zipfile_serialization=False)
