"""Sets of patches: what the search of structured attention graphs is made of.

A patch is a region of a label map, a cell of a grid as a rule. A set of patches is a tuple of their
numbers, ascending.
"""

from __future__ import annotations

from collections.abc import Sequence

from suffice.methods._regions import Regions
from suffice.types import PackedMasks

PatchSet = tuple[int, ...]


class Patches:
    """The patches of one image.

    Parameters
    ----------
    regions : Regions
    """

    def __init__(self, regions: Regions) -> None:
        self._regions = regions
        self.sizes = regions.sizes
        self.count = regions.count

    def masks(self, sets: Sequence[PatchSet]) -> PackedMasks:
        """Masks ``[len(sets), words]`` that keep the patches of each set."""
        return self._regions.masks_of(sets)

    def pixels(self, patches: PatchSet) -> int:
        """Pixels of a set."""
        return int(self.sizes[list(patches)].sum())

    def name(self, patch: int) -> str:
        """Row and column of a cell from the top left, such as ``r2c3``; else its label, ``p12``."""
        if self._regions.columns is None:
            return f"p{self._regions.given[patch]}"
        return "r{}c{}".format(*divmod(patch, self._regions.columns))

    def names(self, patches: PatchSet) -> list[str]:
        """Names of a set's patches, ascending by number."""
        return [self.name(patch) for patch in patches]


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
