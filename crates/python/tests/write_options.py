"""Prints `_options.py`: the options of `plan`, `fit` and `train` as types, as the program's own help has them."""

from __future__ import annotations

import importlib.util
import textwrap
from collections.abc import Callable
from importlib.machinery import ExtensionFileLoader
from pathlib import Path

# The options of a command: name, what its value is called, possible values, help.
Described = Callable[[str], list[tuple[str, str | None, list[str], str]]]

HEAD = '''"""Options of the commands. `cargo xtask python --write` makes this file of the program's help."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Literal, TypedDict

Path = str | os.PathLike[str]
'''

# What values of these names are.
TYPES = {
    **dict.fromkeys(["N", "EPOCHS", "STEPS", "THREADS"], "int"),
    **dict.fromkeys(["SHARE", "RATE", "FACTOR", "NORM", "SECONDS"], "float"),
    "SIZE": "int | str",
    "LIST": "Sequence[float]",
    "C,H,W": "Sequence[int]",
    "N[,N…]": "int | Sequence[int]",
    "COLUMN,…": "str | Sequence[str]",
    "TEXT,…": "str | Sequence[str]",
}


def of_value(name: str) -> str:
    """The type of a value that is called so: `N|auto`, `FILE.toml`."""
    if name in TYPES:
        return TYPES[name]
    if name.startswith(("FILE", "DIR")):
        return "Path"
    return f'Literal["{name}"]' if name.islower() and name.isidentifier() else "str"


def of_option(name: str, value: str | None, choices: list[str]) -> str:
    if value is None:
        return "bool | None"
    if choices:
        return "Literal[" + ", ".join(f'"{choice}"' for choice in choices) + "] | None"
    kinds = dict.fromkeys(of_value(part) for part in value.split("|"))
    several = " | Sequence[Path]" if name in ("plot", "timeline") else ""
    return " | ".join(kinds) + several + " | None"


def text(name: str, command: str, options: Described) -> str:
    lines = [f"class {name}(TypedDict, total=False):", f'    """Options of ``plangrad {command}``."""', ""]
    for option, value, choices, help in options(command):
        lines.append(f"    {option}: {of_option(option, value, choices)}")
        said = textwrap.wrap(help.replace("\\", "\\\\").replace('"', "'"), 116)
        lines += ['    """' + "\n    ".join(said) + '"""']
    return "\n".join(lines) + "\n"


def whole(options: Described) -> str:
    commands = [("PlanOptions", "plan"), ("FitOptions", "fit"), ("TrainOptions", "train")]
    return "\n\n".join([HEAD, *(text(name, command, options) for name, command in commands)])


def installed() -> Described:
    """That of the package that is installed, which need not be whole yet."""
    package = importlib.util.find_spec("plangrad")
    assert package is not None and package.origin is not None, "plangrad is not installed"
    file = next(Path(package.origin).parent.glob("_native*.so"))
    spec = importlib.util.spec_from_loader("_native", ExtensionFileLoader("_native", str(file)))
    assert spec is not None and spec.loader is not None
    native = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(native)
    options: Described = native.options
    return options


if __name__ == "__main__":
    print(whole(installed()), end="")
