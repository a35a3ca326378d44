"""Every error that suffice raises on purpose.

::

    SufficeError (Exception)
    ├── InputError (ValueError)      an argument, image or file is not what was expected
    │   ├── ImageError               an image can't be read or doesn't fit the model
    │   ├── ModelError               a model can't be loaded or breaks the classifier contract
    │   └── SettingsError            a setting of a method, criterion, baseline or preprocessing
    ├── ScoresError (RuntimeError)   a model gave scores no decision can be made from (NaN, shape)
    │   └── DeviceMemoryError        so large a batch does not fit into the device's memory
    ├── StoreError (RuntimeError)    a study's store can't be read or written; what is in it stays
    ├── MissingDependencyError (ImportError)   an optional package is needed; the message names it
    └── ExistingResultError (FileExistsError)  a result is there already and --existing says error

Messages say what was expected, what came and what to do about it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class SufficeError(Exception):
    """Base of all errors raised on purpose."""


class InputError(SufficeError, ValueError):
    """An argument, image or file is not what was expected."""


class ImageError(InputError):
    """An image can't be read or doesn't fit the model."""


class ModelError(InputError):
    """A model can't be loaded or breaks the classifier contract."""


class SettingsError(InputError):
    """A setting of a method, criterion, baseline or preprocessing is invalid."""


class ScoresError(SufficeError, RuntimeError):
    """A model gave scores no decision can be made from.

    Parameters
    ----------
    message : str
    row : int or None
        Row of the batch that is at fault.

    Attributes
    ----------
    composite : float32 [C, H, W] or None
        What the model was shown, filled in by the engine.
    """

    def __init__(self, message: str, row: int | None = None) -> None:
        super().__init__(message)
        self.row = row
        self.composite: npt.NDArray[np.float32] | None = None


class DeviceMemoryError(ScoresError):
    """A batch does not fit into the memory of the model's device; smaller ones may."""


class StoreError(SufficeError, RuntimeError):
    """A study's store can't be read or written; what was finished stays in it."""


class MissingDependencyError(SufficeError, ImportError):
    """An optional package is needed; the message names the command that installs it."""


class ExistingResultError(SufficeError, FileExistsError):
    """A result exists already and was not to be replaced."""
