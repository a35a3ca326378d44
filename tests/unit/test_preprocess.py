from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from suffice.errors import SettingsError
from suffice.models.images import load_image
from suffice.models.preprocess import Preprocess

IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


def picture(width: int, height: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)


def reference(pixels: np.ndarray, spec: dict) -> np.ndarray:
    """The usual evaluation transform, written with Pillow directly."""
    image, size = Image.fromarray(pixels), spec["size"]
    filters = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
    resample = filters[spec["interpolation"]]
    w, h = image.size
    s = spec["resize_shorter_side"] / min(w, h)
    image = image.resize((max(size, round(w * s)), max(size, round(h * s))), resample)
    w, h = image.size
    left, top = (w - size) // 2, (h - size) // 2
    u8 = np.asarray(image.crop((left, top, left + size, top + size)))
    x = (u8.astype(np.float32) / 255 - np.float32(spec["mean"])) / np.float32(spec["std"])
    return np.ascontiguousarray(x.transpose(2, 0, 1))


@pytest.mark.parametrize("size", [(50, 37), (37, 50), (224, 224), (301, 300), (1, 1), (400, 3)])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_equal_bits_to_the_usual_transform(size, interpolation):
    spec = {"size": 24, "resize_shorter_side": 27, "interpolation": interpolation, **IMAGENET}
    pixels = picture(*size)
    x, _ = Preprocess(**spec).apply(load_image(pixels))
    assert x.dtype == np.float32
    assert x.flags.c_contiguous
    np.testing.assert_array_equal(x, reference(pixels, spec))


def test_crop_box_is_in_pixels_of_the_photo():
    p = Preprocess(size=20, resize_shorter_side=25, mean=0.5, std=0.5, channels="RGB")
    x, box = p.apply(load_image(picture(100, 50)))
    assert x.shape == (3, 20, 20)
    # 100 x 50 becomes 50 x 25; the crop is 15..35 of it across and 2..22 down.
    assert box == (30.0, 4.0, 70.0, 44.0)


def test_without_a_shorter_side_the_whole_photo_is_resized():
    p = Preprocess(size=[10, 30], mean=0.0, std=1.0, channels="RGB")
    pixels = picture(17, 11)
    x, box = p.apply(load_image(pixels))
    assert box == (0.0, 0.0, 17.0, 11.0)
    resized = np.asarray(Image.fromarray(pixels).resize((30, 10), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(x, (resized.astype(np.float32) / 255).transpose(2, 0, 1))
    same, _ = Preprocess(size=(11, 17), **IMAGENET).apply(load_image(pixels))
    expected = (pixels.astype(np.float32) / 255 - np.float32(IMAGENET["mean"])) / np.float32(
        IMAGENET["std"]
    )
    np.testing.assert_array_equal(same, expected.transpose(2, 0, 1))


def test_non_square_crop():
    p = Preprocess(size=(8, 20), resize_shorter_side=10, mean=0.0, std=1.0, channels="RGB")
    x, box = p.apply(load_image(picture(40, 20)))
    assert x.shape == (3, 8, 20)
    assert box == (0.0, 2.0, 40.0, 18.0)


def test_one_number_each_means_grey():
    p = Preprocess(size=4, mean=(0.5,), std=(0.25,))
    assert p.shape == (1, 4, 4)
    grey = np.arange(16, dtype=np.uint8).reshape(4, 4)
    x, _ = p.apply(load_image(grey))
    np.testing.assert_array_equal(x[0], (grey / np.float32(255) - np.float32(0.5)) / 0.25)
    assert Preprocess(size=4, mean=0.5, std=0.25, channels="RGB").mean == (0.5, 0.5, 0.5)


def test_denormalise_gives_the_pixels_back():
    pixels = picture(9, 6)
    p = Preprocess(size=(6, 9), **IMAGENET)
    np.testing.assert_array_equal(p.denormalise(p.apply(load_image(pixels))[0]), pixels)
    grey = Preprocess(size=(6, 9), mean=0.3, std=0.7)
    shown = grey.denormalise(grey.apply(load_image(pixels[:, :, 0]))[0])
    np.testing.assert_array_equal(shown, pixels[:, :, :1].repeat(3, 2))
    assert p.denormalise(np.full((3, 6, 9), 1e9, np.float32)).max() == 255
    with pytest.raises(SettingsError, match=r"expected \[3, H, W\]"):
        p.denormalise(np.zeros((1, 6, 9), np.float32))


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (128, 3, 77)])
@pytest.mark.parametrize("settings", [IMAGENET, {"mean": 0.5, "std": 0.25}])
def test_a_colour_equals_a_photo_of_it(colour, settings):
    p = Preprocess(size=2, **settings)
    x, _ = p.apply(load_image(np.full((2, 2, 3), colour, np.uint8)))
    np.testing.assert_array_equal(p.colour(colour), x[:, 0, 0])


