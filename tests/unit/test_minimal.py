"""The method minimal: its ends, its settings and its place as the default."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

import suffice
from reference import toy
from reference.judge import Judge
from suffice.api import DEFAULT_METHOD
from suffice.cli.parser import build_parser
from suffice.errors import SettingsError
from suffice.methods.minimal import COARSE, _scales
from suffice.models.callable import CallableClassifier

SHAPE = (12, 16)


def classifier(scores, n_classes: int = 2) -> CallableClassifier:
    return CallableClassifier(scores, input_shape=(1, *SHAPE), n_classes=n_classes)


def explain(scores, n_classes: int = 2, **settings: object) -> suffice.Explanation:
    return suffice.explain(
        classifier(scores, n_classes), toy.ones(*SHAPE), method="minimal", **settings
    )


def test_it_is_the_default() -> None:
    assert DEFAULT_METHOD == suffice.Minimal.name == "minimal"
    exp = suffice.explain(classifier(toy.needs([(0, 0), (11, 15)])), toy.ones(*SHAPE))
    assert exp.method["name"] == "minimal"
    assert exp.method["settings"] == {"effort": 1000}
    words = ["explain", "x.png", "--model", "m.onnx", "--out", "out"]
    assert build_parser().parse_args(words).method == DEFAULT_METHOD


def test_a_class_that_nothing_gives() -> None:
    def never(batch: np.ndarray) -> np.ndarray:
        return np.tile(np.float32([1.0, 0.0, -1.0]), (len(batch), 1))

    exp = explain(never, 3, target=2)
    assert exp.status == "unattained"
    assert exp.reason == "neither a window, nor a union of windows, nor the whole image passes"
    assert len(exp.sets) == 0
    assert exp.mask is None or not exp.mask.any()


def test_a_part_passes_where_the_whole_does_not() -> None:
    def spoilt(batch: np.ndarray) -> np.ndarray:  # by the last pixel
        passes = (batch[:, 0, 1, 2] == 1.0) & (batch[:, 0, -1, -1] == 0.0)
        z = np.where(passes, 2.0, -2.0).astype(np.float32)
        return np.stack([np.zeros_like(z), z], axis=1)

    exp = explain(spoilt, target=1, grain=1)
    assert exp.status == "found"
    assert np.flatnonzero(exp.mask).tolist() == [1 * 16 + 2]
    assert exp.certificate.irreducible_at == 1


def test_the_whole_image_may_be_needed() -> None:
    everything = [(r, c) for r in range(12) for c in range(16)]
    exp = explain(toy.needs(everything), grain=2)
    assert exp.status == "found"
    assert exp.area == 1.0
    assert exp.certificate.irreducible_at == 2


@pytest.mark.parametrize("overlap", [0.0, 0.5])
def test_nothing_is_left_for_a_second_set(overlap: float) -> None:
    everything = [(r, c) for r in range(12) for c in range(16)]
    for grain in (2, 8, 16):
        exp = explain(toy.needs(everything), grain=grain, count=2, overlap=overlap)
        assert exp.status == "found"
        assert [s.area for s in exp.sets] == [1.0]
        assert "no further set was found after 1" in exp.reason


def test_several_baselines() -> None:
    def pair(batch: np.ndarray) -> np.ndarray:
        # Pixel (1, 2), and on a background that is not black (9, 13) too.
        one, other = batch[:, 0, 1, 2] == 1.0, batch[:, 0, 9, 13] == 1.0
        black = (batch[:, 0] == 0.0).any(axis=(1, 2))
        z = np.where(one & (other | black), 2.0, -2.0).astype(np.float32)
        return np.stack([np.zeros_like(z), z], axis=1)

    black = explain(pair, grain=1, target=1)
    assert np.flatnonzero(black.mask).tolist() == [18]
    exp = explain(pair, grain=1, target=1, baseline=["zero", "constant:0.5"])
    assert np.flatnonzero(exp.mask).tolist() == [18, 9 * 16 + 13]
    assert exp.certificate.irreducible_at == 1
    assert len(exp.certificate.baselines) == 2
    image = toy.ones(*SHAPE)
    judged = Judge(pair, image, np.stack([0 * image, 0 * image + 0.5]), 1, None, False)
    assert judged.judge(exp.mask)[0]
    assert judged.removable(exp.mask, 1) == []


def test_as_many_disjoint_sets_as_there_are() -> None:
    exp = explain(toy.any_of([(0, 0), (11, 15)]), grain=1, count=3)
    assert [np.flatnonzero(m).tolist() for m in exp.masks] in ([[0], [191]], [[191], [0]])
    assert exp.reason == (
        "no further set was found after 2: what is left of the image does not pass"
    )
    assert [s.certificate.irreducible_at for s in exp.sets] == [1, 1]


def test_responsibility_is_where_small_passing_sets_lie() -> None:
    exp = explain(toy.needs([(3, 4)]), grain=1)
    assert exp.responsibility.shape == SHAPE
    assert exp.responsibility.min() >= 0.0
    assert exp.responsibility.argmax() == 3 * 16 + 4
    assert exp.responsibility.max() == 1.0


@pytest.mark.parametrize("effort", [0, -1, 2.0, True, "many", None])
def test_effort_is_a_whole_number_from_1(effort: object) -> None:
    with pytest.raises(SettingsError, match="effort must be a whole number from 1"):
        suffice.Minimal(effort=effort)


def test_settings_from_text() -> None:
    made = suffice.Minimal.from_settings({"effort": "250"})
    assert made == suffice.Minimal(effort=250)
    with pytest.raises(SettingsError, match="effort='many' should be int"):
        suffice.Minimal.from_settings({"effort": "many"})
    with pytest.raises(SettingsError, match="effort must be a whole number from 1, got 0"):
        suffice.Minimal.from_settings({"effort": "0"})
    with pytest.raises(SettingsError, match="no setting 'patience'; it has effort"):
        suffice.Minimal.from_settings({"patience": "3"})


def sums(seed: int):
    """A classifier that adds up what pixels are worth, and the size of its smallest set."""
    worth = np.random.default_rng(seed).random(SHAPE) ** 3
    enough = 0.15 * worth.sum()

    def scores(batch: np.ndarray) -> np.ndarray:
        z = ((batch[:, 0] * worth).sum(axis=(1, 2)) - enough).astype(np.float32)
        return np.stack([np.zeros_like(z), z], axis=1)

    dearest = np.cumsum(np.sort(worth, axis=None)[::-1])
    return scores, 1 + int((dearest < enough).sum())


@pytest.mark.parametrize("seed", range(6))
def test_the_smallest_set_of_sums_is_found(seed: int) -> None:
    scores, smallest = sums(seed)
    exp = explain(scores, target=1, grain=1)
    assert exp.pixels == smallest
    assert exp.certificate.irreducible_at == 1


def test_effort_only_makes_sets_smaller() -> None:
    scores, smallest = sums(1)
    sizes, asked = [], []
    for effort in (1, 400, 1000, 3000):
        method = suffice.Minimal(effort=effort)
        exp = suffice.explain(
            classifier(scores), toy.ones(*SHAPE), method=method, target=1, grain=1
        )
        assert exp.certificate.irreducible_at == 1
        sizes.append(exp.pixels)
        asked.append(exp.evaluations)
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > sizes[1] > sizes[2] == smallest
    assert asked == sorted(asked)


@pytest.mark.parametrize(("effort", "is_long"), [(1000, False), (1999, False), (2000, True)])
def test_a_long_search_spends_its_effort(effort: int, is_long: bool) -> None:
    """A short one ends where nothing near is smaller; from 2000 on it goes on elsewhere."""
    scores, smallest = sums(2)
    method = suffice.Minimal(effort=effort)
    exp = suffice.explain(classifier(scores), toy.ones(*SHAPE), method=method, target=1, grain=1)
    assert exp.pixels == smallest
    assert exp.certificate.irreducible_at == 1
    assert 1800 < exp.evaluations <= 2000 if is_long else exp.evaluations < 1000


def test_coarse_tiles_come_first_where_tiles_are_many() -> None:
    for side in (1, 5, 28, 55, 56, 128, 224, 299, 1024):
        for grain in (1, 2, 3, 8, 300):
            scales = _scales(side, grain)
            assert scales[-1] == 1
            assert all(a == 2 * b for a, b in itertools.pairwise(scales))
            assert side < 2 * scales[0] * grain * COARSE
            assert scales == [1] or side >= scales[0] * grain * COARSE


@pytest.mark.zoo
@pytest.mark.parametrize("number", [0, 7])
def test_photos(zoo: Path, number: int) -> None:
    path = zoo / "models" / "mobilenet_v1_0.25_128.onnx"
    preprocess = suffice.Preprocess.from_json(zoo / "models.json", path.name)
    clf = suffice.as_classifier(path, preprocess=preprocess, threads=1)
    photo = sorted((zoo / "images" / "imagenet").glob("*.jpg"))[number]
    exp = suffice.explain(clf, photo, method="minimal")
    assert exp.status == "found"
    assert exp.certificate.sufficient
    assert exp.certificate.irreducible_at == 8
    assert exp.evaluations <= 1500
    assert exp.area < 0.5
    proof = suffice.verify(exp, clf, photo)
    assert proof.verdict == "holds"
    assert proof.irreducible_at == 8
