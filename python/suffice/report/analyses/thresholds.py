"""How sizes grow with the threshold a set must reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

from suffice.report.analyses._along import Along, variants
from suffice.report.analyses._common import (
    FEW_PHOTOS,
    N_RESAMPLES,
    ROWS,
    Skip,
    canvas,
    few,
    finding,
    percent,
    plots,
    table_of,
)
from suffice.report.document import Block, Column, Figure, Section
from suffice.report.reading import Reading
from suffice.statistics import ThresholdCurve, size_curve

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing


def section(reading: Reading) -> Section:
    """Mean size against the threshold for each model, with intervals."""
    found = variants(reading)
    if not found:
        raise Skip(
            "no method was asked at several thresholds (confidence:T or relative:R), nor kept an order"
        )
    blocks = [block for along, proved in found for block in _blocks(reading, along, proved)]
    return Section("thresholds", "Size along thresholds", tuple(blocks))


def _blocks(reading: Reading, along: Along, proved: Along | None) -> list[Block]:
    curves = _curves(reading, along)
    cases = {"all": along} | ({"without empty, uncertified": proved} if proved else {})
    rows = [
        (label, m, t, c.value[k], c.low[k], c.high[k], c.n[k])
        for label, case in cases.items()
        for m, c in (curves if case is along else _curves(reading, case)).items()
        for k, t in enumerate(case.thresholds)
    ]
    columns = (
        ROWS,
        Column("Model"),
        Column("Threshold", "number", 3),
        Column("Mean", "percent", 1, "Share of the image"),
        Column("Low", "percent", 1, "95 %, photos resampled at all thresholds together"),
        Column("High", "percent", 1),
        Column("n", "count", help="Photos with a set at every threshold"),
    )
    note = (
        f"{along.note} The same photos at all thresholds; {along.n_dropped} models x photos lack a "
        "set at some and are left out. Empty sets count as 0."
    )
    title = f"Size along thresholds: {along.label}"
    return [
        finding(_words(along, curves)),
        *few(
            min(int(c.n[0]) for c in curves.values()),
            FEW_PHOTOS,
            "photo for some model",
            "photos for some model",
        ),
        _figure(along, curves, note),
        table_of(f"thresholds-{along.slug}", title, columns, rows, note),
    ]


def _curves(reading: Reading, along: Along) -> dict[str, ThresholdCurve]:
    return {
        model: size_curve(
            along.thresholds,
            along.sizes[along.of(model)],
            clusters=along.image[along.of(model)],
            n_resamples=N_RESAMPLES,
        )
        for model in reading.models
        if along.of(model).any()
    }


def _figure(along: Along, curves: dict[str, ThresholdCurve], note: str) -> Figure:
    def draw() -> Drawing:
        drawing, axis = canvas(6.0, 4.0)
        lines = {m: (c.value, c.low, c.high) for m, c in curves.items()}
        plots().size_curves(
            along.thresholds, lines, ax=axis, xlabel=along.axis, ylabel="Share of the image"
        )
        return drawing

    return Figure(
        f"thresholds-{along.slug}-figure", f"Size along thresholds: {along.label}", draw,
        f"Mean size against the threshold. {_words(along, curves)}", note,
    )  # fmt: skip


def _words(along: Along, curves: dict[str, ThresholdCurve]) -> str:
    first, last = along.thresholds[0], along.thresholds[-1]
    parts = [
        f"from {percent(float(c.value[0]))} to {percent(float(c.value[-1]))} for {m}"
        for m, c in list(curves.items())[:3]
    ]
    more = "" if len(curves) <= 3 else "; other models are in the table"
    return (
        f"{along.label}: as the threshold goes from {first:g} to {last:g}, the mean set goes "
        f"{', '.join(parts)}{more}."
    )
