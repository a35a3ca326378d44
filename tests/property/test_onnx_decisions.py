"""Decisions made behind an ONNX graph against those of the core."""

from __future__ import annotations

from dataclasses import fields
from functools import cache

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto

from reference import onnx_models as models
from reference.strategies import laws, seeds
from suffice import _native
from suffice.errors import ScoresError
from suffice.models.onnx_decisions import DECISIONS, TARGETS, add_decisions
from suffice.models.onnx_file import read_onnx
from suffice.models.onnx_input import read_input
from suffice.models.onnx_masks import with_head
from suffice.models.scores import Ending, count_classes, to_scores
from suffice.types import OutputKind

KINDS: list[tuple[OutputKind, Ending]] = [
    ("logits", None),
    ("probabilities", "softmax"),
    ("multilabel", None),
    ("multilabel", "sigmoid"),
]
TYPES = {
    np.dtype(np.float16): TensorProto.FLOAT16,
    np.dtype(np.float32): TensorProto.FLOAT,
    np.dtype(np.float64): TensorProto.DOUBLE,
}
EXACT = ("top1", "wins_tie", "lead", "score")


@cache
def session(
    columns: int, dtype: np.dtype, output: OutputKind, ending: Ending, opset: int = models.OPSET
):
    model = models.scores_model(columns, TYPES[dtype], opset)
    add_decisions(model, "output", columns, output, ending)
    onnx.checker.check_model(model, full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options)


def decided(raw: np.ndarray, targets: np.ndarray, output: OutputKind, ending: Ending, **options):
    made = session(raw.shape[1], raw.dtype, output, ending, **options)
    feed = {"input": raw, TARGETS: targets.astype(np.int64)}
    (columns,) = made.run([DECISIONS], feed)
    assert columns.dtype == np.float64
    assert columns.shape == (len(raw), _native.DECISION_COLUMNS)
    return columns


def expected_row(raw: np.ndarray, target: int, output: OutputKind, ending: Ending):
    """Decide about one row; None where that can't be done."""
    try:
        with np.errstate(over="ignore"):
            scores = to_scores(raw[None], output, ending)
        return _native.decide(scores, np.array([target], np.int32), output)
    except (ScoresError, ValueError):
        return None


def random_raw(rng: np.random.Generator, n: int, k: int, output: OutputKind, ending: Ending):
    """What models give: of every size, with ties and zeros of both signs."""
    z = rng.normal(size=(n, k)) * rng.choice([1e-6, 1.0, 30.0, 1e4, 1e37], size=(n, 1))
    z = np.where(rng.random((n, 1)) < 0.4, np.round(z), z)
    z = np.where(rng.random((n, k)) < 0.1, rng.choice([0.0, -0.0]), z)
    if output == "logits" or ending is None:
        return z
    with np.errstate(over="ignore"):
        p = 1 / (1 + np.exp(-z))
        if output == "probabilities" and k > 1:
            p = np.exp(z - z.max(axis=1, keepdims=True))
            p /= p.sum(axis=1, keepdims=True)
    return np.where(rng.random((n, k)) < 0.1, rng.choice([0.0, 1.0, 1.0005]), p)


def spoiled(rng: np.random.Generator, raw: np.ndarray) -> np.ndarray:
    """The same with values in some rows that no decision can be made from, or can in some kinds."""
    bad = rng.choice([np.nan, np.inf, -np.inf, 1e300, -0.5, 1.5], size=raw.shape)
    where = (rng.random((len(raw), 1)) < 0.4) & (rng.random(raw.shape) < 0.5)
    return np.where(where, bad, raw)


@pytest.mark.parametrize("kind", KINDS, ids=str)
@laws
@given(
    n=st.integers(1, 6),
    k=st.sampled_from([1, 2, 3, 10, 1000]),
    dtype=st.sampled_from(list(TYPES)),
    seed=seeds,
    spoil=st.booleans(),
)
def test_decisions_are_those_of_the_core(kind, n, k, dtype, seed, spoil) -> None:
    output, ending = kind
    rng = np.random.default_rng(seed)
    raw = random_raw(rng, n, k, output, ending)
    with np.errstate(over="ignore"):
        raw = (spoiled(rng, raw) if spoil else raw).astype(dtype)
    targets = rng.integers(0, count_classes(output, k), n)
    if spoil:
        targets += rng.choice([0, 0, 0, -k - 1, 2 * k, 2**31 - 1 - k], n)
    columns = decided(raw, targets, output, ending)
    for i in range(n):
        expected = expected_row(raw[i], int(targets[i]), output, ending)
        if expected is None:
            assert columns[i, -1] == 0
            assert np.isnan(columns[i, :-1]).all()
            with pytest.raises(ScoresError):
                _native.decisions(columns[i : i + 1])
        else:
            check(_native.decisions(columns[i : i + 1]), expected, made_by_log=ending is not None)


