"""How far sets depend on the baseline."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from suffice.metrics import dice
from suffice.report.analyses._common import (
    FEW_PHOTOS,
    N_RESAMPLES,
    ROWS,
    Skip,
    few,
    finding,
    mean_of,
    table_of,
)
from suffice.report.document import Block, Column, Section
from suffice.report.reading import Question, Reading
from suffice.statistics import bootstrap
from suffice.study.store import Store

SIMILAR = 1.25


def section(reading: Reading) -> Section:
    """For each pair of baselines of one method, criterion and grain: sizes and overlap."""
    groups: dict[tuple[Any, ...], list[Question]] = {}
    for question in reading.questions:
        setup = tuple(question.setup[k] for k in ("method", "criterion", "grain"))
        groups.setdefault(setup, []).append(question)
    rows: list[Any] = []
    blocks: list[Block] = []
    for several in groups.values():
        for a, b in itertools.combinations(several, 2):
            found = _pair(reading, a, b)
            rows += [(a.setup["method"], a.setup["criterion"], *r) for r in found]
            blocks += _words(a, b, found)
    if not rows:
        raise Skip("every method was asked with one baseline")
    columns = (
        Column("Method"),
        Column("Criterion"),
        ROWS,
        Column("A"),
        Column("B"),
        Column("Model"),
        Column("n", "count", help="Photos with a set under both baselines"),
        Column("Of photos", "percent", 1, "Share of the photos asked under both"),
        Column("Ratio", "number", 2, "Geometric mean of the size under A over that under B"),
        Column("Low", "number", 2, "95 %, photos resampled"),
        Column("High", "number", 2),
        Column(
            "Alike", "percent", 1, f"Photos whose sizes differ by a factor of {SIMILAR} at most"
        ),
        Column("Dice", "number", 3, "Mean overlap of the two sets"),
    )
    note = (
        "Sets of the first seed, of the same model and photo. Empty sets count as half a pixel in "
        "the ratio; two empty ones overlap with 1."
    )
    table = table_of("baselines", "Sets under several baselines", columns, rows, note)
    return Section("baselines", "Sensitivity to the baseline", (*blocks, table))


def _pair(reading: Reading, a: Question, b: Question) -> list[Any]:
    """Rows for all models together, and for each."""
    keys = ["model", "image_sha256"]
    kept = [*keys, "key", "area", "pixels", "certified"]
    both = a.first[kept].merge(b.first[kept], on=keys, suffixes=("_a", "_b"))
    if not len(both):
        return []
    some = both[both["area_a"].notna() & both["area_b"].notna()].reset_index(drop=True)
    floor = a.sizes().floor
    gap = np.log(np.maximum(some["area_a"], floor)) - np.log(np.maximum(some["area_b"], floor))
    overlap = np.empty(len(some))
    with Store(reading.result.path, "read") as store:
        for k, row in enumerate(some.itertuples()):
            overlap[k] = dice(reading.mask(store, row.key_a), reading.mask(store, row.key_b))
    proper = ((some["pixels_a"] > 0) & (some["pixels_b"] > 0)).to_numpy(bool)
    proper &= (some["certified_a"] & some["certified_b"]).to_numpy(bool)
    model, photo = some["model"].to_numpy(str), some["image_sha256"].to_numpy(str)
    logs = gap.to_numpy(float)
    cases = {"all": np.ones(len(some), np.bool_)}
    if proper.any() and not proper.all():
        cases["without empty, uncertified"] = proper
    rows = []
    for label, case in cases.items():
        for name in ("all", *a.models):
            here = case & ((model == name) | (name == "all"))
            asked = int(((both["model"] == name) | (name == "all")).sum())
            if not here.any():
                continue
            e = bootstrap(np.mean, logs[here], clusters=photo[here], n_resamples=N_RESAMPLES)
            alike = np.abs(logs[here]) <= np.log(SIMILAR)
            rows.append((
                label, a.setup["baseline"], b.setup["baseline"], name, int(here.sum()),
                here.sum() / asked, np.exp(e.value), np.exp(e.low), np.exp(e.high), alike.mean(),
                mean_of(overlap[here]),
            ))  # fmt: skip
    return rows


def _words(a: Question, b: Question, rows: list[Any]) -> list[Block]:
    if not rows:
        return []
    *_, n, _, ratio, low, high, alike, overlap = rows[0]
    text = (
        f"{a.setup['method']}, {a.setup['criterion']}: sets under {a.setup['baseline']} are "
        f"{ratio:.2f} times as large as under {b.setup['baseline']} ({low:.2f} to {high:.2f}); "
        f"{100 * alike:.0f} % have about one size, and they overlap with a Dice coefficient of "
        f"{overlap:.2f}."
    )
    return [finding(text), *few(n, FEW_PHOTOS, "photo with both sets", "photos with both sets")]
