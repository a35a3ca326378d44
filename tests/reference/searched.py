"""Searches near a set, run on classifiers of masks, with what they asked."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st

from reference import blocks as twin
from reference.driver import MaskClassifier, make_subject, outcomes
from reference.mask_toys import KINDS
from reference.strategies import seeds
from suffice import _native
from suffice.methods._blocks import Tiling
from suffice.methods._local_search import LocalSearch
from suffice.methods._pruning import prune
from suffice.methods._tabu import TabuSearch

SHAPE = (12, 12)


class Searched:
    """A local search and a tabu search after it on a classifier of masks, with what they asked."""

    def __init__(
        self,
        classify: MaskClassifier,
        grain: int = 1,
        room: int = 10**6,
        allowed: np.ndarray | None = None,
        shape: tuple[int, int] = SHAPE,
        seed: int = 0,
    ) -> None:
        self.classify, self.grain, self.shape, self.room = classify, grain, shape, room
        self.allowed = np.ones(shape, bool) if allowed is None else allowed
        self.subject = make_subject(classify, shape, target=1)
        self.tiling = Tiling(shape, grain)
        self.asked: list[np.ndarray] = []
        self.new: set[bytes] = set()
        whole = _native.pack(self.allowed[None])[0]
        self.local = LocalSearch(
            *(self.tiling, whole, (seed, 1), float(self.subject.empty.margin[0])),
            credit=lambda: np.zeros(shape),
            room=lambda: room - len(self.asked),
        )
        self.tabu = TabuSearch(self.local, room=lambda: room - len(self.new))

    def passes(self, mask: np.ndarray) -> bool:
        return bool(self.classify(mask[None])[0].argmax() == 1)

    def drive(self, rounds) -> np.ndarray | None:
        """Run a coroutine; the mask it returns."""
        try:
            packed = next(rounds)
            while True:
                masks = _native.unpack(np.ascontiguousarray(packed), self.shape)
                assert len(masks)
                self.asked += list(masks)
                self.new |= {m.tobytes() for m in masks}
                judged = outcomes(
                    self.classify(masks),
                    *(1, self.subject.criterion, self.subject.reference_confidence),
                )
                packed = rounds.send(judged)
        except StopIteration as stop:
            return None if stop.value is None else _native.unpack(stop.value[None], self.shape)[0]

    def forget(self) -> None:
        """Count what is asked from here on."""
        self.asked.clear()
        self.new.clear()

    def improves(self, better: np.ndarray, mask: np.ndarray) -> None:
        """What is promised of a set found in place of another."""
        assert self.passes(better)
        assert better.sum() < mask.sum()
        assert not (better & ~self.allowed).any()
        assert twin.irreducible(better, self.passes, self.grain)

    def irreducible(self, mask: np.ndarray) -> np.ndarray:
        return self.drive(prune(self.tiling, _native.pack(mask[None])[0], [1], (0, 1)))

    def step(self, mask: np.ndarray) -> np.ndarray | None:
        return self.drive(self.local.step(_native.pack(mask[None])[0]))

    def grow(self, mask: np.ndarray) -> np.ndarray | None:
        return self.drive(self.local.grow(_native.pack(mask[None])[0]))

    def smaller(self, mask: np.ndarray) -> np.ndarray | None:
        return self.drive(self.tabu.smaller(_native.pack(mask[None])[0]))


@st.composite
def searches(draw) -> tuple[Searched, np.ndarray] | None:
    """A search with little room and an irreducible set to improve; None where nothing is to find."""
    classify = KINDS[draw(st.sampled_from(sorted(KINDS)))](draw(seeds), SHAPE)
    allowed = np.ones(SHAPE, bool)
    allowed[:, : draw(st.sampled_from([0, 4, 5]))] = False
    found = Searched(classify, draw(st.integers(1, 4)), draw(st.integers(0, 900)), allowed)
    if found.passes(np.zeros(SHAPE, bool)) or not found.passes(allowed):
        return None
    mask = found.irreducible(allowed)
    found.forget()
    return found, mask


def sums(worth: np.ndarray, enough: float) -> Callable[[np.ndarray], np.ndarray]:
    """Class 1 where the kept pixels are worth enough."""

    def classify(masks: np.ndarray) -> np.ndarray:
        z = (masks * worth).sum(axis=(1, 2)) - enough
        p = 1.0 / (1.0 + np.exp(-z))
        return np.stack([1.0 - p, p], axis=1)

    return classify


def lit(pixels: list[tuple[int, int]]) -> np.ndarray:
    """The mask of some pixels."""
    mask = np.zeros(SHAPE, bool)
    mask[tuple(np.transpose(pixels))] = True
    return mask


def worth(values: dict[tuple[int, int], float]) -> np.ndarray:
    """What each pixel is worth."""
    made = np.zeros(SHAPE)
    for place, value in values.items():
        made[place] = value
    return made
