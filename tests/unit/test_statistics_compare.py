"""Rows of a study: what counts as which size, and the bundle of analyses over them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from reference.rows import rows_of_a_study as study
from suffice import statistics as st
from suffice.errors import InputError


def few(**columns: Any) -> dict[str, Any]:
    n = len(columns["area"])
    base = {"model": ["m"] * n, "image": [f"p{k}" for k in range(n)], "status": ["found"] * n}
    return {**base, **columns}


def test_statuses_stay_in_the_denominator() -> None:
    data = few(
        status=["found", "empty", "unattained", "budget", "budget", "failed", "found"],
        area=[0.1, 0.0, np.nan, np.nan, 0.4, np.nan, 0.2],
        pixels=[10, 0, np.nan, np.nan, 40, np.nan, 20],
        certified=[True, True, False, False, True, False, False],
        correct=[True, True, False, False, True, True, None],
    )
    found = st.sizes_of(data)
    assert found.area.tolist() == [0.1, 0.0, 1.0, 1.0, 0.4, 0.2]
    assert found.accuracy[0] == pytest.approx(4 / 6)  # of all labelled photos, the failed too
    assert found.floor == 0.005  # half of one of 100 pixels
    assert found.log_area[1] == np.log(0.005)
    expected = {"rows": 7, "failed": 1, "excluded": 0, "used": 6, "empty": 1, "unattained": 1}
    assert {key: found.counts[key] for key in expected} == expected
    assert (found.counts["budget"], found.counts["uncertified"]) == (2, 3)
    without = st.sizes_of(data, exclude=["empty", "unattained", "uncertified"])
    assert without.area.tolist() == [0.1, 0.4]
    assert found.accuracy.tolist() == without.accuracy.tolist()[:1] * 6
    assert (without.counts["excluded"], without.counts["failed"]) == (4, 1)
    with pytest.raises(InputError, match="expected exclude"):
        st.sizes_of(data, exclude=["failed"])


def test_seeds_are_joined_by_the_median() -> None:
    data = few(
        model=["m", "m", "m", "n"], image=["p", "p", "p", "p"], area=[0.1, 0.4, 0.2, 0.3],
        correct=[True, True, True, None],
    )  # fmt: skip
    found = st.sizes_of(data)
    assert found.area.tolist() == [0.2, 0.3]
    assert found.seed_range[0] == pytest.approx(0.3)
    assert np.isnan(found.seed_range[1])
    assert np.isnan(found.correct[1])
    assert st.seed_spread(found)[0]["relative_range"] == pytest.approx(1.5)
    assert found.counts["seeds"] == 3


def test_rows_that_are_wrong_are_refused() -> None:
    with pytest.raises(InputError, match="row 1 is found with area nan"):
        st.sizes_of(few(area=[0.1, np.nan]))
    with pytest.raises(InputError, match="areas from 0 to 1"):
        st.sizes_of(few(area=[0.1, 12.0]))
    with pytest.raises(InputError, match="one model, image and seed"):
        st.sizes_of(few(image=["p", "p"], area=[0.1, 0.2], seed=[0, 0]))


def test_photos_of_one_name_are_told_apart() -> None:
    data = few(image=["p", "p", "q"], area=[0.1, 0.2, 0.3], image_sha256=["ab", "cd", "ef"])
    assert st.sizes_of(data).image.tolist() == ["p ab", "p cd", "q"]


def test_rows_of_two_methods_are_not_mixed() -> None:
    data = few(area=[0.1, 0.2], method=["minimal", "rex"])
    with pytest.raises(InputError, match="2 values of method"):
        st.sizes_of(data)
    assert st.sizes_of(data, method="rex").area.tolist() == [0.2]
    with pytest.raises(InputError, match="no row is left"):
        st.sizes_of(data, method="sag")
    with pytest.raises(InputError, match="'status'"):
        st.sizes_of({"model": ["a"], "image": ["b"], "area": [0.1]})


def test_data_frames_with_missing_values() -> None:
    pd = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = pd.DataFrame(few(area=[0.1, np.nan], status=["found", "unattained"]))
    frame["correct"] = pd.array([True, pd.NA], dtype="boolean")
    found = st.sizes_of(frame)
    assert found.area.tolist() == [0.1, 1.0]
    assert found.correct[0] == 1.0
    assert np.isnan(found.correct[1])


@pytest.fixture(scope="module")
def comparison() -> st.Comparison:
    return st.compare(study(seeds=3), n_resamples=200)


def test_finds_what_was_planted(comparison: st.Comparison) -> None:
    mixed = comparison["correctness_mixed"]
    assert mixed.coefficients[1] == pytest.approx(0.4, abs=0.08)
    assert mixed.tests[1].log_p < -20
    assert comparison["correctness_permutation"].effect == pytest.approx(0.4, abs=0.08)
    assert comparison["correctness_permutation"].p == pytest.approx(1 / 201)
    assert comparison["models_friedman"].log_p < -20
    assert comparison["models_friedman"].n == 60
    overall = comparison["sizes_overall"][0]
    assert overall["n"] == 300
    assert overall["difference_high"] < 0  # right answers need less
    by_model = {row["group"]: row for row in comparison["sizes_by_model"]}
    assert by_model["a1"]["mean"] > by_model["b2"]["mean"]
    areas = comparison.sizes.area[comparison.sizes.model == "a1"]
    assert by_model["a1"]["mean"] == pytest.approx(areas.mean())
    area = next(r for r in comparison["detectors"] if r["model"] == "all" and r["score"] == "area")
    assert area["low"] > 0.5
    assert comparison["published_friedman_a"].df == 2
    assert "photos" in comparison["published_kruskal_wallis"].notes[0]
    assert comparison["models_nemenyi"].names == ("a1", "a2", "a3", "b1", "b2")


def test_becomes_json_and_tables(comparison: st.Comparison) -> None:
    text = json.dumps(comparison.to_dict(), allow_nan=False)
    assert json.loads(text)["analyses"]["models_friedman"]["n"] == 60
    pytest.importorskip("pandas", reason="pandas is not installed")
    tables = comparison.tables()
    assert len(tables["sizes_by_model"]) == 5
    assert len(tables["models_wilcoxon"]) == 10
    assert {"models_friedman", "multiplicity"} <= set(tables["tests"]["analysis"])


def test_the_answer_is_the_same_in_any_order() -> None:
    data = study()
    order = np.random.default_rng(0).permutation(len(data["area"]))
    shuffled = {name: column[order] for name, column in data.items()}
    a, b = (st.compare(d, n_resamples=20).to_dict() for d in (data, shuffled))
    for name in ("models_friedman", "correctness_mixed", "detectors", "models_permutation"):
        text = [json.dumps(x["analyses"][name]) for x in (a, b)]
        first, second = (np.array(_numbers(json.loads(t))) for t in text)
        assert first == pytest.approx(second, rel=1e-7, abs=1e-9)


def _numbers(value: Any) -> list[float]:
    if isinstance(value, dict):
        return [n for v in value.values() for n in _numbers(v)]
    if isinstance(value, list):
        return [n for v in value for n in _numbers(v)]
    return [float(value)] if isinstance(value, (int, float)) else []


def test_what_cannot_be_answered_is_skipped_with_a_reason() -> None:
    data = study(images=12)
    del data["correct"], data["correct_top5"], data["sets"]
    one = {name: column[data["model"] == "a1"] for name, column in data.items()}
    found = st.compare(one, n_resamples=20)
    assert "models_friedman" in found.skipped
    assert "label" in found.skipped["correctness_permutation"]
    with pytest.raises(InputError, match="label"):
        found["correctness_permutation"]
    assert found["sizes_by_model"][0]["n"] == 12


def test_overlap_takes_part() -> None:
    masks = np.random.default_rng(0).random((8, 5, 6, 6)) < 0.4
    overlap = st.overlap(masks, ["a1", "a2", "a3", "b1", "b2"])
    found = st.compare(study(images=8), overlap=overlap, n_resamples=20)
    assert found["overlap"].n[0, 1] == 8
    assert len(found["overlap_tests"].names) == 10
    json.dumps(found.to_dict(), allow_nan=False)
