"""Documents made by hand: one as a study's report looks, one of hostile names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from suffice import plot
from suffice.report import (
    Column,
    Document,
    Example,
    Examples,
    Figure,
    Section,
    Table,
    Text,
)

MODELS = (
    *("resnet50", "convnext_tiny", "vit_base_patch16_224", "swin_tiny_patch4_window7_224"),
    *("mobilenetv3_large_100", "efficientnet_lite0"),
)
HOSTILE = """<script>alert("x")</script> & 'quotes' "double" | `tick` $x$ \\ {brace} %_^~#[a](b)"""
DESIGN = """[study]
name = "six-models"
criteria = ["top1"]
baselines = ["grey"]
"""


def photo(k: int, height: int = 180, width: int = 240) -> tuple[np.ndarray, np.ndarray]:
    """A blob on a textured ground, and the pixels of the blob."""
    rng = np.random.default_rng(k)
    y, x = np.mgrid[:height, :width]
    ground = 90 + 50 * np.sin(x / (7 + k)) * np.cos(y / 11)
    middle = rng.uniform(0.3, 0.7, 2) * (height, width)
    keep = (y - middle[0]) ** 2 + 0.5 * (x - middle[1]) ** 2 < (height / 5) ** 2
    colour = rng.uniform(80, 255, 3)
    made = np.where(keep[..., None], colour, ground[..., None] * [0.8, 0.95, 1.1])
    return np.clip(made, 0, 255).astype(np.uint8), keep


def areas(models: Sequence[str] = MODELS, n: int = 80) -> dict[str, np.ndarray]:
    """Areas of sets; some empty, some missing."""
    rng = np.random.default_rng(1)
    made = {}
    for k, name in enumerate(models):
        made[name] = np.clip(np.exp(rng.normal(-3.6 + 0.25 * k, 0.8, n)), 0, 1)
        made[name][: k % 3] = 0.0
        made[name][10 : 10 + k % 2] = np.nan
    return made


def sizes_table(rows: int = 6) -> Table:
    """A row for each model, of every kind of column."""
    columns = (
        Column("model", help="name in the design"),
        Column("explained", "count", help="photos with a sufficient set"),
        Column("median area", "percent", 2, "of the pixels, over all sets, empty ones as 0"),
        Column("lower", "percent", 2),
        Column("upper", "percent", 2),
        Column("effect", "number", 3, "rank-biserial correlation against the first model"),
        Column("p", "log_p", help="Wilcoxon over shared photos, Holm over all pairs"),
        Column("evaluations", "count"),
    )
    made = []
    for k in range(rows):
        name = MODELS[k % len(MODELS)] + (f" {k // len(MODELS)}" if k >= len(MODELS) else "")
        middle = 0.031 * 1.4 ** (k % 9)
        effect, log_p = (None, None) if k == 0 else (0.42 - 0.21 * k, -900.0 / k**2.2)
        made.append(
            (name, 80 - k, middle, middle * 0.8, middle * 1.25, effect, log_p, 120_000 + 7 * k)
        )
    note = "Denominator: photos that both models explained. Intervals: bootstrap over photos."
    return Table("sizes", "Sizes of sufficient sets by model", columns, tuple(made), note)


def draw_sizes() -> Any:
    return plot.sizes(areas()).figure


def draw_overlap() -> Any:
    rng = np.random.default_rng(2)
    values = rng.uniform(0.1, 0.7, (6, 6))
    values = (values + values.T) / 2
    np.fill_diagonal(values, math.nan)
    return plot.overlap_matrix(values, MODELS, label="mean Dice").figure


def draw_positions() -> Any:
    y, x = np.mgrid[:224, :224]
    share = 0.31 * np.exp(-((y - 118) ** 2 + (x - 108) ** 2) / 6000)
    return plot.positions(share).figure


def draw_curves() -> Any:
    at = np.linspace(0.1, 0.9, 9)
    bands = {n: (at**2 * (0.1 + k / 20),) * 3 for k, n in enumerate(MODELS[:4])}
    bands = {n: (m, 0.8 * m, 1.2 * m) for n, (m, _, _) in bands.items()}
    return plot.size_curves(at, bands, xlabel="share of the confidence kept").figure


