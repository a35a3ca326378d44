"""What a probe is: looks at masks that a model is shown after the jobs, and what they come to."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from suffice.explanation import Explanation
from suffice.models.base import Classifier, with_keep_channel
from suffice.models.baselines import make_baseline
from suffice.prepare import prepare
from suffice.study.images import Item
from suffice.study.keys import Job
from suffice.types import FloatImage, JsonObject, PixelMask

_STREAM = int.from_bytes(b"probes", "big")


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """Something to show a model: an image under a mask.

    Attributes
    ----------
    mask : bool [H, W]
        On the model's grid; true: the image is seen.
    image : float32 [C, H, W]
    baselines : tuple of float32 [C, H, W]
        Each in turn takes the place of the rest; the worst counts.
    same : tuple
        Looks of one image with the same `same` and target are the same and made once; empty: this
        one is like no other.
    """

    mask: PixelMask
    image: FloatImage
    baselines: tuple[FloatImage, ...]
    same: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """What a model said to a look.

    Attributes
    ----------
    top1 : int
        Its class, under the baseline where the target leads least. -1 where a multilabel model
        denies the target.
    confidence : float
        Probability of the target, under the baseline where it is lowest.
    """

    top1: int
    confidence: float


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """A finished job of the study, about which a model is asked.

    Attributes
    ----------
    job : Job
    explanation : Explanation
    baselines : tuple of str
        Of the question.
    """

    job: Job
    explanation: Explanation
    baselines: tuple[str, ...]

    @property
    def target(self) -> int:
        """The class that was explained."""
        return self.explanation.target

    @property
    def mask(self) -> PixelMask | None:
        """The best set on its own model's grid; None where there is none."""
        if self.explanation.status in ("found", "budget") and not len(self.explanation.masks):
            return None
        return None if self.explanation.status == "unattained" else self.explanation.mask


@dataclass(slots=True, eq=False)
class Scene:
    """One image as one model sees it.

    Attributes
    ----------
    classifier : Classifier
    model : str
        Its name in the design.
    x : float32 [C, H, W]
    key : int
        Of the image, for everything drawn at random.
    crop_box : (left, top, right, bottom)
        The part of the photo that `x` shows.
    """

    classifier: Classifier
    model: str
    x: FloatImage
    key: int
    crop_box: tuple[float, ...]
    _made: dict[tuple[str, int], FloatImage] = field(default_factory=dict)

    @classmethod
    def of(cls, classifier: Classifier, model: str, item: Item) -> Scene:
        """Read an image for a model."""
        ready = prepare(classifier, item.load(), [], 0, 0)
        return cls(classifier, model, ready.x, ready.key, tuple(ready.info["crop_box"]))

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the model's grid."""
        return self.x.shape[1], self.x.shape[2]

    @property
    def colours(self) -> FloatImage:
        """The image without the channel that says what is kept, if the model has one."""
        kept = bool(getattr(self.classifier, "keep_channel", False))
        return self.x[: len(self.x) - kept]

    def baselines(self, specs: Iterable[str], seed: int) -> tuple[FloatImage, ...]:
        """Baselines by this model's own preprocessing."""
        return tuple(self._baseline(spec, seed) for spec in specs)

    def _baseline(self, spec: str, seed: int) -> FloatImage:
        if (spec, seed) not in self._made:
            colours = np.ascontiguousarray(self.colours)
            made = make_baseline(spec, colours, self.classifier.preprocess, seed, self.key)
            self._made[spec, seed] = with_keep_channel(self.classifier, made.array, kept=False)
        return self._made[spec, seed]

    def whole(self) -> Look:
        """The image itself."""
        return Look(np.ones(self.shape, np.bool_), self.x, (self.x,), ("whole",))

    def show(self, mask: PixelMask, task: Task) -> Look:
        """A mask before the baselines of its question."""
        return Look(mask, self.x, self.baselines(task.baselines, task.job.seed))

    def random(self, what: str) -> np.random.Generator:
        """Numbers that depend on the image and on what they are for."""
        stream = np.frombuffer(what.encode()[:8].ljust(8, b"\0"), np.uint64)[0]
        counter = np.array([0, 0, stream, _STREAM], np.uint64)
        key = np.array([self.key, 0], np.uint64)
        return np.random.Generator(np.random.Philox(key=key, counter=counter))


Asking = Generator[list[Look], list[Seen], JsonObject]
"""What a probe does for one task: it yields its looks once, is told what was seen and returns its
value. One that returns at once asks nothing; its value then has ``skipped``, which says why."""


class Probe(Protocol):
    """A measurement made with the models after the jobs.

    Attributes
    ----------
    name : str
        Also that of the analysis that needs it.
    version : str
        Changed with whatever changes its values.
    others : bool
        Whether models are asked about the sets of others too.
    """

    name: ClassVar[str]
    version: ClassVar[str]
    others: ClassVar[bool]

    def settings(self) -> JsonObject:
        """All settings as JSON types."""

    def cost(self, own: bool) -> int:
        """Evaluations of one task under one baseline, about; of its own model or of another."""

    def ask(self, task: Task, scene: Scene) -> Asking:
        """Ask a model about one task."""


def kept(values: Sequence[Seen]) -> JsonObject:
    """What was seen, as JSON types."""
    return {"top1": [s.top1 for s in values], "confidence": [s.confidence for s in values]}


def to_grid(
    mask: PixelMask,
    crop_box: Sequence[float],
    shape: tuple[int, int],
    other_box: Sequence[float],
) -> PixelMask:
    """Bring a mask to the grid of a model that crops or scales differently.

    The centre of each pixel of the other grid takes what the mask has at that place of the photo
    (nearest pixel); what the mask's own model did not see is not in it.

    Parameters
    ----------
    mask : bool [h, w]
    crop_box, other_box : (left, top, right, bottom)
        What each grid shows of the photo, in its pixels.
    shape : (int, int)
        Of the other grid.

    Returns
    -------
    bool [H, W]

    Examples
    --------
    >>> to_grid(np.eye(2, dtype=bool), (0, 0, 4, 4), (4, 4), (0, 0, 8, 8)).astype(int).tolist()
    [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    """
    if mask.shape == shape and tuple(crop_box) == tuple(other_box):
        return mask
    left, top, right, bottom = other_box
    x = left + (np.arange(shape[1]) + 0.5) * (right - left) / shape[1]
    y = top + (np.arange(shape[0]) + 0.5) * (bottom - top) / shape[0]
    columns = _places(x, crop_box[0], crop_box[2], mask.shape[1])
    rows = _places(y, crop_box[1], crop_box[3], mask.shape[0])
    inside = np.outer(rows >= 0, columns >= 0)
    return np.asarray(mask[rows][:, columns] & inside, np.bool_)


def _places(
    at: npt.NDArray[np.float64], start: float, stop: float, n: int
) -> npt.NDArray[np.int64]:
    """Which of n pixels from start to stop each place is in; -1 outside."""
    places = np.floor((at - start) / (stop - start) * n).astype(np.int64)
    places[(places < 0) | (places >= n)] = -1
    return places


def with_settings(probe: Any, settings: JsonObject) -> Any:
    """A probe with some settings changed; lists become tuples."""
    return replace(
        probe, **{k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}
    )
