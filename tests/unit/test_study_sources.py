"""Ensembles as models of a study, and corrupted photos as its images."""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import suffice
from reference.studies import write_study
from suffice.errors import ImageError, MissingDependencyError, ModelError, SettingsError
from suffice.models.images import load_image
from suffice.study import Item, ModelSpec, Study
from suffice.study import corruptions as module
from suffice.study.corruptions import CORRUPTIONS, corrupt
from suffice.study.design import Design
from suffice.study.images import from_npz
from suffice.study.parse import read_design

ENSEMBLE = """
[[models]]
name = "both"
source = ["soft.onnx", "hard.onnx"]
architecture = "ensemble"
preprocess = { size = 32, mean = [0, 0, 0], std = [1, 1, 1] }
"""


@pytest.fixture
def design(tmp_path: Path) -> Path:
    path = write_study(tmp_path)
    path.write_text(path.read_text().replace("[[images]]", ENSEMBLE + "\n[[images]]"))
    return path


def test_an_ensemble_is_the_mean_of_its_logits(design: Path, tmp_path: Path) -> None:
    made = read_design(design)
    spec = made.models[2]
    assert (spec.name, spec.architecture, len(spec.source)) == ("both", "ensemble", 2)
    soft, hard, both = (m.load() for m in made.models)
    x = np.random.default_rng(0).random((3, 3, 32, 32), np.float32)
    np.testing.assert_allclose(both(x), (soft(x) + hard(x)) / 2, rtol=1e-5)
    assert both.fingerprint not in (soft.fingerprint, hard.fingerprint, "")
    again = Design.from_dict(json.loads(json.dumps(made.to_dict())))
    assert again.models[2].load().fingerprint == both.fingerprint
    result = Study.from_toml(design).run(tmp_path / "s.db", workers=1)
    assert result.counts["both"] == {"done": 8}, result.failures


def test_an_ensemble_of_objects() -> None:
    def clf(scale: float, name: str):
        return suffice.as_classifier(
            lambda x: np.stack([scale * x.mean((1, 2, 3)), 0 * x[:, 0, 0, 0]], 1),
            input_shape=(1, 8, 8),
            fingerprint=name,
        )

    study = Study({"e": [clf(1, "one"), clf(3, "three")]}, [np.ones((1, 8, 8), np.float32)])
    jobs = study.prepare().jobs
    assert json.loads(jobs[0].question)["model"] not in ("one", "three", "")
    assert study.design.models[0].load()(np.ones((1, 1, 8, 8), np.float32))[0, 0] == 2.0
    with pytest.raises(SettingsError, match="Python object"):
        study.design.to_dict()
    other = Study({"e": [clf(1, "one"), clf(3, "four")]}, [np.ones((1, 8, 8), np.float32)])
    assert other.prepare().jobs[0].key != jobs[0].key


def test_members_may_differ_in_mean_and_std(design: Path) -> None:
    spec = read_design(design).models[2]
    flat = {"size": 32, "std": [1, 1, 1]}
    each = [{**flat, "mean": [0, 0, 0]}, {**flat, "mean": [0.5, 0.5, 0.5]}]
    two = ModelSpec("e", spec.source, options={"preprocess": each})
    again = ModelSpec(**json.loads(json.dumps(two.to_dict())))
    x = np.random.default_rng(0).random((2, 3, 32, 32), np.float32)
    soft, hard = (ModelSpec("m", s, options={"preprocess": each[0]}).load() for s in spec.source)
    np.testing.assert_allclose(again.load()(x), (soft(x) + hard(x - 0.5)) / 2, rtol=1e-4)
    each[1]["resize_shorter_side"] = 40
    with pytest.raises(ModelError, match="may differ in mean and std only"):
        ModelSpec("e", spec.source, options={"preprocess": each}).load()


CASES = [
    ('["soft.onnx", "hard.onnx"]', '["soft.onnx", "hadr.onnx"]', "hadr", "is no file"),
    ('["soft.onnx", "hard.onnx"]', "[]", "source = []", "at least one source"),
    ('["soft.onnx", "hard.onnx"]', '["soft.onnx", 3]', "source", "should be texts, got 3"),
    ('name = "both"\n', "", "source", "an ensemble needs a name"),
    ('imagefolder = "photos"', 'imagefolder = "photos"\ncorruption = "mist"', "mist", "no corrup"),
    (
        'imagefolder = "photos"',
        'imagefolder = "photos"\ncorruption = "fog"\nseverity = 6',
        "severity",
        "from 1 to 5, got 6",
    ),
    ('imagefolder = "photos"', 'imagefolder = "photos"\nseverity = 1', "[[images]]", "corruption"),
]


@pytest.mark.parametrize(("old", "new", "at", "says"), CASES, ids=[c[3] for c in CASES])
def test_errors_name_the_line(design: Path, old: str, new: str, at: str, says: str) -> None:
    text = design.read_text()
    assert old in text
    design.write_text(text.replace(old, new, 1))
    with pytest.raises(SettingsError, match=r"line \d+") as caught:
        read_design(design)
    message = str(caught.value)
    assert says in message
    number = int(message.partition("line ")[2].partition(":")[0])
    assert at in design.read_text().splitlines()[number - 1], message


