"""Settings of methods that are an array, a file with one, or a function that gives one."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from suffice.errors import InputError
from suffice.reading import parse_array, read_arrays

MAGIC = b"\x93NUMPY"


def described(setting: Any) -> Any:
    """What a record says of such a setting, in JSON types: digest and shape, path, or name."""
    if isinstance(setting, np.ndarray):
        digest = hashlib.sha256(setting.tobytes()).hexdigest()
        return {"sha256": digest, "shape": list(setting.shape)}
    if callable(setting):
        if hasattr(setting, "describe"):
            return setting.describe()
        named = setting if hasattr(setting, "__qualname__") else type(setting)
        return f"{named.__module__}.{named.__qualname__}"
    return None if setting is None else os.fspath(setting)


def identity(setting: Any) -> Any:
    """What makes two of them equal: what an array holds, the same path, the same function."""
    return setting if callable(setting) else str(described(setting))


def to_numpy(value: Any) -> Any:
    """A torch tensor as a NumPy array; anything else as it is."""
    return value.detach().cpu().numpy() if hasattr(value, "detach") else value


def read_array(path: Path, key: str) -> npt.NDArray[Any]:
    """Read a .npy file, or the array called `key` of a .npz file.

    Raises
    ------
    InputError
        If it can't be read or has no such array.
    """
    try:
        with path.open("rb") as file:
            if file.read(len(MAGIC)) == MAGIC:
                return parse_array(MAGIC + file.read())
            arrays = read_arrays(file)
        if key in arrays:
            return arrays[key]
        names = ", ".join(arrays) or "none"
    except Exception as error:
        raise InputError(f"{os.fspath(path)} can't be read as an array: {error}") from None
    raise InputError(f"{os.fspath(path)}: expected an array called {key!r}, found {names}")
