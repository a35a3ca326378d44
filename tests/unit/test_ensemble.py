from __future__ import annotations

import json

import numpy as np
import pytest

import suffice
from suffice.errors import ModelError, SettingsError
from suffice.models.base import Differentiable, describe
from suffice.models.callable import CallableClassifier

SHAPE = (3, 5, 6)
RNG = np.random.default_rng(0)
X = RNG.standard_normal((4, *SHAPE)).astype(np.float32)


def linear(seed: int, output: str = "logits", classes: int = 3, **options) -> CallableClassifier:  # type: ignore[no-untyped-def]
    weights = np.random.default_rng(seed).standard_normal((classes, 90)) / 4

    def classify(batch: np.ndarray) -> np.ndarray:
        z = batch.reshape(len(batch), -1) @ weights.T
        if output != "probabilities":
            return z
        e = np.exp(z)
        return e / e.sum(axis=1, keepdims=True)

    options = {"fingerprint": f"f{seed}", "name": f"m{seed}", **options}
    return CallableClassifier(classify, SHAPE, output=output, **options)


def preprocess(mean: float, std: float, size: tuple[int, int] = (5, 6)) -> suffice.Preprocess:
    return suffice.Preprocess(size=size, mean=(mean, 0.4, 0.5), std=(std, 0.2, 0.3))


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z.astype(np.float64))
    return e / e.sum(axis=1, keepdims=True)


def test_scores_are_the_mean_of_the_logits():
    members = [linear(1), linear(2), linear(3)]
    expected = np.mean([m(X).astype(np.float64) for m in members], axis=0)
    np.testing.assert_array_equal(suffice.Ensemble(members)(X), expected.astype(np.float32))


def test_probabilities_join_as_their_geometric_mean():
    mixed = suffice.Ensemble([linear(1, "probabilities"), linear(2)])
    logits = suffice.Ensemble([linear(1), linear(2)])
    assert mixed.output == "logits"
    np.testing.assert_allclose(softmax(mixed(X)), softmax(logits(X)), atol=1e-6)
    p = np.sqrt(softmax(linear(1)(X)) * softmax(linear(2)(X)))
    np.testing.assert_allclose(softmax(mixed(X)), p / p.sum(axis=1, keepdims=True), atol=1e-6)


def test_members_see_their_own_normalisation():
    photo = RNG.integers(0, 256, (5, 6, 3), np.uint8)
    members = [linear(1, preprocess=preprocess(0.5, 0.25)), linear(2, preprocess=preprocess(0, 1))]
    ensemble = suffice.Ensemble(members)
    assert ensemble.preprocess == members[0].preprocess
    photo_of = suffice.models.images.load_image(photo)
    x, own = (m.preprocess.apply(photo_of)[0][None] for m in members)
    expected = (members[0](x) + members[1](own)) / 2
    np.testing.assert_allclose(ensemble(x), expected, atol=2e-6)
    assert np.abs(members[1](x) - members[1](own)).max() > 0.1


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (linear(2, classes=4), "number of classes"),
        (linear(2, "multilabel"), "output"),
        (CallableClassifier(lambda x: x[:, 0, 0, :3], (3, 6, 5)), "input shape"),
        (linear(2, preprocess=preprocess(0.5, 0.5)), "states no preprocessing"),
    ],
)
def test_members_that_do_not_fit_are_refused(other, message):
    with pytest.raises(ModelError, match=message):
        suffice.Ensemble([linear(1), other])


def test_members_that_drop_tokens_share_the_keep_channel():
    def classify(batch: np.ndarray) -> np.ndarray:
        return batch[:, :3].mean(axis=(2, 3)) * batch[:, 3:].sum(axis=(2, 3))

    def member(mean: float, std: float, keep: bool = True) -> CallableClassifier:
        made = CallableClassifier(classify, (4, 5, 6))
        made.preprocess, made.keep_channel = preprocess(mean, std), keep
        return made

    with pytest.raises(ModelError, match="dropping of tokens"):
        suffice.Ensemble([member(0.5, 0.25, keep=False), member(0.5, 0.25)])
    ensemble = suffice.Ensemble([member(0.5, 0.25), member(0.0, 1.0)])
    assert ensemble.keep_channel
    x = np.concatenate([X, np.ones_like(X[:, :1])], axis=1)
    seen = x * np.float32([0.25, 1, 1, 1])[:, None, None]
    seen += np.float32([0.5, 0, 0, 0])[:, None, None]
    np.testing.assert_allclose(ensemble(x), (classify(x) + classify(seen)) / 2, atol=1e-5)


