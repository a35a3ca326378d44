"""suffice explain with moxi, and with a model whose tokens are dropped."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest

from reference.onnx_models import quadrant_weights
from reference.photos import SIDE

helper, FLOAT = onnx.helper, onnx.TensorProto.FLOAT


@pytest.fixture
def question(model, preprocess) -> tuple[str, ...]:
    return ("--model", str(model), "--preprocess", str(preprocess), "--grain", "4", "--no-plot")


def test_both_orders(suffice, question, photos, tmp_path) -> None:
    words = ("--method", "moxi", "--set", "order=both", "--set", "grid=4", "--out", tmp_path / "o")
    ran = suffice("explain", photos, *question, *words)
    assert ran.code == 0, ran
    record = json.loads((tmp_path / "o" / "a.json").read_text())
    assert record["method"]["settings"]["order"] == "both"
    assert record["details"]["players"] == 16
    assert record["details"]["deletion"]["opposing"] == 0
    assert record["certificate"]["sufficient"] is True
    with np.load(tmp_path / "o" / "a.npz") as file:
        assert any("removed" in name for name in file.files)
    assert suffice("verify", tmp_path / "o", "--model", question[1]).code == 0


def test_a_label_map(suffice, question, photos, tmp_path) -> None:
    halves = np.repeat(np.arange(2), SIDE // 2)[:, None] * np.ones(SIDE, int)
    np.save(tmp_path / "map.npy", halves.astype(np.int32))
    words = ("--method", "moxi", "--set", f"feature_mask={tmp_path / 'map.npy'}")
    ran = suffice("explain", photos, *question, *words, "--out", tmp_path / "o")
    assert ran.code == 0, ran
    record = json.loads((tmp_path / "o" / "b.json").read_text())
    assert record["details"]["labels"] == [0, 1]
    assert record["area"] == 0.5


def test_a_wrong_setting_is_named(suffice, question, photos, tmp_path) -> None:
    words = ("--method", "moxi", "--set", "reward=loss", "--out", tmp_path / "o")
    ran = suffice("explain", photos, *question, *words)
    assert ran.code == 2
    assert "log_odds" in ran.err


def test_dropped_tokens(suffice, preprocess, photos, tmp_path) -> None:
    path = tmp_path / "keep.onnx"
    onnx.save(keep_model(), str(path))
    words = ("--method", "moxi", "--set", "grid=2", "--no-plot", "--out", tmp_path / "o")
    ran = suffice(
        "explain", photos, "--model", f"tokens:{path}", "--preprocess", str(preprocess), *words
    )
    assert ran.code == 0, ran
    record = json.loads((tmp_path / "o" / "a.json").read_text())
    assert record["model"]["name"] == "keep.onnx"
    assert record["input_shape"] == [4, SIDE, SIDE]
    assert record["area"] == 0.25
    ran = suffice("explain", photos, "--model", path, "--preprocess", str(preprocess), *words)
    assert ran.code == 2  # without tokens: it has two inputs


def keep_model() -> onnx.ModelProto:
    """The model of quadrants, which sees the kept ones of four tokens only."""
    shape = (3, SIDE, SIDE)
    image = helper.make_tensor_value_info("input", FLOAT, ["N", *shape])
    keep = helper.make_tensor_value_info("keep", FLOAT, ["N", 4])
    output = helper.make_tensor_value_info("logits", FLOAT, ["N", 4])
    nodes = [
        helper.make_node("Flatten", ["input"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["each"]),
        helper.make_node("Mul", ["each", "keep"], ["logits"]),
    ]
    weights = onnx.numpy_helper.from_array(quadrant_weights(shape), "weights")
    graph = helper.make_graph(nodes, "keep", [image, keep], [output], [weights])
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8)
