"""Presets: the designs that are written are complete, valid, and say what was published."""

from __future__ import annotations

import csv
import hashlib
import importlib
import json
import tomllib
from pathlib import Path

import numpy as np
import pytest

from reference.photos import write_photo
from reference.studies import write_study
from reference.zoos import CIFAR, write_zoo
from suffice.errors import ExistingResultError, SettingsError
from suffice.study import Study, StudyResult, write_preset
from suffice.study.parse import read_design
from suffice.study.preset import PRESETS, TEMPLATES
from suffice.study.preset_parts import comparator_tables

FOUR = ("mobilenet_v1_0.25_128", "mobilenet_v1_0.5_160", "mobilenet_v1_0.75_192", "squeezenet1.1")


@pytest.fixture(scope="module")
def small_zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_zoo(tmp_path_factory.mktemp("zoo"), photos=12)


@pytest.fixture
def files(tmp_path: Path, small_zoo: Path) -> list[Path]:
    for name in ("resnet20-1", "resnet20-2", "vgg16"):
        (tmp_path / f"{name}.onnx").write_bytes(
            (small_zoo / "models" / "vit_tiny.onnx").read_bytes()
        )
    return [tmp_path / f"{name}.onnx" for name in ("resnet20-1", "resnet20-2", "vgg16")]


def tables(path: Path) -> dict:
    return tomllib.loads(path.read_text())


def test_every_preset_has_both_forms() -> None:
    names = {path.stem for path in TEMPLATES.glob("*.toml")}
    assert names == {f"{name}{form}" for name in PRESETS for form in ("", "-full")}


def test_concentration_asks_what_it_should(small_zoo: Path, tmp_path: Path) -> None:
    path = write_preset("concentration", tmp_path / "new" / "out", zoo=small_zoo)
    assert path == tmp_path / "new" / "out" / "concentration.toml"
    design = read_design(path)
    assert design.preset == "concentration"
    assert (design.criteria, design.baselines) == (("top1",), (("rgb:124,116,104",),))
    assert (design.grains, design.seeds, design.budget) == ((8,), (0, 1), None)
    assert (design.responsibility, design.target, design.count) == ("none", "top1", 1)
    assert [(m.name, m.architecture, m.limit) for m in design.models] == [
        ("mobilenet_v1_0.25_128", "MobileNetV1", None),
        ("mobilenet_v1_0.5_160", "MobileNetV1", None),
        ("mobilenet_v1_0.75_192", "MobileNetV1", None),
        ("squeezenet1.1", "SqueezeNet", None),
        ("efficientnet_lite0", "EfficientNet-Lite", 100),
        ("vit_tiny", "ViT", 40),
    ]
    main, rex, views, confident, baselines = design.methods
    every = design.methods
    assert [m.name for m in every] == ["minimal", "rex", "views", "minimal", "minimal"]
    assert [m.method for m in every] == ["minimal", "rex", "minimal", "minimal", "minimal"]
    assert [m.budget for m in every] == [300, None, 2000, 300, 300]
    assert [m.limit for m in every] == [None, 30, 30, 40, 40]
    assert [m.seeds for m in every] == [(), (0,), (0,), (0,), (0,)]
    assert [m.models for m in every] == [(), FOUR, FOUR, FOUR, FOUR]
    assert all(m.settings == {} and not m.prune for m in every)
    assert (main.count, rex.count, views.count) == (None, None, 20)
    assert confident.criteria == ("relative:0.5", "relative:0.9")
    assert baselines.baselines == (("black",), ("grey",), ("blur:10",))


def test_photos_come_in_the_order_of_the_hash_of_their_names(
    small_zoo: Path, tmp_path: Path
) -> None:
    folder = small_zoo / "images" / "imagenet"
    names = sorted(
        (p.name for p in folder.glob("*.png")),
        key=lambda name: hashlib.sha256(name.encode()).hexdigest(),
    )
    with (folder / "labels.csv").open() as file:
        labels = {row["file"]: int(row["imagenet_index"]) for row in csv.DictReader(file)}
    design = read_design(write_preset("concentration", tmp_path, zoo=small_zoo, limit=7))
    assert [i.name for i in design.images] == names[:7]
    assert [i.label for i in design.images] == [labels[n] for n in names[:7]]
    assert [Path(i.source).resolve() for i in design.images] == [
        (folder / n).resolve() for n in names[:7]
    ]
    # Of those that all models are right about, for interactions.
    easy = read_design(write_preset("interactions", tmp_path, zoo=small_zoo))
    with (folder / "labels.csv").open() as file:
        hard = {r["file"] for r in csv.DictReader(file) if r["models_top1_correct_of_13"] != "13"}
    assert hard
    assert [i.name for i in easy.images] == [n for n in names if n not in hard]


