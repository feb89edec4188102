"""Datasets and their files as arrays."""

from __future__ import annotations

import os
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from . import _native
from ._options import Path


class Samples(NamedTuple):
    """A part of a dataset."""

    samples: npt.NDArray[Any]
    """Images as ``uint8``, ``[n, channels, height, width]``."""
    targets: npt.NDArray[Any]
    """The class of each, or of a regression its number."""
    classes: list[str]
    """Names of the classes in label order."""


class CifarRecords(NamedTuple):
    """Records of CIFAR-10 or CIFAR-100."""

    images: npt.NDArray[np.uint8]
    """``[n, 3, 32, 32]``: channel, row, column."""
    labels: npt.NDArray[np.uint8]
    """The class of each image; of CIFAR-100 the fine one."""
    coarse_labels: npt.NDArray[np.uint8] | None
    """The superclass of each image of CIFAR-100."""


class CifarArchive(NamedTuple):
    """What an official archive holds."""

    train: CifarRecords
    test: CifarRecords
    classes: list[str]
    """Names of the classes in label order."""
    coarse_classes: list[str]
    """Names of CIFAR-100's superclasses."""


def load_dataset(name: str, split: Literal["train", "test"] = "train", data_dir: Path | None = None) -> Samples:
    """A part of a dataset as the program reads it: ``mnist``, ``cifar10``, ``digits`` (which is built in), ``npz:FILE``.

    ``data_dir`` is the folder with the datasets; by default the variable ``PLANGRAD_DATA``, else ``data``. Nothing is copied.

    >>> images, labels, classes = plangrad.load_dataset("digits", "test")
    >>> images.shape
    (4000, 1, 28, 28)

    Raises NotFoundError with the folders that were searched, or DataError.
    """
    folder = data_dir if data_dir is not None else os.environ.get("PLANGRAD_DATA") or "data"
    return Samples(*_native.load_dataset(name, split, folder))


def read_idx(path: Path) -> npt.NDArray[Any]:
    """The array in an IDX file such as MNIST's, gzipped or not, in the file's element type.

    Bytes are not copied: the array takes over the memory that the file was read into.

    >>> images = plangrad.read_idx("data/mnist/train-images-idx3-ubyte.gz")
    >>> images.shape, images.dtype
    ((60000, 28, 28), dtype('uint8'))

    Raises NotFoundError, FileError, or DataError with the offset at which the file is damaged.
    """
    return _native.read_idx(path)


def read_cifar(path: Path, variant: Literal["cifar10", "cifar100"] = "cifar10") -> CifarRecords:
    """The records of a binary batch, ``data_batch_1.bin``, gzipped or not. Nothing is copied.

    Raises NotFoundError, FileError, or DataError.
    """
    return CifarRecords(*_native.read_cifar(path, variant))


def read_cifar_archive(path: Path, variant: Literal["cifar10", "cifar100"] = "cifar10") -> CifarArchive:
    """The records of an official archive, ``cifar-10-binary.tar.gz`` or ``cifar-10-python.tar.gz``, read without unpacking it.

    Raises NotFoundError, FileError, or DataError.
    """
    train, test, classes, coarse_classes = _native.read_cifar_archive(path, variant)
    return CifarArchive(CifarRecords(*train), CifarRecords(*test), classes, coarse_classes)
