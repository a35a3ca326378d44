"""Orders of pixels or patches, most important first, from what a store keeps of an explanation."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from suffice import _native
from suffice.explanation import Explanation
from suffice.types import JsonObject, PixelMask


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """An image cut into pieces, in the order of their importance.

    Attributes
    ----------
    kind : {"pixels", "patches"}
    place : int64 [H, W]
        Place in the order of the piece that a pixel belongs to, from 0.
    count : int
    """

    kind: str
    place: npt.NDArray[np.int64]
    count: int

    def number(self, share: float) -> int:
        """Pieces that are a share of all, rounded up as `suffice.Sis` does (52 of 1,024 are 5 %)."""
        return max(1, min(self.count, math.ceil(round(share * self.count, 9))))

    def first(self, share: float) -> PixelMask:
        """The most important pieces."""
        return self.place < self.number(share)

    def drawn(self, share: float, rng: np.random.Generator) -> PixelMask:
        """As many pieces, drawn at random."""
        chosen = np.zeros(self.count, np.bool_)
        chosen[rng.choice(self.count, self.number(share), replace=False)] = True
        return np.asarray(chosen[self.place], np.bool_)


def units_of(explanation: Explanation) -> Units | None:
    """The order of an explanation; None where there is none.

    Of `sis` its order of all pixels, the last that went first. Otherwise the responsibility map, the
    highest first, of equals the one with the highest index, as in the curves of `suffice.metrics`;
    of `moxi`, whose map has one value for each patch, the patches.
    """
    height, width = explanation.record["input_shape"][1:]
    went = (explanation.arrays or {}).get("order")
    if went is not None and len(went) == height * width:
        return _pixels(np.asarray(went)[::-1], (height, width))
    ranked = explanation.responsibility
    if ranked is None:
        return None
    if explanation.method["name"] == "moxi":
        values, index = np.unique(ranked, return_inverse=True)
        place = len(values) - 1 - index.reshape(height, width)
        return Units("patches", place.astype(np.int64), len(values))
    if ranked.min() == ranked.max():
        return None
    return _pixels(_native.rank(np.ascontiguousarray(ranked), "last"), (height, width))


def deletion_of(explanation: Explanation, units: Units) -> Units:
    """The order in which pieces are taken away.

    That of `units`, but where moxi found one for deletion: what that order names first, then the
    others as in `units`, and what opposed the class last.
    """
    found = (explanation.record.get("details") or {}).get("deletion")
    settings = explanation.method["settings"]
    if not found or units.kind != "patches" or settings.get("feature_mask") is not None:
        return units
    cells = _cells(units.place.shape, int(settings["grid"]))
    if int(cells.max()) + 1 != units.count:
        return units
    opposing = int(found["opposing"])
    first, last = found["order"][opposing:], found["order"][:opposing][::-1]
    named = {*first, *last}
    place_of = np.empty(units.count, np.int64)
    place_of[cells] = units.place
    others = [int(p) for p in np.argsort(place_of) if int(p) not in named]
    order = np.array([*first, *others, *last])
    places = np.empty(units.count, np.int64)
    places[order] = np.arange(units.count)
    return Units("patches", places[cells], units.count)


def why_none(explanation: Explanation) -> JsonObject:
    """Why there is no order."""
    return {
        "skipped": f"no order of {explanation.method['name']} was kept: it makes none, was stopped "
        'early, or needs responsibility = "ranks" in the design'
    }


def _cells(shape: tuple[int, ...], grid: int) -> npt.NDArray[np.int64]:
    """Players of moxi: cells of a grid, row by row."""
    height, width = shape
    labels = _native.grid_labels((height, width), min(grid, height), min(grid, width))
    return labels.astype(np.int64)


def _pixels(order: npt.NDArray[np.integer], shape: tuple[int, int]) -> Units:
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    return Units("pixels", place.reshape(shape), len(order))
