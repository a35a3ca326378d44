"""Classifiers that compose and decide on their own device; torch's on the CPU stand for a GPU's."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

import suffice
from suffice import _native
from suffice.errors import DeviceMemoryError, ScoresError, SettingsError
from suffice.evaluation import Evaluator
from suffice.models.base import MaskPart, composing
from suffice.models.scores import to_scores

torch = pytest.importorskip("torch")

from suffice.models.torch_compose import Composer
from suffice.models.torch_decisions import device_scores, figures

SHAPE = (3, 9, 13)


def net(seed: int = 0, classes: int = 5):
    torch.manual_seed(seed)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 6, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.Flatten(),
        torch.nn.Linear(6 * 9 * 13, classes),
    )


def parts(rng, counts=(3, 1, 4), shape=SHAPE):
    made = []
    for k, count in enumerate(counts):
        masks = _native.pack(rng.random((count, *shape[1:])) < 0.5)
        image, baseline = rng.normal(size=(2, *shape)).astype(np.float32)
        made.append(MaskPart(image, baseline, masks, k))
    return made


def composites(made, shape=SHAPE):
    rows = []
    for p in made:
        keep = _native.unpack(p.masks, shape[1:])[:, None]
        rows.append(np.where(keep, p.image, p.baseline))
    return np.concatenate(rows).astype(np.float32)


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 9, 13), (3, 8, 8), (4, 5, 64)])
def test_composites_are_those_of_numpy(shape, channels_last: bool) -> None:
    made = parts(np.random.default_rng(0), shape=shape)
    composer = Composer("cpu", shape, channels_last)
    out = composer.buffer(11)
    out.fill_(torch.nan)
    composer.compose(made, out)
    expected = composites(made, shape)
    np.testing.assert_array_equal(out[:8].numpy(), expected)
    np.testing.assert_array_equal(out[8:].numpy(), np.repeat(expected[-1:], 3, axis=0))
    composer.compose(made[:1], out)  # images that are there already
    np.testing.assert_array_equal(out[:3].numpy(), expected[:3])


def test_an_image_that_takes_the_place_of_another_is_sent_again() -> None:
    composer = Composer("cpu", SHAPE, False)
    rng = np.random.default_rng(1)
    out = composer.buffer(1)
    for _ in range(50):  # ids are used again once an array is gone
        (made,) = parts(rng, (1,))
        composer.compose([made], out)
        np.testing.assert_array_equal(out.numpy(), composites([made]))
        del made


RAW = {
    "logits": lambda rng, n, k: rng.normal(size=(n, k)) * 20,
    "probabilities": lambda rng, n, k: (
        rng.dirichlet(np.full(k, 0.05), n) if k > 1 else rng.random((n, 1))
    ),
    "multilabel": lambda rng, n, k: rng.normal(size=(n, k)) * 20,
}


@pytest.mark.parametrize("output", list(RAW))
@pytest.mark.parametrize("columns", [1, 2, 7, 1000])
def test_decisions_are_those_of_the_core(output: str, columns: int) -> None:
    rng = np.random.default_rng(columns)
    raw = RAW[output](rng, 200, columns).astype(np.float32)
    if columns > 1:
        raw[:40, 1] = raw[:40, 0]  # ties
        raw[40:50] = raw[40:50].round()
    scores = to_scores(raw, output)
    targets = rng.integers(0, scores.shape[1], 200).astype(np.int32)
    targets[:20] = rng.integers(0, min(2, scores.shape[1]), 20)
    expected = _native.decide(scores, targets, output)
    z = device_scores(torch.from_numpy(raw), output)
    np.testing.assert_array_equal(z.numpy(), scores)
    found = figures(z, torch.from_numpy(targets.astype(np.int64)), output)
    made = _native.decisions(found.numpy())
    for name in (field.name for field in fields(made)):
        ours, theirs = getattr(made, name), getattr(expected, name)
        assert ours.dtype == theirs.dtype
        if name in ("top1", "wins_tie"):
            np.testing.assert_array_equal(ours, theirs)
        else:
            np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("output", "bad"),
    [("logits", np.nan), ("logits", np.inf), ("multilabel", -np.inf), ("probabilities", -0.5)],
)
def test_a_row_that_can_not_be_decided_on_is_named(output: str, bad: float) -> None:
    raw = np.full((4, 3), 1 / 3, np.float32)
    raw[2, 1] = bad
    z = device_scores(torch.from_numpy(raw), output)
    found = figures(z, torch.zeros(4, dtype=torch.int64), output)
    with pytest.raises(ScoresError, match="row 2") as caught:
        _native.decisions(found.numpy())
    assert caught.value.row == 2


def classifier(**options):
    return suffice.TorchClassifier(net(), input_shape=SHAPE, batch_size=8, **options)


def test_a_batch_is_decided_as_by_calls() -> None:
    made = parts(np.random.default_rng(3))
    clf = classifier(composes=True)
    assert composing(clf) is clf
    assert composing(classifier()) is None
    for rows in (8, 16):
        found = clf.decide(made, rows)
        targets = np.concatenate([np.full(len(p), p.target, np.int32) for p in made])
        expected = _native.decide(clf(composites(made)), targets, "logits")
        np.testing.assert_array_equal(found.top1, expected.top1)
        np.testing.assert_allclose(found.log_odds, expected.log_odds, rtol=1e-4, atol=1e-5)
    with pytest.raises(SettingsError, match="composes=False"):
        classifier().decide(made, 8)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("method", ["minimal", "rex"])
def test_explanations_hold_whatever_proposes(method: str, precision: str) -> None:
    rng = np.random.default_rng(5)
    images = list(rng.normal(size=(4, *SHAPE)).astype(np.float32))
    options = {"method": method, "grain": 2, "budget": 150, "baseline": "constant:0"}
    plain = suffice.explain(classifier(), images, **options)
    found = suffice.explain(classifier(composes=True, precision=precision), images, **options)
    for a, b in zip(plain, found, strict=True):
        assert a.target == b.target
        assert a.status == b.status
        assert b.certificate is None or b.certificate.sufficient
        if precision == "float32":
            np.testing.assert_array_equal(a.masks, b.masks)
            assert a.record["evaluations"] == b.record["evaluations"]
    if precision != "float32":
        assert sum(e.record["marginal"] for e in found) > 0  # settled in float32


def test_low_precision_never_counts_as_invariant() -> None:
    clf = classifier(precision="bfloat16")
    assert clf.composes
    evaluator = Evaluator(clf, 8)
    probe = evaluator.measure(np.ones(SHAPE, np.float32), np.zeros(SHAPE, np.float32))
    assert not probe.invariant
    assert probe.eps >= 1e-3


def test_what_does_not_go_together_is_refused() -> None:
    with pytest.raises(SettingsError, match="precision 'float8' is unknown"):
        classifier(precision="float8")
    with pytest.raises(SettingsError, match="cuda_graphs needs a CUDA device"):
        classifier(cuda_graphs=True)
    with pytest.raises(SettingsError, match="leave out composes=False"):
        classifier(precision="bfloat16", composes=False)


class Small(torch.nn.Module):
    """Has room for `room` rows."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.inner, self.room = net(), room

    def forward(self, x):
        if len(x) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return self.inner(x)


