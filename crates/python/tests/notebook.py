"""Runs a notebook from top to bottom. As a program: `notebook.py FILE` writes its outputs into it."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient


def executed(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook with the outputs of a fresh kernel, in a folder of its own."""
    bin_ = str(Path(sys.executable).parent)
    os.environ["PATH"] = bin_ + os.pathsep + os.environ["PATH"]
    with tempfile.TemporaryDirectory() as folder:
        return NotebookClient(notebook, timeout=120, resources={"metadata": {"path": folder}}).execute()


def said(notebook: nbformat.NotebookNode) -> list[str]:
    """What each cell says, without figures that differ from machine to machine."""
    texts = ["".join(_text(output) for output in cell.get("outputs", [])) for cell in notebook.cells]
    return [re.sub(r"\d+\.\d+(e-?\d+)?", "…", text) for text in texts]


def _text(output: nbformat.NotebookNode) -> str:
    if output.output_type == "stream":
        return str(output.text)
    return str(output.get("data", {}).get("text/plain", ""))


if __name__ == "__main__":
    path = Path(sys.argv[1])
    notebook = executed(nbformat.read(path, as_version=4))
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    nbformat.write(notebook, path)
