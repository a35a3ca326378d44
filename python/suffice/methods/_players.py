"""Players: the regions of an image that a game between regions is played by."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from suffice import _native
from suffice._native import LabelMap
from suffice.errors import InputError, SettingsError
from suffice.types import PackedMasks

KEY = "feature_mask"  # of the array in a .npz file


@dataclass(frozen=True, slots=True, eq=False)
class Players:
    """The regions of one image.

    Attributes
    ----------
    labels : int32 [H, W]
        Player of every pixel, 0 .. count-1.
    count : int
    given : int64 [count]
        What each player was called in the label map it came from.
    """

    labels: LabelMap
    count: int
    given: npt.NDArray[np.int64]

    def masks(self, choices: npt.NDArray[np.bool_]) -> PackedMasks:
        """Masks ``[M, words]`` that keep the chosen players of bool ``[M, count]``."""
        packed = _native.pack(np.ascontiguousarray(choices[:, None, :]))
        return _native.masks_from_labels(self.labels, packed, self.count)


def grid_players(shape: tuple[int, int], cells: int) -> Players:
    """Cells of a grid, row by row; an image of fewer pixels than cells has a cell a pixel."""
    rows, cols = min(cells, shape[0]), min(cells, shape[1])
    return Players(_native.grid_labels(shape, rows, cols), rows * cols, np.arange(rows * cols))


def mask_players(feature_mask: Any, shape: tuple[int, int], method: str) -> Players:
    """Regions of a label map, in the order of their labels.

    Parameters
    ----------
    feature_mask : int [H, W] or path
        As `checked` gave it.
    shape : (H, W)
        Of the image on the model's grid.
    method : str
        For messages.

    Raises
    ------
    InputError
        If a file can't be read or holds no label map.
    SettingsError
        If the map doesn't have the image's shape.
    """
    labels = feature_mask
    if not isinstance(labels, np.ndarray):
        labels = _label_map(_read(Path(labels), method), f"{os.fspath(labels)}", method, InputError)
    if labels.shape != shape:
        raise SettingsError(
            f"method {method}: feature_mask should be on the model's grid, {list(shape)}; got "
            f"{list(labels.shape)}"
        )
    given, inverse = np.unique(labels, return_inverse=True)
    players = inverse.reshape(shape).astype(np.int32)
    return Players(np.ascontiguousarray(players), len(given), given.astype(np.int64))


def checked(feature_mask: Any, method: str) -> Any:
    """What the setting is kept as: None, an int64 array of its own, or a path.

    Raises
    ------
    SettingsError
        If it is none of them, no label map, or a path that leads nowhere.
    """
    if feature_mask is None:
        return None
    if isinstance(feature_mask, (str, os.PathLike)):
        path = Path(feature_mask)
        if not (path.is_file() and path.suffix in (".npy", ".npz")):
            raise SettingsError(
                f"method {method}: feature_mask should be a .npy or .npz file; "
                f"{os.fspath(path)!r} is {'another file' if path.exists() else 'not there'}"
            )
        return feature_mask
    array = feature_mask.detach().cpu().numpy() if hasattr(feature_mask, "detach") else feature_mask
    if not isinstance(array, np.ndarray):
        raise SettingsError(
            f"method {method}: feature_mask should be an int array [H, W] or a path, got "
            f"{type(feature_mask).__name__}"
        )
    labels = _label_map(array, "the array", method, SettingsError).copy()
    labels.setflags(write=False)
    return labels


def described(feature_mask: Any) -> Any:
    """What a record says of the setting, in JSON types."""
    if isinstance(feature_mask, np.ndarray):
        digest = hashlib.sha256(feature_mask.tobytes()).hexdigest()
        return {"sha256": digest, "shape": list(feature_mask.shape)}
    return None if feature_mask is None else os.fspath(feature_mask)


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


def _read(path: Path, method: str) -> npt.NDArray[Any]:
    try:
        with path.open("rb") as file:
            loaded = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return loaded
            names = loaded.files
            if KEY in names:
                array: npt.NDArray[Any] = loaded[KEY]
                return array
    except Exception as error:
        raise InputError(f"{os.fspath(path)} can't be read as an array: {error}") from None
    raise InputError(
        f"method {method}: {os.fspath(path)}: expected an array called {KEY!r}, found "
        f"{', '.join(names) or 'none'}"
    )
