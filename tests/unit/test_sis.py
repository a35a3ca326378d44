"""`sis` on classifiers whose sets are known, through the engine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import suffice
from reference import sis as twin
from reference import toy
from suffice.errors import InputError, SettingsError
from suffice.methods.sis import Sis
from suffice.models.callable import CallableClassifier
from suffice.models.images import load_image

SHAPE = (4, 5)
P = 20
PUBLISHED = 1 + P * (P + 1) // 2
"""Evaluations of the published procedure for one set, f(x) included."""


def classifier(
    fn: Callable, shape: tuple[int, ...] = (1, *SHAPE), n: int = 2
) -> CallableClassifier:
    return CallableClassifier(fn, input_shape=shape, n_classes=n)


def explain(fn: Callable, **settings: object) -> suffice.Explanation:
    return suffice.explain(classifier(fn), toy.ones(*SHAPE), method=Sis(), **settings)


def weighted(weights: np.ndarray) -> Callable[[toy.Batch], toy.Batch]:
    """Log-odds of class 1: the weights of the kept pixels, less 4; exact in float32."""

    def classify(batch: toy.Batch) -> toy.Batch:
        z = batch[:, 0].reshape(len(batch), -1) @ weights.astype(np.float32).reshape(-1) - 4.0
        return np.stack([np.zeros_like(z), z], axis=1).astype(np.float32)

    return classify


def flat(mask: np.ndarray) -> list[int]:
    return np.flatnonzero(mask).tolist()


def constant(log_odds: float) -> Callable[[toy.Batch], toy.Batch]:
    return lambda batch: np.tile(np.float32([0.0, log_odds]), (len(batch), 1))


STEPS = np.array([3, 0, 0, 0, 1, 0, 0, 5, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0.5])


def test_the_strongest_pixels_are_the_set() -> None:
    exp = explain(weighted(STEPS), criterion="confidence:0.98")  # log-odds 3.89: 8 of 11.5
    assert flat(exp.mask) == [0, 7]
    assert exp.certificate is not None
    assert exp.certificate.sufficient
    assert exp.arrays is not None
    order = exp.arrays["order"]
    assert order.dtype == np.int32
    zeros = [i for i in range(P) if STEPS[i] == 0]
    assert order.tolist() == [*zeros, 19, 4, 11, 0, 7]  # ties: the lowest index goes first
    values = exp.arrays["values"]
    assert values.dtype == np.float64
    left = np.array([11.5] * 15 + [11, 10, 8, 5, 0]) - 4.0
    assert np.allclose(values, 1 / (1 + np.exp(-left)), rtol=1e-12)
    assert exp.record["details"]["sizes"] == [2]
    assert exp.record["details"]["set_confidences"] == [values[-3]]


def test_evaluations_are_the_published_number() -> None:
    exp = explain(weighted(STEPS), criterion="confidence:0.98")
    assert exp.evaluations == PUBLISHED  # the last sweep is f(b), which every run asks first
    assert exp.record["repeats"] == 0
    assert exp.rounds == P - 1


def test_a_set_at_another_threshold_needs_no_evaluation(tmp_path: Path) -> None:
    exp = explain(weighted(STEPS), criterion="confidence:0.98")
    exp.save(tmp_path / "one")
    loaded = suffice.load(tmp_path / "one")
    assert loaded.arrays is not None
    for key in ("order", "values"):
        assert loaded.arrays[key].dtype == exp.arrays[key].dtype
        assert np.array_equal(loaded.arrays[key], exp.arrays[key])
    for tau in (0.1, 0.5, 0.7, 0.98, 0.995, 0.9993):
        anew = explain(weighted(STEPS), criterion=f"confidence:{tau}")
        assert np.array_equal(loaded.at(tau), anew.mask), tau
    assert not loaded.at(0.01).any()  # the baseline alone reaches it
    for wrong in (0.0, 1.0, float("nan")):
        with pytest.raises(InputError, match="above 0 and below 1"):
            loaded.at(wrong)
    with pytest.raises(InputError, match=r"the whole image has confidence 0\.99"):
        loaded.at(0.9999)


def test_other_methods_keep_no_order() -> None:
    exp = suffice.explain(classifier(weighted(STEPS)), toy.ones(*SHAPE), method="minimal")
    assert exp.arrays is None
    with pytest.raises(InputError, match="this is minimal"):
        exp.at(0.9)


def test_dips_are_skipped() -> None:
    """The shortest passing end counts, whatever fails before it."""

    def classify(batch: toy.Batch) -> toy.Batch:
        kept = batch[:, 0].reshape(len(batch), -1).sum(axis=1)
        z = np.where((kept == P) | (kept == 3), 3.0, -3.0).astype(np.float32)
        return np.stack([np.zeros_like(z), z], axis=1)

    assert flat(explain(classify).mask) == [17, 18, 19]


def test_only_the_whole_image_passes() -> None:
    every = [(r, c) for r in range(SHAPE[0]) for c in range(SHAPE[1])]
    exp = explain(toy.needs(every))
    assert exp.pixels == P
    assert exp.record["details"]["set_confidences"] == [exp.record["reference"]["confidence"]]


def test_a_constant_classifier_has_the_empty_set() -> None:
    exp = explain(constant(3.0), criterion="confidence:0.9")
    assert exp.status == "empty"
    assert exp.pixels == 0
    assert exp.evaluations == 2


def test_a_passing_baseline_has_the_empty_set() -> None:
    """f(b) passes while a single pixel does not, where the authors' code gives a failing set."""

    def classify(batch: toy.Batch) -> toy.Batch:
        kept = batch[:, 0].reshape(len(batch), -1).sum(axis=1)
        z = np.where((kept > 0) & (kept < 4), -3.0, 3.0).astype(np.float32)
        return np.stack([np.zeros_like(z), z], axis=1)

    exp = explain(classify)
    assert exp.status == "empty"
    assert "the baseline alone passes" in exp.reason


