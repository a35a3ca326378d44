"""Area curves: one set for every criterion and every grain, nested, in one run.

A set that passes a strict criterion passes the looser ones too, and a set irreducible at a coarse
grain is where pruning at a finer one starts. So each point of the curve begins with the smallest
neighbour that is known to pass, and only the first is searched from nothing:

    level 1:  search -> prune at the next grain -> ... -> at the finest
                |                  |                          |
    level 2:  prune   ->  the smaller of the two starts  -> ...

What the levels have in common is asked once: removals that one level judged are in the run's
memory for the next, which judges the same scores by its own criterion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from suffice.criterion import Criterion
from suffice.errors import SettingsError
from suffice.methods._blocks import Tiling, empty_mask, is_smaller
from suffice.methods._pruning import block_sizes, prune
from suffice.methods._rounds import Coroutine, judged, judged_by
from suffice.methods.base import Method, Rounds, RoundSearch, SearchResult, register
from suffice.methods.minimal import Minimal, MinimalSearch
from suffice.subject import Subject
from suffice.types import PackedMasks, Responsibility

Point = tuple[int, int]
"""Number of the level and number of the grain, both in the order of the settings."""


@register
@dataclass(frozen=True)
class Curve(Method):
    """Area against criterion and grain: one irreducible set for each pair of them.

    The criterion and the grain of the run don't choose the sets; ``levels`` and ``grains`` do.
    The first set is that of the first level at the finest grain, the others follow level by level,
    each from the coarsest grain to the finest.

    Parameters
    ----------
    levels : str or sequence of str
        Criteria, the strictest first, with commas between them. Each starts from the sets of the
        one before where they pass it.
    grains : str or sequence of int
        Tile sides in pixels, with commas between them. They are taken from the coarsest to the
        finest.
    effort : int
        Evaluations asked for a set that is searched from nothing, after which no further
        improvement is tried. Sets that start from another are pruned only, so that they lie in it.
    """

    name: ClassVar[str] = "curve"
    version: ClassVar[str] = "2"
    many_hint: ClassVar[str] = "its sets are those of its levels and grains"
    certifies: ClassVar[bool] = True
    own_criteria: ClassVar[bool] = True

    levels: str | Sequence[str] = "relative:0.9,relative:0.5,relative:0.1,top1"
    grains: str | Sequence[int] = "32,16,8,4"
    # Improving the first set hardly made later ones smaller (docs/methods/curve.md).
    effort: int = 1

    def __post_init__(self) -> None:
        levels = [str(Criterion.parse(text.strip())) for text in _listed("levels", self.levels)]
        sizes = [_grain(text) for text in _listed("grains", self.grains)]
        for name, values in (("levels", levels), ("grains", sizes)):
            if not values or len(set(values)) < len(values):
                raise SettingsError(
                    f"curve: {name} must be one or more, none twice, got {getattr(self, name)!r}"
                )
        Minimal(effort=self.effort)  # raises where it is none
        # Text is what --set takes and what a record holds.
        object.__setattr__(self, "levels", ",".join(levels))
        object.__setattr__(self, "grains", ",".join(map(str, sorted(sizes, reverse=True))))

    def make_search(self, subject: Subject) -> RoundSearch:
        """Start a search."""
        levels = [Criterion.parse(text) for text in _listed("levels", self.levels)]
        grains = [_grain(text) for text in _listed("grains", self.grains)]
        search = CurveSearch(subject, levels, grains, self.effort)
        return RoundSearch(search.run(), search.standing)


class CurveSearch:
    """One search for a set of every level at every grain.

    Parameters
    ----------
    subject : Subject
    levels : list of Criterion
        The strictest first.
    grains : list of int
        The coarsest first.
    effort : int
        See `Curve`.
    """

    def __init__(
        self, subject: Subject, levels: list[Criterion], grains: list[int], effort: int
    ) -> None:
        self.subject, self.levels, self.grains, self.effort = subject, levels, grains, effort
        self.key = (subject.seed, subject.key)
        self.tilings = [Tiling(subject.shape, grain) for grain in grains]
        self.points: dict[Point, PackedMasks] = {}
        self.starts: dict[Point, str] = {}
        self.unattained: list[Criterion] = []
        self._map: Responsibility | None = None

    def run(self) -> Rounds:
        """Find the sets level by level."""
        for i, level in enumerate(self.levels):
            if judged(self.subject.empty, level, self.subject).passes[0]:
                for j in range(len(self.grains)):
                    self._keep((i, j), empty_mask(self.subject.shape), "baseline")
                continue
            yield from judged_by(self._find_level(i), level, self.subject)
        return self._result(self._why_not_all())

    def standing(self) -> SearchResult:
        """The points finished so far."""
        wanted = len(self.levels) * len(self.grains)
        return self._result(f"{len(self.points)} of {wanted} points of the curve are finished")

    def _why_not_all(self) -> str:
        if not self.unattained:
            return ""
        levels = " and ".join(map(str, self.unattained))
        return f"no set that passes {levels} was found, the whole image included"

    def _result(self, reason: str) -> SearchResult:
        order = sorted(self.points)
        if order:
            # The finest grain of the first level goes before all.
            first = max(point for point in order if point[0] == order[0][0])
            order = [first, *(point for point in order if point != first)]
        words = len(empty_mask(self.subject.shape))
        return SearchResult(
            masks=np.array([self.points[p] for p in order], np.uint64).reshape(-1, words),
            responsibility=self._map,
            reason=reason,
            irreducible=tuple(self.grains[j] for _, j in order),
            criteria=tuple(self.levels[i] for i, _ in order),
            details={"starts": [self.starts[p] for p in order]},
        )

    def _keep(self, point: Point, mask: PackedMasks, start: str) -> None:
        self.points[point], self.starts[point] = mask, start

    # -- one level; its rounds are judged by its criterion ----------------------------------------

    def _find_level(self, i: int) -> Coroutine[None]:
        for j in range(len(self.grains)):
            stricter = yield from self._passing((i - 1, j))
            coarser = self.points.get((i, j - 1))
            if coarser is not None and (stricter is None or not is_smaller(stricter, coarser)):
                yield from self._refine((i, j), coarser)
            elif stricter is not None:
                mask = yield from prune(self.tilings[j], stricter, key=self.key)
                self._keep((i, j), mask, "stricter")
            elif not (yield from self._search((i, j))):
                self.unattained.append(self.levels[i])
                return

    def _passing(self, point: Point) -> Coroutine[PackedMasks | None]:
        """The set of another level's point if it passes this one; asking again costs nothing."""
        mask = self.points.get(point)
        if mask is None:
            return None
        outcomes = yield mask[None]
        return mask if outcomes.passes[0] else None

    def _refine(self, point: Point, coarser: PackedMasks) -> Coroutine[None]:
        """Prune the coarser set of the same level, by blocks that were not tried on it yet."""
        j = point[1]
        tiling, before = self.tilings[j], self.grains[j - 1]
        sizes = block_sizes(len(tiling.ids(coarser)))
        untried = [size for size in sizes if size == 1 or size * tiling.grain < before]
        self._keep(point, (yield from prune(tiling, coarser, untried, self.key)), "coarser")

    def _search(self, point: Point) -> Coroutine[bool]:
        """Search from nothing; whether a set was found."""
        i, j = point
        level, subject = self.levels[i], self.subject
        inner = replace(
            subject,
            criterion=level,
            grain=self.grains[j],
            reference=judged(subject.reference, level, subject),
            empty=judged(subject.empty, level, subject),
            count=1,
        )
        result = yield from MinimalSearch(inner, self.effort).run()
        if self._map is None:
            self._map = result.responsibility
        if not len(result.masks):
            return False
        self._keep(point, result.masks[0], "nothing")
        return True


def _listed(name: str, value: object) -> list[str]:
    """The items of a setting that is text with commas or a sequence."""
    if isinstance(value, str):
        return [text for text in value.split(",") if text.strip()]
    if not isinstance(value, Sequence):
        raise SettingsError(f"curve: {name} must be a sequence or text with commas, got {value!r}")
    return [str(item) for item in value]


def _grain(text: str) -> int:
    try:
        grain = int(text)
    except ValueError:
        grain = 0
    if grain < 1:
        raise SettingsError(f"curve: grains must be whole numbers of pixels from 1, got {text!r}")
    return grain
