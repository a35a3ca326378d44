"""``suffice explain`` with a method that needs gradients."""

from __future__ import annotations

import json
import sys

import pytest

import suffice as package
from reference.onnx_models import quadrant_weights
from reference.photos import SIDE

SHAPE = (3, SIDE, SIDE)


def test_without_the_converter_it_says_what_is_missing(
    suffice, options, photos, tmp_path, monkeypatch
) -> None:
    pytest.importorskip("torch")
    monkeypatch.setitem(sys.modules, "onnx2torch", None)
    words = (*options, "--method", "gradient-sis")
    words = tuple(word for word in words if not word.startswith("iterations"))
    words = tuple(word for i, word in enumerate(words) if word != "--set")
    ran = suffice("explain", photos, *words, "--out", tmp_path / "out")
    assert ran.code != 0
    assert "onnx2torch" in ran.err
    assert not (tmp_path / "out" / "a.json").exists()


def test_an_onnx_file_is_converted_for_its_gradients(
    suffice, model, preprocess, photos, labels, tmp_path, monkeypatch
) -> None:
    """The converter itself needs onnx2torch; here a module of the same weights takes its place."""
    torch = pytest.importorskip("torch")
    from suffice.models import torch_onnx

    linear = torch.nn.Linear(3 * SIDE * SIDE, 4, bias=False)
    with torch.no_grad():
        linear.weight.copy_(torch.from_numpy(quadrant_weights(SHAPE).T.copy()))
    module = torch.nn.Sequential(torch.nn.Flatten(), linear)
    given = []

    def convert(source, **options):  # type: ignore[no-untyped-def]
        given.append((source, options["preprocess"]))
        return module, {"input_shape": SHAPE, "output": "logits", "name": "quadrants"}

    monkeypatch.setattr(torch_onnx, "convert_onnx", convert)
    out = tmp_path / "out"
    ran = suffice(
        *("explain", photos, "--model", model, "--preprocess", preprocess, "--labels", labels),
        *("--method", "gradient-sis", "--set", "k=50", "--set", "of=log_odds"),
        *("--criterion", "confidence:0.5", "--out", out),
    )
    assert ran.code == 0, ran
    assert given[0][0] == str(model)
    record = json.loads((out / "a.json").read_text())
    assert record["method"]["settings"] == {"k": 50, "of": "log_odds"}
    assert record["gradients"] == -(-SIDE * SIDE // 50)
    assert record["target_label"] == "top right"
    exp = package.load(out / "a.json")
    rows, cols = exp.mask.nonzero()
    assert (rows < SIDE / 2).all()
    assert (cols >= SIDE / 2).all()