def check(found, expected, made_by_log: bool) -> None:
    for name in (field.name for field in fields(expected)):
        ours, theirs = getattr(found, name), getattr(expected, name)
        assert ours.dtype == theirs.dtype
        if name in EXACT and not made_by_log:
            np.testing.assert_array_equal(ours.view(np.uint8), theirs.view(np.uint8), name)
    # A logarithm's own last bit may fall to the other side of a rounding point of float32.
    if made_by_log:
        assert found.score == np.float32(found.score)
        ulp = np.spacing(np.abs(expected.score).astype(np.float32))
        assert np.abs(found.score - expected.score) <= ulp
        if found.score != expected.score or found.lead != expected.lead:
            return
        np.testing.assert_array_equal(found.top1, expected.top1)
        np.testing.assert_array_equal(found.wins_tie, expected.wins_tie)
    for name in ("top1_confidence", "confidence", "log_odds"):
        ours, theirs = getattr(found, name), getattr(expected, name)
        np.testing.assert_allclose(ours, theirs, rtol=2e-13, atol=1e-15, err_msg=name)


@pytest.mark.parametrize("opset", [13, 17, 18, 19])
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_every_opset(kind, opset: int) -> None:
    output, ending = kind
    rng = np.random.default_rng(opset)
    raw = random_raw(rng, 8, 7, output, ending).astype(np.float32)
    targets = rng.integers(0, 7, 8)
    columns = decided(raw, targets, output, ending, opset=opset)
    np.testing.assert_array_equal(columns, decided(raw, targets, output, ending))


@pytest.mark.parametrize("z", [-88.0, -1e-3, -1e-7, -1.2e-38, -0.7, -0.6931472, -0.69314713])
def test_log_odds_of_probabilities_keep_their_digits(z: float) -> None:
    raw = np.array([[np.exp(np.float64(z)), 0.0]])
    ours = _native.decisions(decided(raw, np.zeros(1), "probabilities", "softmax"))
    theirs = expected_row(raw[0], 0, "probabilities", "softmax")
    np.testing.assert_allclose(ours.log_odds, theirs.log_odds, rtol=1e-15, atol=2e-16)


# Types of the first input for which the CUDA provider of ONNX Runtime has a kernel of the operator
# in every opset from 13 on (docs/OperatorKernels.md of ONNX Runtime); None is any type.
ON_DEVICE: dict[frozenset[str], set[str] | None] = {
    frozenset({"Abs", "Exp", "Log", "Neg", "Max", "Sub", "Add", "Mul"}): {"DOUBLE"},
    frozenset({"Greater", "GreaterOrEqual", "Less", "LessOrEqual"}): {"DOUBLE"},
    frozenset({"ReduceMax", "ReduceMin", "ReduceSum"}): {"DOUBLE"},
    frozenset({"And", "Or", "Where"}): {"BOOL"},
    frozenset({"Cast", "Concat", "Gather", "GatherElements", "Identity"}): None,
    frozenset({"Reshape", "Slice", "Transpose"}): None,
    frozenset({"Clip"}): {"FLOAT", "INT64"},
    frozenset({"Div"}): {"DOUBLE", "INT32"},
    frozenset({"Equal"}): {"DOUBLE", "INT64"},
    frozenset({"Mod"}): {"INT32"},
    frozenset({"Round"}): {"FLOAT"},
}


@pytest.mark.parametrize("columns", [1, 5])
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_every_operator_has_a_kernel_on_the_device(kind, columns: int) -> None:
    shape = (3, 4, 4)
    data = models.linear_model(
        shape, models.weights(shape, columns), layout="NHWC", dtype=TensorProto.UINT8
    ).SerializeToString()
    inputs = onnxruntime.InferenceSession(data).get_inputs()
    model = with_head(read_onnx(data), read_input(inputs, "m", None, None, None))
    add_decisions(model, "output", columns, *kind)
    graph = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    kinds = {v.name: v.type.tensor_type.elem_type for v in (*graph.value_info, *graph.input)}
    kinds |= {t.name: t.data_type for t in graph.initializer}
    ours = [n for n in graph.node if n.input[0].startswith("suffice") or n.output[0] == DECISIONS]
    assert len(ours) > 15
    for node in ours:
        (allowed,) = (types for names, types in ON_DEVICE.items() if node.op_type in names)
        kind_of = TensorProto.DataType.Name(kinds[node.input[0]])
        assert allowed is None or kind_of in allowed, f"{node.op_type} of {kind_of}"
