"""Masking fused into ONNX graphs."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import suffice
from reference import onnx_models as models
from suffice import _native
from suffice.errors import DeviceMemoryError, ModelError, ScoresError, SettingsError
from suffice.evaluation import Evaluator
from suffice.models.base import MaskPart, composing
from suffice.models.onnx import OnnxClassifier
from suffice.models.onnx_decisions import DECISIONS
from suffice.models.onnx_file import read_onnx
from suffice.models.onnx_fused import BUCKETS, FusedSession, bucket
from suffice.models.onnx_input import read_input
from suffice.models.onnx_masks import (
    BASELINES,
    BITS,
    IMAGES,
    LABELS,
    WHICH,
    feed_of_parts,
    with_head,
)
from suffice.models.onnx_session import is_memory_error, open_session, open_tensorrt

KINDS = [
    {},
    {"layout": "NHWC"},
    {"dtype": onnx.TensorProto.FLOAT16},
    {"dtype": onnx.TensorProto.DOUBLE},
    {"dtype": onnx.TensorProto.UINT8},
    {"batch": 3},
]
SHAPE = (3, 8, 8)


def load(composes: bool, shape=SHAPE, **kind) -> OnnxClassifier:
    model = models.linear_model(shape, **kind)
    return OnnxClassifier(model.SerializeToString(), device="cpu", composes=composes, batch_size=4)


def parts(seed: int, counts=(3, 1, 4), shape=SHAPE, scale: float = 1.0) -> list[MaskPart]:
    rng = np.random.default_rng(seed)
    pictures = [(rng.normal(size=(2, *shape)) * scale).astype(np.float32) for _ in counts]
    return [
        MaskPart(*pictures[k % 2], _native.pack(rng.random((n, *shape[1:])) < 0.5), k % 2)
        for k, n in enumerate(counts)
    ]


def composites(made: list[MaskPart]) -> np.ndarray:
    return np.concatenate(
        [
            np.where(_native.unpack(p.masks, p.image.shape[1:])[:, None], p.image, p.baseline)
            for p in made
        ]
    )


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_scores_are_the_same_bits(kind) -> None:
    plain, fused = load(False, **kind), load(True, **kind)
    assert composing(fused) is fused
    assert composing(plain) is None
    assert (fused.fingerprint, fused.fixed_batch) == (plain.fingerprint, plain.fixed_batch)
    made = parts(1, scale=100.0 if kind.get("dtype") == onnx.TensorProto.UINT8 else 1.0)
    batch = composites(made)
    np.testing.assert_array_equal(fused(batch), plain(batch))
    targets = np.concatenate([np.full(len(p), p.target, np.int32) for p in made])
    expected = _native.decide(plain(batch), targets, plain.output)
    for rows in (8, 11):
        found = fused.decide(made, rows)
        for name in ("top1", "lead", "wins_tie", "score"):
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
        for name in ("log_odds", "confidence", "top1_confidence"):
            ours, theirs = getattr(found, name), getattr(expected, name)
            np.testing.assert_allclose(ours, theirs, rtol=1e-14, atol=1e-15)


@settings(max_examples=25)
@given(st.integers(1, 11), st.integers(1, 70), st.integers(0, 2**16))
def test_any_size_of_image(height: int, width: int, seed: int) -> None:
    shape = (1, height, width)
    made = parts(seed, shape=shape)
    model = models.linear_model(shape).SerializeToString()
    fused = OnnxClassifier(model, device="cpu", composes=True, layout="NCHW")
    batch = composites(made)
    np.testing.assert_array_equal(
        fused.decide(made, 8).score,
        fused(batch)[np.arange(8), [p.target for p in made for _ in p.masks]],
    )


@pytest.mark.parametrize("regions", [1, 8, 21])
def test_regions_choose_pixels(regions: int) -> None:
    rng = np.random.default_rng(regions)
    data = models.linear_model(SHAPE).SerializeToString()
    plain = open_session(read_onnx(data), "cpu", None)[0]
    image = read_input(plain.get_inputs(), "m", None, None, None)
    model = with_head(read_onnx(data), image, "regions")
    session = onnxruntime.InferenceSession(model.SerializeToString())
    labels = rng.integers(0, regions, SHAPE[1:])
    chosen = rng.random((5, regions)) < 0.5
    x, b = rng.normal(size=(2, *SHAPE)).astype(np.float32)
    feed = {
        IMAGES: x[None],
        BASELINES: b[None],
        WHICH: np.zeros(5, np.int64),
        BITS: np.packbits(chosen, axis=1, bitorder="little"),
        LABELS: labels,
    }
    batch = np.where(chosen[:, labels][:, None], x, b)
    (expected,) = plain.run(None, {image.name: batch})
    np.testing.assert_array_equal(session.run(None, feed)[0], expected)


def test_buffers_are_written_again() -> None:
    clf = load(True)
    assert clf._fused is not None
    bound = FusedSession(clf._fused.session, clf._output_name, "cpu", bound=True)
    for seed in range(4):
        made = parts(seed)
        feed = feed_of_parts(made, 8, 8)
        np.testing.assert_array_equal(bound.run(feed), clf._fused.run(feed))
        np.testing.assert_array_equal(bound.decide(feed), clf._fused.decide(feed))
    assert len(bound._local.buffers) == 5  # one for each input, all calls of one shape
    bound.run(feed_of_parts(parts(9), 16, 8))
    assert len(bound._local.buffers) == 8  # images and baselines are as many as before


class Bindings:
    """A session that notes what is bound, and what it gave."""

    def __init__(self, session) -> None:
        self.session, self.bound, self.given = session, [], []

    def io_binding(self):
        binding, notes = self.session.io_binding(), self

        class Noting:
            def __getattr__(self, name):
                return getattr(binding, name)

            def bind_output(self, name, device):
                notes.bound.append((name, device))
                binding.bind_output(name, device)

            def copy_outputs_to_cpu(self):
                arrays = binding.copy_outputs_to_cpu()
                notes.given.extend((a.dtype.name, a.shape) for a in arrays)
                return arrays

        return Noting()

    def run_with_iobinding(self, binding):
        self.session.run_with_iobinding(binding)


class Unbound(Bindings):
    """The same of a session whose outputs are asked for by name, without bindings."""

    def run(self, names, feed):
        arrays = self.session.run(names, feed)
        self.bound += [(name, "cpu") for name in names]
        self.given += [(a.dtype.name, a.shape) for a in arrays]
        return arrays


@pytest.mark.parametrize("bound", [False, True])
def test_eight_numbers_a_row_are_all_that_comes_back(bound: bool) -> None:
    clf = load(True)
    assert clf._fused is not None
    noting = (Bindings if bound else Unbound)(clf._fused.session)
    plain = clf.decide(parts(4), 8)
    clf._proposing = FusedSession(noting, clf._output_name, "cpu", bound=bound)
    np.testing.assert_array_equal(clf.decide(parts(4), 8).log_odds, plain.log_odds)
    assert noting.bound == [(DECISIONS, "cpu")]
    assert noting.given == [("float64", (8, 8))]


@pytest.mark.parametrize("method", ["minimal", "rex"])
def test_explanations_are_the_same(method: str) -> None:
    images = list(np.random.default_rng(0).normal(size=(3, *SHAPE)).astype(np.float32))
    options = {"method": method, "grain": 2, "budget": 80, "baseline": "constant:0"}
    plain = suffice.explain(load(False), images, **options)
    fused = suffice.explain(load(True), images, **options)
    for a, b in zip(plain, fused, strict=True):
        np.testing.assert_array_equal(a.masks, b.masks)
        assert without_bits(a.record) == without_bits(b.record)
        assert b.record["certificate"]["eps"] <= 1e-14


def without_bits(record):
    """Leave out of a record what last bits of confidences, and time, have a say in."""
    differ = {"seconds", "model", "model_calls", "eps"}
    if isinstance(record, dict):
        return {k: without_bits(v) for k, v in record.items() if k not in differ}
    return [without_bits(v) for v in record] if isinstance(record, list) else record


def test_what_can_not_take_a_head(tmp_path) -> None:
    old = models.linear_model(SHAPE)
    old.opset_import[0].version = 11
    with pytest.raises(ModelError, match="needs opset 13 or later, this is 11"):
        OnnxClassifier(old.SerializeToString(), composes=True)
    assert not OnnxClassifier(old.SerializeToString(), device="cpu").composes


def test_scores_that_are_not_finite_name_their_row() -> None:
    made = parts(0, (1,))
    image = np.full(SHAPE, np.nan, np.float32)
    masks = _native.pack(np.stack([np.zeros(SHAPE[1:], bool), np.ones(SHAPE[1:], bool)]))
    with pytest.raises(ScoresError) as caught:
        load(True).decide([*made, MaskPart(image, made[0].baseline, masks, 0)], 3)
    assert caught.value.row == 2


def test_tensorrt_is_refused_where_it_is_not() -> None:
    data = models.linear_model(SHAPE).SerializeToString()
    with pytest.raises(SettingsError, match="it needs a CUDA device"):
        OnnxClassifier(data, device="cpu", composes=True, tensorrt=True)
    if "TensorrtExecutionProvider" not in onnxruntime.get_available_providers():
        with pytest.raises(SettingsError, match="has no TensorrtExecutionProvider"):
            open_tensorrt(read_onnx(data), 0, None)


def test_proposals_have_a_session_of_their_own(monkeypatch) -> None:
    clf = load(True)
    made = parts(2)
    assert clf._fused is clf._proposing
    before = clf.decide(made, 8)
    monkeypatch.setattr(clf, "_fused", None)  # calls only
    np.testing.assert_array_equal(clf.decide(made, 8).score, before.score)


def test_buckets() -> None:
    assert [bucket(n) for n in (1, 2, 4, 5, 17, 64, 65, 256, 257, 600)] == [
        *(1, 4, 4, 16, 64, 64, 256, 256, 512, 768)
    ]
    assert all(bucket(n) == n for n in BUCKETS)


class Cramped:
    """A session without the memory for more than `room` rows."""

    def __init__(self, session, room: int) -> None:
        self.session, self.room = session, room

    def run(self, names, feed):
        rows = len(feed[WHICH]) if WHICH in feed else len(next(iter(feed.values())))
        if rows > self.room:
            raise RuntimeError("Failed to allocate memory for requested buffer of size 1")
        return self.session.run(names, feed)


@pytest.mark.parametrize("composes", [False, True])
def test_batches_shrink_where_memory_is_short(composes: bool, monkeypatch) -> None:
    clf = load(composes)
    renewed = []

    def recover(self: OnnxClassifier) -> None:  # a session anew would have the memory
        renewed.append(self)

    monkeypatch.setattr(OnnxClassifier, "recover", recover)
    if composes:
        assert clf._fused is not None
        clf._fused.session = Cramped(clf._fused.session, 1)
        assert clf._proposing is clf._fused
    else:
        clf._session = Cramped(clf._session, 1)
    options = {"method": "rex", "grain": 2, "budget": 50, "baseline": "constant:0"}
    image = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    with pytest.warns(UserWarning, match="going on with"):
        found = suffice.explain(clf, image, **options)
    np.testing.assert_array_equal(found.mask, suffice.explain(load(False), image, **options).mask)
    assert clf.batch_size == 1
    assert len(renewed) == 2  # from 4 to 2, and to 1


def test_a_fixed_batch_can_not_shrink() -> None:
    clf = load(False, batch=3)
    clf._session = Cramped(clf._session, 1)
    with pytest.raises(DeviceMemoryError, match="a batch of 3 does not fit"):
        clf(np.zeros((3, *SHAPE), np.float32))
    evaluator = Evaluator(clf, 3)
    assert not evaluator._shrink(3)


def test_errors_of_memory_are_told_from_others() -> None:
    assert is_memory_error(MemoryError())
    assert is_memory_error(RuntimeError("CUDA error 2: OUT OF MEMORY"))
    assert not is_memory_error(RuntimeError("Invalid rank for input"))


def test_a_session_starts_anew() -> None:
    clf = load(True)
    made = parts(3)
    before, session = clf.decide(made, 8), clf._session
    clf.recover()
    assert clf._session is not session
    np.testing.assert_array_equal(clf.decide(made, 8).score, before.score)
    plain = load(False)
    plain.recover()
    assert plain._file is None


@pytest.mark.zoo
def test_a_head_before_real_models_changes_no_bit(zoo) -> None:
    import json

    described = json.loads((zoo / "models.json").read_text())["models"]
    rng = np.random.default_rng(0)
    names = ("squeezenet1.1", "vit_tiny", "mobilenet_v1_0.25_128", "cifar_resnet8")
    for model in names:
        entry = next(m for m in described if m["name"] == model)
        side = entry["input"]["size"]
        plain = OnnxClassifier(zoo / entry["file"], device="cpu")
        fused = OnnxClassifier(zoo / entry["file"], device="cpu", composes=True)
        made = parts(int(rng.integers(100)), (2, 1), (3, side, side))
        expected = plain(composites(made))
        targets = np.array([p.target for p in made for _ in p.masks], np.int32)
        found, called = fused.decide(made, 3), _native.decide(expected, targets, plain.output)
        for name in ("top1", "wins_tie", "lead", "score"):
            np.testing.assert_array_equal(getattr(found, name), getattr(called, name))
        for name in ("log_odds", "confidence", "top1_confidence"):
            ours, theirs = getattr(found, name), getattr(called, name)
            np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-14)
