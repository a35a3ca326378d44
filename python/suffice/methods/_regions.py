"""The regions of an image that a method chooses among: cells of a grid, or those of a label map."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from suffice import _native
from suffice._native import LabelMap
from suffice.errors import InputError, SettingsError
from suffice.methods._arrays import read_array, to_numpy
from suffice.subject import Subject
from suffice.types import PackedMasks

KEY = "feature_mask"  # of the array in a .npz file


@dataclass(frozen=True, slots=True, eq=False)
class Regions:
    """The regions of one image.

    Attributes
    ----------
    labels : int32 [H, W]
        Region of every pixel, 0 .. count-1, each used.
    count : int
    given : int64 [count]
        What each region was called in the label map it came from.
    columns : int or None
        Cells of a row where the regions are a grid.
    """

    labels: LabelMap
    count: int
    given: npt.NDArray[np.int64]
    columns: int | None = None

    @property
    def sizes(self) -> npt.NDArray[np.int64]:
        """Pixels of each, ``int64 [count]``."""
        return np.bincount(self.labels.ravel(), minlength=self.count)

    def masks(self, choices: npt.NDArray[np.bool_]) -> PackedMasks:
        """Masks ``[M, words]`` that keep the chosen regions of bool ``[M, count]``."""
        packed = _native.pack(np.ascontiguousarray(choices[:, None, :]))
        return _native.masks_from_labels(self.labels, packed, self.count)

    def masks_of(self, sets: Sequence[Sequence[int]]) -> PackedMasks:
        """Masks ``[len(sets), words]`` that keep the regions of these numbers."""
        choices = np.zeros((len(sets), self.count), np.bool_)
        for row, numbers in enumerate(sets):
            choices[row, list(numbers)] = True
        return self.masks(choices)


def regions_of(feature_mask: Any, grid: int, subject: Subject, method: str) -> Regions:
    """Regions of a label map in the order of their labels, or the cells of a grid.

    Parameters
    ----------
    feature_mask : None, int [H, W], path or callable
        As `checked` gave it.
    grid : int
        Cells a side where there is no label map, numbered row by row; of a side with fewer pixels
        every one is a cell.
    subject : Subject
    method : str
        For messages.

    Raises
    ------
    InputError
        If a file can't be read, or a file or function gives no label map of the image's shape.
    SettingsError
        If a given array doesn't have the image's shape.
    """
    shape = subject.shape
    if feature_mask is None:
        rows, columns = (min(grid, side) for side in shape)
        count = rows * columns
        cells = _native.grid_labels(shape, rows, columns)
        return Regions(cells, count, np.arange(count), columns)
    error: type[InputError] = SettingsError
    labels = feature_mask
    if not isinstance(labels, np.ndarray):
        error, what = InputError, "what the function gave"
        if callable(feature_mask):
            labels = _array(feature_mask(subject), method, InputError)
        else:
            what, labels = os.fspath(feature_mask), read_array(Path(feature_mask), KEY)
        labels = _label_map(labels, what, method, InputError)
    if labels.shape != shape:
        raise error(
            f"method {method}: feature_mask should be on the model's grid, {list(shape)}; got "
            f"{list(labels.shape)}"
        )
    given, inverse = np.unique(labels, return_inverse=True)
    numbered = np.ascontiguousarray(inverse.reshape(shape), np.int32)
    return Regions(numbered, len(given), given.astype(np.int64))


def checked(feature_mask: Any, method: str) -> Any:
    """What the setting is kept as: None, an int64 array of its own, a path, or a function.

    Raises
    ------
    SettingsError
        If it is none of them, no label map, or a path that leads nowhere.
    """
    if feature_mask is None or callable(feature_mask):
        return feature_mask
    if isinstance(feature_mask, (str, os.PathLike)):
        path = Path(feature_mask)
        if not (path.is_file() and path.suffix in (".npy", ".npz")):
            raise SettingsError(
                f"method {method}: feature_mask should be a .npy or .npz file; "
                f"{os.fspath(path)!r} is {'another file' if path.exists() else 'not there'}"
            )
        return feature_mask
    array = _array(feature_mask, method, SettingsError)
    labels = _label_map(array, "the array", method, SettingsError).copy()
    labels.setflags(write=False)
    return labels


def _array(given: Any, method: str, error: type[InputError]) -> npt.NDArray[Any]:
    array = to_numpy(given)
    if not isinstance(array, np.ndarray):
        raise error(
            f"method {method}: feature_mask should be an int array [H, W], a path or a function, "
            f"got {type(given).__name__}"
        )
    return array


def _label_map(
    array: npt.NDArray[Any], what: str, method: str, error: type[InputError]
) -> npt.NDArray[np.int64]:
    while array.ndim > 2 and len(array) == 1:  # captum's masks are [1, 1, H, W]
        array = array[0]
    if array.ndim != 2 or array.dtype.kind not in "iu" or not array.size:
        raise error(
            f"method {method}: {what} should hold whole numbers [H, W], one for each pixel's "
            f"region; got {array.dtype} of shape {list(array.shape)}"
        )
    return np.ascontiguousarray(array, np.int64)
