"""Any ranking of pixels as a method: the shortest passing prefix that a galloping search meets.

1. Lengths in equal ratios, from one pixel to all, ``width`` of them a round, until one passes.
2. Between that length and the failing one below it, ``refine`` lengths a round, until the gap is
   at most ``tolerance`` of the length, or one pixel.

Sufficiency is not monotone in the length: a shorter prefix may pass that was never asked. What is
returned is the shortest passing one of all that were.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from suffice import _native
from suffice.errors import SettingsError
from suffice.methods import _rankings
from suffice.methods._arrays import described, identity
from suffice.methods._blocks import Indices, between, geometric, pixels_to_share, size_of
from suffice.methods._rankings import Ranking
from suffice.methods._rounds import Coroutine
from suffice.methods.base import Method, Rounds, RoundSearch, SearchResult, register
from suffice.subject import Subject
from suffice.types import JsonObject, PackedMasks

LADDER_ROUNDS = 3  # rounds of `width` lengths that lead from one pixel to the whole image


@register
@dataclass(frozen=True, eq=False)
class FromRanking(Method):
    """The shortest passing prefix of a ranking made elsewhere, such as a saliency map.

    Parameters
    ----------
    ranking : array, path, callable or None
        An array [H, W] on the model's grid, a .npy file, a .npz file with ``responsibility``, a
        folder with STEM.npy or STEM.npz for every image, or a function. It is called with a
        `suffice.subject.Subject`, possibly from several threads, and returns the array, or the
        array and how many evaluations it spent (a gradient counts as three), and as a third value
        how many gradients those are. Comparators (`suffice.comparators`) are such functions. The pixels of the highest values are kept first,
        equal ones row by row from the top.
    width : int
        Prefixes of one round at first; three rounds lead to the whole image.
    refine : int
        Prefixes of one round between a failing and a passing one.
    tolerance : float
        Part of the length at which the search for a shorter one ends.

    Raises
    ------
    SettingsError
        If a setting is out of range, the array is no finite map or the path doesn't exist.

    Examples
    --------
    >>> FromRanking(np.zeros((4, 6), np.float32), width=16).settings()["ranking"]["shape"]
    [4, 6]
    """

    name: ClassVar[str] = "from_ranking"
    version: ClassVar[str] = "1"
    many: ClassVar[bool] = True

    ranking: Any | None = None
    width: int = 24
    refine: int = 8
    tolerance: float = 0.01

    def __post_init__(self) -> None:
        for name in ("width", "refine"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise SettingsError(
                    f"from_ranking: {name} must be a whole number from 1, got {value!r}"
                )
        if type(self.tolerance) not in (int, float) or not 0.0 <= self.tolerance < 1.0:
            raise SettingsError(
                "from_ranking: tolerance must be a part of the length from 0 to below 1, "
                f"got {self.tolerance!r}"
            )
        object.__setattr__(self, "ranking", _rankings.checked(self.ranking))

    @classmethod
    def from_settings(cls, settings: dict[str, Any]) -> FromRanking:
        """Build from names and values; the ranking must be among them."""
        method = super().from_settings(settings)
        if "ranking" not in settings:
            method._require_ranking()
        return method

    def __eq__(self, other: object) -> bool:
        """Whether both rank alike: equal arrays, the same path or the same function."""
        return isinstance(other, FromRanking) and self._identity() == other._identity()

    def __hash__(self) -> int:
        """Equal for equal methods."""
        return hash(self._identity())

    def _identity(self) -> tuple[Any, ...]:
        return identity(self.ranking), self.width, self.refine, self.tolerance

    def settings(self) -> JsonObject:
        """All settings; an array as its digest and shape, a function as its name."""
        return {
            "ranking": described(self.ranking),
            "width": self.width,
            "refine": self.refine,
            "tolerance": self.tolerance,
        }

    def make_search(self, subject: Subject) -> RoundSearch:
        """Get the image's ranking and start a search.

        Raises
        ------
        SettingsError
            If there is no ranking, or a given array doesn't fit the image.
        InputError
            If a file or function gives no finite map of the image's shape.
        """
        self._require_ranking()
        search = RankingSearch(subject, _rankings.get(self.ranking, subject), self)
        return RoundSearch(search.run(), search.standing)

    def _require_ranking(self) -> None:
        if self.ranking is None:
            raise SettingsError(
                "from_ranking needs a ranking: FromRanking(array, path or function), or "
                "--set ranking=PATH with a .npy or .npz file or a folder of them"
            )


class RankingSearch:
    """One search for up to ``subject.count`` prefixes.

    Parameters
    ----------
    subject : Subject
    ranking : Ranking
    method : FromRanking
    """

    def __init__(self, subject: Subject, ranking: Ranking, method: FromRanking) -> None:
        self.subject, self.ranking, self.method = subject, ranking, method
        self._order = _native.rank(ranking.values, ties="first")
        self._found: list[PackedMasks] = []
        self._smallest: PackedMasks | None = None  # of the set being looked for

    def run(self) -> Rounds:
        """Find one set after the other."""
        reason = ""
        while len(self._found) < self.subject.count:
            self._smallest = None
            order = self._still_allowed()
            mask = yield from self._find_prefix(order)
            if mask is None:
                reason = self._why_no_more(len(order))
                break
            self._found.append(mask)
        return self._result(self._found, reason)

    def standing(self) -> SearchResult:
        """The sets found so far and the shortest passing prefix of the search that goes on."""
        masks = list(self._found)
        if self._smallest is not None and len(masks) < self.subject.count:
            masks.append(self._smallest)
        return self._result(masks, "")

    def _find_prefix(self, order: npt.NDArray[np.int32]) -> Coroutine[PackedMasks | None]:
        """Gallop, then narrow the gap; the shortest passing prefix that was met, if any."""
        width, tolerance = self.method.width, self.method.tolerance
        ladder = geometric(len(order), LADDER_ROUNDS * width)
        low, high = 0, None
        for start in range(0, len(ladder), width):
            low, high = yield from self._narrow(order, ladder[start : start + width], low, None)
            if high is not None:
                break
        while high is not None and high - low > max(1.0, tolerance * high):
            lengths = between(low, high, self.method.refine)
            low, high = yield from self._narrow(order, lengths, low, high)
        return self._smallest

    def _narrow(
        self, order: npt.NDArray[np.int32], lengths: list[int], low: int, high: int | None
    ) -> Coroutine[tuple[int, int | None]]:
        """Ask some lengths between a failing and a passing one; give the gap that is left."""
        masks = _native.prefix_masks(order, np.array(lengths, np.int64), self.subject.shape)
        outcomes = yield masks
        passing = np.flatnonzero(outcomes.passes)
        if not len(passing):
            return lengths[-1], high
        first = int(passing[0])
        self._smallest = masks[first].copy()
        return lengths[first - 1] if first else low, lengths[first]

    def _still_allowed(self) -> npt.NDArray[np.int32]:
        """The ranking without what earlier sets hold, but for their best pixels that may stay."""
        allowed = np.ones(len(self._order), np.bool_)
        for mask in self._found:
            inside = _native.unpack(mask[None], self.subject.shape)[0].reshape(-1)
            ranked: Indices = np.flatnonzero(inside[self._order])
            allowed[ranked[int(pixels_to_share(mask, self.subject.overlap)) :]] = False
        return np.ascontiguousarray(self._order[allowed])

    def _why_no_more(self, n_left: int) -> str:
        if not self._found:
            return f"no prefix of the ranking that was tried passes, not even all {n_left:,} pixels"
        n = len(self._found)
        return f"no further set was found after {n}: no prefix of the {n_left:,} pixels left passes"

    def _result(self, masks: list[PackedMasks], reason: str) -> SearchResult:
        words = _native.words_for(len(self._order))
        values = np.ascontiguousarray(self.ranking.values)
        details: JsonObject = {
            "ranking_source": self.ranking.source,
            "ranking_sha256": hashlib.sha256(values.tobytes()).hexdigest(),
            "ranking_evaluations": self.ranking.evaluations,
            "ranking_gradients": self.ranking.gradients,
        }
        return SearchResult(
            np.array(sorted(masks, key=size_of), np.uint64).reshape(-1, words),
            responsibility=self.ranking.values,
            reason=reason,
            details=details,
        )
