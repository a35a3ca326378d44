"""hf: sources: models and image processors of transformers."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from suffice.errors import MissingDependencyError, ModelError
from suffice.models.factory import as_classifier
from suffice.models.images import Photo
from suffice.models.preprocess import Preprocess
from suffice.models.torch_hf import from_processor, load_hf

torch = pytest.importorskip("torch")

MEAN, STD = [0.5, 0.4, 0.3], [0.2, 0.25, 0.3]


def processor(kind: str = "ViTImageProcessor", **changes):
    """What transformers gives, with its fields and nothing else."""
    fields = {
        "do_resize": True,
        "size": {"height": 24, "width": 16},
        "resample": 3,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": MEAN,
        "image_std": STD,
    }
    return type(kind, (SimpleNamespace,), {})(**{**fields, **changes})


EDGE = {"shortest_edge": 32}
CROP = {"do_center_crop": True, "crop_size": {"height": 24, "width": 16}}


@pytest.mark.parametrize(
    ("given", "size", "shorter"),
    [
        (processor(), (24, 16), None),
        (processor(size=20), (20, 20), None),
        (processor(size=EDGE, **CROP), (24, 16), 32),
        (processor(size=SimpleNamespace(shortest_edge=32), **CROP), (24, 16), 32),
        (processor(**CROP), (24, 16), None),
        (processor("ConvNextImageProcessorPil", size=EDGE, crop_pct=0.875), (32, 32), 36),
        (processor("ConvNextImageProcessor", size={"shortest_edge": 384}), (384, 384), None),
    ],
)
def test_processors(given, size, shorter) -> None:
    assert from_processor(given) == Preprocess(
        size=size, resize_shorter_side=shorter, interpolation="bicubic", mean=MEAN, std=STD
    )


def test_no_normalisation_and_grey() -> None:
    plain = from_processor(processor(do_normalize=False))
    assert plain == Preprocess(
        size=(24, 16), interpolation="bicubic", mean=0.0, std=1.0, channels="RGB"
    )
    assert from_processor(processor(image_mean=[0.5], image_std=[0.5])).shape == (1, 24, 16)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"do_resize": False}, "does not resize"),
        ({"size": EDGE}, "leaves the input's size open"),
        ({"size": {"longest_edge": 3, "shortest_edge": 2}}, "leaves the input's size open"),
        ({**CROP, "size": {"height": 30, "width": 30}}, "crops 24 x 16 from that"),
        ({**CROP, "size": {"shortest_edge": 20}}, "crops 24 x 16 from that"),
        ({"do_center_crop": True, "size": EDGE, "crop_size": None}, "height and width of its crop"),
        ({"do_rescale": False}, "does not scale pixels by 1/255"),
        ({"rescale_factor": 1 / 127.5}, "does not scale pixels by 1/255"),
        ({"rescale_offset": True}, "shifts pixels"),
        ({"do_pad": True}, "pads"),
        ({"resample": 9}, "filter 9"),
        ({"image_mean": None}, "no mean and std"),
    ],
)
def test_what_cannot_be_done(changes, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        from_processor(processor(**changes))


def test_models_of_timm() -> None:
    with pytest.raises(ModelError, match="use timm:hf-hub:ID"):
        from_processor(processor("TimmWrapperImageProcessor"))


def test_missing_and_broken(monkeypatch) -> None:
    with pytest.raises(ModelError, match="names no model"):
        as_classifier("hf:")
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "transformers", None)
        with pytest.raises(MissingDependencyError, match=r"pip install suffice\[hf\]"):
            as_classifier("hf:any/model")

    class Broken:
        def __getattr__(self, name: str):
            raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setitem(sys.modules, "transformers", Broken())
    with pytest.raises(MissingDependencyError, match=r"nms does not exist.*installed but broken"):
        as_classifier("hf:any/model")


@pytest.fixture
def transformers(monkeypatch):
    """The library itself, kept from the network."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    library = pytest.importorskip("transformers", reason="needs transformers: suffice[hf]")
    try:
        assert library.AutoImageProcessor
        assert library.AutoModelForImageClassification
    except Exception as error:
        pytest.skip(f"transformers can't be used here: {error}")
    return library


