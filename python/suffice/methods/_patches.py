"""Sets of patches: what the search of structured attention graphs is made of.

A patch is a region of a label map, a cell of a grid as a rule. A set of patches is a tuple of their
numbers, ascending.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from suffice import _native
from suffice.errors import InputError, SettingsError
from suffice.subject import Subject
from suffice.types import PackedMasks

PatchSet = tuple[int, ...]
LabelMap = npt.NDArray[np.int32]


class Patches:
    """The patches of one image.

    Parameters
    ----------
    labels : int32 [H, W]
        Patch of every pixel, 0 .. R-1, each used.
    columns : int or None
        Cells of a row where the patches are a grid, which names them by row and column.
    """

    def __init__(self, labels: LabelMap, columns: int | None) -> None:
        self._labels, self._columns = labels, columns
        self.sizes = np.bincount(labels.ravel())
        self.count = len(self.sizes)

    def masks(self, sets: Sequence[PatchSet]) -> PackedMasks:
        """Masks ``[len(sets), words]`` that keep the patches of each set."""
        choices = np.zeros((len(sets), 1, self.count), np.bool_)
        for row, patches in enumerate(sets):
            choices[row, 0, list(patches)] = True
        return _native.masks_from_labels(self._labels, _native.pack(choices), self.count)

    def pixels(self, patches: PatchSet) -> int:
        """Pixels of a set."""
        return int(self.sizes[list(patches)].sum())

    def name(self, patch: int) -> str:
        """Row and column of a cell from the top left, such as ``r2c3``, or ``p12``."""
        if self._columns is None:
            return f"p{patch}"
        return "r{}c{}".format(*divmod(patch, self._columns))

    def names(self, patches: PatchSet) -> list[str]:
        """Names of a set's patches, ascending by number."""
        return [self.name(patch) for patch in patches]


def cells(shape: tuple[int, int], grid: int) -> Patches:
    """Patches that are the cells of a grid; of a side with fewer pixels, every one is a cell.

    Examples
    --------
    >>> patches = cells((224, 224), 7)
    >>> patches.count, patches.name(17), patches.pixels((0, 48))
    (49, 'r2c3', 2048)
    """
    rows, columns = (min(grid, side) for side in shape)
    return Patches(_native.grid_labels(shape, rows, columns), columns)


def checked(labels: Any) -> Any:
    """What a setting ``labels`` is kept as: None, a function, or a label map of its own.

    Raises
    ------
    SettingsError
        If it is none of them.
    """
    if labels is None or callable(labels):
        return labels
    return _label_map(labels, "the array", SettingsError)


def regions(labels: LabelMap | Callable[[Subject], Any], subject: Subject) -> Patches:
    """Patches that are the regions of a label map.

    Raises
    ------
    SettingsError
        If a given map doesn't have the image's shape.
    InputError
        If a function gives no label map of the image's shape.
    """
    error: type[InputError] = SettingsError
    if callable(labels):
        error, labels = (
            InputError,
            _label_map(labels(subject), "what the function gave", InputError),
        )
    if labels.shape != subject.shape:
        raise error(
            f"sag: labels should be on the model's grid, {list(subject.shape)}, got "
            f"{list(labels.shape)}"
        )
    return Patches(labels, None)


def _label_map(labels: Any, what: str, error: type[InputError]) -> LabelMap:
    """A label map of its own, int32 [H, W], read-only, every label from 0 on used."""
    if not isinstance(labels, np.ndarray) or labels.ndim != 2 or labels.dtype.kind not in "iu":
        got = (
            f"{labels.dtype} of shape {list(labels.shape)}"
            if isinstance(labels, np.ndarray)
            else repr(labels)
        )
        raise error(
            f"sag: labels should be whole numbers [H, W] or a function that gives them; {what} "
            f"is {got}"
        )
    used = np.unique(labels)
    if not labels.size or used[0] != 0 or used[-1] != len(used) - 1:
        raise error(
            "sag: labels should be 0, 1, 2, ... without a gap; "
            f"{what} has {len(used)} labels"
            + (f" from {used[0]} to {used[-1]}" if labels.size else "")
        )
    kept = np.array(labels, np.int32, order="C")
    kept.setflags(write=False)
    return kept


def without_each(patches: PatchSet) -> list[PatchSet]:
    """The set without each of its patches.

    Examples
    --------
    >>> without_each((2, 5, 7))
    [(5, 7), (2, 7), (2, 5)]
    """
    return [patches[:i] + patches[i + 1 :] for i in range(len(patches))]


def diverse(sets: Sequence[PatchSet], pixels: Sequence[int], shared: int) -> list[int]:
    """The most sets of which no two share more than so many patches, found exactly.

    Parameters
    ----------
    sets : sequence of tuple of int
    pixels : sequence of int
        Size of each.
    shared : int
        Patches that two of them may have in common.

    Returns
    -------
    list of int
        Their places, smallest first, earlier ones first among equals. Of several choices of as
        many sets the first in this order, place by place.

    Examples
    --------
    >>> diverse([(0, 1, 2), (1, 2, 3), (4, 5), (3, 6)], [3, 3, 2, 2], shared=1)
    [2, 3, 0]
    """
    order = sorted(range(len(sets)), key=lambda k: (pixels[k], k))
    fits = {
        a: {b for b in order if len(set(sets[a]) & set(sets[b])) <= shared and b != a}
        for a in order
    }
    best: list[int] = []

    def extend(chosen: list[int], rest: list[int]) -> None:
        nonlocal best
        if len(chosen) > len(best):
            best = chosen
        for i, candidate in enumerate(rest):
            if len(chosen) + len(rest) - i <= len(best):
                return  # not even all that are left would make it more
            later = [other for other in rest[i + 1 :] if other in fits[candidate]]
            extend([*chosen, candidate], later)

    extend([], order)
    return best


def formula(sets: Sequence[Sequence[str]]) -> str:
    """A disjunction of conjunctions of names.

    Examples
    --------
    >>> formula([["r2c3", "r2c4"], ["r0c1"]])
    '(r2c3 & r2c4) | (r0c1)'
    """
    return " | ".join(f"({' & '.join(names)})" for names in sets)
