"""Whether the size of a set tells wrong answers, beside and beyond confidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from suffice.errors import InputError
from suffice.report.analyses._common import (
    FEW_WRONG,
    ROWS,
    canvas,
    few,
    finding,
    left_out,
    plots,
    table_of,
    variants,
    without_sets,
)
from suffice.report.document import Block, Column, Figure
from suffice.report.format import in_words
from suffice.report.reading import Question
from suffice.statistics import Auroc, Sizes, auroc, detectors

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

PARTS = 5
_SCORES = {
    "area": "size",
    "confidence": "max-softmax",
    "entropy": "entropy",
    "margin": "margin",
}


def blocks(question: Question) -> list[Block]:
    """AUROC of size, max-softmax, entropy and margin; of size among photos of like confidence."""
    rows: list[Any] = []
    given: list[Any] = []
    whole = detectors(question.sizes())
    for label, sizes in variants(question):
        try:
            found = whole if label == "all" else detectors(sizes)
            rows += [(label, *_cells(r)) for r in found if label == "all" or r["model"] == "all"]
            within = size_given_confidence(sizes)
        except InputError:
            continue
        e = within.estimate
        counts = (within.n_positive, within.n_negative)
        given.append((label, e.value, e.low, e.high, within.test.log_p, *counts))
    every = {r["score"]: r for r in whole if r["model"] == "all"}
    made: list[Block] = [finding(_words(every, given))]
    made += without_sets(question)
    made += few(every["area"]["n_incorrect"], FEW_WRONG, "wrong answer")
    made += [_figure(question, every), _table(question, rows)]
    return [*made, _given(question, given)] if given else made


def size_given_confidence(sizes: Sizes) -> Auroc:
    """AUROC of size among answers of one model and about one confidence.

    The answers of each model are cut into fifths by confidence, and the AUROC is the mean within
    those that have right and wrong answers.
    """
    known = ~np.isnan(sizes.correct) & ~np.isnan(sizes.confidence)
    stratum = np.zeros(len(sizes.area), np.int64)
    for k, model in enumerate(sizes.models):
        here = np.flatnonzero(known & (sizes.model == model))
        rank = np.argsort(np.argsort(sizes.confidence[here], kind="stable"), kind="stable")
        stratum[here] = k * PARTS + rank * PARTS // max(1, len(here))
    return auroc(
        sizes.area[known],
        sizes.correct[known] == 0.0,
        clusters=sizes.image[known],
        strata=stratum[known],
    )


def _cells(r: dict[str, Any]) -> tuple[Any, ...]:
    return (
        r["model"], _SCORES[r["score"]], r["auroc"], r["low"], r["high"], r["log_p"],
        *((None, None) if r["score"] == "area" else (r["area_minus"], r["area_minus_log_p"])),
        r["n_incorrect"], r["n_correct"],
    )  # fmt: skip


def _table(question: Question, rows: list[Any]) -> Block:
    columns = (
        ROWS,
        Column("Model"),
        Column("Score"),
        Column("AUROC", "number", 3, "That a wrong answer scores above a right one; ties half"),
        Column("Low", "number", 3, "95 %"),
        Column("High", "number", 3),
        Column("p", "log_p", help="That it is one half"),
        Column("Size less", "number", 3, "AUROC of size less this one"),
        Column("p of that", "log_p"),
        Column("n wrong", "count"),
        Column("n right", "count"),
    )
    note = (
        "Models x photos with a label. The row of all models is the mean over models, photos taken "
        "together (Obuchowski); that of one model DeLong's. High is suspicious: large sets, low "
        f"confidence, high entropy, small margin. {left_out(question)}"
    )
    title = "Scores for misclassification"
    return table_of(f"{question.slug}-detector", title, columns, rows, note)


def _given(question: Question, rows: list[Any]) -> Block:
    columns = (
        ROWS,
        Column("AUROC", "number", 3),
        Column("Low", "number", 3, "95 %"),
        Column("High", "number", 3),
        Column("p", "log_p", help="That it is one half"),
        Column("n wrong", "count"),
        Column("n right", "count"),
    )
    note = (
        "The answers of each model in fifths of like confidence; the mean AUROC of size within "
        "fifths that have right and wrong answers. One half: size says nothing that confidence "
        "does not. Within a fifth confidence still differs a little."
    )
    title = "Size among answers of like confidence"
    return table_of(f"{question.slug}-detector-given", title, columns, rows, note)


def _figure(question: Question, every: dict[str, Any]) -> Figure:
    values = {_SCORES[k]: (r["auroc"], r["low"], r["high"]) for k, r in every.items()}

    def draw() -> Drawing:
        drawing, axis = canvas(6.0, 2.6)
        plots().detectors(values, ax=axis)
        return drawing

    alt = "AUROC: " + ", ".join(
        f"{k} {v[0]:.2f} ({v[1]:.2f} to {v[2]:.2f})" for k, v in values.items()
    )
    note = "Mean over models, with 95 % intervals."
    return Figure(
        f"{question.slug}-detector-figure", "Scores for misclassification", draw, alt, note
    )


def _words(every: dict[str, Any], given: list[Any]) -> str:
    area = every["area"]
    text = (
        f"Size tells wrong answers with an AUROC of {area['auroc']:.2f} ({area['low']:.2f} to "
        f"{area['high']:.2f})"
    )
    if "confidence" in every:
        best = every["confidence"]
        text += (
            f", max-softmax with {best['auroc']:.2f}; size less max-softmax {best['area_minus']:+.2f}, "
            f"{in_words(best['area_minus_log_p'])}"
        )
    text += "."
    if given and given[0][0] == "all":
        _, value, low, high, log_p, *_ = given[0]
        text += (
            f" Among answers of like confidence size has {value:.2f} ({low:.2f} to {high:.2f}; "
            f"{in_words(log_p)})."
        )
    return text
