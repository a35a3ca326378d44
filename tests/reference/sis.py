"""Sufficient input subsets as METHODS.md states them, with lists of pixels.

Written to be read beside the published procedures (BackSelect, FindSIS, SIScollection), without
looking at the package.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]
Judge = Callable[[Mask], tuple[float, bool]]
"""One mask bool [H, W] -> the target's probability, and whether the criterion holds."""


@dataclass
class Found:
    """What the procedures gave, and every mask they asked for, in order."""

    sets: list[list[int]] = field(default_factory=list)
    orders: list[list[int]] = field(default_factory=list)
    values: list[list[float]] = field(default_factory=list)
    asked: list[Mask] = field(default_factory=list)


def collection(shape: tuple[int, int], judge: Judge, count: int) -> Found:
    """SIScollection, up to `count` sets, of an image that passes and a baseline that doesn't."""
    found = Found()
    rest = list(range(shape[0] * shape[1]))
    while rest and len(found.sets) < count:
        if found.sets:  # of the whole image it is known
            found.asked.append(drawn(rest, shape))
        if not judge(drawn(rest, shape))[1]:
            break
        order, values, passing = back_select(rest, shape, judge, found.asked)
        chosen = find_sis(order, passing)
        found.orders.append(order)
        found.values.append(values)
        found.sets.append(chosen)
        rest = [i for i in rest if i not in chosen]
    return found


def back_select(
    pixels: list[int], shape: tuple[int, int], judge: Judge, asked: list[Mask]
) -> tuple[list[int], list[float], list[bool]]:
    """Drop, again and again, the pixel without which most is left; of equals the first."""
    kept = list(pixels)
    order, values, passing = [], [], []
    while kept:
        best = None
        for i in kept:
            mask = drawn([j for j in kept if j != i], shape)
            if len(kept) > 1:  # the empty mask is known
                asked.append(mask)
            value, passes = judge(mask)
            if best is None or value > best[1]:
                best = (i, value, passes)
        assert best is not None
        kept.remove(best[0])
        order.append(best[0])
        values.append(best[1])
        passing.append(best[2])
    return order, values, passing


def find_sis(order: list[int], passing: list[bool]) -> list[int]:
    """The shortest end of the order that passes; all of it where only the whole does."""
    for n in range(len(order)):
        after = len(order) - n - 1  # place after which n pixels are left
        if passing[after]:
            return order[after + 1 :]
    return list(order)


def drawn(pixels: list[int], shape: tuple[int, int]) -> Mask:
    """Pixels as a mask."""
    mask = np.zeros(shape[0] * shape[1], bool)
    mask[pixels] = True
    return mask.reshape(shape)
