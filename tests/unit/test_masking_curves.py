"""Insertion and deletion curves on classifiers whose answers are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import suffice
from reference import curves as twin
from reference import toy
from suffice import metrics
from suffice.errors import InputError, ScoresError, SettingsError
from suffice.explanation import Explanation
from suffice.metrics import MaskingCurve
from suffice.metrics import curves as module

SHAPE = (4, 5)
PIXELS = SHAPE[0] * SHAPE[1]
LOW, HIGH = 1 / (1 + np.exp(3.0)), 1 / (1 + np.exp(-3.0))
RAMP = np.arange(PIXELS, dtype=np.float32).reshape(SHAPE)  # the last pixel first
CURVES = {"insertion": metrics.insertion_curve, "deletion": metrics.deletion_curve}


def classifier(classify: Any, shape: tuple[int, int] = SHAPE, **options: Any) -> Any:
    return suffice.as_classifier(classify, input_shape=(1, *shape), **options)


def linear_classifier(counted: list[int] | None = None) -> Any:
    classify = toy.linear(*SHAPE)

    def counting(batch: np.ndarray) -> np.ndarray:
        if counted is not None:
            counted.append(len(batch))
        return classify(batch)

    return classifier(counting)


def images(n: int) -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    return [rng.integers(1, 9, (1, *SHAPE)).astype(np.float32) / 8 for _ in range(n)]


def maps(n: int) -> list[np.ndarray]:
    return list(np.random.default_rng(4).integers(0, 6, (n, *SHAPE)).astype(np.float32))


def assert_same(a: MaskingCurve, b: MaskingCurve) -> None:
    for name in ("pixels", "shares", "confidence", "top1"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert (a.kind, a.target, a.evaluations) == (b.kind, b.target, b.evaluations)
    assert a.reference_confidence == b.reference_confidence


def test_one_needed_pixel_is_a_step() -> None:
    # The pixel is ranked 8th: RAMP falls from the last pixel, 19, and 12 is its 8th.
    clf = classifier(toy.needs([divmod(12, SHAPE[1])]))
    curve = metrics.insertion_curve(clf, toy.ones(*SHAPE), RAMP, step=1)
    assert isinstance(curve, MaskingCurve)
    expected = np.where(np.arange(PIXELS + 1) >= 8, HIGH, LOW)
    np.testing.assert_allclose(curve.confidence, expected, rtol=1e-6)
    np.testing.assert_array_equal(curve.top1, np.arange(PIXELS + 1) >= 8)
    np.testing.assert_array_equal(curve.shares, np.arange(PIXELS + 1) / PIXELS)
    assert curve.flip == 8 / PIXELS
    assert curve.auc == pytest.approx((7.5 * LOW + 12.5 * HIGH) / PIXELS)
    assert curve.auc_normalised == pytest.approx(curve.auc / HIGH)
    assert curve.evaluations == PIXELS + 1
    assert curve.reference_confidence == pytest.approx(HIGH)
    assert curve.target == 1

    gone = metrics.deletion_curve(clf, toy.ones(*SHAPE), RAMP, step=1)
    after = np.where(np.arange(PIXELS + 1) >= 8, LOW, HIGH)
    np.testing.assert_allclose(gone.confidence, after, rtol=1e-6)
    assert gone.flip == 8 / PIXELS
    assert gone.auc == pytest.approx((7.5 * HIGH + 12.5 * LOW) / PIXELS)


@pytest.mark.parametrize("kind", CURVES)
@pytest.mark.parametrize("step", [1, 3, 7, 20, 50])
def test_curves_are_the_twins(kind: str, step: int) -> None:
    image, values = images(1)[0], maps(1)[0]  # with many ties
    found = CURVES[kind](linear_classifier(), image, values, step=step, target=2)
    lengths = [*range(0, PIXELS, step), PIXELS]
    assert found.pixels.tolist() == lengths
    confidence, top1 = twin.follow(
        toy.linear(*SHAPE), image, np.zeros_like(image), values, lengths, 2, kind == "insertion"
    )
    np.testing.assert_allclose(found.confidence, confidence, rtol=1e-6)
    np.testing.assert_array_equal(found.top1, top1)
    assert found.evaluations == len(lengths)


@pytest.mark.parametrize("kind", CURVES)
@pytest.mark.parametrize("step", [1, 3, 4, 20])
def test_the_area_of_rex(kind: str, step: int) -> None:
    image, values = images(1)[0], maps(1)[0]
    found = CURVES[kind](linear_classifier(), image, values, step=step, target=1)
    expected = twin.area_of_rex(toy.linear(*SHAPE), image, values, step, 1, kind == "insertion")
    assert found.auc_rex() == pytest.approx(expected, rel=1e-6)


def test_the_area_of_rex_wants_equal_steps() -> None:
    found = metrics.insertion_curve(linear_classifier(), images(1)[0], RAMP, steps=7)
    with pytest.raises(InputError, match="step=100"):
        found.auc_rex()


@pytest.mark.parametrize("kind", CURVES)
@pytest.mark.parametrize(("window", "batch_size"), [(1, 1), (3, 7), (8, 64)])
def test_many_images_are_as_one_by_one(kind: str, window: int, batch_size: int) -> None:
    batches: list[int] = []
    many = CURVES[kind](
        linear_classifier(batches), images(5), maps(5), step=2, window=window,
        batch_size=batch_size,
    )  # fmt: skip
    alone = [
        CURVES[kind](linear_classifier(), image, values, step=2, batch_size=4)
        for image, values in zip(images(5), maps(5), strict=True)
    ]
    for a, b in zip(many, alone, strict=True):
        assert_same(a, b)
    assert max(batches) <= max(batch_size, 8)


def test_images_share_batches() -> None:
    calls: dict[int, list[int]] = {1: [], 6: []}
    for window, batches in calls.items():
        clf = linear_classifier(batches)
        metrics.insertion_curve(clf, images(6), maps(6), steps=5, window=window, batch_size=24)
    # Alone, each image has a batch of its own four masks.
    assert len(calls[6]) <= len(calls[1]) - 3


def test_one_image_under_several_rankings() -> None:
    image = images(1)[0]
    both = metrics.insertion_curve(linear_classifier(), [image, image], [RAMP, -RAMP], step=1)
    assert isinstance(both, list)
    for curve, values in zip(both, (RAMP, -RAMP), strict=True):
        alone = metrics.insertion_curve(linear_classifier(), image, values, step=1)
        assert isinstance(alone, MaskingCurve)
        assert_same(curve, alone)
    assert not np.array_equal(both[0].confidence, both[1].confidence)


@pytest.mark.parametrize("kind", CURVES)
def test_long_curves_are_asked_in_several_rounds(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = CURVES[kind](linear_classifier(), images(1)[0], RAMP, step=1)
    monkeypatch.setattr(module, "ROUND", 4)
    assert_same(CURVES[kind](linear_classifier(), images(1)[0], RAMP, step=1), whole)


def test_default_steps_and_their_number() -> None:
    clf, image = linear_classifier(), images(1)[0]
    default = metrics.insertion_curve(clf, image, RAMP)
    assert default.pixels.tolist() == list(range(PIXELS + 1))  # 100 steps of 20 pixels
    three = metrics.insertion_curve(clf, image, RAMP, steps=3)
    assert three.pixels.tolist() == [0, 6, 13, 20]
    one = metrics.insertion_curve(clf, image, RAMP, steps=1)
    assert one.evaluations == 2


def test_ties_go_by_the_last_pixel_or_the_first() -> None:
    clf, image = linear_classifier(), images(1)[0]
    flat = np.zeros(SHAPE, np.float32)
    for ties, ranking in (("last", RAMP), ("first", -RAMP)):
        assert_same(
            metrics.insertion_curve(clf, image, flat, step=1, ties=ties),
            metrics.insertion_curve(clf, image, ranking, step=1),
        )


def test_orders_of_pixels_and_of_patches() -> None:
    clf, image = linear_classifier(), images(1)[0]
    assert_same(
        metrics.deletion_curve(clf, image, np.arange(PIXELS)[::-1], step=1),
        metrics.deletion_curve(clf, image, RAMP, step=1),
    )
    patches = np.array([[0, 0, 0, 1, 1]] * 3 + [[2, 2, 2, 2, 2]])
    found = metrics.insertion_curve(clf, image, [1, 2, 0], feature_mask=patches)
    assert found.pixels.tolist() == [0, 6, 11, 20]
    where = np.where(patches == 1, 2.0, np.where(patches == 2, 1.0, 0.0)).astype(np.float32)
    masks = [where > 2, where > 1, where > 0, where > -1]
    expected = twin.probabilities(
        toy.linear(*SHAPE)(np.stack([np.where(m, image, 0) for m in masks]))
    )
    np.testing.assert_allclose(found.confidence, expected[:, found.target], rtol=1e-6)
    # A map ranks patches by their means, whatever their sizes.
    values = np.where(patches == 1, RAMP * 0 + 0.5, np.where(patches == 2, 0.4, 0.3))
    assert_same(metrics.insertion_curve(clf, image, values, feature_mask=patches), found)
    two = metrics.insertion_curve(clf, image, [1, 2, 0], feature_mask=patches, step=2)
    assert two.pixels.tolist() == [0, 11, 20]


def test_equal_patches_go_by_ties() -> None:
    patches = np.repeat(np.arange(4), SHAPE[1]).reshape(SHAPE)
    clf, image, flat = linear_classifier(), images(1)[0], np.ones(SHAPE, np.float32)
    for ties, order in (("last", [3, 2, 1, 0]), ("first", [0, 1, 2, 3])):
        assert_same(
            metrics.insertion_curve(clf, image, flat, feature_mask=patches, ties=ties),
            metrics.insertion_curve(clf, image, order, feature_mask=patches),
        )


def test_a_feature_mask_for_each_image() -> None:
    rows = np.repeat(np.arange(4), SHAPE[1]).reshape(SHAPE)
    columns = np.tile(np.arange(5), (4, 1))
    found = metrics.insertion_curve(
        linear_classifier(), images(2), maps(2), feature_mask=[rows, columns]
    )
    assert [len(c.pixels) for c in found] == [5, 6]


def test_a_baseline_of_the_class_is_followed_too() -> None:
    clf = classifier(lambda batch: np.tile(np.float32([0, 2]), (len(batch), 1)))
    curve = metrics.insertion_curve(clf, toy.ones(*SHAPE), RAMP, steps=4)
    assert curve.top1.all()
    assert curve.flip == 0.0
    assert curve.auc == pytest.approx(curve.reference_confidence)
    gone = metrics.deletion_curve(clf, toy.ones(*SHAPE), RAMP, steps=4)
    assert np.isnan(gone.flip)


def test_the_target_of_an_explanation_and_one_of_ones_own() -> None:
    clf = linear_classifier()
    found = suffice.explain(clf, images(2), method="rex", target=2)
    curves = metrics.insertion_curve(clf, images(2), found, step=4)
    assert [c.target for c in curves] == [2, 2]
    maps_of = [exp.responsibility for exp in found]
    for curve, same in zip(
        curves, metrics.insertion_curve(clf, images(2), maps_of, step=4, target=2), strict=True
    ):
        assert_same(curve, same)
    other = metrics.insertion_curve(clf, images(2), found, step=4, target=[0, None])
    assert [c.target for c in other] == [0, 2]


def test_a_multilabel_class_is_predicted_from_one_half_on() -> None:
    def sigmoid_of_sum(batch: np.ndarray) -> np.ndarray:
        return (batch.sum(axis=(1, 2, 3)) - 9.5)[:, None].repeat(3, axis=1).astype(np.float32)

    clf = classifier(sigmoid_of_sum, output="multilabel")
    curve = metrics.insertion_curve(clf, toy.ones(*SHAPE), RAMP, step=1, target=2)
    np.testing.assert_array_equal(curve.top1, np.arange(PIXELS + 1) >= 10)
    np.testing.assert_array_equal(curve.top1, curve.confidence >= 0.5)
    with pytest.raises(SettingsError, match="needs a target"):
        metrics.insertion_curve(clf, toy.ones(*SHAPE), RAMP)


def test_accuracy_over_images() -> None:
    pixel = divmod(12, SHAPE[1])
    clf = classifier(toy.needs([pixel]))
    curves = metrics.insertion_curve(clf, [toy.ones(*SHAPE)] * 4, [RAMP, -RAMP, RAMP, RAMP], step=1)
    found = metrics.accuracy_curve(curves)
    k = np.arange(PIXELS + 1)
    np.testing.assert_array_equal(found.accuracy, (3 * (k >= 8) + (k >= 13)) / 4)
    np.testing.assert_array_equal(found.shares, k / PIXELS)
    np.testing.assert_allclose(
        found.confidence, np.mean([c.confidence for c in curves], axis=0), rtol=1e-12
    )
    assert (found.n, found.kind) == (4, "insertion")


def test_accuracy_between_steps_is_that_of_the_last_one() -> None:
    clf = classifier(toy.needs([divmod(12, SHAPE[1])]))
    fine = metrics.insertion_curve(clf, toy.ones(*SHAPE), RAMP, step=1)
    coarse = metrics.insertion_curve(clf, toy.ones(*SHAPE), RAMP, step=5)
    with pytest.raises(InputError, match="different steps"):
        metrics.accuracy_curve([fine, coarse])
    shares = np.arange(11) / 10
    found = metrics.accuracy_curve([fine, coarse], shares)
    # 8 pixels are 0.4; the coarse one reaches them at its step of 10, which is 0.5.
    np.testing.assert_array_equal(found.accuracy, [0, 0, 0, 0, 0.5, 1, 1, 1, 1, 1, 1])


def test_shares_that_floating_point_makes_a_hair_too_small() -> None:
    assert 0.29 * 100 < 29
    shares = np.arange(101) / 100
    curve = MaskingCurve(
        "insertion", "", 1, np.arange(101), shares, shares, np.arange(101) >= 29, 1.0, 101
    )
    assert metrics.accuracy_curve([curve], [0.28, 0.29]).accuracy.tolist() == [0.0, 1.0]


def test_what_accuracy_refuses() -> None:
    clf = linear_classifier()
    pair = [CURVES[kind](clf, images(1)[0], RAMP, steps=2) for kind in CURVES]
    with pytest.raises(InputError, match="deletion and insertion"):
        metrics.accuracy_curve(pair)
    with pytest.raises(InputError, match="no curve"):
        metrics.accuracy_curve([])
    for shares in ([], [0.5, 0.5], [0.0, 1.1], [-0.1], [[0.1]], [float("nan")]):
        with pytest.raises(InputError, match="shares rising"):
            metrics.accuracy_curve(pair[:1], shares)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"steps": 3, "step": 3}, "not both"),
    ({"steps": 0}, "steps must be a whole number"),
    ({"step": 2.0}, "step must be a whole number"),
    ({"ties": "random"}, "ties must be"),
    ({"window": 0}, "window must be"),
    ({"batch_size": 0}, "batch_size must be"),
    ({"baseline": ["zero", "mean"]}, "one baseline"),
    ({"target": 4}, "target 4 is out of range"),
    ({"target": [1.5]}, "target 1.5 is out of range"),
    ({"target": "cat"}, "expected targets for 1 images, one each, got 3"),
    ({"target": [1, 2]}, "expected targets for 1 images, one each, got 2"),
    ({"rankings": np.zeros((5, 4))}, r"model's grid, \[4, 5\], got \[5, 4\]"),
    ({"rankings": np.full(SHAPE, np.nan)}, "rank nothing"),
    ({"rankings": np.arange(19)}, "each of the 20 pixels"),
    ({"rankings": np.arange(20.0)}, "each of the 20 pixels"),
    ({"rankings": np.zeros(20, int)}, "each of the 20 pixels"),
    ({"rankings": np.zeros((1, *SHAPE))}, "map"),
    ({"rankings": "map"}, "map"),
    ({"feature_mask": np.zeros((4, 4), int)}, "feature_mask of whole numbers"),
    ({"feature_mask": np.full(SHAPE, 1)}, "labels 0 to 0, each used"),
    ({"feature_mask": np.zeros(SHAPE)}, "feature_mask of whole numbers"),
    ({"feature_mask": np.zeros(SHAPE, int), "rankings": [0, 1]}, "each of the 1 regions"),
]


@pytest.mark.parametrize(("changes", "says"), REFUSED)
def test_what_curves_refuse(changes: dict[str, Any], says: str) -> None:
    given = {"rankings": RAMP, **changes}
    with pytest.raises(InputError, match=says):
        metrics.insertion_curve(linear_classifier(), images(1)[0], **given)


def test_rankings_must_be_one_for_each_image() -> None:
    with pytest.raises(InputError, match="rankings for 2 images, one each, got 3"):
        metrics.insertion_curve(linear_classifier(), images(2), maps(3))
    exp = Explanation({}, np.zeros((0, *SHAPE), bool))
    with pytest.raises(InputError, match="one each, got Explanation"):
        metrics.insertion_curve(linear_classifier(), images(2), exp)
    with pytest.raises(InputError, match="feature masks for 2 images"):
        metrics.insertion_curve(
            linear_classifier(), images(2), maps(2), feature_mask=[np.zeros(SHAPE, int)]
        )


def test_an_explanation_without_a_map_says_so() -> None:
    record = {"image": {"name": "cat"}, "method": {"name": "msv"}, "target": 0}
    exp = Explanation(record, np.zeros((0, *SHAPE), bool))
    with pytest.raises(InputError, match="cat: the method msv gives no responsibility"):
        metrics.insertion_curve(linear_classifier(), images(1)[0], exp)


def test_scores_that_are_no_numbers_are_an_error() -> None:
    def nan_on_half(batch: np.ndarray) -> np.ndarray:
        scores = np.zeros((len(batch), 2), np.float32)
        half = batch.sum(axis=(1, 2, 3)) == 10
        scores[half] = np.nan
        return scores

    with pytest.raises(ScoresError):
        metrics.insertion_curve(classifier(nan_on_half), toy.ones(*SHAPE), RAMP, step=1)


@pytest.mark.zoo
def test_curves_on_a_real_model(zoo: Any) -> None:
    path = zoo / "models" / "mobilenet_v1_0.25_128.onnx"
    preprocess = suffice.Preprocess.from_json(zoo / "models.json", path.name)
    clf = suffice.as_classifier(path, preprocess=preprocess)
    photos = sorted((zoo / "images" / "imagenet").rglob("*.*"))[:2]
    found = list(suffice.explain(clf, photos, method=suffice.Rex(iterations=2)))
    shown = metrics.insertion_curve(clf, photos, found, steps=20)
    removed = metrics.deletion_curve(clf, photos, found, steps=20)
    for curve, gone, exp in zip(shown, removed, found, strict=True):
        reference = exp.record["reference"]
        assert curve.target == gone.target == exp.target
        assert curve.confidence[-1] == gone.confidence[0] == curve.reference_confidence
        assert curve.confidence[-1] == pytest.approx(reference["confidence"], rel=1e-5)
        blank = reference["baselines"][0]["confidence"]
        assert curve.confidence[0] == gone.confidence[-1] == pytest.approx(blank, rel=1e-5)
        assert curve.top1[-1]
        assert curve.evaluations == gone.evaluations == 21
        assert 0.0 < curve.auc < 1.0
    (alone,) = [metrics.insertion_curve(clf, photos[1], found[1], steps=20)]
    assert_same(alone, shown[1])
