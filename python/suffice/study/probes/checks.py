"""Checks of the settings of probes."""

from __future__ import annotations

import itertools
from typing import Any

from suffice.errors import SettingsError


def check_numbers(probe: str, name: str, values: Any, low: float, high: float) -> None:
    """Numbers above `low` and up to `high`, rising."""
    numbers = isinstance(values, tuple) and all(
        isinstance(v, int | float) and not isinstance(v, bool) for v in values
    )
    if (
        not numbers
        or not values
        or not all(low < v <= high for v in values)
        or any(b <= a for a, b in itertools.pairwise(values))
    ):
        what = f"above {low:g}" + (f" and up to {high:g}" if high < float("inf") else "")
        raise SettingsError(
            f"probe {probe}: {name} should be rising numbers {what}, got {values!r}"
        )


def check_shares(probe: str, shares: Any) -> None:
    """Shares of the pixels."""
    check_numbers(probe, "shares", shares, 0.0, 1.0)


def check_count(probe: str, name: str, value: Any) -> None:
    """A whole number from 1."""
    if type(value) is not int or value < 1:
        raise SettingsError(
            f"probe {probe}: {name} should be a whole number of at least 1, got {value!r}"
        )