def test_overinterpretation_asks_what_it_should(small_zoo: Path, tmp_path: Path) -> None:
    path = write_preset("overinterpretation", tmp_path, zoo=small_zoo, limit=5)
    data = tables(path)
    study = data["study"]
    assert study["preset"] == "overinterpretation"
    assert (study["criteria"], study["baselines"]) == (["confidence:0.99"], ["rgb:125,123,114"])
    assert (study["grains"], study["seeds"], study["responsibility"]) == ([1], [0], "ranks")
    assert [m["name"] for m in data["models"]] == [*CIFAR, "ensemble"]
    assert {m["batch_size"] for m in data["models"]} == {16}
    members = [Path(s).name for s in data["models"][-1]["source"]]
    assert members == [f"cifar_resnet{n}.onnx" for n in (20, 32, 56)]
    every = [n for n in CIFAR if n != "tiniest"]
    assert data["methods"] == [
        {"name": "sis", "limit": 40, "models": ["convnetjs", "resnet8"]},
        {"name": "gradient-sis", "settings": {"k": 8}, "models": every},
        {
            "name": "gradient-sis-order",
            "method": "gradient-sis",
            "settings": {"k": 8},
            "criteria": ["top1"],
            "limit": 100,
            "models": every,
        },
        {"name": "minimal", "budget": 400},
    ]
    with np.load(tmp_path / "overinterpretation-images.npz") as images:
        assert images["names"].tolist() == [f"test-{k}" for k in (1, 3, 5, 7, 9)]
        assert images["labels"].tolist() == [0, 1, 2, 3, 4]
        with np.load(small_zoo / "images" / "cifar10" / "cifar10_open.npz") as source:
            assert np.array_equal(images["images"], source["x_test"][:5])


def test_interactions_are_put_in_and_taken_out(small_zoo: Path, tmp_path: Path) -> None:
    design = read_design(write_preset("interactions", tmp_path, zoo=small_zoo))
    assert [str(m.source).startswith("tokens:") for m in design.models] == [False, True, False]
    found = {m.name: m for m in design.methods}
    assert found["insertion"].settings == {"order": "insertion"}
    assert found["deletion"].settings == {"order": "deletion"}
    assert found["insertion-self"].settings == {"order": "insertion", "interactions": False}
    assert all(m.budget for m in design.methods)


