"""Whether sizes differ between models, photos as blocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from suffice.errors import InputError
from suffice.report.analyses._common import (
    FEW_PHOTOS,
    N_RESAMPLES,
    ROWS,
    attempt,
    few,
    finding,
    left_out,
    table_of,
    test_cells,
    test_columns,
    variants,
    without_sets,
)
from suffice.report.document import Block, Column
from suffice.report.format import in_words
from suffice.report.reading import Question
from suffice.statistics import (
    HypothesisTest,
    Sizes,
    blocked_permutation,
    friedman,
    nemenyi,
    wilcoxon_pairs,
)
from suffice.statistics.results import Floats

_NOTE = (
    "Photos are blocks and taken as independent of one another; n counts photos that every model "
    "has. Friedman ranks sizes within photos, so log area and area are the same to it; Kendall's W "
    "is 1 where all photos rank the models alike. The permutation compares means: of log area, and "
    "of area beside it."
)


def blocks(question: Question) -> list[Block]:
    """Friedman and permutation over models, over architectures and within them; all pairs."""
    if len(question.models) < 2:
        raise InputError("there is one model; sizes can't differ between models")
    made: list[Block] = []
    rows = []
    for label, sizes in variants(question):
        rows += [(label, *cells) for cells in _tests(sizes)]
    if not rows:
        raise InputError("no photo has a size for every model; there is no complete block")
    head = rows[0]
    made.append(
        finding(
            f"On the same {head[8]} photos, {head[1]} differ in size with chi-squared({head[4]}) = "
            f"{head[3]:.1f}, {in_words(head[5])}; photos agree on the order with Kendall's W = "
            f"{head[6]:.2f} (1: fully)."
        )
    )
    made += without_sets(question)
    made += few(int(head[8]), FEW_PHOTOS, "complete photo")
    columns = (ROWS, Column("Between"), Column("Test"), *test_columns("Complete photos"))
    title = "Sizes with photos as blocks"
    note = f"{_NOTE} {left_out(question)}"
    made.append(table_of(f"{question.slug}-blocks", title, columns, rows, note))
    sizes = question.sizes()
    cells = sizes.blocks(sizes.log_area)
    made += _pairs(question, "models", cells, sizes.models)
    names, families = architecture_blocks(sizes)
    if 1 < len(names) < len(sizes.models):
        made += _pairs(question, "architectures", families, names)
    return made


def architecture_blocks(sizes: Sizes) -> tuple[list[str], Floats]:
    """Names, and photos by architectures: the mean log area over the models of each."""
    of_model = dict(zip(sizes.model.tolist(), sizes.architecture.tolist(), strict=True))
    group = np.array([of_model[name] for name in sizes.models])
    names = [str(name) for name in np.unique(group)]
    cells = sizes.blocks(sizes.log_area)
    return names, np.column_stack([cells[:, group == name].mean(axis=1) for name in names])


def _tests(sizes: Sizes) -> list[tuple[Any, ...]]:
    logs, raw = sizes.blocks(sizes.log_area), sizes.blocks(sizes.area)
    rows = [
        *_one("models", "Friedman", friedman, logs),
        *_one("models", "permutation, log area", _permutation, logs),
        *_one("models", "permutation, area", _permutation, raw),
    ]
    names, families = architecture_blocks(sizes)
    if 1 < len(names) < len(sizes.models):
        rows += _one("architectures", "Friedman", friedman, families)
        rows += _one("architectures", "permutation, log area", _permutation, families)
    of_model = dict(zip(sizes.model.tolist(), sizes.architecture.tolist(), strict=True))
    for name in names:
        here = [k for k, model in enumerate(sizes.models) if of_model[model] == name]
        if 1 < len(here) < len(sizes.models):
            rows += _one(f"models of {name}", "Friedman", friedman, logs[:, here])
    return rows


def _permutation(cells: Floats) -> HypothesisTest:
    return blocked_permutation(cells, n_resamples=N_RESAMPLES)


def _one(between: str, name: str, test: Any, cells: Floats) -> list[tuple[Any, ...]]:
    try:
        return [(between, name, *test_cells(test(cells)))]
    except InputError:
        return []


def _pairs(question: Question, what: str, cells: Floats, names: Sequence[str]) -> list[Block]:
    made: list[Block] = []
    ranked = attempt(lambda: nemenyi(cells, names), "Nemenyi", made)
    signed = attempt(lambda: wilcoxon_pairs(cells, names), "Wilcoxon", made)
    if ranked is None or signed is None:
        return made
    rows = []
    for a, b in zip(ranked.rows(), signed.rows(), strict=True):
        i, j = names.index(a["a"]), names.index(a["b"])
        gap = cells[:, i] - cells[:, j]
        known = ~np.isnan(gap)
        factor = float(np.exp(gap[known].mean())) if known.any() else float("nan")
        rows.append((
            a["a"], a["b"], int(known.sum()), factor, a["mean_rank_difference"],
            a["adjusted_log_p"], b["rank_biserial"], b["adjusted_log_p"],
        ))  # fmt: skip
    columns = (
        Column("A"),
        Column("B"),
        Column("n", "count", help="Photos that both have"),
        Column("Ratio", "number", 2, "Geometric mean of the size of A over that of B"),
        Column("Ranks", "number", 2, "Mean rank of A less that of B, over complete photos"),
        Column("p (Nemenyi)", "log_p", help="Corrected for all pairs"),
        Column("Rank biserial", "number", 2, "1: A is larger on all photos that differ"),
        Column("p (Wilcoxon)", "log_p", help="Signed ranks, Holm over all pairs"),
    )
    note = (
        f"Nemenyi: the {ranked.n} photos that all have. Wilcoxon: photos both have whose sizes "
        "differ; assumes differences symmetric about their median."
    )
    name, title = f"{question.slug}-blocks-{what}", f"Pairs of {what}"
    return [*made, table_of(name, title, columns, rows, note)]