def test_round_trip_through_json():
    p = Preprocess(size=[5, 6], resize_shorter_side=8, interpolation="lanczos", **IMAGENET)
    assert Preprocess.from_dict(json.loads(json.dumps(p.to_dict()))) == p
    direct = Preprocess(size=5, mean=0.5, std=1)
    assert Preprocess.from_dict(json.loads(json.dumps(direct.to_dict()))) == direct


def test_reads_an_input_object_of_a_models_file(tmp_path):
    entry = {
        "name": "input",
        "layout": "NCHW",
        "dtype": "float32",
        "channels": "RGB",
        "size": 32,
        "batch": "dynamic",
        "value": "(rgb/255 - mean)/std",
        "mean": [0.5, 0.5, 0.5],
        "std": [1.0, 1.0, 1.0],
        "resize_shorter_side": None,
        "crop": None,
        "interpolation": None,
    }
    expected = Preprocess(size=32, mean=(0.5,) * 3, std=(1.0,) * 3)
    assert Preprocess.from_dict(entry) == expected
    path = tmp_path / "models.json"
    path.write_text(json.dumps({"models": [{"file": "models/a.onnx", "input": entry}]}))
    assert Preprocess.from_json(path, "/somewhere/a.onnx") == expected
    with pytest.raises(SettingsError, match=r"no entry for the model b.onnx; it has a.onnx"):
        Preprocess.from_json(path, "b.onnx")
    path.write_text(json.dumps(entry))
    assert Preprocess.from_json(path) == expected
    assert Preprocess.from_json(path, "any.onnx") == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "no JSON"),
        ("[1]", "expected one JSON object, got list"),
        ('{"size": 3}', "lacks mean, std"),
        ('{"models": [{"file": "a.onnx"}]}', "lacks its object"),
        ('{"models": []}', "it has none"),
    ],
)
def test_bad_files(tmp_path, text, message):
    path = tmp_path / "p.json"
    path.write_text(text)
    with pytest.raises(SettingsError, match=message):
        Preprocess.from_json(path, "a.onnx")


def test_missing_file(tmp_path):
    with pytest.raises(SettingsError, match="can't be read"):
        Preprocess.from_json(tmp_path / "none.json")


def test_unknown_keys_are_named():
    with pytest.raises(SettingsError, match="no field men, sdt; it has size"):
        Preprocess.from_dict({"size": 3, "men": 0, "sdt": 1})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": 0}, "above 0"),
        ({"size": 2.5}, "whole number"),
        ({"size": True}, "whole number"),
        ({"size": [1, 2, 3]}, "height, width"),
        ({"resize_shorter_side": -1}, "resize_shorter_side"),
        ({"crop": "corner"}, "use centre"),
        ({"crop": None, "resize_shorter_side": 9}, "use centre"),
        ({"interpolation": "cubic"}, "bicubic"),
        ({"mean": ()}, "mean must be"),
        ({"mean": "half"}, "mean must be"),
        ({"mean": (0.1, 0.2)}, "need 3 numbers"),
        ({"mean": (float("nan"),) * 3}, "finite"),
        ({"std": (1.0, 0.0, 1.0)}, "positive"),
        ({"channels": "BGR"}, "RGB or grey"),
        ({"channels": "grey"}, "need 1 number for grey images, got 3 and 3"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(SettingsError, match=message):
        Preprocess(**{"size": 4, **IMAGENET, **settings})


@pytest.mark.zoo
def test_every_zoo_model_on_real_photos(zoo):
    folder = zoo / "images" / "imagenet"
    files = sorted(p for p in folder.iterdir() if p.suffix != ".csv")[::60]
    models = json.loads((zoo / "models.json").read_text())["models"]
    for model in models:
        p = Preprocess.from_json(zoo / "models.json", model["file"])
        spec = model["input"]
        if spec["resize_shorter_side"] is None:
            continue
        for file in files:
            with Image.open(file) as image:
                pixels = np.asarray(image.convert("RGB"))
            x, _ = p.apply(load_image(file))
            np.testing.assert_array_equal(x, reference(pixels, spec), err_msg=f"{model} {file}")
