"""The lessons as a notebook: it runs, and says what it said when it was written."""

from __future__ import annotations

import os

import nbformat
from notebook import executed, said


def test_the_notebook_runs_and_says_what_is_in_it() -> None:
    notebook = nbformat.read(os.environ["PLANGRAD_NOTEBOOK"], as_version=4)
    nbformat.validate(notebook)
    before = said(notebook)
    assert said(executed(notebook)) == before, "run cargo xtask python --write, and look at what it changes"
