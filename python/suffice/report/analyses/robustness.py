"""Whether sets still give the class before other baselines, shifted and under noise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from suffice.errors import InputError
from suffice.report.analyses._common import (
    FEW_PHOTOS,
    canvas,
    few,
    finding,
    percent,
    plots,
    table_of,
)
from suffice.report.analyses._probed import INTERVAL, evaluations, kept, probed, resampled
from suffice.report.document import Block, Column, Figure
from suffice.report.reading import Question
from suffice.statistics import within_correlation
from suffice.statistics.results import Floats
from suffice.types import JsonObject

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

_COLUMNS = (
    Column("Model"),
    Column("Change"),
    Column("n", "count", help="Photos with a set that is not empty"),
    Column("Kept", "percent", 1, "Sets that still give the class, mean over directions or signs"),
    *INTERVAL,
    Column("Whole photo", "percent", 1, "Whole photos that still give it after the same change"),
    Column("Confidence", "percent", 1, "Mean probability of the class"),
)
_SIZES = (
    Column("Model"),
    Column("Spearman", "number", 3, "Of the size of a set and the share of changes it survives"),
    Column("Low", "number", 3, "95 %, photos resampled"),
    Column("High", "number", 3),
    Column("n", "count"),
)


def blocks(question: Question) -> list[Block]:
    """Shares of sets that last, by model and change; size against robustness."""
    values = probed(question, "robustness")
    slug = f"{question.slug}-robustness"
    names = list(dict.fromkeys(n for v in values for n in (*_names(v, "baselines"), *_changes(v))))
    rows = [
        (model, _label(name), *cells)
        for model in question.models
        if (some := [v for v in values if v["source"] == model])
        for name in ["unchanged", *names]
        if (cells := _cells(some, name)) is not None
    ]
    models = list(dict.fromkeys(row[0] for row in rows))
    rates = np.array([
        [next((r[3] for r in rows if r[:2] == (m, _label(n))), np.nan) for n in names] for m in models
    ])  # fmt: skip

    def draw() -> Drawing:
        drawing, axis = canvas(3.0 + 0.7 * len(names), 2.2 + 0.5 * len(models))
        plots().overlap_matrix(
            rates, models, axis, columns=[*map(_label, names)], label="class kept"
        )
        return drawing

    note = (
        "Baselines: the set before another one. Shifts: photo, set and baseline moved together by "
        "so many pixels of the model's grid, in four directions. Noise: Gaussian of so many of 255 "
        "levels, added to and taken from the photo. Whole photos show how much of a loss is the "
        f"model's own. {evaluations(values):,} evaluations."
    )
    title = "Sets that still give the class"
    return [
        finding(_words(rates, names)),
        *few(len({v["image"] for v in values}), FEW_PHOTOS, "photo"),
        Figure(slug, title, draw, "Matrix of models (rows) and changes (columns).", note),
        table_of(f"{slug}-changes", title, _COLUMNS, rows, note),
        *_sizes(question, values, slug),
    ]


def _label(name: str) -> str:
    """What a change is called: a baseline is told from a change of the photo."""
    kind, _, amount = name.partition(":")
    if name == "unchanged" or (kind in ("shift", "noise") and amount):
        return name.replace(":", " ")
    return f"baseline {'white' if name == 'rgb:255,255,255' else name}"


def _names(value: JsonObject, part: str) -> list[str]:
    names: list[str] = value[part]["names"]
    return names


def _changes(value: JsonObject) -> list[str]:
    return list(dict.fromkeys(_names(value, "changes")))


def _answers(value: JsonObject, name: str, what: str) -> list[Any] | None:
    """Answers to all looks of one name; None where there was none."""
    if name == "unchanged":
        found: list[Any] = value["set"][what]
        return found
    for part in ("baselines", "changes"):
        some = [a for n, a in zip(_names(value, part), value[part][what], strict=True) if n == name]
        if some:
            return some
    return None


def _lasts(values: list[JsonObject], name: str) -> Floats:
    """Of each photo the share of looks of one name that keep the class; NaN without looks."""
    found = []
    for v in values:
        answers = _answers(v, name, "top1")
        found.append(np.nan if answers is None else np.mean([a == v["target"] for a in answers]))
    return np.array(found, np.float64)


def _cells(some: list[JsonObject], name: str) -> tuple[Any, ...] | None:
    lasts = _lasts(some, name)
    known = ~np.isnan(lasts)
    if not known.any():
        return None
    mean, low, high = resampled(lasts[known][:, None])
    confidence = [np.mean(_answers(v, name, "confidence") or [np.nan]) for v in some]
    return int(known.sum()), mean[0], low[0], high[0], _whole(some, name), np.nanmean(confidence)


def _whole(some: list[JsonObject], name: str) -> float | None:
    """The share of whole photos that keep the class after the same change."""
    if name == "unchanged":
        return float(kept(some, [v["whole"]["top1"][0] for v in some]).mean())
    shares = []
    for v in some:
        part = v["whole_changes"]
        seen = [
            t == v["target"] for n, t in zip(part["names"], part["top1"], strict=True) if n == name
        ]
        if seen:
            shares.append(np.mean(seen))
    return float(np.mean(shares)) if shares else None


def _sizes(question: Question, values: list[JsonObject], slug: str) -> list[Block]:
    """Spearman's correlation of size and the share of changes survived."""
    share = np.array([_survived(v) for v in values])
    area = np.array([v["area"] for v in values])
    model, image = (np.array([v[k] for v in values]) for k in ("source", "image"))
    known = ~np.isnan(share) & ~np.isnan(area)
    try:
        each, mean = within_correlation(
            area[known], share[known], model[known], clusters=image[known]
        )
    except InputError:
        return []
    rows: list[tuple[Any, ...]] = [("mean over models", mean.value, mean.low, mean.high, mean.n)]
    rows += [
        (m, each[m], None, None, int((model[known] == m).sum()))
        for m in question.models
        if m in each
    ]
    note = "The share of all changes, baselines too, that the set survives."
    return [table_of(f"{slug}-sizes", "Size and robustness", _SIZES, rows, note)]


def _survived(value: JsonObject) -> float:
    """Mean over changes of the share of looks that keep the class."""
    names = [*_names(value, "baselines"), *_changes(value)]
    lasts = [_lasts([value], name)[0] for name in names]
    return float(np.nanmean(lasts)) if lasts else float("nan")


def _words(rates: Floats, names: list[str]) -> str:
    if not names:
        return "No change was asked for."
    mean = np.nanmean(rates, axis=0)
    worst, best = int(np.nanargmin(mean)), int(np.nanargmax(mean))
    return (
        f"Over models, sets keep the class most often under {_label(names[best])} "
        f"({percent(float(mean[best]))}) and least often under {_label(names[worst])} "
        f"({percent(float(mean[worst]))})."
    )
