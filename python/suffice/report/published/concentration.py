"""Sizes of minimal pixel sets between architectures, beside the published ones."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from suffice.errors import SufficeError
from suffice.metrics import dice
from suffice.report.document import Block, Cell, Column, Table
from suffice.report.format import p_value
from suffice.report.published import Published, beside
from suffice.statistics import friedman, kruskal_wallis, mixed_model

if TYPE_CHECKING:
    from suffice.report.reading import Question, Reading
    from suffice.statistics import Sizes

Floats = npt.NDArray[np.float64]


def blocks(reading: Reading, paper: Published) -> list[Block]:
    """Tables of sizes, tests and overlaps."""
    asked = [q for q in reading.questions if _comparable(reading, q)]
    return [
        beside(
            paper.tables["sizes"],
            [row for q in asked for row in size_rows(q)],
            Column("photos", "count", help="with a set"),
            note="Areas are means over photos that have a set; accuracy is of all labelled photos.",
        ),
        beside(
            paper.tables["tests"],
            [row for q in asked for row in test_rows(q)],
            Column("photos", "count"),
            note="Here: photos that all models were asked about; a test within an architecture needs "
            "two of its models.",
        ),
        *_overlaps(asked, paper),
    ]


def _comparable(reading: Reading, question: Question) -> bool:
    """Whether it asks what the paper asks: one set for the class alone, on the first baseline."""
    first = reading.questions[0].setup["baseline"]
    return (
        question.setup["criterion"] == "top1"
        and question.setup["baseline"] == first
        and not (question.rows["sets"].fillna(1) > 1).any()
    )


def size_rows(question: Question) -> Iterator[tuple[Cell, ...]]:
    """Accuracy and mean areas of each model, in the order of the design."""
    sizes = question.sizes(("unattained",))
    for model in question.models:
        of = sizes.model == model
        if not of.any():
            continue
        area, correct = sizes.area[of], sizes.correct[of]
        yield (
            question.label,
            model,
            question.architectures[model],
            float(sizes.accuracy[of][0]),
            float(area.mean()),
            _mean(area[correct == 1]),
            _mean(area[correct == 0]),
            len(area),
        )


def _mean(values: Floats) -> float | None:
    return float(values.mean()) if len(values) else None


def test_rows(question: Question) -> Iterator[tuple[Cell, ...]]:
    """The paper's tests, on photos that every model was asked about."""
    sizes = question.sizes(())
    cells = sizes.blocks(sizes.area)
    cells = cells[~np.isnan(cells).any(axis=1)]
    groups: dict[str, list[int]] = {}
    for k, model in enumerate(sizes.models):
        groups.setdefault(question.architectures[model], []).append(k)
    if len(cells) and len(groups) > 1:
        found = kruskal_wallis({a: cells[:, of].ravel() for a, of in groups.items()})
        yield _row(question, "Kruskal-Wallis", "architectures", found, None, len(cells))
    for name, of in groups.items():
        if len(of) > 1 and len(cells):
            found = friedman(cells[:, of])
            yield _row(question, "Friedman", name, found, None, len(cells))
    if (effect := wrong_effect(sizes)) is not None:
        yield _row(question, "mixed model", "wrong answers, area", *effect)


def _row(
    question: Question, test: str, of: str, found: Any, effect: float | None, photos: int
) -> tuple[Cell, ...]:
    degrees = None if effect is not None else found.df
    statistic = None if effect is not None else found.statistic
    p = "" if math.isnan(found.log_p) else p_value(found.log_p)
    return (question.label, test, of, statistic, degrees, p, effect, photos)


def wrong_effect(sizes: Sizes) -> tuple[Any, float, int] | None:
    """How much larger sets of wrong answers are, photos and models at random."""
    known = ~np.isnan(sizes.correct)
    try:
        model = mixed_model(
            sizes.area[known],
            {"wrong": 1.0 - sizes.correct[known]},
            image=sizes.image[known],
            model=sizes.model[known],
        )
    except (SufficeError, ArithmeticError, np.linalg.LinAlgError):
        # One model, no wrong answer, sizes that vary by photo alone: nothing to estimate from.
        return None
    return model.tests[1], float(model.coefficients[1]), model.n_images


def _overlaps(asked: list[Question], paper: Published) -> list[Table]:
    """Dice of the most accurate models of two architectures, of the first question that has some."""
    rows: list[tuple[Cell, ...]] = []
    for question in asked:
        best = best_models(question)
        names = list(best)
        values: dict[tuple[str, str], list[float]] = {}
        for masks in question.photos([best[name] for name in names]):
            known = {n: m for n, m in zip(names, masks, strict=True) if m is not None}
            for a, b in itertools.combinations(known, 2):
                if known[a].any() or known[b].any():
                    values.setdefault((a, b), []).append(float(dice(known[a], known[b])))
        rows += [
            (question.label, a, b, float(np.mean(found)), len(found))
            for (a, b), found in values.items()
        ]
    note = "Here: first seed, on the common part of the photo at the finer of the two resolutions."
    return [beside(paper.tables["dice"], rows, Column("photos", "count"), note=note)]


def best_models(question: Question) -> dict[str, str]:
    """The most accurate model of each architecture."""
    sizes = question.sizes(())
    best: dict[str, tuple[float, str]] = {}
    for model in question.models:
        of = sizes.model == model
        accuracy = float(sizes.accuracy[of][0]) if of.any() else float("nan")
        name = question.architectures[model]
        if name not in best or accuracy > best[name][0]:
            best[name] = (accuracy, model)
    return {name: model for name, (_, model) in best.items()}
