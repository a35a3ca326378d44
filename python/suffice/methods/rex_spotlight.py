"""Spotlights of ReX: places to look at, and sets that keep apart from each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from suffice import _native
from suffice.methods._rounds import Coroutine
from suffice.subject import Subject
from suffice.types import PackedMasks

if TYPE_CHECKING:
    from suffice.methods.rex import Rex
    from suffice.methods.rex_extraction import Extraction

Place = tuple[int, int]

STREAM = 1
"""Stream id of places; splits use stream 0."""

MAX_TRIES = 1000
"""Draws in vain before a spotlight gives up finding a place it has not seen."""


class Places:
    """Random places of one spotlight, from Philox counters (spotlight, 0, draw, 1).

    Parameters
    ----------
    shape : (H, W)
    key : (int, int)
        Seed and image key.
    spotlight : int
        Number of the spotlight.
    step : int
        Pixels of one step.
    compat : bool
        Draw from rex-xai's ranges: never pixel 0, and steps may end one pixel outside.
    """

    def __init__(
        self, shape: Place, key: tuple[int, int], spotlight: int, step: int, compat: bool
    ) -> None:
        self.shape = shape
        self.step_size = step
        self.compat = compat
        self._words = _random_words(key, spotlight)

    def random(self) -> Place:
        """Any pixel."""
        height, width = self.shape
        low = 1 if self.compat and height * width > 1 else 0
        flat = low + ((next(self._words) * (height * width - low)) >> 64)
        return flat // width, flat % width

    def step(self, origin: Place) -> Place:
        """One diagonal step away from a place, stopped at the image's edges."""
        bits = next(self._words)
        edge = 0 if self.compat else 1
        row = origin[0] + (self.step_size if bits >> 63 else -self.step_size)
        column = origin[1] + (self.step_size if (bits >> 62) & 1 else -self.step_size)
        return (
            min(max(row, 0), self.shape[0] - edge),
            min(max(column, 0), self.shape[1] - edge),
        )


def make_places(settings: Rex, subject: Subject, spotlight: int) -> Places:
    """Places of one spotlight."""
    key = (subject.seed, subject.key)
    compat = settings.compat is not None
    return Places(subject.shape, key, spotlight, settings.spotlight_step, compat)


def _random_words(key: tuple[int, int], spotlight: int) -> Iterator[int]:
    draw = 0
    while True:
        counter = np.array([[spotlight, 0, draw, STREAM]], np.uint64)
        yield int(_native.philox(key, counter)[0, 0])
        draw += 1


def search(extraction: Extraction, places: Places) -> Coroutine[PackedMasks | None]:
    """Look at places until one has a set ``[1, words]``; None when the moves are used up."""
    settings = extraction.settings
    limit = settings.expansions if settings.expansions > 1 else None
    tried: set[Place] = set()
    place: Place | None = places.random()
    moves = 0
    while place is not None:
        found = yield from extraction.inside_circle(place, limit)
        if found is not None or moves >= settings.spotlight_moves:
            return found
        if settings.spotlight_objective == "none":
            place = _unseen(places, None, tried)
            moves += 1
            continue
        score = _score(extraction, place)
        if settings.compat and score <= 0.0:
            return None  # rex-xai waits here for its moves to run out
        while True:
            place = _unseen(places, place, tried)
            if place is None or moves >= settings.spotlight_moves:
                return None
            if not settings.compat:
                moves += 1
            if _score(extraction, place) >= score:
                break
            found = yield from extraction.inside_circle(place, limit)
            if found is not None:
                return found
        if settings.compat:
            moves += 1
    return None


def _unseen(places: Places, origin: Place | None, tried: set[Place]) -> Place | None:
    """A place not tried before: anywhere, or by steps from an origin."""
    place = origin
    for _ in range(MAX_TRIES):
        place = places.random() if origin is None or place is None else places.step(place)
        if place not in tried:
            tried.add(place)
            return place
    return None


def _score(extraction: Extraction, place: Place) -> float:
    """Responsibility inside the first circle, the rest of the image counting 0."""
    inside = disc(extraction.shape, place, extraction.settings.radius)
    values = np.where(inside, extraction.map, np.float32(0.0)).astype(np.float64)
    return float(
        values.max() if extraction.settings.spotlight_objective == "max" else values.mean()
    )


def disc(shape: Place, centre: Place, radius: int) -> npt.NDArray[np.bool_]:
    """Pixels at most ``radius`` from a centre, bool ``[H, W]``.

    In whole numbers; equal to rex-xai's float32 distances for radii below 2048.
    """
    rows = np.arange(shape[0], dtype=np.int64)[:, None] - centre[0]
    columns = np.arange(shape[1], dtype=np.int64)[None, :] - centre[1]
    inside: npt.NDArray[np.bool_] = rows * rows + columns * columns <= radius * radius
    return inside


def largest_separate_choice(masks: PackedMasks, permitted: float) -> list[int]:
    """Indices of the most masks that pairwise overlap (Dice) at most ``permitted``.

    Among equally many those with the fewest pixels in total, then the last in lexicographic
    order, which is rex-xai's choice.
    """
    apart = _native.dice(masks) <= permitted
    sizes = _native.count(masks)
    best: tuple[int, int, tuple[int, ...]] = (0, 0, ())

    def grow(chosen: tuple[int, ...], candidates: list[int]) -> None:
        nonlocal best
        best = max(best, (len(chosen), -int(sizes[list(chosen)].sum()), chosen))
        for at, candidate in enumerate(candidates):
            if len(chosen) + len(candidates) - at < best[0]:
                return
            fitting = [c for c in candidates[at + 1 :] if apart[candidate, c]]
            grow((*chosen, candidate), fitting)

    grow((), list(range(len(masks))))
    return list(best[2])
