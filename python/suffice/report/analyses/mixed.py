"""Size and wrong answers by a mixed model with photos and models at random."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from suffice.errors import InputError
from suffice.report.analyses._common import (
    FEW_MODELS,
    LOG_P,
    ROWS,
    caution,
    finding,
    left_out,
    table_of,
    variants,
    without_sets,
)
from suffice.report.document import Block, Column
from suffice.report.format import in_words
from suffice.report.reading import Question
from suffice.statistics import MixedModel, Sizes, mixed_model

_OUTCOMES = (
    ("log area", "top-1"),
    ("area", "top-1"),
    ("log area", "top-5"),
)


def blocks(question: Question) -> list[Block]:
    """Log area, and area beside it, on being wrong and on the accuracy of the model, by REML."""
    made: list[Block] = []
    effects: list[Any] = []
    spreads: list[Any] = []
    head: MixedModel | None = None
    covariate = True
    for label, sizes in variants(question):
        for outcome, rule in _OUTCOMES:
            try:
                fitted, with_accuracy = _fit(sizes, outcome, rule)
            except InputError as error:
                if label == "all" and (outcome, rule) == _OUTCOMES[0]:
                    raise
                made += [caution(f"{label}, {outcome}, {rule}: {error}")] if label == "all" else []
                continue
            if head is None:
                head, covariate = fitted, with_accuracy
            effects += [(label, outcome, rule, *cells) for cells in _effects(fitted, outcome)]
            spreads.append((
                label, outcome, rule, fitted.image_variance, fitted.model_variance,
                fitted.residual_variance, fitted.n, fitted.n_images, fitted.n_models,
                fitted.n_dropped, "yes" if fitted.converged else "no",
            ))  # fmt: skip
    assert head is not None
    made = [finding(_words(head)), *without_sets(question), *made]
    if not covariate:
        made.append(
            caution(
                "The accuracy of models is no covariate here: they are fewer than three, or all have the same."
            )
        )
    if head.n_models < FEW_MODELS:
        made.append(
            caution(
                f"There are {head.n_models} models: what differs between models rests on them, not "
                "on the number of photos."
            )
        )
    return [*made, _effect_table(question, effects), _spread_table(question, spreads)]


def _fit(sizes: Sizes, outcome: str, rule: str) -> tuple[MixedModel, bool]:
    """With the accuracy of the models as a covariate, where it can be told apart."""
    correct = sizes.correct if rule == "top-1" else sizes.correct_top5
    known = ~np.isnan(correct)
    if not (correct[known] == 0.0).any() or not (correct[known] == 1.0).any():
        raise InputError("all answers are right, all wrong, or without label")
    y = sizes.log_area if outcome == "log area" else sizes.area
    fixed = {"incorrect": 1.0 - correct}
    where: Any = {"image": sizes.image, "model": sizes.model}
    # The slope of two models' accuracy would leave nothing to tell models apart by.
    if len(np.unique(sizes.accuracy[known])) > 1 and len(sizes.models) > 2:
        return mixed_model(y, fixed | {"model accuracy": sizes.accuracy}, **where), True
    return mixed_model(y, fixed, **where), False


def _effects(fitted: MixedModel, outcome: str) -> list[tuple[Any, ...]]:
    rows = []
    for r in fitted.rows():
        factor = math.exp(r["coefficient"]) if outcome == "log area" else math.nan
        rows.append((
            r["effect"], r["coefficient"], r["standard_error"], r["low"], r["high"], factor,
            r["t"], r["df"], r["log_p"],
        ))  # fmt: skip
    return rows


def _effect_table(question: Question, rows: list[Any]) -> Block:
    columns = (
        ROWS,
        Column("Outcome"),
        Column("Right by"),
        Column("Effect"),
        Column("Coefficient", "number", 4),
        Column("Error", "number", 4, "Standard error"),
        Column("Low", "number", 4, "95 %"),
        Column("High", "number", 4),
        Column("Factor", "number", 3, "exp of the coefficient: of log area, a factor of the area"),
        Column("t", "number", 2),
        Column("df", "number", 0, "By containment"),
        LOG_P,
    )
    note = (
        "Crossed random effects of photo and model, REML. Taken as normal with constant variance, "
        "which area itself, beside, hardly is. Being wrong is a fact of model and photo, no "
        f"experiment: the coefficient says how sizes go with it. {left_out(question)}"
    )
    return table_of(f"{question.slug}-mixed-effects", "Fixed effects", columns, rows, note)


def _spread_table(question: Question, rows: list[Any]) -> Block:
    columns = (
        ROWS,
        Column("Outcome"),
        Column("Right by"),
        *(Column(f"{w} variance", "number", 4) for w in ("Photo", "Model", "Residual")),
        Column("n", "count", help="Models x photos with a label"),
        Column("Photos", "count"),
        Column("Models", "count"),
        Column("Dropped", "count", help="Without label"),
        Column("Converged"),
    )
    return table_of(f"{question.slug}-mixed-spread", "Random effects", columns, rows)


def _words(fitted: MixedModel) -> str:
    r = next(r for r in fitted.rows() if r["effect"] == "incorrect")
    factor, low, high = (math.exp(r[k]) for k in ("coefficient", "low", "high"))
    return (
        f"Photo and model taken into account, a wrong answer goes with sets {factor:.2f} times as large "
        f"({low:.2f} to {high:.2f} at 95 %; {in_words(r['log_p'])}), over {fitted.n_images} photos and "
        f"{fitted.n_models} models."
    )