@pytest.mark.parametrize("composes", [False, True])
@pytest.mark.parametrize("room", [2, 1])
def test_batches_shrink_where_memory_is_short(composes: bool, room: int) -> None:
    images = list(np.random.default_rng(6).normal(size=(3, *SHAPE)).astype(np.float32))
    options = {"method": "rex", "grain": 2, "budget": 60, "baseline": "constant:0"}
    module = Small(100)
    clf = suffice.TorchClassifier(module, input_shape=SHAPE, batch_size=8, composes=composes)
    module.room = room
    with pytest.warns(UserWarning, match="does not fit into the memory of cpu; going on with"):
        found = suffice.explain(clf, images, **options)
    assert clf.batch_size == room
    plain = suffice.explain(classifier(), images, **options)
    for a, b in zip(plain, found, strict=True):
        np.testing.assert_array_equal(a.masks, b.masks)


def test_memory_too_short_for_one_row_is_an_error() -> None:
    module = Small(100)
    clf = suffice.TorchClassifier(module, input_shape=SHAPE, batch_size=1)
    module.room = 0
    with pytest.raises(DeviceMemoryError, match="use a smaller batch_size"):
        suffice.explain(clf, np.ones(SHAPE, np.float32), baseline="constant:0")


@pytest.mark.parametrize("channels_last", [None, True])
def test_channels_last_decides_alike(channels_last) -> None:
    module = net()
    if channels_last is None:
        module.to(memory_format=torch.channels_last)
    clf = suffice.TorchClassifier(
        module, input_shape=SHAPE, batch_size=8, composes=True, channels_last=channels_last
    )
    made = parts(np.random.default_rng(3))
    assert clf._masks is not None
    assert clf._masks.options.channels_last
    found, plain = clf.decide(made, 8), classifier(composes=True).decide(made, 8)
    np.testing.assert_array_equal(found.top1, plain.top1)
    np.testing.assert_allclose(found.lead, plain.lead, rtol=1e-4, atol=1e-5)
