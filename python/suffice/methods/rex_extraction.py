"""From ReX's responsibility map to sufficient sets: five ways, each one coroutine.

All of them yield rounds of packed masks and are sent their outcomes. `Judge` decides what passes;
``CompatJudge`` does it with the roundings of rex-xai 0.4.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from suffice import _native
from suffice.methods import rex_spotlight
from suffice.methods._rounds import Coroutine, part, together
from suffice.subject import Subject
from suffice.types import Outcomes, PackedMasks, Responsibility

if TYPE_CHECKING:
    from suffice.methods.rex import Rex

Kind = Literal["global", "spatial", "spotlight", "contrastive", "complete"]
Order = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]

CIRCLES_A_ROUND = 4


@dataclass(frozen=True, slots=True)
class Found:
    """Sets that an extraction found, or why it found none."""

    masks: PackedMasks
    reason: str = ""
    extra: dict[str, PackedMasks] = field(default_factory=dict)


OneSet = Coroutine[PackedMasks | None]


class Judge:
    """What passes, by the subject's criterion."""

    def __init__(self, subject: Subject) -> None:
        self.target = subject.target
        self.reference = subject.reference_confidence

    def sufficient(self, outcomes: Outcomes) -> Flags:
        """Prefixes that are sufficient."""
        return outcomes.passes

    def circle(self, outcomes: Outcomes) -> Flags:
        """Circles that are worth a ranking of their own."""
        return outcomes.passes

    def contrastive(self, prefix: Outcomes, rest: Outcomes) -> Flags:
        """Prefixes as confident as the whole image whose removal changes the class."""
        kept: Flags = ~_differs(prefix, self.target) & (prefix.confidence >= self.reference)
        contrastive: Flags = kept & _differs(rest, self.target)
        return contrastive

    def already_complete(self, confidence: float) -> bool:
        """Whether the necessary set needs nothing added."""
        return round(confidence, 2) == round(self.reference, 2)

    def complete(self, outcomes: Outcomes) -> Flags:
        """Sets whose confidence is that of the whole image to two decimals."""
        rounded = _rounded(outcomes.confidence, 2)
        complete: Flags = rounded == round(self.reference, 2)
        return complete & ~_differs(outcomes, self.target)


class CompatJudge(Judge):
    """What passes in rex-xai 0.4.1: confidences compared at four decimals."""

    def __init__(self, subject: Subject) -> None:
        super().__init__(subject)
        criterion = subject.criterion
        ratio = criterion.value if criterion.kind == "relative" else 0.0
        self.threshold = self.reference * ratio

    def sufficient(self, outcomes: Outcomes) -> Flags:
        """Top-1, and the rounded confidence reaches the rounded threshold."""
        return self._top1_with(outcomes, self.threshold)

    def circle(self, outcomes: Outcomes) -> Flags:
        """Top-1, unrounded here."""
        return ~_differs(outcomes, self.target) & (outcomes.confidence >= self.threshold)

    def contrastive(self, prefix: Outcomes, rest: Outcomes) -> Flags:
        """As confident as the whole image, rounded."""
        return self._top1_with(prefix, self.reference) & _differs(rest, self.target)

    def already_complete(self, confidence: float) -> bool:
        """Rounded on one side only."""
        return round(confidence, 4) == self.reference

    def _top1_with(self, outcomes: Outcomes, threshold: float) -> Flags:
        rounded = _rounded(outcomes.confidence, 4)
        return ~_differs(outcomes, self.target) & (rounded >= round(threshold, 4))


