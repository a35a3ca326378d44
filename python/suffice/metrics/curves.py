"""Insertion and deletion curves: what a classifier says while a ranking is followed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from suffice import _native
from suffice.criterion import Criterion
from suffice.engine import Engine, Failure, RunSettings
from suffice.errors import InputError, SettingsError
from suffice.explanation import Explanation
from suffice.methods.base import Method, Rounds, RoundSearch, SearchResult
from suffice.metrics._orders import Kind, Order, Ties, make_order
from suffice.models.base import Classifier
from suffice.models.factory import as_classifier
from suffice.prepare import BaselineLike, ImageLike, prepare
from suffice.subject import Subject
from suffice.track import Answer, Question

ROUND = 1024
"""Masks asked at once: bounds memory where a step is a single pixel."""


@dataclass(frozen=True, slots=True, eq=False)
class MaskingCurve:
    """What a classifier says while the pixels of a ranking are inserted or deleted.

    Attributes
    ----------
    kind : {"insertion", "deletion"}
    name : str
        Of the image.
    target : int
    pixels : int64 [N]
        Pixels shown, of an insertion, or removed, of a deletion; from 0 to all, rising.
    shares : float64 [N]
        The same as a share of all pixels, from 0 to 1.
    confidence : float64 [N]
        Probability of the target.
    top1 : bool [N]
        Whether the target is the predicted class.
    reference_confidence : float
        Probability of the target on the whole image.
    evaluations : int
        What the curve cost, the image and its baseline included.
    """

    kind: Kind
    name: str
    target: int
    pixels: npt.NDArray[np.int64]
    shares: npt.NDArray[np.float64]
    confidence: npt.NDArray[np.float64]
    top1: npt.NDArray[np.bool_]
    reference_confidence: float
    evaluations: int

    @property
    def auc(self) -> float:
        """Area under the confidence over shares 0 to 1, by the trapezoidal rule; 0 to 1."""
        heights = (self.confidence[1:] + self.confidence[:-1]) / 2.0
        return float(heights @ np.diff(self.shares))

    @property
    def auc_normalised(self) -> float:
        """`auc` divided by the confidence on the whole image; it may exceed 1."""
        return self.auc / self.reference_confidence if self.reference_confidence else float("nan")

    @property
    def flip(self) -> float:
        """The least share at which the target becomes the predicted class, or stops being it.

        Of an insertion the first, of a deletion the second; NaN where it never does.
        """
        flipped = np.flatnonzero(self.top1 if self.kind == "insertion" else ~self.top1)
        return float(self.shares[flipped[0]]) if len(flipped) else float("nan")

    def auc_rex(self) -> float:
        """The normalised area as rex-xai 0.4.1 takes it.

        Simpson's rule over the points after the first, at whole multiples of the step only, divided
        by the confidence on the whole image and the number of pixels. The piece from 0 to the
        first step is missing from it, so it is a little smaller than `auc_normalised`.

        Raises
        ------
        InputError
            If the steps are not equal in pixels.
        """
        from scipy.integrate import simpson

        step, total = int(self.pixels[1]), int(self.pixels[-1])
        n = total // step
        if not np.array_equal(self.pixels[1 : n + 1], step * np.arange(1, n + 1)):
            raise InputError("expected equal steps, as step=100 gives; rex-xai knows no others")
        area = float(simpson(self.confidence[1 : n + 1], dx=step))
        whole = self.reference_confidence * total
        return area / whole if whole else float("nan")


def insertion_curve(
    classifier: Any,
    images: Any,
    rankings: Any,
    *,
    steps: int | None = None,
    step: int | None = None,
    feature_mask: Any | None = None,
    target: int | Sequence[int | None] | None = None,
    baseline: BaselineLike = "zero",
    ties: Ties = "last",
    seed: int = 0,
    batch_size: int | Literal["auto"] = "auto",
    window: int = 8,
    **model_options: Any,
) -> MaskingCurve | list[MaskingCurve]:
    """Show the pixels of a ranking step by step, the most important first.

    Parameters
    ----------
    classifier : Classifier or anything `suffice.as_classifier` takes
    images : image or sequence of images
        As of `suffice.explain`; a list, tuple or 4-D array is several.
    rankings : ranking, or a sequence of one for each image
        A map of finite numbers [H, W] on the model's grid, high values first; an `Explanation`,
        whose responsibility is the map; or an order of indices: of the regions of `feature_mask`,
        else of the pixels, row by row. An order must name all of them.
    steps : int or None
        Number of steps of nearly equal length: step k ends after ``floor(k n / steps)`` units.
    step : int or None
        Length of a step in units, at most one of both; the last may be shorter. rex-xai has 100
        pixels. A unit is a pixel, or a region where `feature_mask` is given. With neither: 100
        steps, or one region a step.
    feature_mask : int [H, W], a sequence of one for each image, or None
        Labels 0 .. R-1, each used: regions that are shown as a whole, such as those of
        `suffice.regions`. A map then ranks them by the mean of their pixels.
    target : int, a sequence of one for each image, or None
        The class. None: that of the Explanation, else the top-1 class of the whole image.
    baseline : specification
        One; what pixels not shown are replaced by.
    ties : {"last", "first"}
        Which of equal values comes first: ``last`` the one of the highest index, as in rex-xai.
    seed : int
        Of baselines that are drawn at random.
    batch_size : int or "auto"
        Composites per model call; batches are filled from several images.
    window : int
        Images in work at once.
    **model_options
        Settings of `suffice.as_classifier`.

    Returns
    -------
    MaskingCurve or list of MaskingCurve
        One for one image, several for several, in input order. The first point is the baseline
        alone, the last the whole image.

    Raises
    ------
    InputError
        If an image, ranking or setting is not what was expected.
    ScoresError
        If the model gives scores no decision can be made from.

    Source
    ------
    Petsiuk, Das, Saenko: RISE (2018); for orders of patches Sumiyasu, Kawamoto, Kera: MoXI (2024).
    """
    return _curves(
        "insertion", classifier, images, rankings, target=target, baseline=baseline, seed=seed,
        feature_mask=feature_mask, steps=steps, step=step, ties=ties, batch_size=batch_size,
        window=window, model_options=model_options,
    )  # fmt: skip


def deletion_curve(
    classifier: Any,
    images: Any,
    rankings: Any,
    *,
    steps: int | None = None,
    step: int | None = None,
    feature_mask: Any | None = None,
    target: int | Sequence[int | None] | None = None,
    baseline: BaselineLike = "zero",
    ties: Ties = "last",
    seed: int = 0,
    batch_size: int | Literal["auto"] = "auto",
    window: int = 8,
    **model_options: Any,
) -> MaskingCurve | list[MaskingCurve]:
    """Remove the pixels of a ranking step by step, the most important first.

    Parameters
    ----------
    classifier, images, rankings, steps, step, feature_mask, target, baseline, ties, seed, \
