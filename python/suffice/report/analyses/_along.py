"""Sizes of the same photos at several thresholds: from several criteria, or from kept orders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from suffice.criterion import Criterion
from suffice.errors import InputError
from suffice.report.reading import Question, Reading
from suffice.statistics.results import Floats

TAUS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
_KINDS = {"confidence": "Confidence", "relative": "Share of the whole image's confidence"}


@dataclass(frozen=True, slots=True, eq=False)
class Along:
    """Sizes of one method along thresholds; only photos with a set at all of them.

    Attributes
    ----------
    label, slug : str
        As of a question.
    axis : str
        What the thresholds are.
    thresholds : float64 [T]
    model, image : str [n]
    sizes : float64 [n, T]
        Shares of the image.
    correct, correct_top5 : float64 [n]
        1, 0 or NaN.
    n_dropped : int
        Models x photos that lack a set at some threshold.
    note : str
        Where the sizes come from.
    """

    label: str
    slug: str
    axis: str
    thresholds: Floats
    model: np.ndarray[tuple[int], np.dtype[np.str_]]
    image: np.ndarray[tuple[int], np.dtype[np.str_]]
    sizes: Floats
    correct: Floats
    correct_top5: Floats
    n_dropped: int
    note: str

    def of(self, model: str) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """The rows of a model."""
        return np.asarray(self.model == model)


def all_along(reading: Reading, proved: bool = False) -> list[Along]:
    """Every method that was asked at several thresholds of one kind, or kept its order.

    With `proved` only of photos whose sets are neither empty nor uncertified.
    """
    return [*_from_criteria(reading, proved), *_from_orders(reading, proved)]


def variants(reading: Reading) -> list[tuple[Along, Along | None]]:
    """Each, and the same without empty and uncertified sets where that is another."""
    strict = {along.slug: along for along in all_along(reading, proved=True)}
    found = []
    for along in all_along(reading):
        other = strict.get(along.slug)
        same = other is not None and len(other.sizes) == len(along.sizes)
        found.append((along, None if same else other))
    return found


def _from_criteria(reading: Reading, proved: bool) -> Iterator[Along]:
    groups: dict[tuple[object, ...], list[tuple[float, Question]]] = {}
    for question in reading.questions:
        criterion = Criterion.parse(question.setup["criterion"])
        if criterion.kind in _KINDS:
            setup = (criterion.kind, *(question.setup[k] for k in ("method", "baseline", "grain")))
            groups.setdefault(setup, []).append((criterion.value, question))
    for setup, found in groups.items():
        if len(found) > 1:
            found.sort(key=lambda pair: pair[0])
            made = _join(str(setup[0]), found, proved)
            if made is not None:
                yield made


def _join(kind: str, found: list[tuple[float, Question]], proved: bool) -> Along | None:
    exclude = ("unattained", "empty", "uncertified") if proved else ("unattained",)
    cells: dict[tuple[str, str], list[float]] = {}
    facts: dict[tuple[str, str], tuple[float, float]] = {}
    for k, (_, question) in enumerate(found):
        try:
            sizes = question.sizes(exclude)
        except InputError:  # nothing is left
            return None
        columns = (sizes.model, sizes.image, sizes.area, sizes.correct, sizes.correct_top5)
        for model, image, area, top1, top5 in zip(*(c.tolist() for c in columns), strict=True):
            key = str(model), str(image)
            cells.setdefault(key, [np.nan] * len(found))[k] = area
            facts[key] = top1, top5
    first = found[0][1]
    label = first.label.replace(str(first.setup["criterion"]), kind)
    slug = f"{first.slug}-along"
    note = "One search for each threshold; median over seeds."
    return _along(label, slug, kind, [t for t, _ in found], cells, facts, note)


def _from_orders(reading: Reading, proved: bool) -> Iterator[Along]:
    for question in reading.questions:
        cells: dict[tuple[str, str], list[float]] = {}
        facts: dict[tuple[str, str], tuple[float, float]] = {}
        rows = question.first[question.first["area"].notna()]
        if proved:
            rows = rows[rows["certified"] & (rows["pixels"] > 0)]
        explanations = reading.result.explanations(rows)
        for row, explanation in zip(rows.itertuples(), explanations, strict=True):
            arrays = explanation.arrays or {}
            if len(arrays.get("order", ())) != explanation.masks[0].size:
                if not cells:
                    break  # a method that keeps no order
                continue
            key = row.model, row.image_sha256
            cells[key] = [
                float(explanation.at(tau).mean()) if row.confidence >= tau else np.nan
                for tau in TAUS
            ]
            facts[key] = _truth(row.correct), _truth(row.correct_top5)
        if cells:
            reached = (~np.isnan(np.array(list(cells.values())))).mean(axis=0) >= 0.5
            kept = [k for k, enough in enumerate(reached) if enough]
            cells = {key: [values[k] for k in kept] for key, values in cells.items()}
            made = _along(
                f"{question.label}, any threshold",
                f"{question.slug}-any-threshold",
                "confidence",
                [TAUS[k] for k in kept],
                cells,
                facts,
                "From the order that the search kept (first seed); thresholds that fewer than half "
                "of these photos reach are left out.",
            )
            if made is not None:
                yield made


def _along(
    label: str,
    slug: str,
    kind: str,
    thresholds: list[float],
    cells: dict[tuple[str, str], list[float]],
    facts: dict[tuple[str, str], tuple[float, float]],
    note: str,
) -> Along | None:
    whole = {key: values for key, values in cells.items() if not np.isnan(values).any()}
    if not whole or len(thresholds) < 2:
        return None
    correct = np.array([facts[key] for key in whole], np.float64)
    return Along(
        label, slug, _KINDS[kind], np.array(thresholds), np.array([m for m, _ in whole]),
        np.array([i for _, i in whole]), np.array(list(whole.values())), correct[:, 0],
        correct[:, 1], len(cells) - len(whole), note,
    )  # fmt: skip


def _truth(value: object) -> float:
    return float(value) if isinstance(value, (bool, np.bool_)) else float("nan")
