"""`sis` against what the authors' sis.py found: orders, values and sets, equal bit for bit.

The golden file comes from ``benchmarks/peers/sis_golden.py``; half of its cases tie at most steps.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reference.driver import drive, make_subject
from reference.rex_toys import Toy
from suffice import _native
from suffice.methods.sis import Sis

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "sis.json"
CASES = json.loads(GOLDEN.read_text())["cases"]


def rounded(p: np.ndarray, levels: int) -> np.ndarray:
    return np.floor(p * levels) / levels * 0.5 + 0.25 if levels else p


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c['shape']}-{c['seed']}-{c['levels']}")
def test_equals_the_authors_code(case: dict[str, Any]) -> None:
    shape = tuple(case["shape"])
    toy = Toy(case["seed"], *shape)
    assert toy.fingerprint() == case["toy_sha256"]

    def classify(masks: np.ndarray) -> np.ndarray:
        p = rounded(toy.probabilities(masks)[:, case["target"]], case["levels"])
        return np.stack([1.0 - p, p], axis=1)

    subject = make_subject(classify, shape, target=1, criterion=f"confidence:{case['tau']!r}")
    n = len(case["sets"])
    driven = drive(Sis().make_search(replace(subject, count=n + 1)), classify, subject)
    sets = _native.unpack(driven.result.masks, shape)
    assert [np.flatnonzero(s).tolist() for s in sets] == [sorted(s) for s in case["sets"]]
    assert driven.result.arrays is not None
    for k in range(n):
        suffix = "" if k == 0 else f"_{k + 1}"
        order = driven.result.arrays[f"order{suffix}"].tolist()
        assert order == case["orders"][k]
        assert driven.result.arrays[f"values{suffix}"].tolist() == case["values"][k]
        # Theirs lists a set from the pixel that went last.
        assert order[::-1][: len(case["sets"][k])] == case["sets"][k]
    # Both ask for f(x); f(b) is ours once and theirs with every set.
    assert driven.evaluations + 2 == case["evaluations"] - (n - 1)


def test_the_cases_tie_and_have_several_sets() -> None:
    assert max(len(c["sets"]) for c in CASES) > 1
    assert any(len(set(c["values"][0])) < len(c["values"][0]) / 2 for c in CASES)
