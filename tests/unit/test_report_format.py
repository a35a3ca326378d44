"""Every kind of cell as text, and back to what programs read."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from suffice.report import Column
from suffice.report.format import file_name, in_words, p_value, plain, raw, text

LOG10 = math.log(10.0)


@pytest.mark.parametrize(
    ("kind", "digits", "cell", "expected"),
    [
        ("text", 2, "resnet50", "resnet50"),
        ("text", 2, 7, "7"),
        ("text", 2, "", "–"),
        ("count", 2, 1234567, "1,234,567"),
        ("count", 2, 12.0, "12"),
        ("number", 3, -0.5, "−0.500"),
        ("number", 2, -0.001, "0.00"),
        ("number", 0, 1234.5, "1,234"),
        ("number", 2, math.inf, "∞"),
        ("number", 2, -math.inf, "−∞"),
        ("percent", 1, 0.1234, "12.3 %"),
        ("percent", 0, 1.0, "100 %"),
        ("percent", 1, np.float64(0.5), "50.0 %"),
        ("count", 2, np.int64(4), "4"),
        ("log_p", 2, 0.0, "1.000"),
        ("log_p", 2, 1e-12, "1.000"),
        ("log_p", 2, math.log(0.042), "0.042"),
        ("number", 2, True, "yes"),
        ("text", 2, np.bool_(False), "no"),
    ],
)
def test_text(kind, digits, cell, expected) -> None:
    assert text(cell, Column("c", kind, digits)) == expected


@pytest.mark.parametrize("cell", [None, math.nan, np.nan, pd.NA, pd.NaT, np.float32("nan")])
@pytest.mark.parametrize("kind", ["text", "count", "number", "percent", "log_p"])
def test_what_is_not_known_is_a_dash(kind, cell) -> None:
    assert text(cell, Column("c", kind)) == "–"
    assert raw(cell) == ""
    assert plain(cell) is None


@pytest.mark.parametrize(
    ("log_p", "expected"),
    [
        (math.log(0.001), "0.001"),
        (math.log(0.00099), "9.9e-4"),
        (math.log(3.2e-12), "3.2e-12"),
        (-252 * LOG10, "1.0e-252"),
        (-300.5 * LOG10, "10^-300"),
        (-352.0 * LOG10, "10^-352"),
        (-1e6 * LOG10, "10^-1000000"),
        (-math.inf, "0"),
    ],
)
def test_p_values_never_underflow(log_p: float, expected: str) -> None:
    assert p_value(log_p) == expected


def test_p_values_in_sentences() -> None:
    assert in_words(math.log(0.0421)) == "p = 0.042"
    assert in_words(-800.0) == "p = 10^-347"
    assert in_words(math.log(3.2e-12)) == "p = 3.2e-12"
    assert in_words(math.nan) == "p unknown"


def test_raw_cells_lose_nothing() -> None:
    value = 0.1 + 0.2
    assert float(raw(value)) == value
    assert [raw(c) for c in ("a,b", 3, True, np.float64(0.25))] == ["a,b", "3", "true", "0.25"]


def test_names_of_files() -> None:
    assert file_name("ViT/B 16: <top-1>") == "vit-b-16-top-1"
    assert file_name("../../etc/passwd") == "etc-passwd"
    assert file_name("///") == "unnamed"