def draw_correctness() -> Any:
    rows = {n: ((0.04, 0.03, 0.05), (0.06 + k / 90, 0.05, 0.1)) for k, n in enumerate(MODELS)}
    return plot.correctness(rows).figure


def draw_detectors() -> Any:
    found = {
        "area of the set": (0.641, 0.58, 0.70),
        "1 - confidence": (0.823, 0.78, 0.86),
        "entropy": (0.811, 0.77, 0.85),
        "area, within confidence": (0.534, 0.47, 0.60),
    }
    return plot.detectors(found).figure


def realistic(photos: Sequence[tuple[np.ndarray, np.ndarray]] | None = None) -> Document:
    """What the report of a study of six models holds."""
    shown = photos or [photo(k) for k in range(6)]
    examples = tuple(
        Example(f"{MODELS[k % 6]}: class {17 * k}, {100 * mask.mean():.2f} %", image, mask)
        for k, (image, mask) in enumerate(shown)
    )
    wide = Table(
        "pairs",
        "All pairs of models",
        (Column("model"), *(Column(name, "number", 3) for name in MODELS * 2)),
        tuple((n, *(0.1 * i - 0.2 * j for j in range(12))) for i, n in enumerate(MODELS)),
    )
    figure = Figure
    size = Section(
        "sizes",
        "How large are the sets?",
        (
            Text("A sufficient set keeps the model's answer when all other pixels are grey."),
            sizes_table(),
            figure("sizes-plot", "Areas by model", draw_sizes, "Areas of six models",
                   "Every point is a set; the box spans the middle half."),
        ),
        (
            Section("by-pair", "Pairs of models", (wide,)),
            Section("all", "Every run", (_with_name(sizes_table(90), "runs"),)),
        ),
    )  # fmt: skip
    agreement = Section(
        "overlap",
        "Do models see the same pixels?",
        (
            figure("overlap", "Mean Dice of pairs of models", draw_overlap, "Matrix of Dice"),
            figure("positions", "Where sets lie", draw_positions, "Sets lie in the middle"),
        ),
    )
    wrong = Section(
        "correctness",
        "Are sets of wrong answers larger?",
        (
            Text("Photos of one class are not independent of each other.", "caution"),
            figure("right-wrong", "Right against wrong", draw_correctness, "Wrong are larger"),
            figure("detectors", "Detecting wrong answers", draw_detectors, "Area is weak"),
            figure("curves", "Area along the threshold", draw_curves, "Area grows"),
        ),
    )
    return Document(
        "Six classifiers: what suffices",
        (
            Text("Six ImageNet classifiers were asked which pixels of 80 photos suffice."),
            Text("Sets of resnet50 are the smallest: median 3.1 %, p < 0.001.", "finding"),
            Text("Two models have photos without any set; they are left out here.", "caution"),
        ),
        (
            size,
            agreement,
            wrong,
            Section("examples", "Examples", (
                Examples("examples", "Photos and what suffices", examples, "Drawn at random."),
            )),
        ),
        {"suffice": "0.1.0", "store": "sha256:" + "3f" * 32, "design": DESIGN},
    )  # fmt: skip


def _with_name(table: Table, name: str) -> Table:
    return Table(name, "Every run of the study", table.columns, table.rows)


def hostile() -> Document:
    """Everything that a user can name is an attempt to break out of the page."""
    image, mask = photo(0, 20, 30)
    block = Text(HOSTILE)
    table = Table(
        HOSTILE, HOSTILE, (Column(HOSTILE, help=HOSTILE), Column(HOSTILE, "number")),
        ((HOSTILE, 1.0), ("=1+1", None)), HOSTILE,
    )  # fmt: skip

    def draw() -> Any:
        axis = plot.sizes({HOSTILE: [0.1, 0.2]})
        axis.set_title(HOSTILE, parse_math=False)
        return axis.figure

    drawn = Figure(HOSTILE, HOSTILE, draw, HOSTILE, HOSTILE)
    shown = Examples(HOSTILE, HOSTILE, (Example(HOSTILE, image, mask),), HOSTILE)
    boxes = (Text(HOSTILE, "finding"), Text(HOSTILE, "caution"))
    section = Section(HOSTILE, HOSTILE, (block, *boxes, table, drawn, shown))
    return Document(HOSTILE, (block,), (section, section), {HOSTILE: HOSTILE, "design": DESIGN})
