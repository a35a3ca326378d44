"""Where a ranking comes from: arrays, files, folders and functions."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from suffice.errors import InputError, SettingsError
from suffice.methods._arrays import described, read_array, to_numpy
from suffice.subject import Subject
from suffice.types import Responsibility

KEY = "responsibility"  # of the array in a .npz file, as `Explanation.save` writes it


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """The ranking of one image.

    Attributes
    ----------
    values : float32 [H, W]
        Finite.
    source : str
        Where it came from.
    evaluations : int or None
        What making it cost, gradients counted as three each; None where that is not known.
    gradients : int or None
        How many gradients are in that, where it is known.
    """

    values: Responsibility
    source: str
    evaluations: int | None = None
    gradients: int | None = None


def checked(ranking: Any) -> Any:
    """What a setting ``ranking`` is kept as: None, a float32 array of its own, a path, a function.

    Raises
    ------
    SettingsError
        If it is none of them, no finite map, or a path that leads nowhere.
    """
    if ranking is None or callable(ranking):
        return ranking
    if isinstance(ranking, (str, os.PathLike)):
        path = Path(ranking)
        if not path.is_dir() and not (path.is_file() and path.suffix in (".npy", ".npz")):
            raise SettingsError(
                f"from_ranking: ranking should be a .npy or .npz file or a folder of them; "
                f"{os.fspath(path)!r} is {'another file' if path.exists() else 'not there'}"
            )
        return ranking
    array = to_numpy(ranking)
    if not isinstance(array, np.ndarray):
        raise SettingsError(
            "from_ranking: ranking should be an array [H, W], a path or a function, got "
            f"{type(ranking).__name__}"
        )
    values = _finite_map(array, "the array", SettingsError).copy()
    values.setflags(write=False)
    return values


def get(ranking: Any, subject: Subject) -> Ranking:
    """The ranking of one image.

    Parameters
    ----------
    ranking : array, path or callable
        As `checked` gave it.
    subject : Subject

    Raises
    ------
    SettingsError
        If a given array doesn't have the image's shape.
    InputError
        If a file or function gives no finite map of the image's shape.
    """
    if isinstance(ranking, np.ndarray):
        return Ranking(_fitting(ranking, subject, "the array", SettingsError), "array")
    if callable(ranking):
        return _call(ranking, subject)
    path = Path(ranking)
    if path.is_dir():
        path = _file_of(path, subject.name)
    values = _finite_map(read_array(path, KEY), os.fspath(path), InputError)
    return Ranking(_fitting(values, subject, os.fspath(path), InputError), path.name)


def _call(function: Callable[[Subject], Any], subject: Subject) -> Ranking:
    name, given = _name(function), function(subject)
    evaluations = gradients = None
    if isinstance(given, tuple):
        given, evaluations, gradients = _with_cost(given, name)
    given = to_numpy(given)
    if not isinstance(given, np.ndarray):
        raise InputError(f"{name} should return an array [H, W], got {type(given).__name__}")
    values = _finite_map(given, f"what {name} returned", InputError)
    values = _fitting(values, subject, f"what {name} returned", InputError)
    return Ranking(values, name, evaluations, gradients)


def _name(function: Any) -> str:
    """Its own name where it has one to describe itself by, else that of the function."""
    what = described(function)
    return str(what.get("comparator", "function") if isinstance(what, dict) else what)


def _with_cost(given: tuple[Any, ...], name: str) -> tuple[Any, int, int | None]:
    """The array, what it cost in evaluations, and the gradients in that."""
    numbers = given[1:]
    whole = all(isinstance(n, (int, np.integer)) and n >= 0 for n in numbers)
    if len(numbers) not in (1, 2) or not whole:
        raise InputError(
            f"{name} should return an array, (array, evaluations) or (array, evaluations, "
            "gradients) with whole numbers of them, got a tuple of "
            f"{', '.join(type(v).__name__ for v in given)}"
        )
    return given[0], int(numbers[0]), int(numbers[1]) if len(numbers) == 2 else None


def _file_of(folder: Path, name: str) -> Path:
    stem = Path(name).stem
    paths = [folder / f"{stem}{suffix}" for suffix in (".npy", ".npz")]
    there = [path for path in paths if path.is_file()]
    if len(there) != 1:
        found = "found both; remove one" if there else "found neither"
        raise InputError(
            f"from_ranking: expected {stem}.npy or {stem}.npz for image {name} in "
            f"{os.fspath(folder)}, {found}"
        )
    return there[0]


def _finite_map(array: npt.NDArray[Any], what: str, error: type[InputError]) -> Responsibility:
    """The array as float32 [H, W], C-contiguous."""
    if array.ndim != 2 or array.dtype.kind not in "biuf" or not array.size:
        raise error(
            f"from_ranking: {what} should be numbers of shape [H, W], got {array.dtype} of shape "
            f"{list(array.shape)}"
        )
    with np.errstate(over="ignore"):  # what doesn't fit becomes infinite and is refused
        values = np.ascontiguousarray(array, np.float32)
    if not np.isfinite(values).all():
        bad = int(values.size - np.isfinite(values).sum())
        raise error(
            f"from_ranking: {what} should hold finite numbers; {bad} of {values.size} are NaN or "
            "infinite, which ranks nothing"
        )
    return values


def _fitting(
    values: Responsibility, subject: Subject, what: str, error: type[InputError]
) -> Responsibility:
    if values.shape != subject.shape:
        raise error(
            f"from_ranking: {what} should be on the model's grid, {list(subject.shape)}, to rank "
            f"the pixels of {subject.name or 'the image'}; got {list(values.shape)}"
        )
    return values
