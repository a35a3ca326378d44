"""Whether right answers need more or fewer pixels than wrong ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from suffice.errors import InputError
from suffice.report.analyses import _along
from suffice.report.analyses._along import Along
from suffice.report.analyses._common import (
    FEW_WRONG,
    N_RESAMPLES,
    ROWS,
    canvas,
    count,
    few,
    finding,
    percent,
    plots,
    span,
    table_of,
    variants,
    without_sets,
)
from suffice.report.document import Block, Column, Figure, Section
from suffice.report.format import in_words
from suffice.report.reading import Question, Reading
from suffice.statistics import (
    HypothesisTest,
    Sizes,
    ThresholdCurve,
    correctness_curve,
    stratified_permutation,
)
from suffice.statistics.results import Floats

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

RULES = ("top-1", "top-5")


def section(reading: Reading) -> Section:
    """The difference for every question, and along thresholds."""
    rows: list[Any] = []
    texts: list[Block] = []
    for question in reading.questions:
        found = _rows(question)
        rows += found
        texts += _words(question, found)
    along = [b for pair in _along.variants(reading) for b in _along_blocks(reading, *pair)]
    if not rows:
        raise InputError("no photo has a label, or all answers are right, or all are wrong")
    columns = (
        Column("Question"),
        ROWS,
        Column("Right by"),
        Column("Right", "percent", 1, "Mean size over right answers"),
        Column("Wrong", "percent", 1),
        Column("Difference", "percent", 1, "Right less wrong"),
        Column("Low", "percent", 1, "95 %, photos resampled"),
        Column("High", "percent", 1),
        Column("n right", "count"),
        Column("n wrong", "count"),
        Column("Log difference", "number", 3, "Right less wrong within photos, of log area"),
        Column("p", "log_p", help="Of that, by permuting answers within photos"),
        Column("n within", "count", help="Cells of photos with right and wrong answers"),
    )
    note = (
        "Models x photos with a label. The difference is between photos too; the permutation takes "
        "log area less its model's mean and compares right and wrong answers to the same photo."
    )
    table = table_of("correctness", "Right less wrong answers", columns, rows, note)
    return Section("correctness", "Right less wrong answers", (*texts, table, *along))


def _rows(question: Question) -> list[Any]:
    rows: list[Any] = []
    for label, sizes in variants(question):
        for rule in RULES:
            correct = sizes.correct if rule == "top-1" else sizes.correct_top5
            right, wrong = sizes.area[correct == 1.0], sizes.area[correct == 0.0]
            if not len(right) or not len(wrong):
                continue
            gap = correctness_curve(
                [0.0], sizes.area[:, None], correct, clusters=sizes.image, n_resamples=N_RESAMPLES
            )
            rows.append((
                question.label, label, rule, right.mean(), wrong.mean(), gap.value[0], gap.low[0],
                gap.high[0], len(right), len(wrong), *_within(sizes, correct),
            ))  # fmt: skip
    return rows


def _within(sizes: Sizes, correct: Floats) -> tuple[Any, ...]:
    try:
        test = within_photos(sizes, correct)
    except InputError:
        return None, None, 0
    return -test.effect, test.log_p, test.n


def within_photos(sizes: Sizes, correct: Floats) -> HypothesisTest:
    """Log area less its model's mean, wrong less right answers to the same photo."""
    known = ~np.isnan(correct)
    place = np.unique(sizes.model[known], return_inverse=True)[1]
    y = sizes.log_area[known]
    y = y - (np.bincount(place, y) / np.bincount(place))[place]
    wrong = correct[known] == 0.0
    return stratified_permutation(y, wrong, sizes.image[known], n_resamples=N_RESAMPLES)


def _words(question: Question, rows: list[Any]) -> list[Block]:
    head = next((r for r in rows if r[1] == "all" and r[2] == "top-1"), None)
    if head is None:
        return []
    text = (
        f"{question.label}: sets of right answers have {percent(head[3])} of the image on average, "
        f"those of wrong ones {percent(head[4])}; the difference is {span(head[6], head[7])} at 95 %."
    )
    if head[11] is not None:
        factor = float(np.exp(-head[10]))
        text += (
            f" On the same photos, wrong answers have sets {factor:.2f} times as large "
            f"({in_words(head[11])}, {count(head[12], 'answer')})."
        )
    return [
        finding(text),
        *without_sets(question),
        *few(min(head[8], head[9]), FEW_WRONG, "answer of one kind", "answers of one kind"),
    ]


def _curves(reading: Reading, along: Along) -> dict[tuple[str, str], ThresholdCurve]:
    """By rule and model, of those with right and wrong answers."""
    curves: dict[tuple[str, str], ThresholdCurve] = {}
    for rule in RULES:
        correct = along.correct if rule == "top-1" else along.correct_top5
        for model in ("all", *reading.models):
            here = np.ones(len(along.image), np.bool_) if model == "all" else along.of(model)
            if not (correct[here] == 0.0).any() or not (correct[here] == 1.0).any():
                continue
            curves[rule, model] = correctness_curve(
                along.thresholds,
                along.sizes[here],
                correct[here],
                clusters=along.image[here],
                n_resamples=N_RESAMPLES,
            )
    return curves


def _along_blocks(reading: Reading, along: Along, proved: Along | None) -> list[Block]:
    curves = _curves(reading, along)
    if not curves:
        return []
    rows: list[Any] = []
    for label, case in (("all", along), ("without empty, uncertified", proved)):
        if case is None:
            continue
        for (rule, model), c in (curves if case is along else _curves(reading, case)).items():
            wrong = c.n_incorrect if c.n_incorrect is not None else np.zeros(len(c.n), np.int64)
            cells = zip(case.thresholds, c.value, c.low, c.high, c.n, wrong, strict=True)
            rows += [(label, rule, model, *r) for r in cells]
    columns = (
        ROWS,
        Column("Right by"),
        Column("Model"),
        Column("Threshold", "number", 3),
        Column("Difference", "percent", 1, "Mean size of right less wrong answers"),
        Column("Low", "percent", 1, "95 %, photos resampled at all thresholds together"),
        Column("High", "percent", 1),
        Column("n right", "count"),
        Column("n wrong", "count"),
    )
    note = (
        f"{along.note} Below 0 wrong answers need more pixels, as in I am big, you are little; above "
        "0 right ones do, as in Overinterpretation. Intervals are for each threshold alone. "
        "The row of all models does not take models apart."
    )
    title = f"Right less wrong along thresholds: {along.label}"
    table = table_of(f"correctness-{along.slug}", title, columns, rows, note)
    return [_figure(along, curves, title, note), table]


def _figure(
    along: Along, curves: dict[tuple[str, str], ThresholdCurve], title: str, note: str
) -> Figure:
    rule = "top-1" if any(r == "top-1" for r, _ in curves) else "top-5"

    def draw() -> Drawing:
        drawing, axis = canvas(6.0, 4.0)
        lines = {m: (c.value, c.low, c.high) for (r, m), c in curves.items() if r == rule}
        plots().size_curves(
            along.thresholds, lines, ax=axis, xlabel=along.axis, ylabel="Right less wrong"
        )
        return drawing

    alt = f"Mean size of right less wrong answers ({rule}) against the threshold, for each model."
    return Figure(f"correctness-{along.slug}-figure", title, draw, alt, note)
