"""Is the set of a new image unusual for its class and model? (docs/check.md)."""

from __future__ import annotations

import dataclasses
import itertools
import math
import os
import statistics as plain_statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from suffice.engine import Failure
from suffice.errors import SettingsError
from suffice.explanation import Explanation
from suffice.models.labels import read_labels
from suffice.statistics.reference import Unusual
from suffice.study.check_reference import CheckReference, whole_where_none
from suffice.study.design import ModelSpec
from suffice.types import JsonObject

if TYPE_CHECKING:
    from suffice.models.base import Classifier
    from suffice.prepare import ImageLike

Verdict = Literal["usual", "larger than usual", "smaller than usual"]


@dataclass(frozen=True, slots=True, eq=False)
class Checked:
    """One image, compared.

    Attributes
    ----------
    index : int
        Position in the input.
    name : str
    model : str
        Its name in the reference.
    target : int
        The class that the model answers.
    target_label : str or None
    confidence, entropy, lead : float
        Of the model on the whole image: probability of the class, entropy in nats, and margin over
        the second class in log-odds.
    status : str
        Of the explanation; of several seeds the first.
    area : float
        Of the set as a fraction, the median over the seeds; 1 where there is none.
    comparison : Unusual
        With the reference.
    alpha : float
    verdict : {"usual", "larger than usual", "smaller than usual"}
        Unusual where the two-sided p is at most `alpha`.
    explanations : tuple of Explanation
        One for each seed.
    """

    index: int
    name: str
    model: str
    target: int
    target_label: str | None
    confidence: float
    entropy: float
    lead: float
    status: str
    area: float
    comparison: Unusual
    alpha: float
    verdict: Verdict
    explanations: tuple[Explanation, ...]

    @property
    def usual(self) -> bool:
        """Whether the verdict is ``usual``."""
        return self.verdict == "usual"

    def to_dict(self) -> JsonObject:
        """As JSON types, the explanations left out."""
        names = [f.name for f in dataclasses.fields(self)]
        plain = {n: getattr(self, n) for n in names if n not in ("comparison", "explanations")}
        areas = [_area(e) for e in self.explanations]
        evaluations = sum(e.evaluations for e in self.explanations)
        comparison = dataclasses.asdict(self.comparison)
        return {**plain, "areas": areas, "evaluations": evaluations, **comparison}


