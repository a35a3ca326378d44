"""What is made quick for many rows gives what the plain way does."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from reference.stored import block, write_store
from suffice.errors import InputError
from suffice.report.analyses.overlap import _kinds
from suffice.report.analyses.reference import LEVEL, _flagged
from suffice.report.reading import Reading
from suffice.statistics import fit_reference, sizes_of, stratified_permutation
from suffice.statistics.frame import _codes
from suffice.study.result import StudyResult


def test_codes_are_ordered_as_rows_of_text() -> None:
    rng = np.random.default_rng(0)
    columns = [
        np.array(["b", "a", "ab", "é", ""])[rng.integers(0, 5, 200)],
        rng.integers(0, 12, 200).astype(object),
        np.array(["x", "y"], object)[rng.integers(0, 2, 200)],
    ]
    rows = np.stack([column.astype(str) for column in columns], axis=1)
    expected = np.unique(rows, axis=0, return_index=True, return_inverse=True)[1:]
    found = np.unique(_codes(*columns), return_index=True, return_inverse=True)[1:]
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs.reshape(-1))


def test_codes_of_many_values_stay_apart() -> None:
    n = 70_000  # the product of four such columns is beyond 64 bits
    columns = [np.arange(n), np.arange(n)[::-1], np.arange(n), np.arange(n)[::-1]]
    assert len(np.unique(_codes(*columns))) == n


def test_sizes_join_seeds_and_tell_photos_apart() -> None:
    rng = np.random.default_rng(1)
    rows = [
        (model, f"photo {k % 3}", f"{k:x}" * 64, seed)
        for model in "ba"
        for k in range(5)
        for seed in (0, 1, 2)
    ]
    model, image, sha, seed = (np.array(column) for column in zip(*rows, strict=True))
    area, correct = rng.random(len(rows)), rng.integers(0, 2, len(rows)).astype(float)
    table = {
        "model": model, "image": image, "image_sha256": sha, "seed": seed, "area": area,
        "status": np.full(len(rows), "found"), "correct": correct,
    }  # fmt: skip
    shared = {"photo 0", "photo 1"}  # of five photos the last two have names of the first two
    names = [f"{i} {s[:12]}" if i in shared else i for i, s in zip(image, sha, strict=True)]
    cells = sorted(set(zip(model.tolist(), names, strict=True)))
    found = sizes_of(table)
    assert list(zip(found.model.tolist(), found.image.tolist(), strict=True)) == cells
    for k, cell in enumerate(cells):
        here = [n for n, pair in enumerate(zip(model, names, strict=True)) if pair == cell]
        assert found.area[k] == np.median(area[here])
        assert found.seed_range[k] == np.ptp(area[here])
        firsts = [here[0] for here in _rows_of(model, names, cell[0])]
        assert found.accuracy[k] == np.mean(correct[firsts])
    assert (found.counts["cells"], found.counts["seeds"]) == (10, 3)
    with pytest.raises(InputError, match="one model, image and seed"):
        sizes_of({name: np.concatenate([column, column[:1]]) for name, column in table.items()})


def _rows_of(model: np.ndarray, names: list[str], which: str) -> list[list[int]]:
    photos = dict.fromkeys(n for m, n in zip(model, names, strict=True) if m == which)
    pairs = list(zip(model.tolist(), names, strict=True))
    return [[k for k, pair in enumerate(pairs) if pair == (which, name)] for name in photos]


@pytest.mark.parametrize("alike", [False, True])
def test_flags_are_shuffled_within_photos(alike: bool) -> None:
    rng = np.random.default_rng(2)
    y, flags = rng.random(60), rng.integers(0, 2, 60).astype(bool)
    strata = np.repeat(np.arange(12), 5) if alike else np.sort(rng.integers(0, 12, 60))
    found = stratified_permutation(y, flags, strata, n_resamples=200, seed=4)
    mixed = [s for s in np.unique(strata) if 0 < flags[strata == s].sum() < (strata == s).sum()]
    keep = np.isin(strata, mixed)
    y, flags, strata = y[keep], flags[keep], strata[keep]
    centred = y - np.array([y[strata == s].mean() for s in strata])
    again = np.random.default_rng(4)
    beyond = 0
    for _ in range(200):
        chance, drawn = again.random(len(y)), 0.0
        for s in mixed:
            here = np.flatnonzero(strata == s)
            first = here[np.argsort(chance[here])][: int(flags[here].sum())]
            drawn += centred[first].sum()
        beyond += abs(drawn) >= abs(centred[flags].sum()) * (1.0 - 1e-9)
    assert found.p == pytest.approx((1 + beyond) / 201)


def test_many_sets_have_the_p_of_each() -> None:
    rng = np.random.default_rng(3)
    label, area = rng.integers(0, 6, 90), rng.random(90) * rng.random(90)
    fitted = fit_reference(np.full(90, "net"), label, area)
    classes, sizes = rng.integers(0, 9, 40), np.append(rng.random(38), [0.0, 1.0])
    each = [fitted.check("net", int(c), float(a)) for c, a in zip(classes, sizes, strict=True)]
    p, larger = fitted.p_values("net", classes, sizes)
    assert p.tolist() == [u.p for u in each]
    assert larger.tolist() == [u.p_larger for u in each]
    assert type(each[0].p) is type(each[0].p_larger) is float
    for wrong in (1.1, -0.1, math.nan):
        with pytest.raises(InputError, match="area from 0 to 1"):
            fitted.p_values("net", [1], [wrong])
    with pytest.raises(InputError, match="one length"):
        fitted.p_values("net", [1, 2], [0.5])
    with pytest.raises(InputError, match="no reference for 'other'"):
        fitted.p_values("other", [1], [0.5])


def test_a_report_reads_rows_as_one_by_one(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    rows = [
        {
            "model": model, "image": f"i{k}", "certified": bool(rng.integers(0, 2)), "label": k % 2,
            "mask": [block(0.25, at=k), block(0.0), None][int(rng.integers(0, 3))],
        }
        for k in range(80)
        for model in "ab"
    ]  # fmt: skip
    result = StudyResult(write_store(tmp_path / "s.db", rows))
    (question,) = Reading(result).questions
    kinds = _kinds(question, question.models)
    for r in question.first.itertuples():
        at = int(r.image[1:]), question.models.index(r.model)
        assert kinds["without empty"][at] == (r.status == "empty")
        assert kinds["without uncertified"][at] == (not r.certified)
    np.testing.assert_array_equal(list(result.each_mask()), result.masks())
    some = question.first[question.first["model"] == "b"]
    np.testing.assert_array_equal(list(question.each_mask(some)), result.masks(some))

    with_set = question.first[question.first["area"].notna()]
    models = with_set["model"].to_numpy(str)
    labels, areas = with_set["target"].to_numpy(np.int64), with_set["area"].to_numpy(float)
    fitted = fit_reference(models, labels, areas)
    own = with_set[with_set["model"] == "a"]
    each = [fitted.check("a", int(r.target), float(r.area)) for r in own.itertuples()]
    unusual, large = ([getattr(u, p) <= LEVEL for u in each] for p in ("p", "p_larger"))
    assert _flagged(fitted, "a", own) == (len(own), np.mean(unusual), np.mean(large))