def test_members_that_crop_differently_are_refused_with_the_line(design: Path) -> None:
    entries = [
        {"file": name, "input": {"size": 32, "resize_shorter_side": side, "mean": [0], "std": [1]}}
        for name, side in (("soft.onnx", 32), ("hard.onnx", 40))
    ]
    (design.parent / "models.json").write_text(json.dumps({"models": entries}))
    text = ENSEMBLE.partition("preprocess")[0] + 'preprocess = "models.json"\n'
    design.write_text(design.read_text().replace(ENSEMBLE, text))
    with pytest.raises(SettingsError, match=r"line \d+: members .* mean and std only"):
        read_design(design)
    entries[1]["input"]["resize_shorter_side"] = 32
    entries[1]["input"]["mean"] = [0.5]
    (design.parent / "models.json").write_text(json.dumps({"models": entries}))
    assert len(read_design(design).models[2].options["preprocess"]) == 2


corrupting = pytest.mark.skipif(
    find_spec("imagecorruptions") is None, reason="imagecorruptions-imaug is not installed"
)


@corrupting
def test_corrupted_images_of_a_design(design: Path, tmp_path: Path) -> None:
    text = design.read_text()
    more = '\n[[images]]\nimagefolder = "photos"\ncorruption = "gaussian_noise"\nseverity = 3\n'
    design.write_text(text.replace("\n[[methods]]", more + "\n[[methods]]"))
    study = Study.from_toml(design)
    names = [i.name for i in study.design.images]
    assert names[4:] == [f"class{k}/{k}.png@gaussian_noise-3" for k in range(4)]
    assert [i.label for i in study.design.images[4:]] == [0, 1, 2, 3]
    jobs = study.prepare().jobs
    clean, noisy = study.design.images[0], study.design.images[4]
    pixels = noisy.load().pixels
    assert noisy.sha256() == load_image(pixels).sha256
    assert {j.image_sha256 for j in jobs if j.image == noisy.name} == {noisy.sha256()}
    assert noisy.sha256() != clean.sha256()
    module.corrupted_file.cache_clear()
    again = Item(**json.loads(json.dumps(noisy.to_dict())))
    np.testing.assert_array_equal(again.load().pixels, pixels)
    result = study.run(tmp_path / "s.db", workers=1)
    assert result.failures == []
    assert len(result) == len(jobs) == 48
    kept = next(e for e in result.explanations() if e.record["image"]["name"] == noisy.name)
    assert kept.record["image"]["sha256"] == noisy.sha256()


@corrupting
@pytest.mark.parametrize(
    "name",
    # glass_blur is compiled at its first use.
    [pytest.param(n, marks=pytest.mark.slow) if n == "glass_blur" else n for n in CORRUPTIONS],
)
def test_corruptions_are_the_same_at_every_call(name: str) -> None:
    pixels = np.random.default_rng(3).integers(0, 255, (40, 34, 3), np.uint8)
    photo = load_image(pixels)
    np.random.seed(1)  # noqa: NPY002
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    one = corrupt(photo, name, 2)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002
    np.random.seed(2)  # noqa: NPY002
    np.testing.assert_array_equal(corrupt(photo, name, 2).pixels, one.pixels)
    assert one.pixels.shape == pixels.shape
    assert (one.pixels != pixels).any()
    assert one.sha256 == load_image(one.pixels).sha256


@corrupting
def test_what_can_not_be_corrupted(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="at least 32 x 32 pixels, got 8 x 40"):
        corrupt(load_image(np.zeros((40, 8, 3), np.uint8)), "fog", 1)
    with pytest.raises(ImageError, match="uint8 photos, got float32"):
        Item("x", np.zeros((3, 40, 40), np.float32)).corrupted("fog", 1).load()
    np.savez(tmp_path / "a.npz", images=np.full((1, 40, 40, 3), 128, np.uint8))
    (item,) = from_npz(tmp_path / "a.npz")
    made = item.corrupted("contrast", 1)
    assert made.name == "a-0@contrast-1"
    assert made.load().pixels.shape == (40, 40, 3)


def test_without_the_package_it_is_said_what_to_install(
    design: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "imagecorruptions", None)
    module._functions.cache_clear()
    try:
        with pytest.raises(MissingDependencyError, match=r"pip install suffice\[corruptions\]"):
            corrupt(load_image(np.zeros((40, 40, 3), np.uint8)), "fog", 1)
        text = design.read_text().replace(
            'imagefolder = "photos"', 'imagefolder = "photos"\ncorruption = "fog"\nseverity = 1'
        )
        design.write_text(text)
        with pytest.raises(SettingsError, match=r"line \d+: corruptions need"):
            read_design(design)
    finally:
        module._functions.cache_clear()
