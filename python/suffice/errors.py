"""Every error that suffice raises on purpose.

::

    SufficeError (Exception)
    ├── InputError (ValueError)      an argument, image or file is not what was expected
    │   ├── ImageError               an image can't be read or doesn't fit the model
    │   ├── ModelError               a model can't be loaded or breaks the classifier contract
    │   └── SettingsError            a setting of a method, criterion, baseline or preprocessing
    ├── ScoresError (RuntimeError)   a model gave scores no decision can be made from (NaN, shape)
    ├── MissingDependencyError (ImportError)   an optional package is needed; the message names it
    └── ExistingResultError (FileExistsError)  a result is there already and --existing says error

Messages say what was expected, what came and what to do about it.
"""

from __future__ import annotations


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

    Attributes
    ----------
    row : int or None
        The first row of the batch with such scores, where that is known.
    """

    def __init__(self, message: str, row: int | None = None) -> None:
        super().__init__(message)
        self.row = row


class MissingDependencyError(SufficeError, ImportError):
    """An optional package is needed; the message names the command that installs it."""


class ExistingResultError(SufficeError, FileExistsError):
    """A result exists already and was not to be replaced."""
