"""What can go wrong, a class for each cause. Every message is the library's own sentence: what, expected, found, remedy."""

from __future__ import annotations


class Error(Exception):
    """Any error of plangrad."""


class UsageError(Error, ValueError):
    """An option that does not exist, or a value that it cannot have."""


class DataError(Error, ValueError):
    """A dataset or a file of one is damaged, or not what it should be."""


class ImageError(DataError):
    """An image file cannot be used."""


class NotFoundError(Error, FileNotFoundError):
    """A dataset or a file is not there."""


class DownloadError(Error, OSError):
    """A dataset could not be fetched."""


class FileError(Error, OSError):
    """A file cannot be read or written."""


class ModelError(Error, ValueError):
    """A model file cannot be used, or the model does not fit the data."""


class RunError(Error, OSError):
    """A run folder cannot be used."""


class DeviceError(Error, RuntimeError):
    """A device cannot be used, or fails."""


class OutOfMemoryError(Error, MemoryError):
    """The memory budget, or what the device has, does not suffice. Nothing was changed by the attempt.

    Where it was the device's memory: ``device``, ``requested_bytes``, ``free_bytes``, ``total_bytes``.
    """

    device: str | None = None
    requested_bytes: int | None = None
    free_bytes: int | None = None
    total_bytes: int | None = None


class TooLargeError(Error, OverflowError):
    """Sizes that no machine could count."""


class DivergedError(Error, ArithmeticError):
    """Training has diverged: its loss is no number any more."""


class StoppedError(Error):
    """A command was stopped that has nothing to show for it."""


class InternalError(Error, RuntimeError):
    """A defect of plangrad."""
