"""Where from_ranking takes its ranking from, and what it refuses."""

from __future__ import annotations

import functools
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import suffice
from reference import toy
from suffice.errors import InputError, SettingsError
from suffice.models.callable import CallableClassifier

SHAPE = (6, 7)
MAP = np.zeros(SHAPE, np.float32)
MAP[0, 0], MAP[5, 6], MAP[2, 2] = 3.0, 1.0, 2.0
BEST = [0, 16, 41]  # the pixels of those values


def classifier(**options) -> CallableClassifier:
    scores = toy.needs([(0, 0), (5, 6)])
    return CallableClassifier(scores, input_shape=(1, *SHAPE), n_classes=2, **options)


def explain(ranking, **settings) -> suffice.Explanation:
    method = suffice.FromRanking(ranking, **settings)
    return suffice.explain(classifier(), toy.ones(*SHAPE), method=method)


def by_value(subject) -> np.ndarray:
    assert subject.shape == SHAPE
    return MAP


def with_cost(subject) -> tuple[np.ndarray, int]:
    return MAP.astype(np.float64), 17


def check(exp: suffice.Explanation) -> None:
    assert exp.status == "found"
    assert np.flatnonzero(exp.mask).tolist() == BEST
    np.testing.assert_array_equal(exp.responsibility, MAP)
    assert json.loads(json.dumps(exp.to_dict())) == exp.to_dict()
    digest = hashlib.sha256(MAP.tobytes()).hexdigest()
    assert exp.record["details"]["ranking_sha256"] == digest


def test_arrays() -> None:
    exp = explain(MAP)
    check(exp)
    digest = hashlib.sha256(MAP.tobytes()).hexdigest()
    assert exp.method["settings"] == {
        "ranking": {"sha256": digest, "shape": [6, 7]},
        "width": 24,
        "refine": 8,
        "tolerance": 0.01,
    }
    for dtype in (np.float64, np.int16):
        check(explain(np.asfortranarray(MAP.astype(dtype))))


def test_the_array_is_a_copy() -> None:
    mine = MAP.copy()
    method = suffice.FromRanking(mine)
    mine[:] = 0
    check(suffice.explain(classifier(), toy.ones(*SHAPE), method=method))


def test_torch_tensors() -> None:
    torch = pytest.importorskip("torch")
    check(explain(torch.from_numpy(MAP).requires_grad_()))


def test_files(tmp_path: Path) -> None:
    np.save(tmp_path / "m.npy", MAP)
    np.savez(tmp_path / "m.npz", responsibility=MAP, mask=MAP)
    for path in (tmp_path / "m.npy", str(tmp_path / "m.npz")):
        exp = explain(path)
        check(exp)
        assert exp.method["settings"]["ranking"] == str(path)
        assert exp.record["details"]["ranking_source"] == Path(path).name


def test_results_of_another_method_are_rankings(tmp_path: Path) -> None:
    rex = suffice.explain(classifier(), toy.ones(*SHAPE), method="rex")
    rex.save(tmp_path / "array-0")
    exp = explain(tmp_path)
    assert exp.record["details"]["ranking_source"] == "array-0.npz"
    np.testing.assert_array_equal(exp.responsibility, rex.responsibility)


def test_folders_hold_one_file_for_each_image(tmp_path: Path) -> None:
    maps, photos = tmp_path / "maps", []
    maps.mkdir()
    for k, name in enumerate(("a.b.png", "c.png")):
        photos.append(tmp_path / name)
        Image.fromarray(np.full((*SHAPE, 3), 255, np.uint8)).save(photos[-1])
        np.save(maps / f"{Path(name).stem}.npy", MAP + k)
    clf = CallableClassifier(
        toy.needs([(0, 0), (5, 6)]),
        input_shape=(3, *SHAPE),
        n_classes=2,
        preprocess=suffice.Preprocess(size=SHAPE, mean=[0.0] * 3, std=[1.0] * 3),
    )
    method = suffice.FromRanking(maps)
    found = suffice.explain(clf, photos, method=method)
    sources = [e.record["details"]["ranking_source"] for e in found]
    assert sources == ["a.b.npy", "c.npy"]
    assert [e.responsibility[0, 0] for e in found] == [3.0, 4.0]
    np.savez(maps / "c.npz", responsibility=MAP)
    with pytest.raises(InputError, match="found both"):
        suffice.explain(clf, photos[1], method=method)
    (maps / "a.b.npy").unlink()
    with pytest.raises(InputError, match=r"expected a\.b\.npy or a\.b\.npz .* found neither"):
        suffice.explain(clf, photos[0], method=method)


