"""Analyses of probes, from values that are put into a store by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import suffice
from suffice.errors import InputError
from suffice.report.document import Figure, Table, Text
from suffice.study import Study
from suffice.study.probes import table as store_table
from suffice.study.store import Store

pytest.importorskip("pandas")
from suffice.report.analyses import REGISTRY, curves, robustness, subsets, transfer
from suffice.report.reading import Reading

N = 4


def bright(scale: float):
    return lambda x: np.stack([scale * (x.mean((1, 2, 3)) - 0.1), 0 * x[:, 0, 0, 0]], 1)


@pytest.fixture
def filled(tmp_path: Path) -> Callable[..., Reading]:
    """A study of two models and four photos (all class 0, labels 0, 0, 0, 1) and given values."""

    def make(probe: str, value: Callable[[str, str, int], dict | None]) -> Reading:
        models = {
            name: suffice.as_classifier(bright(s), input_shape=(1, 4, 4), fingerprint=name)
            for name, s in (("second", 5.0), ("first", 8.0))
        }
        images = [(np.full((1, 4, 4), 1 - k / 10, np.float32), int(k == N - 1)) for k in range(N)]
        study = Study(models, images, ["minimal"], baselines="constant:0", grains=1)
        result = study.run(tmp_path / "s.db")
        with Store(tmp_path / "s.db") as store:
            store_table.create(store)
            for row in result.rows():
                for judge in models:
                    made = value(row["model"], judge, int(row["image"][-1]))
                    if made is not None:
                        full = {"asked": "", "evaluations": 2, **made}
                        store_table.put(store, [(row["key"], probe, judge, full)])
        return Reading(result)

    return make


def rows(blocks, name: str) -> dict[tuple, dict]:
    """Rows of a table by their texts."""
    (found,) = [b for b in blocks if isinstance(b, Table) and b.name.endswith(name)]
    titles = [c.title for c in found.columns]
    texts = [k for k, c in enumerate(found.columns) if c.kind == "text"]
    return {tuple(row[k] for k in texts): dict(zip(titles, row, strict=True)) for row in found.rows}


def test_transfer(filled) -> None:
    def value(source: str, judge: str, k: int) -> dict:
        convinced = source == judge or (source == "first" and k < 2)
        return {
            "top1": 0 if convinced else 1,
            "confidence": 0.9 if convinced else 0.2,
            "whole_top1": 0 if k < 3 else 1,
            "whole_confidence": 1.0,
            "share": 0.5,
        }

    (question,) = filled("transfer", value).questions
    blocks = transfer.blocks(question)
    pairs = rows(blocks, "-pairs")
    assert list(pairs) == [
        ("second", "second"),
        ("second", "first"),
        ("first", "second"),
        ("first", "first"),
    ]
    half = pairs["first", "second"]
    assert (half["n"], half["Convinced"], half["Agreed"]) == (4, 0.5, 0.75)
    assert half["Low"] == pytest.approx(0.1500, abs=1e-4)  # Wilson's, of 2 in 4
    assert half["High"] == pytest.approx(0.8500, abs=1e-4)
    assert half["Confidence"] == pytest.approx(0.55)
    assert half["Convinced if agreed"] == pytest.approx(2 / 3)
    # Labels are 0, 0, 0, 1 and the answers 0, 0, 1, 1.
    assert half["Right"] == 0.75
    assert pairs["second", "first"]["Convinced"] == 0.0
    assert pairs["second", "second"]["Convinced"] == 1.0
    rates = rows(blocks, "-rates")
    assert list(rates) == [("second",), ("first",)]
    assert [rates[("first",)][j] for j in ("second", "first")] == [0.5, 1.0]
    assert isinstance(blocks[0], Text)
    assert "in 25.0 % of the cases, from 0.0 % (second shown to first) to 50.0 %" in blocks[0].text


def test_subsets(filled) -> None:
    def value(source: str, judge: str, k: int) -> dict:
        if source != judge:
            return {
                "share": 0.05,
                "top1": k % 2,
                "confidence": 0.5,
                "whole_top1": 0,
                "whole_confidence": 1.0,
            }
        return {
            "unit": "pixels",
            "shares": [0.05, 0.5],
            "subset": {"top1": [int(k == 0), 0], "confidence": [0.6, 0.9]},
            "random": [
                {"top1": [1, 0], "confidence": [0.1, 0.3]},
                {"top1": [0, 0], "confidence": [0.8, 0.8]},
            ],
            "whole_top1": 0,
            "whole_confidence": 1.0,
        }

    (question,) = filled("subsets", value).questions
    blocks = subsets.blocks(question)
    (found,) = [b for b in blocks if isinstance(b, Table) and b.name.endswith("-subsets")]
    titles = [c.title for c in found.columns]
    first = dict(zip(titles, found.rows[0], strict=True))
    assert (first["Model"], first["Share"], first["n"]) == ("second", 0.05, 4)
    assert (first["Kept"], first["Kept at random"]) == (0.75, 0.5)
    # Labels 0, 0, 0, 1: whole photos are answered 0, subsets 1, 0, 0, 0, draws 1 and 0.
    assert (first["Right, whole"], first["Right, subset"]) == (0.75, 0.5)
    assert first["Right, random"] == pytest.approx((0.25 + 0.75) / 2)
    assert first["Drop"] == pytest.approx(0.4)
    assert first["Drop at random"] == pytest.approx(0.8)
    pairs = rows(blocks, "-pairs")
    assert pairs["first", "second"]["Kept"] == 0.5
    assert pairs["first", "first"]["Kept"] == 0.75
    assert pairs["first", "second"]["Right"] == 0.75  # 0, 1, 0, 1 for 0, 0, 0, 1


def test_curves(filled) -> None:
    def value(source: str, judge: str, k: int) -> dict | None:
        if source != judge:
            return None
        return {
            "unit": "pixels",
            "units": 16,
            "shares": [0.0, 0.1, 0.2],
            "insertion": {"top1": [1, int(k > 1), 0], "confidence": [0.1, 0.5, 0.9]},
            "deletion": {"top1": [0, 1, 1], "confidence": [1.0, 0.5, 0.2]},
        }

    reading = filled("curves", value)
    section = curves.section(reading)
    areas = rows(section.blocks, "-areas")
    head = ("second", reading.questions[0].label, "pixels")
    # Heights 0, one half, 1 of the insertion: (0 + 1/2) / 2 and (1/2 + 1) / 2, halved.
    assert areas[head]["Insertion"] == pytest.approx(0.5)
    assert areas[head]["Deletion"] == pytest.approx(0.25)
    (points,) = [b for b in section.blocks if isinstance(b, Table) and b.name == "curves-points"]
    titles = [c.title for c in points.columns]
    made = [dict(zip(titles, row, strict=True)) for row in points.rows]
    middle = next(r for r in made if r["Curve"] == "insertion" and r["Share"] == 0.1)
    assert (middle["Kept"], middle["n"], middle["n right"]) == (0.5, 4, 3)
    assert middle["Low"] < 0.5 < middle["High"]
    assert middle["Right"] == pytest.approx(2 / 3)  # of photos 0, 1, 2, which are right, two
    assert len([b for b in section.blocks if isinstance(b, Figure)]) == 2


def test_robustness(filled) -> None:
    def value(source: str, judge: str, k: int) -> dict | None:
        if source != judge:
            return None
        return {
            "set": {"top1": [0], "confidence": [0.9]},
            "whole": {"top1": [0], "confidence": [1.0]},
            "baselines": {"names": ["grey"], "top1": [int(k == 0)], "confidence": [0.5]},
            "refused": {},
            "changes": {
                "names": ["shift:1", "shift:1"],
                "top1": [0, int(k < 2)],
                "confidence": [0.8, 0.4],
            },
            "whole_changes": {
                "names": ["shift:1", "shift:1"],
                "top1": [0, 0],
                "confidence": [1.0, 1.0],
            },
        }

    (question,) = filled("robustness", value).questions
    blocks = robustness.blocks(question)
    found = rows(blocks, "-changes")
    assert found["first", "baseline grey"]["Kept"] == 0.75
    assert found["first", "baseline grey"]["Whole photo"] is None
    shifted = found["first", "shift 1"]
    assert (shifted["Kept"], shifted["Whole photo"]) == (0.75, 1.0)
    assert shifted["Confidence"] == pytest.approx(0.6)
    assert found["first", "unchanged"]["Kept"] == 1.0


def test_without_values_it_is_said_what_to_do(filled) -> None:
    reading = filled("transfer", lambda *_: None)
    for module in (transfer, subsets, robustness):
        with pytest.raises(InputError, match="has it run after the jobs"):
            module.blocks(reading.questions[0])
    with pytest.raises(InputError, match="has it run after the jobs"):
        curves.section(reading)
    assert {"transfer", "subsets", "curves", "robustness"} <= set(REGISTRY)
