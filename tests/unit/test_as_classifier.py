from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from reference import onnx_models as models
from suffice.errors import ModelError, SettingsError
from suffice.models.callable import CallableClassifier
from suffice.models.factory import as_classifier
from suffice.models.labels import read_labels
from suffice.models.onnx import OnnxClassifier
from suffice.models.preprocess import Preprocess
from suffice.models.torch_model import TorchClassifier

SHAPE = (3, 8, 8)
X = np.random.default_rng(0).standard_normal((3, *SHAPE)).astype(np.float32)
P = Preprocess(size=8, mean=(0.5,) * 3, std=(0.5,) * 3)


def channel_means(batch):
    return batch.mean(axis=(2, 3))


def test_onnx_paths_and_bytes(tmp_path):
    path = tmp_path / "a.onnx"
    path.write_bytes(models.linear_model(SHAPE).SerializeToString())
    for source in (path, str(path), path.read_bytes()):
        clf = as_classifier(source, preprocess=P, threads=1, batch_size=7, labels=list("abcde"))
        assert isinstance(clf, OnnxClassifier)
        assert (clf.batch_size, clf.workers, clf.preprocess) == (7, 1, P)
        assert clf.labels == list("abcde")
    names = tmp_path / "labels.txt"
    names.write_text("\n".join("vwxyz"))
    for labels in (names, str(names)):
        assert as_classifier(path, labels=labels).labels == list("vwxyz")
    assert as_classifier(path, output="multilabel").output == "multilabel"


def test_functions():
    clf = as_classifier(channel_means, input_shape=SHAPE, fingerprint="v1", thread_safe=True)
    assert isinstance(clf, CallableClassifier)
    assert (clf.n_classes, clf.fingerprint, clf.workers) == (3, "v1", 4)
    with pytest.raises(SettingsError, match=r"needs input_shape=\(C, H, W\)"):
        as_classifier(channel_means)
    with pytest.raises(SettingsError, match="for ONNX and torch models"):
        as_classifier(channel_means, input_shape=SHAPE, device="cuda")


def test_a_complete_classifier_is_taken_as_it_is():
    clf = as_classifier(channel_means, input_shape=SHAPE)
    assert as_classifier(clf) is clf
    with pytest.raises(SettingsError, match="set preprocess, batch_size when it is made"):
        as_classifier(clf, preprocess=P, batch_size=3)


def test_an_object_that_states_its_shape():
    class Mine:
        input_shape = SHAPE
        n_classes = 3
        fingerprint = "mine"

        def __call__(self, batch):
            return channel_means(batch)

    clf = as_classifier(Mine(), batch_size=2)
    assert (clf.input_shape, clf.n_classes, clf.fingerprint, clf.name) == (SHAPE, 3, "mine", "Mine")
    np.testing.assert_array_equal(clf(X), channel_means(X))
    assert as_classifier(Mine(), fingerprint="given").fingerprint == "given"


def test_torch_modules():
    torch = pytest.importorskip("torch")
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 2))
    clf = as_classifier(module, input_shape=SHAPE, device="cpu", labels=["a", "b"])
    assert isinstance(clf, TorchClassifier)
    assert (clf.n_classes, clf.labels) == (2, ["a", "b"])


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("timm:", "timm: names no model; use timm:NAME"),
        ("hf:", "hf: names no model; use hf:ID or hf:FOLDER"),
        ("weights.pth", "is no ONNX file; load it and give the torch module"),
        ("model.keras", "is no ONNX file"),
        ("nothing.onnx", "does not exist"),
        ("resnet", "neither a file nor 'demo'"),
        (3, "got int"),
        (None, "got NoneType"),
    ],
)
def test_other_sources(source, message):
    with pytest.raises(ModelError, match=message):
        as_classifier(source)


def test_unknown_options_are_named():
    data = models.linear_model(SHAPE).SerializeToString()
    with pytest.raises(SettingsError, match="OnnxClassifier has no option thread_safe; it has"):
        as_classifier(data, thread_safe=True)
    with pytest.raises(SettingsError, match="CallableClassifier has no option layout"):
        as_classifier(channel_means, input_shape=SHAPE, layout="NCHW")


def test_importing_loads_no_backend():
    code = (
        "import sys, suffice.models.factory, suffice.models.demo, suffice.models.baselines\n"
        "bad = {'onnx', 'onnxruntime', 'torch', 'scipy', 'matplotlib'} & set(sys.modules)\n"
        "sys.exit(', '.join(sorted(bad)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_labels_one_a_line(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_text("\ufeffcat\n dog, hound \n\nnewt\n\n", encoding="utf-8")
    assert read_labels(path) == ["cat", "dog, hound", "", "newt"]


def test_labels_from_a_json_list(tmp_path):
    path = tmp_path / "labels.json"
    path.write_text('["cat", "dog"]')
    assert read_labels(path) == ["cat", "dog"]


def test_labels_from_a_table(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text('index,wnid,label\n1,n2,"dog, hound"\n0,n1,cat\n')
    assert read_labels(path) == ["cat", "dog, hound"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", "", "holds no labels"),
        ("a.csv", "index,label\n", "holds no labels"),
        ("a.json", "[", "no JSON"),
        ("a.json", '["a", 1]', "a JSON list of strings"),
        ("a.json", '{"0": "a"}', "a JSON list of strings"),
        ("a.csv", "a,b\n1,2\n", "expected columns index and label, got a, b"),
        ("a.csv", "index,label\nx,cat\n", "line 2: 'x' is no class index"),
        ("a.csv", "index,label\n0,cat\n0,dog\n", "line 3: class 0 is there twice"),
        ("a.csv", "index,label\n0,cat\n2,dog\n", "not 0 to 1"),
    ],
)
def test_bad_labels(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(SettingsError, match=message):
        read_labels(tmp_path / name)


def test_missing_labels(tmp_path):
    with pytest.raises(SettingsError, match="can't be read"):
        read_labels(tmp_path / "none.txt")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="can't be read"):
        read_labels(tmp_path / "binary.txt")


@pytest.mark.zoo
def test_zoo_labels(zoo):
    names = read_labels(zoo / "classes" / "imagenet_classes.csv")
    assert len(names) == 1000
    assert names[1] == "goldfish, Carassius auratus"
    assert len(read_labels(zoo / "classes" / "cifar10_classes.txt")) == 10
