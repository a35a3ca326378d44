"""Detection, reference sizes, overlap, positions, transfer and curves along thresholds."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy import stats

from reference import statistics as reference
from suffice import metrics
from suffice import statistics as st
from suffice.errors import InputError


def scores(seed: int, n: int = 60) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    positive = rng.random(n) < 0.3
    return np.round(rng.normal(0, 1, n) + 0.8 * positive, 1), positive


@pytest.mark.parametrize("seed", range(4))
def test_auroc_against_all_pairs(seed: int) -> None:
    s, y = scores(seed)
    found = st.auroc(s, y)
    area, error = reference.auroc(s, y)
    assert (found.estimate.value, found.standard_error) == pytest.approx((area, error), rel=1e-12)
    u = stats.mannwhitneyu(s[y], s[~y]).statistic
    assert found.estimate.value == pytest.approx(u / (y.sum() * (~y).sum()))
    assert found.test.p == pytest.approx(2 * stats.norm.sf(abs(area - 0.5) / error))
    assert found.estimate.low == pytest.approx(area - stats.norm.ppf(0.975) * error)


def test_auroc_of_clusters_and_strata() -> None:
    s, y = scores(0, 90)
    photo = np.arange(90) // 3
    found = st.auroc(s, y, clusters=photo)
    assert found.standard_error == pytest.approx(reference.clustered_error(s, y, photo), rel=1e-12)
    # The same rows thrice are no more evidence when they are known to be the same photos.
    thrice = st.auroc(np.tile(s, 3), np.tile(y, 3), clusters=np.tile(np.arange(90), 3))
    once = st.auroc(s, y, clusters=np.arange(90))
    assert thrice.standard_error == pytest.approx(once.standard_error)
    # Strata: means of areas, blind to shifts between strata.
    model = np.arange(90) % 2
    within = st.auroc(s + 100 * model, y, strata=model)
    each = [st.auroc(s[model == m], y[model == m]).estimate.value for m in (0, 1)]
    assert within.estimate.value == pytest.approx(np.mean(each))


def test_two_scores_of_the_same_rows() -> None:
    s, y = scores(1, 200)
    other = s + np.random.default_rng(2).normal(0, 0.7, 200)
    found = st.compare_auroc(s, other, y)
    same = st.compare_auroc(s, 3.0 * s + 1.0, y)
    assert (same.p, same.effect) == (1.0, 0.0)
    areas = reference.auroc(s, y)[0], reference.auroc(other, y)[0]
    assert found.effect == pytest.approx(areas[0] - areas[1])

    def gap(a: np.ndarray, b: np.ndarray, p: np.ndarray) -> float:
        return st.auroc(a, p).estimate.value - st.auroc(b, p).estimate.value

    drawn = st.bootstrap(gap, s, other, y, n_resamples=800)
    error = found.effect / found.statistic
    assert (drawn.high - drawn.low) / 3.92 == pytest.approx(error, rel=0.12)


def test_auroc_without_spread_or_class() -> None:
    perfect = st.auroc([1.0, 2.0, 3.0], [False, True, True])
    assert perfect.estimate.value == 1.0
    assert math.isnan(perfect.test.p)
    assert st.auroc([1.0, 1.0, 1.0], [False, True, True]).test.p == 1.0
    with pytest.raises(InputError, match="one class"):
        st.auroc([1.0, 2.0], [True, True])


def test_reference_is_calibrated_and_sees_the_unusual() -> None:
    rng = np.random.default_rng(0)
    classes = rng.normal(0, 0.8, 40)

    def draw(n: int) -> tuple[np.ndarray, np.ndarray]:
        label = rng.integers(0, 40, n)
        return label, np.minimum(1.0, np.exp(-3 + classes[label] + rng.normal(0, 0.4, n)))

    label, area = draw(800)
    fitted = st.fit_reference(np.full(800, "net"), label, area)
    p = [fitted.check("net", int(c), float(a)).p_larger for c, a in zip(*draw(1500), strict=True)]
    assert stats.kstest(p, "uniform").pvalue > 1e-3
    # One size is common in a class of large sets and rare in one of small sets.
    large, small = int(classes.argmax()), int(classes.argmin())
    at = math.exp(-3 + classes[large])
    assert fitted.check("net", large, at).p > 0.2
    assert fitted.check("net", small, at).p < 0.01
    assert fitted.check("net", small, at).p_larger >= 1 / 801
    # A class never seen is judged by the model, more widely.
    new = fitted.check("net", 99, math.exp(-3))
    assert new.n_class == 0
    assert new.high / new.low > 2 * (known := fitted.check("net", large, at)).high / known.low
    again = st.ReferenceSizes.from_dict(json.loads(json.dumps(fitted.to_dict())))
    assert again.check("net", small, at) == fitted.check("net", small, at)


def test_reference_moments_against_balanced_analysis_of_variance() -> None:
    rng = np.random.default_rng(1)
    y = rng.normal(-3, 0.5, (10, 1)) + rng.normal(0, 0.3, (10, 6))
    fitted = st.fit_reference(np.full(60, "m"), np.repeat(np.arange(10), 6), np.exp(y.ravel()))
    values = fitted.to_dict()["models"]["m"]
    within = ((y - y.mean(axis=1, keepdims=True)) ** 2).sum() / 50
    between = (6 * ((y.mean(axis=1) - y.mean()) ** 2).sum() / 9 - within) / 6
    assert (values["within"], values["between"]) == pytest.approx((within, between))
    with pytest.raises(InputError, match="needs 20"):
        st.fit_reference(["m"] * 5, [0] * 5, [0.1] * 5)
    with pytest.raises(InputError, match="no reference"):
        fitted.check("other", 0, 0.1)


def test_overlap_counts_what_it_leaves_out() -> None:
    rng = np.random.default_rng(0)
    masks = rng.random((5, 3, 9, 7)) < 0.3
    masks[1, 0] = False  # empty against not
    masks[2, :2] = False  # both empty
    items = [list(m) for m in masks]
    items[3][2] = None
    found = st.overlap(items, ["a", "b", "c"])
    assert found.n[0].tolist() == [5, 5, 4]
    assert found.n_missing[0, 2] == found.n_missing[1, 2] == 1
    assert found.n_infinite[0, 1] == 1
    assert found.n_infinite[0, 2] == 2
    dice = [plain_dice(m[0], m[1]) for m in masks]
    assert found.dice[0, 1] == pytest.approx(np.mean(dice), rel=1e-6)
    assert found.dice[1, 0] == found.dice[0, 1]
    distances = [metrics.hausdorff(m[0], m[1]) for m in masks]
    assert found.hausdorff[0, 1] == pytest.approx(np.median(distances), rel=1e-6)
    finite = [d for d in distances if math.isfinite(d)]
    assert found.hausdorff_mean[0, 1] == pytest.approx(np.mean(finite), rel=1e-6)
    json.dumps(found.to_dict(), allow_nan=False)
    assert st.overlap_tests(found).names == ("a & b", "a & c", "b & c")
    with pytest.raises(InputError, match="3 masks"):
        st.overlap([masks[0, :2]], ["a", "b", "c"])


def plain_dice(a: np.ndarray, b: np.ndarray) -> float:
    total = int(a.sum()) + int(b.sum())
    return 2 * int((a & b).sum()) / total if total else 1.0


def test_positions() -> None:
    masks = np.zeros((4, 20, 30), bool)
    masks[0, :2] = True  # all in the border of two pixels
    masks[1, 9:11, 9:21] = True  # none
    masks[2, 0, 0] = masks[2, 10, 10] = True  # half
    found = st.positions(masks, border=0.1)
    assert found.border_area == pytest.approx(1 - 16 * 26 / 600)
    assert found.border_share.value == pytest.approx(0.5)
    assert found.border_ratio == pytest.approx(0.5 / found.border_area)
    assert (found.n, found.n_empty) == (4, 1)
    assert found.heat[0, 0] == 0.5
    assert found.heat.sum() * 4 == masks.sum()
    everything = st.positions([np.ones((20, 30), bool)])
    assert everything.border_ratio == pytest.approx(1.0)
    assert math.isnan(st.positions(masks[3:]).border_ratio)


def test_transfer_against_scipy() -> None:
    rng = np.random.default_rng(0)
    source, judge = rng.choice(["a", "b"], 200), rng.choice(["a", "b", "c"], 200)
    yes = rng.random(200) < 0.3
    found = st.transfer_matrix(source, judge, yes)
    here = (source == "b") & (judge == "c")
    expected = stats.binomtest(int(yes[here].sum()), int(here.sum())).proportion_ci(method="wilson")
    assert found.n[1, 2] == here.sum()
    assert found.rate[1, 2] == pytest.approx(yes[here].mean())
    assert (found.low[1, 2], found.high[1, 2]) == pytest.approx((expected.low, expected.high))


def test_curves_along_thresholds() -> None:
    rng = np.random.default_rng(0)
    photo = np.repeat(np.arange(60), 2)
    correct = (np.arange(120) % 3 > 0).astype(float)
    sizes = rng.exponential(1.0, (120, 3)) + correct[:, None] * np.array([-0.9, 0.0, 0.9])
    sizes[0, 0] = np.nan
    correct[7] = np.nan
    found = st.size_curve([0.5, 0.9, 0.99], sizes, clusters=photo)
    assert found.value == pytest.approx(np.nanmean(sizes, axis=0))
    assert found.n.tolist() == [119, 120, 120]
    again = st.bootstrap(np.mean, sizes[:, 1], clusters=photo)
    assert found.low[1] == pytest.approx(again.low, abs=0.03)
    gap = st.correctness_curve([0.5, 0.9, 0.99], sizes, correct, clusters=photo)
    right, wrong = correct == 1.0, correct == 0.0
    expected = np.nanmean(sizes[right], axis=0) - np.nanmean(sizes[wrong], axis=0)
    assert gap.value == pytest.approx(expected)
    assert gap.high[0] < 0 < gap.low[2]  # both signs can be found
    assert gap.n_incorrect is not None
    assert (gap.n[1], gap.n_incorrect[1]) == (right.sum(), wrong.sum())


def test_multiplicity_ranks_models() -> None:
    rng = np.random.default_rng(0)
    model, image = np.repeat(list("abcdef"), 80), np.tile(np.arange(80), 6)
    skill = np.repeat(np.linspace(0.3, 0.9, 6), 80)
    correct = (rng.random(480) < skill).astype(float)
    found = st.multiplicity(model, image, rng.poisson(8 * skill), correct, n_resamples=200)
    assert found.correlation.value > 0.8
    assert found.correlation.low > 0.4
    assert found.test.p < 0.05
    assert found.accuracy[0] == pytest.approx(correct[:80].mean())
    each, mean = st.within_correlation(skill + correct, correct, model, n_resamples=50)
    assert mean.value == pytest.approx(1.0)
    assert set(each) == set("abcdef")


def test_the_range_of_a_reference_has_its_level() -> None:
    rng = np.random.default_rng(3)
    area = np.exp(rng.normal(-3.0, 0.5, 400))
    reference = st.fit_reference(["m"] * 400, rng.integers(0, 4, 400), area)
    narrow, wide = (reference.check("m", 1, 0.05, level) for level in (0.5, 0.95))
    assert wide.low < narrow.low < narrow.expected_area < narrow.high < wide.high
    for found in (narrow, wide):
        inside = ((area > found.low) & (area < found.high)).mean()
        assert inside == pytest.approx(found.level, abs=0.05)
    assert reference.check("m", 1, 0.05).level == 0.9
    with pytest.raises(InputError, match=r"level between 0 and 1, got 1\.0"):
        reference.check("m", 1, 0.05, 1.0)
