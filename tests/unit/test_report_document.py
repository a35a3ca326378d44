"""Analyses over questions, and whole reports."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest

from reference.report_studies import (
    MODELS,
    cells,
    document_of,
    made_rows,
    reading_of,
    sections,
    table,
    texts,
)
from reference.stored import block
from reference.studies import write_study
from suffice.report.analyses import REGISTRY, baselines, correctness, document, thresholds
from suffice.report.analyses._common import Skip
from suffice.report.document import Examples, Figure, Table
from suffice.report.reading import Reading
from suffice.study import Study
from suffice.study.analyses import ANALYSES
from suffice.study.store import Store

SHAPE = (10, 10)


def along_rows() -> list[dict]:
    """Two models under three criteria; photo 0 has no set at the highest threshold."""
    rng = np.random.default_rng(3)
    return [
        {
            "model": model, "image": str(photo), "label": 1, "target": 1 + (photo % 3 == 0),
            "criterion": f"confidence:{value}",
            "mask": None if photo == 0 and value == 0.9
            else block(0.2 + 0.2 * k + 0.1 * rng.random(), SHAPE),
        }
        for k, value in enumerate((0.5, 0.9, 0.7))
        for model in "ab"
        for photo in range(12)
    ]  # fmt: skip


def test_thresholds_of_criteria(tmp_path: Path) -> None:
    rows = along_rows()
    section = thresholds.section(reading_of(tmp_path, rows))
    found = {(r["Model"], r["Threshold"]): r for r in table(section.blocks, "along")}
    assert sorted({t for _, t in found}) == [0.5, 0.7, 0.9]
    for (model, threshold), row in found.items():
        mine = [
            r["mask"].mean()
            for r in rows
            if (r["model"], r["criterion"]) == (model, f"confidence:{threshold}")
            and r["image"] != "0"  # not at every threshold
        ]
        assert row["Mean"] == pytest.approx(np.mean(mine))
        assert row["n"] == 11
    (note,) = [b.note for b in section.blocks if isinstance(b, Table)]
    assert "; 2 models x photos lack" in note


def test_right_less_wrong_along_thresholds(tmp_path: Path) -> None:
    rows = along_rows()
    section = correctness.section(reading_of(tmp_path, rows))
    found = {(r["Right by"], r["Model"], r["Threshold"]): r for r in table(section.blocks, "along")}
    for (rule, model, threshold), row in found.items():
        mine = [
            (r["mask"].mean(), r["target"] == 1)
            for r in rows
            if r["criterion"] == f"confidence:{threshold}"
            and r["image"] != "0"
            and model in (r["model"], "all")
        ]
        right, wrong = ([a for a, ok in mine if ok == flag] for flag in (True, False))
        assert row["Difference"] == pytest.approx(np.mean(right) - np.mean(wrong))
        assert (row["n right"], row["n wrong"]) == (len(right), len(wrong))
    head = next(r for r in table(section.blocks, "correctness") if r["Right by"] == "top-1")
    mine = [r for r in rows if r["criterion"] == "confidence:0.5"]
    right, wrong = (
        np.mean([r["mask"].mean() for r in mine if (r["target"] == 1) == flag])
        for flag in (True, False)
    )
    assert head["Question"] == "minimal, confidence:0.5"
    assert (head["Right"], head["Wrong"]) == pytest.approx((right, wrong))


def test_within_photos_the_models_are_taken_apart(tmp_path: Path) -> None:
    # Model b has sets of twice the size and is wrong everywhere but once.
    rows = [
        {
            "model": model, "image": str(photo), "label": 1,
            "target": 1 if (model == "a") != (photo == 0) else 2,
            "mask": block(0.2 if model == "a" else 0.4, SHAPE),
        }
        for model in "ab"
        for photo in range(10)
    ]  # fmt: skip
    section = correctness.section(reading_of(tmp_path, rows))
    row = table(section.blocks, "correctness")[0]
    assert row["Difference"] == pytest.approx((0.2 * 9 + 0.4) / 10 - (0.4 * 9 + 0.2) / 10)
    assert row["Log difference"] == pytest.approx(0.0, abs=1e-9)
    assert row["n within"] == 20


def test_thresholds_of_a_kept_order(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    rows = []
    for photo in range(6):
        order = rng.permutation(100).astype(np.int32)
        values = np.sort(rng.uniform(0.0, 1.0, 100))[::-1]  # probability after each removal
        rows.append({
            "method": "sis", "image": str(photo), "criterion": "confidence:0.5",
            "confidence": 0.999 if photo else 0.8, "mask": block(0.3, SHAPE),
            "arrays": {"order": order, "values": values},
        })  # fmt: skip
    section = thresholds.section(reading_of(tmp_path, rows))
    found = {r["Threshold"]: r for r in table(section.blocks, "any-threshold")}
    assert sorted(found) == [0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99]
    for tau, row in found.items():
        removed = [int((r["arrays"]["values"] >= tau).sum()) for r in rows[1:]]
        assert row["Mean"] == pytest.approx(np.mean([1 - n / 100 for n in removed]))
        assert row["n"] == 5  # the first photo does not reach the highest


def test_baselines(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    rows = [
        {
            "model": model, "image": str(photo), "baseline": baseline,
            "mask": np.zeros(SHAPE, bool)
            if photo == 0 and baseline == "blur:10"
            else rng.random(SHAPE) < 0.3,
        }
        for baseline in ("grey", "blur:10")
        for model in "ab"
        for photo in range(8)
    ]  # fmt: skip
    section = baselines.section(reading_of(tmp_path, rows))
    found = {(r["Rows"], r["Model"]): r for r in table(section.blocks, "baselines")}
    masks = {(r["model"], r["image"], r["baseline"]): r["mask"] for r in rows}
    for rows_of, photos in (("all", range(8)), ("without empty, uncertified", range(1, 8))):
        pairs = [(masks["b", str(p), "grey"], masks["b", str(p), "blur:10"]) for p in photos]
        logs = [np.log(max(a.mean(), 0.005) / max(b.mean(), 0.005)) for a, b in pairs]
        overlap = [2 * (a & b).sum() / (a.sum() + b.sum()) for a, b in pairs]
        row = found[rows_of, "b"]
        assert row["n"] == len(pairs)
        assert row["Ratio"] == pytest.approx(math.exp(np.mean(logs)))
        assert row["Dice"] == pytest.approx(np.mean(overlap))
        assert row["Alike"] == pytest.approx(np.mean(np.abs(logs) <= math.log(1.25)))


def test_one_baseline_and_one_threshold_are_not_asked_for(tmp_path: Path) -> None:
    reading = reading_of(tmp_path, made_rows())
    for analysis in (baselines, thresholds):
        with pytest.raises(Skip):
            analysis.section(reading)


def test_names_of_analyses() -> None:
    assert [n for n in ANALYSES if n in REGISTRY] == list(REGISTRY)
    assert all(title == ANALYSES[name].title for name, (title, _, _) in REGISTRY.items())
    assert not any(ANALYSES[name].probes for name in REGISTRY if name in _OURS)
    assert set(_OURS) <= set(REGISTRY)


_OURS = (
    *("sizes", "groups", "blocks", "mixed", "correctness", "overlap", "positions", "detector"),
    *("reference", "confidence", "multiplicity", "costs", "examples", "failures", "thresholds"),
    "baselines",
)


def named(made) -> list[str]:
    blocks = itertools.chain(made.blocks, *(s.blocks for s in sections(made).values()))
    return [b.name for b in blocks if isinstance(b, (Table, Figure, Examples))]


def test_a_whole_report(tmp_path: Path) -> None:
    made = document_of(tmp_path, made_rows(), name="three", design='[study]\nname = "three"\n')
    assert made.title == "Report of three"
    assert "3 models (a, b and c), 30 photos" in made.blocks[0].text
    found = sections(made)
    wanted = {f"minimal-top1-{n}" for n in _OURS[:4] + _OURS[5:14]} | {"correctness", "not-shown"}
    assert wanted <= set(found)
    names = named(made)
    assert len(names) == len(set(names))
    findings = texts(made.blocks, "finding")
    mean = np.mean(list(cells(made_rows()).values()))
    assert f"the mean {100 * mean:.1f} %" in findings[0]
    assert any("2 jobs failed" in text for text in texts(made.blocks, "caution"))
    skipped = table(found["not-shown"].blocks, "not-shown")
    assert {r["Part"] for r in skipped} >= {ANALYSES["baselines"].title}
    assert made.provenance["design"].startswith("[study]")
    for model in MODELS:
        assert "sha256" in made.provenance[f"model {model}"]
    assert "2001-09-09" in made.provenance["first and last result"]
    assert "178 done" in made.provenance["jobs"]


def test_only_what_the_design_asks_for(tmp_path: Path) -> None:
    asked = '["sizes", "baselines", "costs"]'
    made = document_of(tmp_path, made_rows(), analyses=asked)
    found = sections(made)
    assert set(found) == {
        "minimal-top1",
        "minimal-top1-sizes",
        "minimal-top1-costs",
        "baselines",
        "not-shown",
    }
    assert texts(found["baselines"].blocks, "caution") == [
        "every method was asked with one baseline"
    ]


@pytest.mark.parametrize(
    "rows",
    [
        [{"mask": block(0.5)}],
        [{"mask": block(0.0)}],
        [{"mask": None}],
        [{"error": "ImageError: torn"}],
        [{"mask": block(0.5), "label": 0}, {"model": "b", "mask": block(1.0), "label": 0}],
        [{"image": str(k), "mask": block(0.25)} for k in range(3)],
    ],
    ids=["one", "empty", "unattained", "failed", "two models", "three photos"],
)
def test_small_studies_get_a_report(tmp_path: Path, rows) -> None:
    made = document_of(tmp_path, rows)
    found = sections(made)
    assert len(texts(made.blocks, "plain")) >= 1
    for section in found.values():
        assert section.blocks or section.sections
    assert any(texts(s.blocks, "caution") for s in found.values())


def test_sets_that_weigh_too_much_are_said(tmp_path: Path) -> None:
    rows = [{"image": str(k), "mask": block(0.25) if k else None} for k in range(10)]
    made = document_of(tmp_path, rows)
    said = [t for t in texts(made.blocks, "caution") if "1 of 10 rows have no set" in t]
    assert len(said) == 1


def test_a_real_study_with_its_photos(tmp_path: Path) -> None:
    design = write_study(tmp_path, seeds=2)
    result = Study.from_toml(design).run(tmp_path / "s.db", workers=0, warn=False)
    assert set(result.sources) == {f"class{k}/{k}.png" for k in range(4)}
    reading = Reading(result)
    assert [q.label for q in reading.questions] == ["short, top1", "short, relative:0.9"]
    made = document(reading)
    found = sections(made)
    (examples,) = [
        b
        for b in found["short-top1-examples"].blocks
        if isinstance(b, Examples) and b.name.endswith("concentrated")
    ]
    assert len(examples.examples) == 3  # the baseline alone is of class 0
    for example in examples.examples:
        assert example.image.shape == (32, 32, 3)
        assert example.image.std() > 30  # the photo, bright in one quadrant
        assert example.image[example.mask].mean() > example.image[~example.mask].mean()
    rows = {r["Model"]: r for r in table(found["short-top1-sizes"].blocks, "sizes-models")}
    frame = result.to_pandas()
    frame = frame[(frame["criterion"] == "top1") & (frame["model"] == "soft")]
    assert rows["soft"]["Mean"] == pytest.approx(frame.groupby("image")["area"].median().mean())
    versions = made.provenance["versions in the certificates"]
    assert "numpy" in versions
    assert "suffice" in versions


def test_a_part_of_a_study_says_so(tmp_path: Path) -> None:
    reading = reading_of(tmp_path, made_rows())
    with Store(reading.result.path) as store, store.transaction():
        store.db.execute("UPDATE jobs SET state = 'open' WHERE key = 'key3'")
    made = document(Reading(reading.result))
    assert any("1 of 180 jobs are not done" in t for t in texts(made.blocks, "caution"))