def test_other_geometry_is_refused():
    one = preprocess(0.5, 0.25)
    two = suffice.Preprocess(
        size=(5, 6), resize_shorter_side=8, mean=(0.5, 0.4, 0.5), std=(0.25, 0.2, 0.3)
    )
    with pytest.raises(ModelError, match="resize_shorter_side None and 8"):
        suffice.Ensemble([linear(1, preprocess=one), linear(2, preprocess=two)])


@pytest.mark.parametrize("nothing", [[], "demo", 3])
def test_members_are_a_list(nothing):
    with pytest.raises(SettingsError, match="list of at least one"):
        suffice.Ensemble(nothing)


def test_fingerprint_is_that_of_the_members_in_order():
    one = suffice.Ensemble([linear(1), linear(2)])
    assert len(one.fingerprint) == 64
    assert one.fingerprint == suffice.Ensemble([linear(1), linear(2)], name="x").fingerprint
    assert one.fingerprint != suffice.Ensemble([linear(2), linear(1)]).fingerprint
    assert suffice.Ensemble([linear(1), linear(2, fingerprint="")]).fingerprint == ""


def test_it_explains_and_is_recorded():
    ensemble = suffice.Ensemble([linear(1), linear(2, "probabilities")], labels=["a", "b", "c"])
    exp = suffice.explain(ensemble, X[0], budget=200, grain=1)
    assert exp.record["model"] == {"name": "m1 + m2", "sha256": ensemble.fingerprint}
    assert exp.target == int(ensemble(X[:1]).argmax())
    assert exp.status == "found"
    assert exp.certificate is not None
    assert exp.certificate.sufficient
    assert json.loads(json.dumps(describe(ensemble)))["name"] == "m1 + m2"


def test_without_torch_members_there_are_no_gradients():
    ensemble = suffice.Ensemble([linear(1), linear(2)])
    assert not isinstance(ensemble, Differentiable)
    with pytest.raises(ModelError, match="no gradients"):
        suffice.explain(ensemble, X[0], method="gradient-sis")


@pytest.mark.parametrize("of", ["log_odds", "logit", "probability", "log_probability"])
@pytest.mark.parametrize("output", ["logits", "multilabel", "mixed"])
def test_gradients_are_those_of_the_mean(output, of):
    torch = pytest.importorskip("torch")
    nn = torch.nn
    torch.manual_seed(0)
    made = [
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(48, 3)) for _ in "ab"
    ]
    for module in made:
        module.double()
    kinds = {"logits": ["logits"] * 2, "multilabel": ["multilabel"] * 2}.get(
        output, ["logits", "probabilities"]
    )
    if output == "mixed":
        made[1].append(nn.Softmax(1))
    pre = [preprocess(0.5, 0.25), preprocess(0.1, 0.5)]
    members = [
        suffice.TorchClassifier(m, p, output=k) for m, p, k in zip(made, pre, kinds, strict=True)
    ]
    ensemble = suffice.Ensemble(members)
    assert isinstance(ensemble, Differentiable)
    targets = np.array([0, 1, 2, 1])
    scores, values, gradients = ensemble.scores_and_gradient(X, targets, of)
    np.testing.assert_allclose(scores, ensemble(X), atol=1e-5)

    def value(x: np.ndarray) -> np.ndarray:
        scale = np.array([0.25 / 0.5, 1, 1])[:, None, None]
        offset = np.array([0.4 / 0.5, 0, 0])[:, None, None]
        with torch.no_grad():
            a, b = (m(torch.from_numpy(v)).numpy() for m, v in zip(made, (x, x * scale + offset)))  # noqa: B905
        z = (a + (np.log(b) if output == "mixed" else b)) / 2
        rows = np.arange(len(z))
        own = z[rows, targets]
        p = 1 / (1 + np.exp(-own)) if output == "multilabel" else softmax(z)[rows, targets]
        log_odds = np.log(p / (1 - p))
        return {"logit": own, "probability": p, "log_probability": np.log(p)}.get(of, log_odds)

    np.testing.assert_allclose(values, value(X.astype(np.float64)), atol=1e-5)
    step = 1e-5
    for c, i, j in [(0, 1, 2), (1, 3, 3), (2, 0, 5)]:
        shift = np.zeros(SHAPE)
        shift[c, i, j] = step
        slope = (value(X + shift) - value(X - shift)) / (2 * step)
        np.testing.assert_allclose(gradients[:, c, i, j], slope, atol=1e-5)
    exp = suffice.explain(
        ensemble, X[0], method=suffice.GradientSis(k=4), target=0, criterion="confidence:0.01"
    )
    assert exp.status in ("found", "empty")
