"""The sizes to expect of right answers, by model and class."""

from __future__ import annotations

import contextlib
import functools
import math
from typing import Any

import numpy as np

from suffice.errors import InputError
from suffice.report.analyses._common import ROWS, attempt, finding, mean_of, percent, table_of
from suffice.report.document import Block, Column
from suffice.report.reading import Question
from suffice.statistics import ReferenceSizes, fit_reference

LEVEL = 0.05
_NO_CLASS = -1


def blocks(question: Question) -> list[Block]:
    """What a reference fitted to right answers says, and of the wrong ones."""
    made: list[Block] = []
    rows: list[Any] = []
    for model in question.models:
        kept = question.first[(question.first["model"] == model) & question.first["area"].notna()]
        what = f"{model}, right answers"
        fitted = attempt(functools.partial(_row, question, model, kept), what, made)
        if fitted is None:
            continue
        rows.append(("all", *fitted))
        proved = kept[kept["certified"] & (kept["pixels"] > 0)]
        if len(proved) < len(kept):
            with contextlib.suppress(InputError):
                rows.append(("without empty, uncertified", *_row(question, model, proved)))
    if not rows:
        return made
    columns = (
        ROWS,
        Column("Model"),
        Column("n", "count", help="Sets of right answers, one for each photo"),
        Column("Classes", "count"),
        Column("Expected", "percent", 1, "Geometric mean area"),
        Column("From", "percent", 1, "90 % of the sets of a class not seen lie in between"),
        Column("To", "percent", 1),
        Column("Between classes", "number", 2, "Standard deviation of log area"),
        Column("Within", "number", 2, "Standard deviation of log area"),
        Column("Wrong", "count", help="Wrong answers with a set, which the fit has not seen"),
        Column("Unusual", "percent", 1, f"Of those, with p up to {LEVEL}"),
        Column("Too large", "percent", 1, f"Of those, with one-sided p up to {LEVEL}"),
    )
    note = (
        "Log areas of right answers, classes shrunk to their model's mean. Of right answers as many "
        f"as {percent(LEVEL, 0)} are unusual by construction. `suffice check` compares the set of a "
        "new photo with such a reference; the photos must come as these did."
    )
    title = "Reference for single sets"
    return [
        finding(_words([r[1:] for r in rows if r[0] == "all"])),
        *made,
        table_of(f"{question.slug}-reference", title, columns, rows, note),
    ]


def _row(question: Question, model: str, rows: Any) -> tuple[Any, ...]:
    """What is fitted to the right answers among rows of a model, and says of the wrong ones."""
    right = rows[rows["correct"].fillna(False).astype(bool)]
    if not len(right):
        raise InputError("no right answer with a set; a reference is made of these")
    fitted = fit(question, right)
    wrong = rows[~rows["correct"].fillna(True).astype(bool)]
    return (model, *_summary(fitted, model), *_flagged(fitted, model, wrong))


def fit(question: Question, rows: Any) -> ReferenceSizes:
    """`fit_reference` of rows, on the scale of the study."""
    return fit_reference(
        rows["model"].to_numpy(str),
        rows["target"].to_numpy(np.int64),
        rows["area"].to_numpy(float),
        floor=question.sizes().floor,
    )


def _summary(fitted: ReferenceSizes, model: str) -> tuple[Any, ...]:
    own = fitted.models[model]
    new = fitted.check(model, _NO_CLASS, math.exp(own.mean))
    deviations = math.sqrt(own.between), math.sqrt(own.within)
    return len(own.scores), len(own.classes), new.expected_area, new.low, new.high, *deviations


def _flagged(fitted: ReferenceSizes, model: str, wrong: Any) -> tuple[Any, ...]:
    p, larger = fitted.p_values(
        model, wrong["target"].to_numpy(np.int64), wrong["area"].to_numpy(float)
    )
    return len(wrong), mean_of((p <= LEVEL).astype(float)), mean_of((larger <= LEVEL).astype(float))


def _words(rows: list[Any]) -> str:
    shares = [r[9] for r in rows if r[8]]
    text = "Sets of right answers are to be expected " + "; ".join(
        f"from {percent(r[4])} to {percent(r[5])} of the image for {r[0]}" for r in rows[:3]
    )
    text += "." if len(rows) <= 3 else "; for other models see the table."
    if shares:
        total = sum(r[8] for r in rows)
        mean = sum(r[8] * r[9] for r in rows if r[8]) / total
        text += f" Of {total} wrong answers {percent(mean)} have an unusual size (5 % of right ones do)."
    return text