batch_size, window, **model_options
        As of `insertion_curve`.

    Returns
    -------
    MaskingCurve or list of MaskingCurve
        The first point is the whole image, the last the baseline alone.

    Raises
    ------
    InputError, ScoresError
        As of `insertion_curve`.

    Source
    ------
    As of `insertion_curve`.
    """
    return _curves(
        "deletion", classifier, images, rankings, target=target, baseline=baseline, seed=seed,
        feature_mask=feature_mask, steps=steps, step=step, ties=ties, batch_size=batch_size,
        window=window, model_options=model_options,
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Following(Method):
    """Asks the masks of given orders; no method to explain with, so it isn't registered.

    A search is told its subject and no position, so subjects go by the name that the orders are
    kept under.
    """

    name: ClassVar[str] = "following"
    version: ClassVar[str] = "1"
    own_criteria: ClassVar[bool] = True  # it asks on where the baseline alone passes

    orders: dict[str, Order] = field(default_factory=dict)

    def make_search(self, subject: Subject) -> RoundSearch:
        """Start asking; the order is given up."""
        return RoundSearch(_follow(self.orders.pop(subject.name), subject.target))


def _follow(order: Order, target: int) -> Rounds:
    confidence, top1 = [], []
    for start in range(0, len(order.lengths), ROUND):
        outcomes = yield order.masks(start, start + ROUND)
        confidence.append(outcomes.confidence)
        top1.append(outcomes.top1 == target)
    words = _native.words_for(len(order.pixels))
    return SearchResult(
        np.zeros((0, words), np.uint64),
        details={
            "kind": order.kind,
            "pixels": order.lengths,
            "confidence": np.concatenate(confidence),
            "top1": np.concatenate(top1),
        },
    )


def _curves(
    kind: Kind,
    classifier: Any,
    images: Any,
    rankings: Any,
    *,
    target: Any,
    baseline: BaselineLike,
    seed: int,
    feature_mask: Any,
    batch_size: int | Literal["auto"],
    window: int,
    model_options: dict[str, Any],
    **stepping: Any,
) -> MaskingCurve | list[MaskingCurve]:
    clf = as_classifier(classifier, **model_options)
    several = isinstance(images, (list, tuple)) or (
        isinstance(images, np.ndarray) and images.ndim == 4
    )
    items = list(images) if several else [images]
    ranked = _one_each("rankings", rankings, len(items)) if several else [rankings]
    masks = [feature_mask] * len(items)
    if isinstance(feature_mask, (list, tuple)):
        masks = _one_each("feature masks", feature_mask, len(items))
    targets = _targets(clf, target, ranked)
    _check(baseline, batch_size, window, **stepping)

    following = _Following()
    names: dict[int, str] = {}

    def questions() -> Iterator[Question]:
        for index, image in enumerate(items):
            ready = prepare(clf, image, [baseline], seed, index)
            shape = ready.x.shape[1], ready.x.shape[2]
            following.orders[str(index)] = make_order(
                ranked[index], shape, kind, feature_mask=masks[index], **stepping
            )
            names[index] = ready.info["name"]
            yield Question(
                index=index,
                name=str(index),
                image=ready.x,
                baselines=ready.baselines[0].array[None],
                target=targets[index],
                key=ready.key,
            )

    # A class of its own sigmoid is predicted from one half on; there is no top-1 among them.
    rule = Criterion("confidence", 0.5) if clf.output == "multilabel" else Criterion("top1")
    engine = Engine(
        clf,
        following,
        RunSettings(rule, seed=seed, verify=False, window=window),
        batch_size=None if batch_size == "auto" else batch_size,
    )
    found = []
    for answer in engine.run(questions()):
        if isinstance(answer, Failure):
            raise answer.error
        found.append(_curve_of(answer, names.pop(answer.question.index)))
    return found if several else found[0]


def _curve_of(answer: Answer, name: str) -> MaskingCurve:
    details = answer.result.details
    assert details is not None
    pixels = details["pixels"]
    return MaskingCurve(
        kind=details["kind"],
        name=name,
        target=answer.subject.target,
        pixels=pixels,
        shares=pixels / pixels[-1],
        confidence=details["confidence"],
        top1=details["top1"],
        reference_confidence=answer.subject.reference_confidence,
        evaluations=answer.counts["evaluations"],
    )


def _one_each(what: str, values: Any, n: int) -> list[ImageLike]:
    if isinstance(values, Explanation) or not hasattr(values, "__len__") or len(values) != n:
        got = len(values) if hasattr(values, "__len__") else type(values).__name__
        raise InputError(f"expected {what} for {n} images, one each, got {got}")
    return list(values)


def _targets(clf: Classifier, target: Any, ranked: list[Any]) -> list[int | None]:
    """The target of every image; that of an explanation where none is given."""
    targets: list[Any]
    if target is None or isinstance(target, (int, np.integer)):
        targets = [target] * len(ranked)
    else:
        targets = _one_each("targets", target, len(ranked))
    own = [r.target if isinstance(r, Explanation) else None for r in ranked]
    settled = [o if t is None else t for t, o in zip(targets, own, strict=True)]
    for t in settled:
        if t is None and clf.output == "multilabel":
            raise SettingsError("a multilabel model needs a target")
        if t is not None and not (isinstance(t, (int, np.integer)) and 0 <= t < clf.n_classes):
            raise SettingsError(
                f"target {t} is out of range: {clf.name} has classes 0 to {clf.n_classes - 1}"
            )
    return [None if t is None else int(t) for t in settled]


def _check(
    baseline: BaselineLike,
    batch_size: Any,
    window: Any,
    *,
    steps: Any,
    step: Any,
    ties: Any,
) -> None:
    if isinstance(baseline, (list, tuple)):
        raise SettingsError("a curve has one baseline; draw one for each of several")
    if steps is not None and step is not None:
        raise SettingsError("give steps, their number, or step, their length, not both")
    for name, value in (("steps", steps), ("step", step), ("window", window)):
        if (value is not None or name == "window") and (type(value) is not int or value < 1):
            raise SettingsError(f"{name} must be a whole number of at least 1, got {value!r}")
    if ties not in ("last", "first"):
        raise SettingsError(f"ties must be 'last' or 'first', got {ties!r}")
    if batch_size != "auto" and (type(batch_size) is not int or batch_size < 1):
        raise SettingsError(f"batch_size must be 'auto' or a positive number, got {batch_size!r}")
