"""What analyses of reports share: wording of numbers, repeats without some rows, plain tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from suffice.errors import InputError
from suffice.report.document import Block, Cell, Column, Table, Text
from suffice.statistics import HypothesisTest, Sizes
from suffice.statistics.results import Floats

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

    from suffice.report.reading import Question

T = TypeVar("T")

N_RESAMPLES = 2000
FEW_PHOTOS = 20
FEW_MODELS = 6
FEW_WRONG = 10
NOTABLE = 0.05
WITHOUT = (
    ("empty", ("empty",)),
    ("unattained", ("unattained",)),
    ("uncertified", ("uncertified",)),
    ("those stopped by the budget", ("budget",)),
    ("empty, unattained, uncertified", ("empty", "unattained", "uncertified")),
)
ROWS = Column("Rows", help="Which rows are in; all but those left out by name")
LOG_P = Column("p", "log_p", help="Two-sided, not corrected")
N = Column("n", "count")


class Skip(InputError):
    """An analysis that a study does not ask for; nothing is wrong."""


def percent(value: float, digits: int = 1) -> str:
    """A fraction in words: ``12.3 %``."""
    return "unknown" if math.isnan(value) else f"{100.0 * value:.{digits}f} %"


def span(low: float, high: float) -> str:
    """An interval of fractions: ``10.1 to 14.0 %``."""
    return f"{100.0 * low:.1f} to {100.0 * high:.1f} %"


def count(n: int, noun: str, nouns: str = "") -> str:
    """``1 photo``, ``12 photos``."""
    return f"{n} {noun if n == 1 else nouns or noun + 's'}"


def listing(names: Iterable[str]) -> str:
    """``a, b and c``."""
    some = list(names)
    return " and ".join([", ".join(some[:-1]), some[-1]] if len(some) > 1 else some)


def caution(text: str) -> Text:
    """A paragraph that warns."""
    return Text(text, "caution")


def finding(text: str) -> Text:
    """A paragraph with a main result."""
    return Text(text, "finding")


def attempt(make: Callable[[], T], what: str, blocks: list[Block]) -> T | None:
    """Call; where the data can't answer, say why among the blocks."""
    try:
        return make()
    except InputError as error:
        blocks.append(caution(f"{what}: {error}"))
        return None


def variants(question: Question) -> list[tuple[str, Sizes]]:
    """The sizes of all rows, then those without each kind of row that there is.

    Kinds that no row is of, and those that all rows are of, are left out, and what leaves the
    same rows as one before.
    """
    whole = question.sizes()
    found = [("all", whole)]
    seen = [whole.counts | {"excluded": 0}]
    for name, exclude in WITHOUT:
        try:
            sizes = question.sizes(exclude)
        except InputError:
            continue
        left = sizes.counts | {"excluded": 0}
        if left not in seen:
            seen.append(left)
            found.append((f"without {name}", sizes))
    return found


def left_out(question: Question) -> str:
    """What rows of sizes count as, and which kinds can't be left out, for notes."""
    counts = question.sizes().counts
    names = {"empty": "empty", "unattained": "unattained", "uncertified": "uncertified"}
    names["budget"] = "stopped by the budget"
    whole = [text for kind, text in names.items() if counts[kind] == counts["used"]]
    text = "Empty sets have area 0 (half a pixel on the log scale); where none is known, area 1."
    if whole:
        return f"{text} All rows are {listing(whole)}: nothing is left without them."
    if not any(counts[kind] for kind in names):
        return "No row is empty, unattained, uncertified or stopped by the budget."
    return text


def without_sets(question: Question) -> list[Block]:
    """A caution where rows without a set, which count as the whole image, weigh much."""
    counts = question.sizes().counts
    n, used = counts["unattained"], counts["used"]
    if n <= NOTABLE * used:
        return []
    return [
        caution(
            f"{question.label}: {n} of {count(used, 'row')} have no set and count as the whole image; "
            "read the rows without unattained beside."
        )
    ]


def test_cells(test: HypothesisTest) -> tuple[Cell, ...]:
    """Cells of `test_columns`."""
    return (
        test.statistic, test.df, test.log_p, test.effect, test.effect_name.replace("_", " "),
        test.n, test.n_dropped,
    )  # fmt: skip


def test_columns(n: str) -> tuple[Column, ...]:
    """Columns for one test a row; `n` says what is counted."""
    return (
        Column("Statistic", "number", 3),
        Column("df", "number", 0),
        LOG_P,
        Column("Effect", "number", 3, "Size of the effect, see the next column"),
        Column("Effect is"),
        Column("n", "count", help=n),
        Column("Dropped", "count", help="Given, but not usable"),
    )


def table_of(
    name: str, title: str, columns: Sequence[Column], rows: Iterable[Sequence[Cell]], note: str = ""
) -> Table:
    """A table, with cells of numpy made plain."""
    made = tuple(tuple(plain(cell) for cell in row) for row in rows)
    return Table(name, title, tuple(columns), made, note)


def plain(cell: Any) -> Cell:
    """A cell without types of numpy; NaN stays."""
    value = cell.item() if isinstance(cell, np.generic) else cell
    return value if value is None or isinstance(value, (str, int, float, bool)) else str(value)


def square(
    name: str,
    title: str,
    names: Sequence[str],
    values: Floats,
    kind: Any = "number",
    digits: int = 3,
    note: str = "",
) -> Table:
    """A matrix as a table, one row and one column for each name."""
    columns = (Column(""), *(Column(n, kind, digits) for n in names))
    rows = [(n, *values[i].tolist()) for i, n in enumerate(names)]
    return table_of(name, title, columns, rows, note)


def few(n: int, least: int, noun: str, nouns: str = "") -> list[Block]:
    """A caution where there are few of something."""
    if n >= least:
        return []
    return [caution(f"Only {count(n, noun, nouns)}: take the numbers as a first look.")]


def mean_of(values: Floats) -> float:
    """The mean; NaN of none."""
    return float(values.mean()) if len(values) else math.nan


def plots() -> Any:
    """`suffice.plot`, imported where something is drawn: it needs matplotlib."""
    from suffice import plot

    return plot


def canvas(width: float, height: float) -> tuple[Drawing, Any]:
    """A new figure with one axis, apart from pyplot."""
    from matplotlib.figure import Figure

    drawing = Figure(figsize=(width, height), layout="constrained")
    return drawing, drawing.add_subplot()
