"""Autograd that plans every byte before it runs: plangrad for Python.

    >>> import plangrad
    >>> plangrad.plan(dataset="mnist", batch_sizes=[64])["rows"][0]["total_bytes"]
    >>> end = plangrad.train(dataset="digits", epochs=2, callback=print)
    >>> model = plangrad.Model.load(end["run"])

Options and results have the names of the program's options and of its JSON. The program says through ``logging`` (logger ``plangrad``)
what it notices. A run can be resumed and repeated, so its data are files: arrays become a dataset with ``numpy.savez``
(``dataset="npz:FILE.npz"``).
"""

from __future__ import annotations

from ._commands import Callback, fit, plan, train
from ._errors import (
    DataError,
    DeviceError,
    DivergedError,
    DownloadError,
    Error,
    FileError,
    ImageError,
    InternalError,
    ModelError,
    NotFoundError,
    OutOfMemoryError,
    RunError,
    StoppedError,
    TooLargeError,
    UsageError,
)
from ._files import CifarArchive, CifarRecords, Samples, load_dataset, read_cifar, read_cifar_archive, read_idx
from ._model import Model
from ._native import __version__
from ._options import FitOptions, PlanOptions, TrainOptions
from ._results import End, Epoch, Event, Fit, OutOfMemory, Plan, PlanRow, Start, Step, Trial

__all__ = [
    "Callback",
    "CifarArchive",
    "CifarRecords",
    "DataError",
    "DeviceError",
    "DivergedError",
    "DownloadError",
    "End",
    "Epoch",
    "Error",
    "Event",
    "FileError",
    "Fit",
    "FitOptions",
    "ImageError",
    "InternalError",
    "Model",
    "ModelError",
    "NotFoundError",
    "OutOfMemory",
    "OutOfMemoryError",
    "Plan",
    "PlanOptions",
    "PlanRow",
    "RunError",
    "Samples",
    "Start",
    "Step",
    "StoppedError",
    "TooLargeError",
    "TrainOptions",
    "Trial",
    "UsageError",
    "__version__",
    "fit",
    "load_dataset",
    "plan",
    "read_cifar",
    "read_cifar_archive",
    "read_idx",
    "train",
]
