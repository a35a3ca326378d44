"""Cells as text: the one place that says how numbers look in every kind of report."""

from __future__ import annotations

import math
import re
from typing import Any

from suffice.report.document import Cell, Column

UNKNOWN = "–"
MINUS = "−"
LARGEST_PLAIN_P = math.log(0.001)
SMALLEST_FLOAT_P = math.log(1e-300)  # below, exp() loses digits and then everything


def text(cell: Cell, column: Column) -> str:
    """Write one cell.

    ``percent`` gets its sign and ``count`` its thousands; of ``log_p``, p from 0.001 on has three
    digits, a smaller one two and an exponent, and one below 1e-300 its power of ten.

    Parameters
    ----------
    cell : str, int, float, bool or None
    column : Column

    Returns
    -------
    str
        ``–`` for None and NaN, ``yes`` and ``no`` for truth values.
    """
    value = plain(cell)
    if value is None:
        return UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value or UNKNOWN
    if column.kind == "log_p":
        return p_value(value)
    if math.isinf(value):
        return f"{MINUS if value < 0 else ''}∞"
    if column.kind == "percent":
        return f"{_number(100.0 * value, column.digits)} %"
    if column.kind == "count":
        return _number(value, 0)
    if column.kind == "text":
        return str(value)
    return _number(value, column.digits)


def p_value(log_p: float) -> str:
    """Write a p-value from its natural logarithm.

    Parameters
    ----------
    log_p : float

    Returns
    -------
    str
        Such as ``0.042``, ``3.2e-12``, or ``10^-352`` where floats end; ``0`` for minus infinity.
    """
    if log_p >= LARGEST_PLAIN_P:
        return f"{min(1.0, math.exp(log_p)):.3f}"
    if log_p == -math.inf:
        return "0"
    if log_p >= SMALLEST_FLOAT_P:
        mantissa, _, exponent = f"{math.exp(log_p):.1e}".partition("e")
        return f"{mantissa}e{int(exponent)}"
    return f"10^{power(log_p)}"


def power(log_p: float) -> int:
    """The power of ten nearest to a p-value given by its natural logarithm."""
    return round(log_p / math.log(10.0))


def in_words(log_p: float) -> str:
    """A p-value in a sentence: ``p = 0.042``, ``p = 3.2e-12``."""
    return "p unknown" if math.isnan(log_p) else f"p = {p_value(log_p)}"


def raw(cell: Cell) -> str:
    """A cell for programs (CSV, sorting): all digits, nothing where it is not known."""
    value = plain(cell)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)


def plain(cell: Any) -> str | int | float | bool | None:
    """A cell as Python's own type; NaN, NaT and the NA of pandas are None."""
    if cell is None or isinstance(cell, (str, bool, int)):
        return cell
    if type(cell).__name__ in ("NAType", "NaTType"):
        return None
    value = cell.item() if hasattr(cell, "item") else cell
    if isinstance(value, (str, bool, int)):
        return value
    number = float(value)
    return None if math.isnan(number) else number


def is_number(column: Column) -> bool:
    """Whether cells of a column are numbers, which stand at the right and sort by size."""
    return column.kind != "text"


def file_name(name: str) -> str:
    """A name as a file or an anchor can have it: small letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "unnamed"


def _number(value: float, digits: int) -> str:
    """Thousands with commas, the minus of typographers; no minus before a zero."""
    written = f"{abs(value):,.{digits}f}"
    negative = value < 0 and any(c in "123456789" for c in written)
    return f"{MINUS if negative else ''}{written}"
