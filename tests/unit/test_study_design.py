"""Designs of studies: what is read, and errors that name the line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import suffice
from reference.photos import write_photo
from reference.studies import write_study
from suffice.errors import ImageError, InputError, SettingsError
from suffice.study import Item, ModelSpec, Study
from suffice.study.design import Design, MethodSpec
from suffice.study.images import from_csv, from_imagefolder, from_npz, unique
from suffice.study.keys import canonical
from suffice.study.parse import read_design


@pytest.fixture
def design(tmp_path: Path) -> Path:
    return write_study(tmp_path)


def bright(x):
    return np.stack([x.mean((1, 2, 3)), -x.mean((1, 2, 3))], 1)


def model(fingerprint: str = "bright", **options):
    return suffice.as_classifier(bright, input_shape=(1, 8, 8), fingerprint=fingerprint, **options)


IMAGE = np.ones((1, 8, 8), np.float32)


def test_a_design_is_read(design: Path) -> None:
    made = read_design(design)
    assert [m.name for m in made.models] == ["soft", "hard"]
    assert [m.architecture for m in made.models] == ["linear", "hard"]
    assert [(i.name, i.label) for i in made.images] == [(f"class{k}/{k}.png", k) for k in range(4)]
    assert made.methods == (MethodSpec("short", "rex", {"iterations": 2}),)
    assert made.criteria == ("top1", "relative:0.9")
    assert made.baselines == (("black",),)
    assert made.text == design.read_text()
    assert len(Study.from_toml(design).prepare().jobs) == 16


def test_a_design_travels_as_json(design: Path) -> None:
    made = read_design(design)
    again = Design.from_dict(json.loads(json.dumps(made.to_dict())))
    assert [i.to_dict() for i in again.images] == [i.to_dict() for i in made.images]
    assert again.with_images(()) == made.with_images(())


def test_models_and_methods_may_see_a_part(design: Path) -> None:
    text = design.read_text().replace('name = "hard"', 'name = "hard"\nlimit = 3')
    design.write_text(f"""{text}
[[methods]]
name = "slow"
method = "rex"
models = ["soft"]
limit = 2
criteria = ["margin:1"]
baselines = ["grey"]
seeds = [5, 6]