class Checker:
    """Asks images what a study asked, and compares the sizes of their sets with the study's.

    Parameters
    ----------
    reference : CheckReference or path of its file
    classifier : Classifier or anything `suffice.as_classifier` takes
        One of the reference's models.
    alpha : float
        Two-sided: a share of about `alpha` of usual images is called unusual.
    labels : sequence of str, path or None
        Class names; None: the classifier's own, if any.
    **model_options
        Of `suffice.as_classifier`. Without ``preprocess`` it is the reference's.

    Attributes
    ----------
    model : str
        Its name in the reference.
    notes : tuple of str
        What limits the answers.

    Raises
    ------
    SettingsError
        If the model is not in the reference, or the method is not what it was at the fit.
    """

    def __init__(
        self,
        reference: CheckReference | str | Path,
        classifier: Any,
        *,
        alpha: float = 0.05,
        labels: Sequence[str] | str | os.PathLike[str] | None = None,
        **model_options: Any,
    ) -> None:
        if not 0.0 < alpha < 1.0:
            raise SettingsError(f"alpha should be between 0 and 1, got {alpha}")
        if not isinstance(reference, CheckReference):
            reference = CheckReference.load(reference)
        self.reference, self.alpha = reference, alpha
        self.method = reference.method()
        self.classifier = _classifier(
            reference, classifier, model_options, self.method.differentiates
        )
        self.model = reference.model_of(self.classifier)
        names = getattr(self.classifier, "labels", None) if labels is None else labels
        self.labels = read_labels(names) if isinstance(names, (str, os.PathLike)) else names
        self.notes = tuple(self._limits())

    def _limits(self) -> Iterator[str]:
        photos, seeds = self.reference.photos(self.model), self.reference.question["seeds"]
        if 2.0 / (photos + 1) > self.alpha:
            needed = math.ceil(2.0 / self.alpha) - 1
            yield (
                f"with {photos} photos of {self.model} no p is below {2.0 / (photos + 1):.3g}, so "
                f"nothing can be called unusual at alpha {self.alpha:g}: that needs {needed} photos"
            )
        if len(seeds) > 1:
            yield f"each image is searched with {len(seeds)} seeds, as in the reference"

    def check(self, image: ImageLike) -> Checked:
        """Compare one image.

        Raises
        ------
        InputError
            If the image can't be read or doesn't fit the model.
        ScoresError
            If the model gives scores no decision can be made from.
        """
        return cast("Checked", next(self.stream([image])))

    def stream(
        self,
        images: Iterable[ImageLike],
        *,
        batch_size: int | Literal["auto"] = "auto",
        window: int = 8,
        on_error: Literal["raise", "yield"] = "raise",
        on_evaluations: Callable[[int], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> Iterator[Checked | Failure]:
        """Compare images one after the other, in bounded memory and input order.

        Parameters
        ----------
        images : iterable of images
            Read lazily, at most `window` ahead, and may be endless.
        batch_size, window, on_error, on_evaluations, should_stop
            As of `suffice.explain_stream`.

        Returns
        -------
        iterator of Checked or Failure
        """
        from suffice.api import explain_stream

        question = self.reference.question
        seeds = question["seeds"]
        streams = [
            explain_stream(
                self.classifier,
                copy,
                method=self.method,
                baseline=question["baselines"],
                criterion=question["criterion"],
                contrastive=question["contrastive"],
                count=question["count"],
                overlap=question["overlap"],
                budget=question["budget"],
                prune=question["method"]["prune"],
                grain=question["grain"],
                seed=seed,
                batch_size=batch_size,
                window=window,
                labels=self.labels,
                on_error="yield",
                on_evaluations=on_evaluations,
                should_stop=should_stop,
            )
            # A tee keeps what the first of the searches has read and the last has not: a window.
            for seed, copy in zip(seeds, itertools.tee(images, len(seeds)), strict=True)
        ]
        return self._compared(streams, on_error)

    def _compared(
        self, streams: Sequence[Iterator[Explanation | Failure]], on_error: str
    ) -> Iterator[Checked | Failure]:
        for results in zip(*streams, strict=False):  # one may end earlier when it is wished
            if len({result.index for result in results}) > 1:
                return
            failed = next((r for r in results if isinstance(r, Failure)), None)
            if failed is None:
                yield self._one(tuple(cast("Sequence[Explanation]", results)))
            elif on_error == "raise":
                raise failed.error
            else:
                yield failed

    def _one(self, found: tuple[Explanation, ...]) -> Checked:
        first = found[0]
        area = plain_statistics.median(_area(e) for e in found)
        comparison = self.reference.sizes.check(self.model, first.target, area, 1.0 - self.alpha)
        verdict: Verdict = "usual"
        if comparison.p <= self.alpha:
            larger = comparison.p_larger < comparison.p_smaller
            verdict = "larger than usual" if larger else "smaller than usual"
        whole = first.record["reference"]
        return Checked(
            first.index,
            first.name,
            self.model,
            first.target,
            first.target_label,
            whole["confidence"],
            whole["entropy"],
            whole["lead"],
            first.status,
            area,
            comparison,
            self.alpha,
            verdict,
            found,
        )


def check(
    reference: CheckReference | str | Path, classifier: Any, images: Any, **settings: Any
) -> list[Checked]:
    """Compare images with a reference.

    Parameters
    ----------
    reference, classifier
        As of `Checker`.
    images : image or sequence of images
    **settings
        Of `Checker`.

    Returns
    -------
    list of Checked
        One for each image.

    Raises
    ------
    InputError
        As of `Checker` and `Checker.check`.
    """
    items = images if isinstance(images, (list, tuple)) else [images]
    return cast("list[Checked]", list(Checker(reference, classifier, **settings).stream(items)))


def _area(explanation: Explanation) -> float:
    if explanation.status == "empty":
        return 0.0
    return whole_where_none(explanation.record["area"])


def _classifier(
    reference: CheckReference, source: Any, options: dict[str, Any], gradients: bool
) -> Classifier:
    """Load the model; how photos become inputs is the reference's where nothing else is said."""
    made = ModelSpec("checked", source, options=options).load(gradients=gradients)
    stated = made.preprocess is not None or options.get("preprocess") is not None
    if stated or not isinstance(source, (str, Path)):
        return made
    same = [m for m in reference.models.values() if m["sha256"] == made.fingerprint]
    ways = [m for m in same if m["preprocess"] is not None]
    if len(ways) > 1:
        raise SettingsError(
            f"{made.name} is in the reference with {len(ways)} ways from photos to inputs; say "
            "which one: preprocess= or --preprocess"
        )
    if not ways:
        return made
    output = options.get("output") or ways[0]["output_kind"]
    options = {**options, "output": output, "preprocess": ways[0]["preprocess"]}
    return ModelSpec("checked", source, options=options).load(gradients=gradients)
