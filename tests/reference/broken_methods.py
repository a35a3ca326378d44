"""A plain method that holds every promise, and one that breaks each of them.

`BROKEN` names, for every check of `suffice.testing.check_method`, methods that only differ from
`Plain` in what the check is about.
"""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import ClassVar

import numpy as np

from suffice.methods import pack
from suffice.methods._rounds import part
from suffice.methods.base import Method, RoundSearch, SearchResult

COUNTER = {"searches": 0, "busy": 0}


@dataclass(frozen=True)
class Plain(Method):
    """Leave out one tile after the other, for as long as the rest passes."""

    name: ClassVar[str] = "plain"
    version: ClassVar[str] = "1"
    certifies: ClassVar[bool] = True

    backwards: bool = False

    def make_search(self, subject):
        return RoundSearch(self.rounds(subject))

    def judge(self, subject, outcomes):
        return outcomes.passes

    def order(self, subject, number, passing):
        return passing[-1 if self.backwards else 0]

    def end(self, subject, kept):
        return SearchResult(pack(kept), irreducible=(subject.grain,))

    def nothing(self, subject):
        none = np.zeros((0, *subject.shape), bool)
        return SearchResult(pack(none), reason="the whole image doesn't pass")

    def rounds(self, subject):
        kept = np.ones((1, *subject.shape), bool)
        if not self.judge(subject, subject.reference)[0]:
            return self.nothing(subject)
        tiles = self.tiles(subject)
        number = 0
        while (inside := np.unique(tiles[kept[0]])).size:
            without = kept & (tiles != inside[:, None, None])
            passing = np.flatnonzero(self.judge(subject, (yield pack(without))))
            if not passing.size:
                break
            best = self.order(subject, number, passing)
            kept, number = without[best : best + 1], number + 1
        return self.end(subject, kept)

    def tiles(self, subject):
        rows, columns = (np.arange(side) // subject.grain for side in subject.shape)
        return rows[:, None] * (columns[-1] + 1) + columns


# -- as an object ---------------------------------------------------------------------------------


class NoVersion(Plain):
    version = ""


class OddFlag(Plain):
    certifies = "yes"


class TupleSettings(Plain):
    def settings(self):
        return {"backwards": (False,)}


class DriftingSettings(Plain):
    def settings(self):
        COUNTER["searches"] += 1
        return {"backwards": self.backwards, "calls": COUNTER["searches"]}


class ForgetsSettings(Plain):
    @classmethod
    def from_settings(cls, settings):  # noqa: ARG003
        return cls()


class TextStaysText(Plain):
    @classmethod
    def from_settings(cls, settings):
        return cls(**settings)


class TakesAnySetting(Plain):
    @classmethod
    def from_settings(cls, settings):
        return super().from_settings({k: v for k, v in settings.items() if k == "backwards"})


@dataclass(frozen=True)
class NotPickled(Plain):
    def __post_init__(self):
        object.__setattr__(self, "helper", lambda: None)


class PickledOtherwise(Plain):
    def __reduce__(self):
        return Plain, (not self.backwards,)


# -- the protocol ---------------------------------------------------------------------------------


def searching(search: type, base: type = Plain) -> type:
    """A method whose searches are of a class."""

    class Made(base):
        def make_search(self, subject):
            return search(self.rounds(subject))

    Made.__name__ = Made.__qualname__ = search.__name__
    return Made


class AnotherRound(RoundSearch):
    flip = False

    def ask(self):
        given = super().ask()
        self.flip = not self.flip
        return given if given is None or self.flip else given[::-1].copy()


class TellsAnything(RoundSearch):
    def tell(self, outcomes):
        size = len(self._pending)
        values = {n: np.resize(getattr(outcomes, n), size) for n in ("passes", "margin")}
        self._advance(_Sized(**values))


class _Sized(SimpleNamespace):
    def __len__(self):
        return len(self.passes)


class EarlyResult(RoundSearch):
    def result(self):
        return self._result or SearchResult(np.zeros((0, 1), np.uint64), reason="not yet")


class StartsAgain(RoundSearch):
    ended = False

    def ask(self):
        given = super().ask()
        if given is None and self.ended:
            return np.zeros((1, 1), np.uint64)
        self.ended = given is None
        return given


class EmptyRound(RoundSearch):
    told = False

    def ask(self):
        given = super().ask()
        return given if given is None or self.told else given[:0]


class PaddedRound(RoundSearch):
    def ask(self):
        given = super().ask()
        return None if given is None else given | np.uint64(1 << 63)


class BoolRound(RoundSearch):
    def ask(self):
        given = super().ask()
        return None if given is None else given.astype(np.int64)


class DoubleRanking(Plain):
    def end(self, subject, kept):
        return replace(super().end(subject, kept), responsibility=np.zeros(subject.shape))


class ArraysInDetails(Plain):
    def end(self, subject, kept):
        return replace(super().end(subject, kept), details={"asked": np.int64(3)})


class PaddedSets(Plain):
    def end(self, subject, kept):
        found = super().end(subject, kept)
        return replace(found, masks=found.masks | np.uint64(1 << 63))


class WritesToTheImage(Plain):
    def rounds(self, subject):
        subject.image[:] = 0.0
        return (yield from super().rounds(subject))


# -- sets -----------------------------------------------------------------------------------------


class OneTileTooFew(Plain):
    def end(self, subject, kept):
        tiles = self.tiles(subject)
        return SearchResult(pack(kept & (tiles != tiles[kept[0]][0] if kept.any() else True)))


class LiesAboutIrreducibility(Plain):
    def end(self, subject, kept):
        return super().end(subject, np.ones_like(kept))


class ClaimsNothing(Plain):
    def end(self, subject, kept):
        return SearchResult(pack(kept))


class HoldsNothingTrue(Plain):
    def make_search(self, subject):
        empty = SearchResult(pack(np.zeros((1, *subject.shape), bool)))
        return RoundSearch(self.rounds(subject), lambda: empty)


class StandingMoves(Plain):
    """Asks in another order once it was asked what it holds."""

    def make_search(self, subject):
        looks = []
        return RoundSearch(self.turning(subject, looks), lambda: looks.append(1))

    def turning(self, subject, looks):
        rounds = self.rounds(subject)
        masks = next(rounds)
        try:
            while True:
                outcomes = yield masks[::-1].copy() if looks else masks
                masks = rounds.send(part(outcomes, slice(None, None, -1 if looks else 1)))
        except StopIteration as stop:
            return stop.value


class NoReason(Plain):
    def nothing(self, subject):
        return replace(super().nothing(subject), reason="")


class OnlyTop1(Plain):
    def judge(self, subject, outcomes):
        return outcomes.lead > 0.0


class IgnoresTheRest(Plain):
    def judge(self, subject, outcomes):
        return outcomes.own_margin > 0.0


class OneBaselineOnly(Plain):
    def judge(self, subject, outcomes):
        return outcomes.passes | (len(subject.baselines) > 1)


class OwnTop1(Plain):
    def judge(self, subject, outcomes):
        return outcomes.passes | (outcomes.top1 == subject.reference.top1[0])


class WinsEveryTie(Plain):
    def judge(self, subject, outcomes):
        return outcomes.lead >= 0.0


class NeedsTwoRows(Plain):
    def tiles(self, subject):
        assert subject.shape[0] > 1
        return super().tiles(subject)


class SmallImagesOnly(Plain):
    def tiles(self, subject):
        assert np.prod(subject.shape) < 1000
        return super().tiles(subject)


class ScalesByValues(Plain):
    def tiles(self, subject):
        assert np.abs(subject.image).max() < 1e6
        return super().tiles(subject)


class DividesByContrast(Plain):
    def rounds(self, subject):
        assert np.ptp(subject.image) > 0.0
        return (yield from super().rounds(subject))


class AlwaysFinds(Plain):
    def nothing(self, subject):
        return super().end(subject, np.ones((1, *subject.shape), bool))


class OwnCriteriaOnlyWhereBaselinesFail(Plain):
    own_criteria = True

    def rounds(self, subject):
        assert not subject.empty.passes[0]
        return (yield from super().rounds(subject))


class TwiceTheSame(Plain):
    many = True

    def end(self, subject, kept):
        return SearchResult(pack(np.concatenate([kept, kept])), irreducible=(subject.grain,) * 2)


class TooFewWithoutReason(Plain):
    many = True


class CountAnyway(Plain):
    """Says that it looks for several only while the engine asks."""

    @property
    def many(self):
        return sys._getframe(1).f_code.co_name == "_check_sets"


# -- runs -----------------------------------------------------------------------------------------


class Dice(Plain):
    def order(self, subject, number, passing):
        COUNTER["searches"] += 1
        return passing[COUNTER["searches"] * 7919 % 10007 % len(passing)]


class SeesTheBatch(Plain):
    def order(self, subject, number, passing):
        frame = sys._getframe()
        while frame is not None:
            engine = getattr(frame.f_locals.get("self"), "engine", None)
            if engine is not None:
                return passing[engine.evaluator.batch_size % len(passing)]
            frame = frame.f_back
        return passing[0]


class CountsThreads(Plain):
    def order(self, subject, number, passing):
        ours = [t for t in threading.enumerate() if t.name.startswith("suffice")]
        return passing[len(ours) % len(passing)]


class MindsNeighbours(Plain):
    def rounds(self, subject):
        COUNTER["busy"] += 1
        try:
            return (yield from super().rounds(subject))
        finally:
            COUNTER["busy"] -= 1

    def order(self, subject, number, passing):
        return passing[COUNTER["busy"] % len(passing)]


class RemembersFailures(Plain):
    """Searches that were left unfinished change later ones."""

    left: ClassVar[list] = []

    def rounds(self, subject):
        self.left.append(subject)
        found = yield from super().rounds(subject)
        self.left.pop()
        return found

    def order(self, subject, number, passing):
        return passing[len(self.left) % len(passing)]


class AsksUndeclared(Plain):
    def make_search(self, subject):
        return _GradientSearch(self.rounds(subject))


class _GradientSearch(RoundSearch):
    def ask(self):
        given = super().ask()
        return None if given is None else _Gradients(given)


class _Gradients:
    def __init__(self, masks):
        self.masks, self.of = masks, "log_odds"

    def __len__(self):
        return len(self.masks)


BROKEN = {
    "identity": (NoVersion, OddFlag),
    "settings_are_json": (TupleSettings, DriftingSettings),
    "settings_round_trip": (ForgetsSettings, TextStaysText),
    "unknown_settings": (TakesAnySetting, TextStaysText),
    "pickling": (NotPickled, PickledOtherwise),
    "ask_repeats": (searching(AnotherRound),),
    "tell_takes_the_whole_round": (searching(TellsAnything),),
    "result_waits": (searching(EarlyResult),),
    "stays_over": (searching(StartsAgain),),
    "rounds_are_well_formed": tuple(map(searching, (EmptyRound, PaddedRound, BoolRound))),
    "result_is_well_formed": (DoubleRanking, ArraysInDetails, PaddedSets),
    "inputs_untouched": (WritesToTheImage,),
    "sufficient": (OneTileTooFew,),
    "irreducible_where_claimed": (LiesAboutIrreducibility, ClaimsNothing),
    "standing_is_true": (HoldsNothingTrue, StandingMoves),
    "says_why_there_is_none": (NoReason,),
    "every_criterion": (OnlyTop1,),
    "contrastive": (IgnoresTheRest,),
    "several_baselines": (OneBaselineOnly,),
    "every_output": (OnlyTop1,),
    "other_target": (OwnTop1,),
    "ties": (WinsEveryTie,),
    "image_shapes": (NeedsTwoRows,),
    "large_image": (SmallImagesOnly,),
    "extreme_values": (ScalesByValues,),
    "flat_image": (DividesByContrast,),
    "one_class": (AlwaysFinds,),
    "baseline_of_the_target": (OwnCriteriaOnlyWhereBaselinesFail,),
    "count_and_overlap": (TwiceTheSame, TooFewWithoutReason, CountAnyway),
    "same_seed_same_result": (Dice,),
    "any_batch_size": (SeesTheBatch,),
    "any_number_of_threads": (CountsThreads,),
    "any_neighbours": (MindsNeighbours,),
    "budget": (Dice,),
    "nan_scores": (RemembersFailures,),
    "gradients": (AsksUndeclared,),
}
"""``certificates`` checks the engine more than the method: see the tests."""