[[methods]]
name = "slow"
method = "rex"
models = ["soft"]
limit = 1
""")
    made = read_design(design)
    assert Design.from_dict(json.loads(json.dumps(made.to_dict()))).methods == made.methods
    asked = {}
    for job in Study.from_toml(design).prepare().jobs:
        asked.setdefault((job.model, job.method), []).append(job.image)
        if job.criterion == "margin:1":
            assert (job.method, job.baseline) == ("slow", "grey")
            assert job.seed in (5, 6)
    names = [f"class{k}/{k}.png" for k in range(4)]
    assert (
        asked
        == {  # two criteria
            ("soft", "short"): names * 2,
            ("soft", "slow"): names[:2] * 2 + names[:1] * 2,  # two seeds; two criteria
            ("hard", "short"): names[:3] * 2,
        }
    )


def test_methods_of_unknown_models_are_refused() -> None:
    with pytest.raises(SettingsError, match="'b' is no model of the study; it has a"):
        Study({"a": model()}, [IMAGE], [MethodSpec("m", "rex", models=("b",))])


BROKEN = [
    ('name = "tiny"', 'nmae = "tiny"', "nmae", "has no 'nmae'; it has name"),
    ('"relative:0.9"]', '"relative:1.9"]', "criteria", "relative:1.9"),
    ('criteria = ["top1",', 'criteria = [\n"top1",\n "nonsense",', '"nonsense"', "nonsense"),
    ('["black"]', '["blackish"]', "blackish", "baseline 'blackish' is unknown"),
    ('["black"]', '["rgb:1,2"]', "rgb:1,2", "rgb:1,2"),
    ("seeds = [0]", "seeds = [-1]", "seeds", "whole number of at least 0, got -1"),
    ("grains = [4]", 'grains = ["4"]', "grains", "at least 1, got '4'"),
    ("budget = 60", "budget = 0", "budget", "at least 1, got 0"),
    ("budget = 60", "attempts = true", "attempts", "got True"),
    ("budget = 60", 'responsibility = "all"', "responsibility", "none, ranks or float32"),
    ("budget = 60", "overlap = 1.0", "overlap", "below 1"),
    ("budget = 60", 'contrastive = "yes"', "contrastive", "true or false"),
    ("budget = 60", 'target = "best"', "target", "top1, label or a whole number"),
    ('source = "soft.onnx"', 'source = "sfot.onnx"', "sfot.onnx", "is no file"),
    ('name = "hard"', 'name = "soft"', 'name = "soft"', "'soft' is there twice"),
    ('name = "hard"', "name = 3", "name = 3", "name should be text, got 3"),
    ("mean = [0, 0, 0]\nstd", "std", "size = 32", "lacks mean"),
    ("std = [1, 1, 1]\n\n", "std = [1, 0, 1]\n\n", "[[models]]", "std must be positive"),
    ("preprocess = {", "size = 3\npreprocess = {", "size = 3", "exclude each other"),
    ("preprocess = { size = 32,", "preprocess = {", "preprocess", "lacks size"),
    ('imagefolder = "photos"', 'imagefolder = "fotos"', "fotos", "is no folder"),
    ('imagefolder = "photos"', 'prefix = "a"', "[[images]]", "one of folder, imagefolder"),
    ('imagefolder = "photos"', 'folder = "photos"\nclasses = "x"', "classes", "is for imagefolder"),
    ('method = "rex"', 'method = "rx"', "settings", "no method 'rx'"),
    ("{ iterations = 2 }", "{ iteration = 2 }", "settings", "no setting 'iteration'"),
    ("{ iterations = 2 }", "3", "settings", "should be a table"),
    ('method = "rex"', 'method = "rex"\nprune = 1', "prune", "true or false"),
    ('method = "rex"', 'method = "rex"\ncriteria = ["top2"]', "criteria", "top2"),
    ('method = "rex"', 'method = "rex"\nbaselines = ["gray"]', "gray", "'gray' is unknown"),
    (
        "[[methods]]",
        '[[methods]]\nmethod = "rex"\nname = "short"\n[[methods]]',
        'name = "short"',
        "other settings",
    ),
    ('method = "rex"', 'method = "rex"\nseeds = ["a"]', "seeds", "at least 0, got 'a'"),
    ('method = "rex"', 'method = "rex"\nlimit = 0', "limit", "at least 1, got 0"),
    ('method = "rex"', 'method = "rex"\nmodels = ["sfot"]', "sfot", "no model of the study"),
    ('name = "hard"', 'name = "hard"\nlimit = -1', "limit", "at least 1, got -1"),
    ("[study]", "[stduy]", "[stduy]", "has no 'stduy'; it has study"),
    ("seeds = [0]", "seeds = [0, 0]", "[study]", "0 is there twice"),
]


@pytest.mark.parametrize(("old", "new", "at", "says"), BROKEN, ids=[b[3][:30] for b in BROKEN])
def test_errors_name_the_line(design: Path, old: str, new: str, at: str, says: str) -> None:
    text = design.read_text()
    assert old in text
    text = text.replace(old, new, 1)
    design.write_text(text)
    lines = text.splitlines()
    with pytest.raises(SettingsError, match=r"line \d+") as caught:
        read_design(design)
    message = str(caught.value)
    assert says in message
    number = int(message.partition("line ")[2].partition(":")[0])
    assert at in lines[number - 1], (message, lines[number - 1])
    assert message.startswith(str(design))


def test_settings_in_a_table_of_their_own_name_their_line(design: Path) -> None:
    text = design.read_text().replace(
        "settings = { iterations = 2 }", "[methods.settings]\nseeds = 1\niterations = 0"
    )
    design.write_text(text.replace("seeds = 1\n", ""))
    with pytest.raises(SettingsError) as caught:
        read_design(design)
    number = int(str(caught.value).partition("line ")[2].partition(":")[0])
    assert design.read_text().splitlines()[number - 1] == "iterations = 0"


def test_no_toml_and_no_file(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    with pytest.raises(SettingsError, match="can't be read"):
        read_design(path)
    path.write_text("[study]\nname = \n")
    with pytest.raises(SettingsError, match="line 2"):
        read_design(path)
    path.write_text("[study]\n")
    with pytest.raises(SettingsError, match=r"a study needs \[\[models\]\]"):
        read_design(path)


def test_images_from_csv(tmp_path: Path) -> None:
    write_photo(tmp_path / "sub" / "a.png", 0)
    table = tmp_path / "images.csv"
    table.write_text("Path,label,name\nsub/a.png,3,first\nsub/b.png,,\n")
    items = from_csv(table)
    assert [(i.name, i.label) for i in items] == [("first", 3), ("sub/b.png", None)]
    assert items[0].source == str(tmp_path / "sub" / "a.png")
    with pytest.raises(ImageError, match=r"b\.png"):
        items[1].sha256()
    table.write_text("path,label\nsub/a.png,cat\n")
    with pytest.raises(SettingsError, match="line 2: label 'cat'"):
        from_csv(table)
    table.write_text("a,b\n")
    with pytest.raises(SettingsError, match="column path, got a, b"):
        from_csv(table)


def test_images_from_npz(tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    pixels = np.random.default_rng(0).integers(0, 255, (3, 8, 8, 3), np.uint8)
    np.savez(path, images=pixels, labels=np.array([2, 0, 1]))
    items = from_npz(path)
    assert [(i.name, i.label, i.row) for i in items] == [
        ("set-0", 2, 0),
        ("set-1", 0, 1),
        ("set-2", 1, 2),
    ]
    np.testing.assert_array_equal(items[1].load(), pixels[1])
    assert Item(**items[1].to_dict()).sha256() == items[1].sha256()
    np.savez(tmp_path / "bad.npz", images=pixels, labels=np.array([2, 0]))
    with pytest.raises(SettingsError, match="labels should be"):
        from_npz(tmp_path / "bad.npz")


def test_classes_of_an_imagefolder(tmp_path: Path) -> None:
    for k, name in enumerate(("cat", "dog")):
        write_photo(tmp_path / name / "x.png", k)
    assert [i.label for i in from_imagefolder(tmp_path)] == [0, 1]
    classes = tmp_path / "classes.txt"
    classes.write_text("bird\ndog\ncat\n")
    assert [i.label for i in from_imagefolder(tmp_path, classes)] == [2, 1]
    classes.write_text("dog\n")
    with pytest.raises(SettingsError, match="no class for the folder"):
        from_imagefolder(tmp_path, classes)


def test_two_images_of_one_name_are_refused() -> None:
    with pytest.raises(SettingsError, match="two images are called x"):
        unique([Item("x", "a"), Item("x", "b")])


def keys_of(images=(IMAGE,), clf=None, **settings) -> list[str]:
    study = Study({"m": model() if clf is None else clf}, images, ["rex"], **settings)
    return [job.key for job in study.prepare().jobs]


def test_keys_stay_the_same() -> None:
    """A key that changes makes every store start anew: change it knowingly, with FORMAT."""
    assert canonical({"b": [1.5, None], "a": "é"}) == '{"a":"\\u00e9","b":[1.5,null]}'
    job = Study({"m": model()}, [IMAGE], ["rex"]).prepare().jobs[0]
    question = json.loads(job.question)
    assert sorted(question) == sorted(
        [
            "model",
            "preprocess",
            "output_kind",
            "precision",
            "method",
            "criterion",
            "contrastive",
            "grain",
            "count",
            "overlap",
            "budget",
            "baselines",
            "seed",
            "format",
            "image",
            "target",
        ]
    )
    assert question["model"] == "bright"
    assert question["baselines"] == ["zero"]
    assert keys_of() == keys_of() == [job.key]


@pytest.mark.parametrize(
    "settings",
    [
        {"criteria": "relative:0.5"},
        {"baselines": "constant:1"},
        {"baselines": [["zero", "constant:1"]]},
        {"seeds": 1},
        {"grains": 4},
        {"target": 1},
        {"budget": 7},
        {"contrastive": True},
        {"images": [IMAGE * 2]},
        {"clf": model("other")},
    ],
    ids=str,
)
def test_keys_change_with_all_that_changes_a_result(settings) -> None:
    assert keys_of(**settings) != keys_of()


def test_names_and_labels_are_not_in_keys() -> None:
    one = Study({"a": model()}, [(IMAGE, 0)], {"x": "rex"}).prepare().jobs
    two = Study({"b": model()}, [(IMAGE, 1)], {"y": "rex"}, attempts=9, analyses=["sizes"])
    assert [j.key for j in one] == [j.key for j in two.prepare().jobs]


def test_the_content_of_a_baseline_file_is_in_the_key(design: Path) -> None:
    picture = write_photo(design.parent / "behind.png", 2)
    design.write_text(design.read_text().replace('["black"]', '["behind.png"]'))
    before = Study.from_toml(design).prepare().jobs
    assert before[0].baseline == "behind.png"
    write_photo(picture, 1)
    assert {j.key for j in before}.isdisjoint(j.key for j in Study.from_toml(design).prepare().jobs)


def test_what_is_there_twice() -> None:
    with pytest.raises(InputError, match="model a and b are the same"):
        Study({"a": model(), "b": model()}, [IMAGE]).prepare()
    with pytest.raises(InputError, match="method x and y are the same"):
        Study({"a": model()}, [IMAGE], {"x": "rex", "y": "rex"}).prepare()
    prepared = Study({"a": model()}, [IMAGE, IMAGE.copy()]).prepare()
    assert len(prepared.jobs) == 1
    assert "image-1 is the same file as image-0" in prepared.notes[0]


def test_a_model_without_a_fingerprint_is_refused() -> None:
    with pytest.raises(SettingsError, match="fingerprint="):
        Study({"a": model("")}, [IMAGE]).prepare()


def test_settings_from_python() -> None:
    with pytest.raises(SettingsError, match="no setting 'criterion'; it has criteria"):
        Study({"a": model()}, [IMAGE], criterion="top1")
    with pytest.raises(SettingsError, match="needs images"):
        Study({"a": model()}, [])
    with pytest.raises(SettingsError, match="image-0 has no label"):
        Study({"a": model()}, [IMAGE], target="label")
    with pytest.raises(SettingsError, match="target 5 is none"):
        Study({"a": model()}, [IMAGE], target=5).prepare()
    with pytest.raises(SettingsError, match="can't take count 2"):
        Study({"a": model()}, [IMAGE], ["curve"], count=2).prepare()


def test_zero_is_warned_about_where_preprocessing_differs(design: Path) -> None:
    text = design.read_text()
    design.write_text(text.replace('["black"]', '["zero"]'))
    assert not Study.from_toml(design).prepare().notes
    text = text.replace('["black"]', '["zero"]').replace(
        "{ size = 32, mean = [0,", "{ size = 32, mean = [1,"
    )
    design.write_text(text)
    assert "zero is another colour" in Study.from_toml(design).prepare().notes[0]
    design.write_text(text.replace('["zero"]', '["grey"]'))
    assert not Study.from_toml(design).prepare().notes


def test_specs_name_models_of_files(design: Path) -> None:
    spec = ModelSpec(
        "q",
        str(design.parent / "soft.onnx"),
        options={"preprocess": suffice.Preprocess(32, mean=(0.0,) * 3, std=(1.0,) * 3)},
    )
    again = ModelSpec(**json.loads(json.dumps(spec.to_dict())))
    assert again.load().preprocess == spec.load().preprocess