def test_functions() -> None:
    exp = explain(by_value)
    check(exp)
    assert exp.method["settings"]["ranking"] == f"{__name__}.by_value"
    assert exp.record["details"]["ranking_evaluations"] is None
    assert explain(with_cost).record["details"]["ranking_evaluations"] == 17
    partial = explain(functools.partial(by_value))
    assert partial.method["settings"]["ranking"] == "functools.partial"


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (np.full(SHAPE, np.nan), r"42 of 42 are NaN"),
        (np.full(SHAPE, 1e300), "infinite"),
        (np.zeros((1, *SHAPE)), r"float64 of shape \[1, 6, 7\]"),
        (np.zeros(SHAPE, np.complex64), "complex64"),
        ("nowhere.npy", "not there"),
        (7, "an array .* a path or a function, got int"),
    ],
)
def test_no_ranking_at_once(bad, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        suffice.FromRanking(bad)


@pytest.mark.parametrize(
    "bad",
    [
        {"width": 0},
        {"width": True},
        {"refine": 0},
        {"refine": 1.5},
        {"tolerance": -0.1},
        {"tolerance": 1.0},
        {"tolerance": float("nan")},
        {"tolerance": "x"},
    ],
)
def test_settings_out_of_range(bad: dict) -> None:
    with pytest.raises(SettingsError, match=next(iter(bad))):
        suffice.FromRanking(MAP, **bad)


def test_a_ranking_must_be_given() -> None:
    with pytest.raises(SettingsError, match="needs a ranking"):
        suffice.FromRanking.from_settings({"width": "5"})
    with pytest.raises(SettingsError, match="needs a ranking"):
        suffice.explain(classifier(), toy.ones(*SHAPE), method="from_ranking")


def test_what_does_not_fit_the_image(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"model's grid, \[6, 7\].*got \[7, 6\]"):
        explain(MAP.T)
    np.save(tmp_path / "m.npy", MAP.T)
    with pytest.raises(InputError, match=r"m\.npy should be on the model's grid"):
        explain(tmp_path / "m.npy")
    np.save(tmp_path / "m.npy", np.full(SHAPE, np.inf))
    with pytest.raises(InputError, match=r"m\.npy should hold finite numbers"):
        explain(tmp_path / "m.npy")
    np.savez(tmp_path / "m.npz", other=MAP)
    with pytest.raises(InputError, match="expected an array called 'responsibility', found other"):
        explain(tmp_path / "m.npz")
    for damaged in (b"", b"\x93NUMPY", b"PK\x03\x04 no zip"):
        (tmp_path / "m.npz").write_bytes(damaged)
        with pytest.raises(InputError, match=r"m\.npz can't be read as an array"):
            explain(tmp_path / "m.npz")
    (tmp_path / "m.txt").write_text("1 2 3")
    with pytest.raises(SettingsError, match="another file"):
        explain(tmp_path / "m.txt")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (lambda _: [1], "should return an array"),
        (lambda _: (MAP, -1), r"\(array, evaluations\)"),
        (lambda _: (MAP, 1, 2, 3), r"\(array, evaluations\)"),
        (lambda _: (MAP, 1, 0.5), r"\(array, evaluations\)"),
        (lambda _: MAP[:2], "model's grid"),
        (lambda _: MAP * np.nan, "finite"),
    ],
)
def test_functions_that_return_something_else(given, words: str) -> None:
    with pytest.raises(InputError, match=words):
        explain(given)


def test_no_prefix_passes() -> None:
    image = toy.ones(*SHAPE)
    image[0, 0, 0] = 0.0
    exp = suffice.explain(classifier(), image, method=suffice.FromRanking(MAP), target=1)
    assert exp.status == "unattained"
    assert exp.reason.endswith("not even all 42 pixels")


def test_no_second_set() -> None:
    method = suffice.FromRanking(MAP)
    exp = suffice.explain(classifier(), toy.ones(*SHAPE), method=method, count=2)
    assert len(exp.sets) == 1
    assert exp.reason.startswith("no further set was found after 1: no prefix of the 39 pixels")


def test_pruned() -> None:
    method = suffice.FromRanking(MAP)
    exp = suffice.explain(classifier(), toy.ones(*SHAPE), method=method, prune=True, grain=1)
    assert np.flatnonzero(exp.mask).tolist() == [0, 41]
    assert exp.certificate.irreducible_at == 1
    assert exp.method["name"] == "from_ranking"


def test_methods_are_equal_where_they_rank_alike() -> None:
    assert suffice.FromRanking(MAP) == suffice.FromRanking(MAP.copy())
    assert hash(suffice.FromRanking(MAP)) == hash(suffice.FromRanking(MAP.copy()))
    assert suffice.FromRanking(MAP) != suffice.FromRanking(-MAP)
    assert suffice.FromRanking(MAP) != suffice.FromRanking(MAP, width=5)
    assert suffice.FromRanking(by_value) == suffice.FromRanking(by_value)
    assert suffice.FromRanking(by_value) != suffice.FromRanking(with_cost)
    assert suffice.FromRanking(MAP) != suffice.Rex()