def test_an_image_that_fails_has_no_set() -> None:
    exp = explain(constant(1.0), target=0)
    assert exp.status == "unattained"
    assert exp.reason == "the whole image doesn't pass the criterion"
    assert exp.evaluations == 2
    assert exp.arrays is None


def test_several_sets_are_disjoint_and_end_with_the_rest() -> None:
    pixels = [(0, 1), (2, 2), (3, 4)]
    exp = explain(toy.any_of(pixels), count=5)
    assert [flat(s.mask) for s in exp.sets] == [[19], [12], [1]]
    assert exp.status == "found"
    assert exp.reason == "what is left without the sets doesn't pass"
    assert exp.arrays is not None
    assert set(exp.arrays) == {
        "order",
        "values",
        *(f"{a}_{k}" for a in ("order", "values") for k in (2, 3)),
    }
    assert sorted(exp.arrays["order_3"].tolist()) == [i for i in range(P) if i not in (12, 19)]
    # Each search but the first asks for what is left; all know f(b), and the last only fails.
    sweeps = [n * (n + 1) // 2 - 1 for n in (P, P - 1, P - 2)]
    assert exp.evaluations == 2 + sum(sweeps) + 3
    two = explain(toy.any_of(pixels), count=2)
    assert np.array_equal(two.masks, exp.masks[:2])
    assert two.reason == ""
    assert two.evaluations == 2 + sum(sweeps[:2]) + 1


def test_sets_may_cover_the_image() -> None:
    clf = classifier(toy.any_of([(0, 0), (0, 1)]), (1, 1, 2))
    exp = suffice.explain(clf, toy.ones(1, 2), method="sis", count=3)
    assert [flat(s.mask) for s in exp.sets] == [[1], [0]]
    assert exp.reason == "the sets cover the image"


def test_one_pixel() -> None:
    clf = classifier(toy.needs([(0, 0)]), (1, 1, 1))
    exp = suffice.explain(clf, toy.ones(1, 1), method="sis")
    assert flat(exp.mask) == [0]
    assert exp.evaluations == 2


def test_all_channels_of_a_pixel_go_together() -> None:
    fn = toy.linear(3, 3, channels=3, seed=4)
    clf = classifier(fn, (3, 3, 3), 4)
    exp = suffice.explain(clf, np.ones((3, 3, 3), np.float32), method="sis", target=1)

    def judge(mask: np.ndarray) -> tuple[float, bool]:
        z = fn(np.repeat(mask[None, None], 3, axis=1).astype(np.float32)).astype(float)[0]
        p = np.exp(z - z.max()) / np.exp(z - z.max()).sum()
        return float(p[1]), bool(z.argmax() == 1)

    if exp.status == "found":
        found = twin.collection((3, 3), judge, 1)
        assert flat(exp.mask) == sorted(found.sets[0])
    assert exp.status in ("found", "unattained", "empty")


def test_the_lowest_probability_of_several_baselines_counts() -> None:
    """Under each baseline another pixel is missed more; the worst of both decides the order."""
    weights = np.array([[[4.0, 1.0, 2.0]], [[0.5, 1.0, 2.0]]])  # [B, 1, 3]

    def classify(batch: toy.Batch) -> toy.Batch:
        dark = batch.min(axis=(1, 2, 3)) < 0  # the second baseline is -1 where the first is 0
        kept = (batch[:, 0] == 1.0).reshape(len(batch), -1)
        z = np.where(dark, kept @ weights[1, 0], kept @ weights[0, 0]) - 1.75
        return np.stack([np.zeros_like(z), z], axis=1).astype(np.float32)

    clf = classifier(classify, (1, 1, 3))
    first, second = np.zeros((1, 1, 3), np.float32), -np.ones((1, 1, 3), np.float32)
    orders = []
    for criterion in ("top1", "confidence:0.55"):
        exp = suffice.explain(
            clf, toy.ones(1, 3), method="sis", baseline=[first, second], criterion=criterion
        )
        orders.append(exp.arrays["order"].tolist())
        assert flat(exp.mask) == [2]
    assert orders == [[0, 1, 2], [0, 1, 2]]
    alone = suffice.explain(clf, toy.ones(1, 3), method="sis", baseline=first)
    assert alone.arrays["order"].tolist() == [1, 2, 0]


@pytest.mark.parametrize("criterion", ["top1", "confidence:0.9", "relative:0.5", "margin:1.5"])
def test_the_order_is_the_same_under_every_criterion(criterion: str) -> None:
    exp = explain(weighted(STEPS), criterion=criterion)
    same = explain(weighted(STEPS), criterion="confidence:0.98")
    assert np.array_equal(exp.arrays["order"], same.arrays["order"])
    assert exp.certificate.sufficient
    assert exp.status == "found"


# Pixel subsets


@pytest.mark.parametrize(("keep", "n"), [(0.05, 1), (0.1, 2), (0.12, 3), (0.25, 5), (1.0, P)])
def test_keep_gives_the_end_of_the_order(keep: float, n: int) -> None:
    exp = suffice.explain(classifier(weighted(STEPS)), toy.ones(*SHAPE), method=Sis(keep=keep))
    assert exp.pixels == n
    assert flat(exp.mask) == sorted(exp.arrays["order"][P - n :].tolist())
    assert exp.status == "found"


def test_keep_rounds_up_as_published() -> None:
    image = toy.ones(10, 10)
    clf = classifier(weighted(np.arange(100) / 64.0), (1, 10, 10))
    for keep, n in ((0.05, 5), (0.07, 7), (0.071, 8)):
        assert suffice.explain(clf, image, method=Sis(keep=keep)).pixels == n


def test_keep_asks_no_criterion() -> None:
    fails = suffice.explain(
        classifier(constant(1.0)), toy.ones(*SHAPE), method=Sis(keep=0.2), target=0
    )
    assert fails.status == "found"
    assert flat(fails.mask) == [16, 17, 18, 19]
    assert not fails.certificate.sufficient
    passes = suffice.explain(classifier(constant(1.0)), toy.ones(*SHAPE), method=Sis(keep=0.2))
    assert passes.status == "found"
    assert flat(passes.mask) == [16, 17, 18, 19]


def test_keep_is_nothing_before_the_order_is_complete() -> None:
    exp = suffice.explain(
        classifier(weighted(STEPS)), toy.ones(*SHAPE), method=Sis(keep=0.2), budget=100
    )
    assert exp.status == "budget"
    assert len(exp.sets) == 0
    assert exp.arrays is not None
    assert 0 < len(exp.arrays["order"]) < P


@pytest.mark.parametrize("keep", [0.0, -0.1, 1.01, float("nan"), True, "a"])
def test_keep_is_checked(keep: object) -> None:
    with pytest.raises(SettingsError, match="setting keep"):
        Sis(keep=keep)  # type: ignore[arg-type]


def test_keep_and_several_sets_exclude_each_other() -> None:
    with pytest.raises(SettingsError, match="keep gives one set, count is 2"):
        suffice.explain(
            classifier(weighted(STEPS)), toy.ones(*SHAPE), method=Sis(keep=0.2), count=2
        )


# The engine


@pytest.mark.parametrize("contrastive", [False, True])
@pytest.mark.parametrize("budget", [1, 2, 3, 21, 22, 40, 100, 207, 208, 300, 500, 10_000])
def test_a_budgeted_run_is_a_prefix_of_the_unlimited_one(budget: int, contrastive: bool) -> None:
    fn = toy.any_of([(0, 1), (2, 2)]) if not contrastive else toy.needs([(0, 1), (2, 2)])
    settings = {"count": 2, "contrastive": contrastive}
    free = explain(fn, **settings)
    held = explain(fn, budget=budget, **settings)
    assert held.trace == [t for t in free.trace if t[0] <= max(budget, 2)]
    spent = max(2, min(budget, free.evaluations))
    assert spent - contrastive <= held.evaluations <= spent
    if held.evaluations == free.evaluations:
        assert np.array_equal(held.masks, free.masks)
        assert held.status == free.status
        return
    assert held.status == "budget"
    for key, array in (held.arrays or {}).items():
        assert np.array_equal(array, free.arrays[key][: len(array)])
    assert len(held.sets) <= len(free.sets) or len(held.sets) == 1
    if held.record["details"]["sizes"]:  # sets that were finished are those of the free run
        n = len(held.record["details"]["sizes"])
        assert np.array_equal(held.masks[:n], free.masks[:n])
    assert all(c is not None and c.sufficient for c in (s.certificate for s in held.sets))


def test_a_stopped_search_has_no_set_at_other_thresholds() -> None:
    held = explain(weighted(STEPS), budget=60)
    assert held.status == "budget"
    assert held.area == held.trace[-1][1]  # the smallest passing mask it met
    with pytest.raises(InputError, match="only a finished search"):
        held.at(0.9)


@pytest.mark.zoo
def test_a_real_classifier_gives_the_twins_order(zoo: Path) -> None:
    """The first sweeps of a CIFAR-10 photo, every mask shown to the model alone."""
    path = zoo / "models" / "cifar_resnet8.onnx"
    preprocess = suffice.Preprocess.from_json(zoo / "models.json", path.name)
    with np.load(zoo / "images" / "cifar10" / "cifar10_open.npz") as data:
        photo = load_image(data["x_test"][1])
    clf = suffice.as_classifier(path, preprocess=preprocess)
    exp = suffice.explain(clf, photo, method="sis", budget=2 + 1024 + 1023)
    assert exp.arrays is not None
    order, values = exp.arrays["order"], exp.arrays["values"]
    assert len(order) == 2
    x = preprocess.apply(photo)[0]
    dropped: list[int] = []
    for step in range(2):
        best = (-1, -1.0)
        for i in range(1024):
            if i in dropped:
                continue
            batch = x.reshape(1, 3, -1).copy()
            batch[..., [*dropped, i]] = 0.0
            z = clf(batch.reshape(1, 3, 32, 32)).astype(float)[0]
            p = float(1.0 / np.exp(z - z[exp.target]).sum())
            if p > best[1]:
                best = (i, p)
        dropped.append(best[0])
        assert values[step] == pytest.approx(best[1], rel=1e-12)
    assert order.tolist() == dropped


def test_pruned_sets_pass_and_keep_the_order() -> None:
    clf = classifier(weighted(STEPS))
    settings = {"method": "sis", "criterion": "confidence:0.98", "grain": 1}
    plain = suffice.explain(clf, toy.ones(*SHAPE), **settings)
    pruned = suffice.explain(clf, toy.ones(*SHAPE), prune=True, **settings)
    assert flat(pruned.mask) == flat(plain.mask)
    assert pruned.certificate.irreducible_at == 1
    assert np.array_equal(pruned.arrays["order"], plain.arrays["order"])