@pytest.mark.parametrize("full", [False, True])
def test_comparators_only_with_captum(full: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def there(yes: bool) -> dict:
        parts = importlib.import_module("suffice.study.preset_parts")
        monkeypatch.setattr(parts, "find_spec", lambda _: yes or None)
        return tomllib.loads(comparator_tables(full))

    assert there(False) == {}
    assert all(m["settings"]["ranking"].startswith("comparator:") for m in there(True)["methods"])


def test_the_paper_s_models_of_concentration(tmp_path: Path) -> None:
    for k in range(6):
        path = write_photo(tmp_path / "photos" / f"c{k % 2}" / f"{k}.png", k % 4)
        path.write_bytes(path.read_bytes() + bytes([k]))
    out = tmp_path / "out"
    path = write_preset("concentration", out, full=True, images=[tmp_path / "photos"], limit=4)
    assert path.name == "concentration-full.toml"
    design = read_design(path)
    assert len(design.models) == 15
    assert all(str(m.source).startswith("timm:") for m in design.models)
    groups = [m.architecture for m in design.models]
    assert {g: groups.count(g) for g in groups} == dict.fromkeys(
        ["Inception", "ResNet", "ConvNeXt", "ViT", "EVA"], 3
    )
    assert design.methods[0].settings == {"iterations": 20}
    assert len(design.images) == 4
    assert {i.label for i in design.images} == {None}  # two folders are not ImageNet's classes
    (tmp_path / "classes.txt").write_text("c1\nc0\n")
    write_preset(
        *("concentration", out),
        full=True,
        images=[tmp_path / "photos"],
        classes=tmp_path / "classes.txt",
        replace=True,
    )
    labels = {i.name[:2]: i.label for i in read_design(path).images}
    assert labels == {"c1": 0, "c0": 1}
    write_preset("interactions", out, full=True, images=[out / "concentration-full-images.csv"])
    again = read_design(out / "interactions-full.toml")
    assert {i.name[:2]: i.label for i in again.images} == labels


def test_own_models_of_overinterpretation(files: list[Path], tmp_path: Path) -> None:
    for name in ("cifar10", "cifar10.1"):
        np.savez(
            tmp_path / f"{name}.npz",
            images=np.zeros((3, 32, 32, 3), np.uint8),
            labels=np.arange(3),
            names=np.array(list("abc")),
        )
    path = write_preset(
        *("overinterpretation", tmp_path / "out"),
        full=True,
        models=files,
        images=[tmp_path / "cifar10.npz", tmp_path / "cifar10.1.npz"],
        limit=2,
    )
    data = tables(path)
    assert [m["name"] for m in data["models"]] == [
        *("resnet20-1", "resnet20-2", "resnet20-ensemble", "vgg16"),
    ]
    assert [m["architecture"] for m in data["models"]] == [
        *("resnet20", "resnet20", "resnet20-ensemble", "vgg16"),
    ]
    assert data["models"][2]["source"] == ["../resnet20-1.onnx", "../resnet20-2.onnx"]
    assert [i["prefix"] for i in data["images"]] == ["cifar10/", "cifar10.1/"]
    (tmp_path / "scale.json").write_text(
        json.dumps({"size": 32, "mean": [0.5] * 3, "std": [1] * 3})
    )
    path = write_preset(
        *("overinterpretation", tmp_path / "out"),
        full=True,
        models=files[2:],
        images=[tmp_path / "cifar10.npz"],
        preprocess=tmp_path / "scale.json",
        replace=True,
    )
    design = read_design(path)
    assert [i.name for i in design.images] == ["a", "b", "c"]
    assert design.models[0].options["preprocess"]["mean"] == [0.5, 0.5, 0.5]


def test_what_is_wrong_is_said(small_zoo: Path, tmp_path: Path, monkeypatch) -> None:
    def refused(text: str, name: str = "concentration", **options: object) -> None:
        with pytest.raises(SettingsError, match=text):
            write_preset(name, tmp_path / "out", **options)  # type: ignore[arg-type]
        assert not (tmp_path / "out").exists()

    refused("no preset 'consternation'; there are concentration, ", "consternation")
    monkeypatch.setenv("SUFFICE_ZOO", str(tmp_path))
    refused("no model zoo .*--zoo DIR or set SUFFICE_ZOO")
    refused("small form of concentration takes no models", models=["x.onnx"])
    refused("full form of concentration needs images", full=True)
    refused("full form of concentration takes no zoo", full=True, images=["x"], zoo=small_zoo)
    refused("needs models", "overinterpretation", full=True, images=["x.npz"])
    refused("neither a folder nor a .csv", full=True, images=[tmp_path / "none"])
    refused("at least 1", zoo=small_zoo, limit=0)
    (tmp_path / "empty").mkdir()
    refused("has no images", full=True, images=[tmp_path / "empty"])
    write_preset("concentration", tmp_path / "out", zoo=small_zoo)
    with pytest.raises(ExistingResultError, match=r"concentration\.toml exists"):
        write_preset("concentration", tmp_path / "out", zoo=small_zoo)


def test_names_with_quotes_and_dollars(small_zoo: Path, tmp_path: Path) -> None:
    folder = tmp_path / 'the "$best" ones'
    folder.mkdir()
    (folder / "zoo").symlink_to(small_zoo)
    (folder / "photos").mkdir()
    write_photo(folder / "photos" / "x.png", 1)
    out = folder / "out"
    write_preset("interactions", out, full=True, images=[folder / "photos"])
    assert [i.name for i in read_design(out / "interactions-full.toml").images] == ["x.png"]
    write_preset("concentration", tmp_path / "other" / "out", zoo=folder / "zoo")
    assert len(read_design(tmp_path / "other" / "out" / "concentration.toml").models) == 6


def test_the_preset_is_kept_in_the_store(tmp_path: Path) -> None:
    path = write_study(tmp_path)
    text = path.read_text()
    path.write_text(text.replace('name = "tiny"', 'name = "tiny"\npreset = "concentrate"'))
    with pytest.raises(SettingsError, match=r"line 4: .*no preset 'concentrate'"):
        read_design(path)
    path.write_text(text.replace('name = "tiny"', 'name = "tiny"\npreset = "concentration"'))
    study = Study.from_toml(path)
    plain = Study.from_design(read_design(write_study(tmp_path / "plain")))
    assert {j.key for j in study.prepare().jobs} == {j.key for j in plain.prepare().jobs}
    study.run(tmp_path / "s.db", workers=0, should_stop=lambda: True)
    assert StudyResult(tmp_path / "s.db").preset == "concentration"
    with pytest.raises(SettingsError, match="no preset 'x'"):
        Study({}, [], preset="x")


@pytest.mark.zoo
@pytest.mark.parametrize("name", PRESETS)
def test_presets_of_the_real_zoo(zoo: Path, tmp_path: Path, name: str) -> None:
    design = read_design(write_preset(name, tmp_path, zoo=zoo))
    assert len(design.images) == {"concentration": 200, "overinterpretation": 300}.get(name, 30)
    assert all(i.label is not None for i in design.images)
    assert len({i.sha256() for i in design.images}) == len(design.images)
