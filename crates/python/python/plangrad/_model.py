"""Trained models that predict what is in arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _native
from ._options import Path


class Model:
    """A trained model. ``Model.load("runs/digits-1")`` reads that of a run, or a model file.

    It reads what it was trained on: images as ``uint8`` of shape ``(n, *sample_shape)``, not normalised (it does that itself), or the
    rows of a table, with the columns ``features``. A single image is ``images[:1]``, not ``images[0]``.
    """

    def __init__(self, native: _native.Model) -> None:
        self._native = native

    @classmethod
    def load(cls, path: Path, *, device: str | None = None, threads: int | None = None) -> Model:
        """Reads a model file, or the model of a run folder.

        ``device`` is ``"auto"`` (the default), ``"cpu"`` or ``"cuda:0"``; ``threads`` those of the CPU, one per core by default.

        Raises ModelError, FileError, or DeviceError.
        """
        return cls(_native.Model(path, device, threads))

    @property
    def path(self) -> str:
        """Its file."""
        return self._native.path

    @property
    def dataset(self) -> str:
        """The dataset that it learnt from."""
        return self._native.dataset

    @property
    def classes(self) -> list[str]:
        """Names of its classes in label order; empty for a regression."""
        return self._native.classes

    @property
    def features(self) -> list[str] | None:
        """The columns that it reads, if it learnt from a table."""
        return self._native.features

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """The shape of a sample: ``(1, 28, 28)``."""
        return tuple(self._native.sample_shape)

    @property
    def layers(self) -> str:
        """Units of each layer: ``"784-128-10"``."""
        return self._native.layers

    @property
    def device(self) -> str:
        """Where it computes: ``"cpu"``, ``"cuda:0"``."""
        return self._native.device

    def predict(self, samples: npt.ArrayLike | Sequence[Sequence[Any]]) -> npt.NDArray[np.int64] | npt.NDArray[np.float64]:
        """The class of each sample, as ``int64``; of a regression its value, as ``float64``, in the units that it learnt from.

        Images are read where they lie, a batch at a time; those that are not contiguous are copied first.

        Raises TypeError or ValueError for another type or shape, DataError for a row that the table cannot have, OutOfMemoryError.
        """
        classes, _, values = self._predicted(samples)
        predicted = classes if values is None else values
        assert predicted is not None, "one of them is there"
        return predicted

    def predict_proba(self, samples: npt.ArrayLike | Sequence[Sequence[Any]]) -> npt.NDArray[np.float32]:
        """The probability of each class for each sample, ``[n, classes]``.

        Raises TypeError for a regression, and what ``predict`` does.
        """
        _, probabilities, _ = self._predicted(samples)
        if probabilities is None:
            raise TypeError("a regression has no probabilities; use predict")
        return probabilities

    def _predicted(self, samples: Any) -> _native._Predicted:
        if self.features is not None:
            return self._native.predict_rows([[_cell(value) for value in row] for row in _rows(samples)])
        images = np.asarray(samples)
        if images.dtype != np.uint8:
            raise TypeError(f"expected images as uint8, 0 to 255, not normalised; found {images.dtype}")
        return self._native.predict_images(np.ascontiguousarray(images))

    def __repr__(self) -> str:
        return f"<plangrad.Model {self.layers} of {self.dataset} on {self.device}>"


def _rows(samples: Any) -> Iterable[Iterable[Any]]:
    """The rows of an array, of a data frame, or of lists."""
    values = samples.to_numpy() if hasattr(samples, "to_numpy") else samples
    if isinstance(values, np.ndarray) and values.ndim != 2:
        raise ValueError(f"expected rows of shape (n, columns), found {list(values.shape)}")
    rows: Iterable[Iterable[Any]] = values.tolist() if isinstance(values, np.ndarray) else values
    return rows


def _cell(value: Any) -> str:
    """A value as its text in a file would be."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, (bool, np.bool_)) else str(value)
