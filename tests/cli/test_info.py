"""suffice info and suffice methods."""

from __future__ import annotations

import dataclasses
import json

import suffice as package
from suffice.cli.methods import setting_meanings


def test_info_says_versions_and_cuda(suffice) -> None:
    ran = suffice("info")
    assert ran.code == 0
    for word in (package.__version__, "numpy", "onnxruntime", "cuda", "native", "zoo"):
        assert word in ran.out
    facts = json.loads(suffice("info", "--json").out)
    assert facts["suffice"] == package.__version__


def test_info_of_a_model(suffice, model, preprocess) -> None:
    ran = suffice("info", "--model", model, "--preprocess", preprocess, "--json")
    assert ran.code == 0, ran
    facts = json.loads(ran.out)
    assert facts["name"] == "quadrants.onnx"
    assert facts["input_shape"] == [3, 32, 32]
    assert facts["n_classes"] == 4
    assert facts["output_kind"] == "logits"
    assert facts["preprocess"]["size"] == [32, 32]
    assert facts["layout"] == "NCHW"


def test_info_of_a_model_without_preprocessing(suffice, model) -> None:
    ran = suffice("info", "--model", model)
    assert ran.code == 0, ran
    assert "preprocess" in ran.out


def test_methods_list_every_setting_with_its_meaning(suffice) -> None:
    listed = {m["name"]: m for m in json.loads(suffice("methods", "--json").out)}
    assert set(listed) == set(package.methods())
    text = suffice("methods").out
    for name, cls in package.methods().items():
        assert listed[name]["meaning"]
        assert listed[name]["version"] == cls.version
        if name == "rex":
            assert "(area, intersection, all, dc)" in text
        settings = {s["name"]: s for s in listed[name]["settings"]}
        assert set(settings) == {field.name for field in dataclasses.fields(cls)}
        for setting in settings.values():
            assert setting["meaning"], f"{name}.{setting['name']} is not described"
            assert f"  {setting['name']}=" in text


def test_defaults_as_printed_are_taken_by_set() -> None:
    for cls in package.methods().values():
        printed = {
            key: str(value).lower() if value is None or isinstance(value, bool) else str(value)
            for key, value in cls().settings().items()
        }
        assert cls.from_settings(printed) == cls()


def test_meanings_are_read_from_numpy_docstrings() -> None:
    doc = """A thing.

Parameters
----------
one : int
    The first. And more about it.
two, three : float
    Both of them
    over two lines.

Raises
------
ValueError
    Never.
"""
    assert setting_meanings(doc) == {
        "one": "The first",
        "two": "Both of them over two lines",
        "three": "Both of them over two lines",
    }
    assert setting_meanings("Nothing to read.") == {}