@pytest.fixture
def folder(transformers, tmp_path):
    """A small vision transformer with random weights, saved as a user would."""
    torch.manual_seed(0)
    config = transformers.ViTConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=32,
        patch_size=8,
        id2label={0: "cat", 1: "dog", 2: "newt"},
        label2id={"cat": 0, "dog": 1, "newt": 2},
    )
    transformers.ViTForImageClassification(config).save_pretrained(tmp_path)
    fields = {
        "image_processor_type": "ViTImageProcessor",
        "do_resize": True,
        "do_rescale": True,
        "do_normalize": True,
        "size": {"height": 32, "width": 32},
        "resample": 2,
        "image_mean": MEAN,
        "image_std": STD,
        "rescale_factor": 1 / 255,
    }
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(fields))
    return tmp_path


def test_a_local_folder(transformers, folder) -> None:
    clf = as_classifier(f"hf:{folder}", device="cpu")
    assert (clf.name, clf.labels) == (f"hf:{folder}", ["cat", "dog", "newt"])
    assert clf.preprocess == Preprocess(size=32, interpolation="bilinear", mean=MEAN, std=STD)
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    x, _ = clf.preprocess.apply(Photo(pixels, "a", ""))
    own = transformers.AutoImageProcessor.from_pretrained(folder, backend="pil")
    theirs = own(pixels, return_tensors="np")["pixel_values"][0]
    np.testing.assert_allclose(x, theirs, atol=1e-5)
    with torch.no_grad():
        logits = clf.module(torch.from_numpy(theirs)[None]).logits.numpy()
    np.testing.assert_allclose(clf(x[None]), logits, atol=1e-5)
    assert np.isfinite(clf.gradient(x[None], np.array([1]))[1]).all()


def test_without_a_processor(folder) -> None:
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(ModelError, match=r"no image processor .* give preprocess="):
        as_classifier(f"hf:{folder}", device="cpu")
    mine = Preprocess(size=32, mean=0.5, std=0.5, channels="RGB")
    clf = as_classifier(f"hf:{folder}", device="cpu", preprocess=mine, labels=["a", "b", "c"])
    assert (clf.preprocess, clf.labels) == (mine, ["a", "b", "c"])


def test_a_processor_that_crops_otherwise(folder) -> None:
    path = folder / "preprocessor_config.json"
    fields = json.loads(path.read_text())
    path.write_text(json.dumps({**fields, "do_resize": False}))
    with pytest.raises(ModelError, match=r"hf:.*does not resize.*give preprocess="):
        as_classifier(f"hf:{folder}", device="cpu")


@pytest.mark.parametrize(
    ("kind", "works"),
    [
        ("ConvNextImageProcessor", True),
        ("BitImageProcessor", True),
        ("MobileNetV2ImageProcessor", True),
        ("LevitImageProcessor", False),
        ("EfficientNetImageProcessor", False),
    ],
)
def test_kinds_of_processors(transformers, folder, kind: str, works: bool) -> None:
    """Some resize in ways of their own, which a picture shows."""
    fields = {"image_processor_type": kind}
    if kind == "ConvNextImageProcessor":
        fields |= {"size": {"shortest_edge": 224}}
    (folder / "preprocessor_config.json").write_text(json.dumps(fields))
    source = f"hf:{folder}"
    if works:
        module, stated = load_hf(source, None)
        assert stated["preprocess"].resize_shorter_side in (224, 256)
        assert not module.training
    else:
        with pytest.raises(ModelError, match=r"makes other inputs.*give preprocess="):
            load_hf(source, None)


def test_no_model_there(transformers, tmp_path) -> None:
    with pytest.raises(ModelError, match="can't be loaded by transformers"):
        as_classifier(f"hf:{tmp_path}")