class Extraction:
    """Reads sets from a responsibility map.

    Parameters
    ----------
    settings : Rex
    subject : Subject
    responsibility : float32 [H, W]
    """

    def __init__(self, settings: Rex, subject: Subject, responsibility: Responsibility) -> None:
        self.settings = settings
        self.subject = subject
        self.map = responsibility
        self.shape = subject.shape
        self.n_pixels = self.shape[0] * self.shape[1]
        self.judge = CompatJudge(subject) if settings.compat else Judge(subject)

    def run(self) -> Coroutine[Found]:
        """Extract as the settings say."""
        return {
            "global": self._global,
            "spatial": self._spatial,
            "spotlight": self._spotlight,
            "contrastive": self._contrastive,
            "complete": self._contrastive,
        }[self.settings.extraction]()

    def none(self) -> PackedMasks:
        """No set."""
        return np.zeros((0, _native.words_for(self.n_pixels)), np.uint64)

    def _global(self) -> Coroutine[Found]:
        masks = yield from self.shortest_prefix(self.map)
        if masks is None:
            return Found(self.none(), "no prefix of the ranking passes the criterion")
        return Found(masks)

    def shortest_prefix(self, values: Responsibility) -> OneSet:
        """First passing prefix ``[1, words]`` of the ranking of a map, or None."""
        order = _native.rank(values, ties="last")
        for lengths in self._rounds_of(self._prefix_lengths()):
            masks = _native.prefix_masks(order, lengths, self.shape)
            outcomes = yield masks
            passing = np.flatnonzero(self.judge.sufficient(outcomes))
            if passing.size:
                return masks[passing[:1]]
        return None

    def _prefix_lengths(self) -> npt.NDArray[np.int64]:
        step = self.settings.chunk_size
        return np.minimum(np.arange(step, self.n_pixels + step, step), self.n_pixels)

    def _rounds_of(self, lengths: npt.NDArray[np.int64]) -> Iterator[npt.NDArray[np.int64]]:
        for start in range(0, len(lengths), self.settings.round_width):
            yield lengths[start : start + self.settings.round_width]

    # Spatial: a circle that passes, then the ranking inside it.

    def _spatial(self) -> Coroutine[Found]:
        highest = np.unravel_index(int(np.argmax(self.map)), self.shape)
        masks = yield from self.inside_circle((int(highest[0]), int(highest[1])), limit=None)
        if masks is None:
            return Found(self.none(), "no circle around the highest responsibility passes")
        return Found(masks)

    def inside_circle(self, centre: tuple[int, int], limit: int | None) -> OneSet:
        """First passing prefix of the ranking inside the first passing circle, or None."""
        radii = self.radii(centre, limit)
        for start in range(0, len(radii), CIRCLES_A_ROUND):
            circles = np.stack(
                [
                    rex_spotlight.disc(self.shape, centre, r)
                    for r in radii[start : start + CIRCLES_A_ROUND]
                ]
            )
            outcomes = yield _native.pack(circles)
            passing = np.flatnonzero(self.judge.circle(outcomes))
            if passing.size:
                return (yield from self.shortest_prefix(self._zeroed(circles[passing[0]])))
        return None

    def radii(self, centre: tuple[int, int], limit: int | None) -> list[int]:
        """Radii to try: growing until the image is covered, at most ``limit`` of them."""
        radii: list[int] = []
        radius = self.settings.radius
        while limit is None or len(radii) < limit:
            covered = bool(rex_spotlight.disc(self.shape, centre, radius).all())
            if covered and self.settings.compat:
                break  # rex-xai never tries the circle that covers everything
            radii.append(radius)
            grown = int(radius * (1 + self.settings.radius_eta))
            if covered or (self.settings.compat and grown == radius):
                break  # rex-xai would not end on a radius that stays
            radius = max(grown, radius + 1) if not self.settings.compat else grown
        return radii

    def _zeroed(self, circle: Flags) -> Responsibility:
        """The map, with everything outside the circle ranked below everything inside."""
        if self.settings.compat:
            return np.where(circle, self.map, np.float32(0.0))
        return np.where(circle, self.map, np.float32(-np.inf))

    # Spotlights: many spatial searches, then the largest separate choice of their sets.

    def _spotlight(self) -> Coroutine[Found]:
        searches: list[OneSet] = [self.shortest_prefix(self.map)]
        for number in range(1, self.settings.spotlights):
            places = rex_spotlight.make_places(self.settings, self.subject, number)
            searches.append(rex_spotlight.search(self, places))
        found = yield from together(searches)
        sets = [masks for masks in found if masks is not None]
        if not sets:
            return Found(self.none(), "no spotlight found a passing set")
        masks = np.concatenate(sets)
        chosen = rex_spotlight.largest_separate_choice(masks, self.settings.permitted_overlap)
        smallest_first = np.argsort(_native.count(masks[chosen]), kind="stable")
        return Found(masks[chosen][smallest_first])

    # Contrastive: the sufficient prefix, the necessary one, and what completes it.

    def _contrastive(self) -> Coroutine[Found]:
        order = _native.rank(self.map, ties="last")
        everything = _native.prefix_masks(order, np.array([self.n_pixels]), self.shape)
        sufficient = necessary = None
        length, confidence = 0, 0.0
        for lengths in self._rounds_of(self._prefix_lengths()):
            masks = _native.prefix_masks(order, lengths, self.shape)
            outcomes = yield np.concatenate([masks, masks ^ everything])
            kept = part(outcomes, slice(0, len(masks)))
            removed = part(outcomes, slice(len(masks), None))
            passing = np.flatnonzero(self.judge.sufficient(kept))
            if sufficient is None and passing.size:
                sufficient = masks[passing[:1]]
            contrasting = np.flatnonzero(self.judge.contrastive(kept, removed))
            if necessary is None and contrasting.size:
                first = int(contrasting[0])
                necessary, length = masks[first], int(lengths[first])
                confidence = float(kept.confidence[first])
            if sufficient is not None and necessary is not None:
                break
        if sufficient is None:
            return Found(self.none(), "no prefix of the ranking passes the criterion")
        if necessary is None or np.array_equal(sufficient, everything):
            return Found(sufficient)
        extra = {"necessary": necessary}
        if self.settings.extraction == "complete":
            complete = yield from self._complete(order, necessary, length, confidence)
            if complete is not None:
                extra["complete"] = complete
        return Found(sufficient, extra=extra)

    def _complete(self, order: Order, necessary: PackedMasks, length: int, before: float) -> OneSet:
        """Add pixels from the end of the ranking until the original confidence is met."""
        if length == self.n_pixels or self.judge.already_complete(before):
            return necessary
        from_the_end = np.ascontiguousarray(order[::-1])
        lengths = self._prefix_lengths()
        lengths = lengths[: -(-(self.n_pixels - length) // self.settings.chunk_size)]
        for some in self._rounds_of(lengths):
            masks = necessary | _native.prefix_masks(from_the_end, some, self.shape)
            outcomes = yield masks
            passing = np.flatnonzero(self.judge.complete(outcomes))
            if passing.size:
                found: PackedMasks = masks[passing[0]]
                return found
        return None


def _differs(outcomes: Outcomes, target: int) -> Flags:
    differs: Flags = outcomes.top1 != target
    return differs


def _rounded(values: npt.NDArray[np.float64], digits: int) -> npt.NDArray[np.float64]:
    # Python's round of a float is not numpy's: it rounds the exact value, half to even.
    return np.array([round(float(v), digits) for v in values])
