"""Insertion and deletion: how soon the class comes, and how soon it goes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from suffice.report.analyses._common import (
    FEW_PHOTOS,
    Skip,
    few,
    finding,
    percent,
    plots,
    table_of,
)
from suffice.report.analyses._probed import (
    INTERVAL,
    evaluations,
    kept,
    known_mean,
    probed,
    resampled,
    right,
)
from suffice.report.document import Block, Column, Figure, Section
from suffice.report.reading import Question, Reading
from suffice.statistics.results import Floats
from suffice.types import JsonObject

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

KINDS = ("insertion", "deletion")
_HEAD = (Column("Model"), Column("Question"), Column("Of", help="What shares are shares of"))
_AREAS = (
    *_HEAD,
    Column("n", "count"),
    Column("Insertion", "percent", 1, "Mean share of photos with the class; high is good"),
    *INTERVAL,
    Column("Deletion", "percent", 1, "The same of the deletion; low is good"),
    *INTERVAL,
)
_POINTS = (
    *_HEAD,
    Column("Curve"),
    Column("Share", "percent", 1),
    Column("n", "count"),
    Column("Kept", "percent", 1, "Photos whose answer is the class explained"),
    *INTERVAL,
    Column("Right", "percent", 1, "Of photos with a label that are right as a whole"),
    Column("n right", "count", help="Photos that are right as a whole"),
    Column("Confidence", "percent", 1, "Mean probability of the class"),
)


def section(reading: Reading) -> Section | None:
    """Curves of all methods, model by model, and the areas under them."""
    found = list(_found(reading))
    if not found:
        raise Skip(
            'the store has no values of the probe curves; analyses = ["curves"] in the design has '
            "it run after the jobs"
        )
    areas, points = [], []
    bands: dict[str, dict[str, dict[str, Any]]] = {}
    for model, question, values in found:
        head = (model, question.label, values[0]["unit"])
        shares = np.array(values[0]["shares"])
        cells: list[Any] = []
        for kind in KINDS:
            seen = np.array([kept(values, t) for t in zip(*_column(values, kind), strict=True)]).T
            mean, low, high = resampled(np.column_stack([seen, _areas(shares, seen)]))
            cells += [mean[-1], low[-1], high[-1]]
            band = shares, (mean[:-1], low[:-1], high[:-1])
            bands.setdefault(model, {}).setdefault(kind, {})[question.label] = band
            points += [
                (
                    *head,
                    kind,
                    share,
                    len(values),
                    mean[k],
                    low[k],
                    high[k],
                    *_right(values, kind, k),
                )
                for k, share in enumerate(shares.tolist())
            ]
        areas.append((*head, len(values), *cells))
    n = min(len(values) for _, _, values in found)
    total = sum(evaluations(values) for _, _, values in found)
    note = (
        "The area under a curve from 0 to its last share, by the trapezoidal rule, divided by that "
        "share: the mean height. Intervals of 95 %, photos resampled. "
        f"{total:,} evaluations."
    )
    blocks: list[Block] = [finding(_words(areas)), *few(n, FEW_PHOTOS, "photo")]
    blocks.append(table_of("curves-areas", "Areas under the curves", _AREAS, areas, note))
    blocks += [_figure(number, model, bands[model]) for number, model in enumerate(bands)]
    what = (
        "Insertion: the most important pixels (patches for moxi) alone. Deletion: all but them; of "
        "moxi by its own order of deletion where it has one."
    )
    blocks.append(table_of("curves-points", "Points of the curves", _POINTS, points, what))
    return Section("curves", "Insertion and deletion", tuple(blocks))


def _found(reading: Reading) -> Iterator[tuple[str, Question, list[JsonObject]]]:
    for model in reading.models:
        for question in reading.questions:
            try:
                values = probed(question, "curves")
            except Skip:
                continue
            some = [v for v in values if v["source"] == model]
            if some:
                yield model, question, some


def _column(values: list[JsonObject], kind: str) -> list[list[int]]:
    return [v[kind]["top1"] for v in values]


def _areas(shares: Floats, seen: Floats) -> Floats:
    """Mean height of each photo's curve."""
    heights = (seen[:, 1:] + seen[:, :-1]) / 2.0
    area: Floats = heights @ np.diff(shares) / shares[-1]
    return area


def _right(values: list[JsonObject], kind: str, k: int) -> tuple[Any, ...]:
    """Accuracy among those that are right as a whole, their number, and mean confidence."""
    # A deletion starts with the whole photo.
    whole = right(values, [v["deletion"]["top1"][0] for v in values])
    now = right(values, [v[kind]["top1"][k] for v in values])
    confidence = float(np.mean([v[kind]["confidence"][k] for v in values]))
    return known_mean(now[whole > 0]), int((whole > 0).sum()), confidence


def _figure(number: int, model: str, bands: dict[str, dict[str, Any]]) -> Figure:
    def draw() -> Drawing:
        from matplotlib.figure import Figure as Made

        drawing = Made(figsize=(10.0, 4.0), layout="constrained")
        axes = drawing.subplots(1, 2, sharey=True)
        for axis, kind in zip(axes, KINDS, strict=True):
            lines = bands[kind]
            every = next(iter(lines.values()))[0]
            plots().size_curves(
                100.0 * every,
                {name: band for name, (_, band) in lines.items()},
                axis,
                xlabel=f"{'shown' if kind == 'insertion' else 'removed'} (%)",
                ylabel="photos that keep the class",
                title=kind,
            )
        return drawing

    alt = f"Share of photos of {model} that keep the class, against the share shown or removed."
    return Figure(f"curves-{number}", f"Curves of {model}", draw, alt, "Bands: photos resampled.")


def _words(areas: list[tuple[Any, ...]]) -> str:
    best = max(areas, key=lambda row: row[4])
    first = min(areas, key=lambda row: row[7])
    return (
        f"The class comes soonest by inserting with {best[1]} on {best[0]} (mean height "
        f"{percent(float(best[4]))}) and goes soonest by deleting with {first[1]} on {first[0]} "
        f"({percent(float(first[7]))})."
    )
