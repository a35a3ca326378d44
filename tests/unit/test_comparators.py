"""Comparators: their registry, costs, seeds, refusals, and what a record says of them."""

from __future__ import annotations

import importlib
import json
import sys

import numpy as np
import pytest

import suffice
from reference import toy
from suffice import comparators
from suffice.comparators.attention import rollout
from suffice.errors import (
    ImageError,
    InputError,
    MissingDependencyError,
    ModelError,
    ScoresError,
    SettingsError,
)
from suffice.models.callable import CallableClassifier
from suffice.models.torch_model import TorchClassifier

torch = pytest.importorskip("torch", reason="comparators need torch")
networks = importlib.import_module("reference.networks")

SHAPE = (3, 20, 24)
X = np.random.default_rng(0).random(SHAPE, np.float32)
ZERO = np.zeros(SHAPE, np.float32)
NAMES = {
    *("attention_rollout", "grad_cam", "gradient_x_input", "integrated_gradients", "kernel_shap"),
    *("lime", "occlusion", "partition_shap", "shapley_sampling", "smooth_grad"),
}


def ready(name: str) -> None:
    """Skip where the library of a comparator is missing."""
    library = comparators()[name].library
    try:
        if library != "suffice":
            comparators.libraries.require(library, name)
        if name in ("lime", "kernel_shap"):
            comparators.libraries.require("sklearn", name)
    except MissingDependencyError as error:
        pytest.skip(str(error))


class Counting(TorchClassifier):
    """Counts what really goes through the model."""

    def __init__(self, module, **options) -> None:
        self.rows = self.slopes = 0
        self.distinct: set[bytes] = set()
        super().__init__(module, device="cpu", threads=1, **options)
        self.rows = 0

    def __call__(self, batch):
        self.rows += len(batch)
        self.distinct |= {row.tobytes() for row in batch}
        return super().__call__(batch)

    def gradient(self, batch, targets, of="log_odds"):
        self.slopes += len(batch)
        return super().gradient(batch, targets, of)


@pytest.fixture
def clf() -> Counting:
    return Counting(networks.convolutional(), input_shape=SHAPE, batch_size=7)


@pytest.fixture
def vit() -> TorchClassifier:
    return TorchClassifier(networks.Transformer(SHAPE, 4), input_shape=SHAPE, device="cpu")


def test_the_registry() -> None:
    assert set(suffice.comparators()) == NAMES
    for name, cls in suffice.comparators().items():
        assert cls.name == name
        assert cls.needs in ("scores", "gradients", "module", "attention")
        assert cls.source
        assert cls.cost
        assert cls.__doc__


def small(name: str, clf, vit, **settings):
    """A comparator with settings that suit the small images here."""
    ready(name)
    if name in ("lime", "kernel_shap", "shapley_sampling"):
        settings.setdefault("parts", "grid:4")
    if name == "lime":  # the scores of random networks hardly differ
        settings.setdefault("alpha", 1e-4)
    return comparators.make(name, vit if name == "attention_rollout" else clf, **settings)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_seeds(name: str, clf, vit) -> None:
    mine = small(name, clf, vit, evaluations=40)
    torch.manual_seed(0)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    first = mine.attribute(X, ZERO, 1, 5)
    assert torch.equal(torch.get_rng_state(), before[0])
    np.testing.assert_array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002
    again, other = mine.attribute(X, ZERO, 1, 5), mine.attribute(X, ZERO, 1, 6)
    assert first.values.shape == SHAPE[1:]
    assert np.isfinite(first.values).all()
    assert len(np.unique(first.values)) > 1
    np.testing.assert_array_equal(first.values, again.values)
    assert (first.evaluations, first.gradients) == (again.evaluations, again.gradients)
    draws = name in ("lime", "kernel_shap", "shapley_sampling", "smooth_grad")
    assert draws == (not np.array_equal(first.values, other.values))


@pytest.mark.parametrize("evaluations", [20, 61, 200])
@pytest.mark.parametrize("name", sorted(NAMES))
def test_costs_are_counted_and_kept_within(name: str, evaluations: int, clf, vit) -> None:
    found = small(name, clf, vit, evaluations=evaluations).attribute(X, ZERO, 1, 5)
    assert 1 <= found.evaluations <= evaluations
    needs = comparators()[name].needs
    assert found.gradients == {"scores": 0, "gradients": clf.slopes, "module": 1}.get(needs, 0)
    if needs == "scores":
        assert found.evaluations == clf.rows == len(clf.distinct)
        assert clf.slopes == 0
    elif needs == "gradients":
        assert found.evaluations == 3 * clf.slopes > 0
        assert clf.rows == 0
    else:
        assert found.evaluations == (3 if needs == "module" else 1)


@pytest.mark.parametrize("name", [n for n in sorted(NAMES) if comparators()[n].needs == "scores"])
@pytest.mark.parametrize("shape", [(1, 6, 7), (5, 9, 9)])
def test_any_classifier_and_shape(name: str, shape) -> None:
    """A function, no preprocessing, other channels than three: the needed pixels come first."""
    ready(name)
    scores = toy.any_of([(1, 1), (1, 2)])
    clf = CallableClassifier(scores, input_shape=shape, n_classes=2)
    settings = {"parts": "tiles:2"} if name in ("lime", "kernel_shap", "shapley_sampling") else {}
    image, zero = np.ones(shape, np.float32), np.zeros(shape, np.float32)
    found = comparators.make(name, clf, evaluations=120, **settings).attribute(image, zero, 1, 0)
    top = found.values == found.values.max()
    assert top[1, 1] or top[1, 2]


@pytest.mark.parametrize("of", ["log_odds", "logit", "probability", "log_probability"])
def test_what_is_explained(of: str, clf) -> None:
    """Black-box values are those that gradients are taken of."""
    mine = comparators.task.Task(clf, X, ZERO, 1, of)
    values, _ = clf.gradient(X[None], np.array([1]), of)
    np.testing.assert_allclose(mine.values(X[None]), values, atol=1e-5)
    assert mine.evaluations == 1
    mine.values(np.stack([X, X, ZERO]))
    assert mine.evaluations == 2


def test_values_that_are_not_finite(clf) -> None:
    task = comparators.task.Task(clf, X, ZERO, 1, "log_odds")
    with pytest.raises(ScoresError):
        task.values(np.full((1, *SHAPE), np.nan, np.float32))


def test_a_record_names_comparator_and_cost(clf) -> None:
    ready("integrated_gradients")
    ranking = suffice.comparators.IntegratedGradients(clf, steps=4)
    method = suffice.FromRanking(ranking)
    target = int(np.argmin(clf(np.stack([ZERO]))[0]))
    exp = suffice.explain(clf, X, method=method, target=target, criterion="relative:0.9")
    again = suffice.explain(clf, X, method=method, target=target, criterion="relative:0.9")
    details = exp.record["details"]
    assert details["ranking_source"] == "integrated_gradients"
    assert (details["ranking_evaluations"], details["ranking_gradients"]) == (12, 4)
    assert details == again.record["details"]
    described = exp.method["settings"]["ranking"]
    assert described["comparator"] == "integrated_gradients"
    assert described["library"].startswith("captum ")
    assert described["settings"] == {"evaluations": None, "of": "log_odds", "steps": 4}
    assert json.loads(json.dumps(exp.to_dict())) == exp.to_dict()
    np.testing.assert_array_equal(exp.responsibility, again.responsibility)


def test_other_images_change_nothing(clf) -> None:
    ready("smooth_grad")
    method = suffice.FromRanking(comparators.SmoothGrad(clf, samples=5))
    images = [X, X[:, ::-1].copy(), X[:, :, ::-1].copy()]
    together = suffice.explain(clf, images, method=method, target=0, criterion="confidence:0.001")
    maps = [r.values for r in (method.ranking.attribute(x, ZERO, 0, 1) for x in images)]
    assert not np.array_equal(maps[0], maps[1])
    for image, exp in zip(images, together, strict=True):
        assert exp.status in ("found", "empty")
        alone = suffice.explain(clf, image, method=method, target=0, criterion="confidence:0.001")
        np.testing.assert_array_equal(alone.mask, exp.mask)


def test_rankings_that_state_their_gradients() -> None:
    clf = CallableClassifier(toy.needs([(0, 0)]), input_shape=(1, 4, 4), n_classes=2)
    values = np.arange(16.0)[::-1].reshape(4, 4).copy()
    method = suffice.FromRanking(lambda _: (values, 7, 2))
    details = suffice.explain(clf, toy.ones(4, 4), method=method).record["details"]
    assert (details["ranking_evaluations"], details["ranking_gradients"]) == (7, 2)
    for bad in ((values, 7, -1), (values, 7, 1, 1), (values, 1.5)):
        with pytest.raises(InputError, match=r"\(array, evaluations, gradients\)"):
            suffice.explain(clf, toy.ones(4, 4), method=suffice.FromRanking(lambda _, b=bad: b))


@pytest.mark.parametrize("name", [n for n in sorted(NAMES) if comparators()[n].needs != "scores"])
def test_what_needs_more_than_scores_says_so(name: str) -> None:
    ready(name)
    clf = CallableClassifier(toy.needs([(0, 0)]), input_shape=(1, 4, 4), n_classes=2)
    with pytest.raises(ModelError, match=r"give the torch\.nn\.Module"):
        comparators.make(name, clf)


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("occlusion", {"side": 0}, "side must be a whole number from 1"),
        ("occlusion", {"evaluations": 1}, "evaluations must be a whole number from 2"),
        ("occlusion", {"of": "odds"}, "of 'odds' is unknown"),
        ("lime", {"parts": "hexagons:4"}, "parts should be grid:N"),
        ("lime", {"alpha": 0.0}, "alpha must be a positive number"),
        ("kernel_shap", {"samples": 2.5}, "samples must be a whole number"),
        ("partition_shap", {"samples": 0}, "samples must be"),
        ("shapley_sampling", {"permutations": 0}, "permutations must be"),
        ("smooth_grad", {"noise": -1.0}, "noise must be"),
        ("integrated_gradients", {"steps": "many"}, "steps='many' should be int"),
        ("grad_cam", {"layer": "none.such"}, "has no part 'none.such'"),
        ("attention_rollout", {"residual": 1.0}, "residual must be"),
        ("occlusion", {"steps": 3}, "has no setting 'steps'; it has evaluations, of, side"),
        ("no_such", {}, "no comparator 'no_such'; there are attention_rollout"),
    ],
)
def test_settings_out_of_range(name: str, settings, words: str, clf) -> None:
    if name == "grad_cam":
        ready(name)
    with pytest.raises(SettingsError, match=words):
        comparators.make(name, clf, **settings)


def test_questions_that_do_not_fit(clf) -> None:
    ready("occlusion")
    mine = comparators.Occlusion(clf)
    with pytest.raises(ImageError, match=r"baseline should be float32 \[3, 20, 24\]"):
        mine.attribute(X, ZERO[:1], 1)
    with pytest.raises(SettingsError, match="classes 0 to 2"):
        mine.attribute(X, ZERO, 3)
    few = comparators.ShapleySampling(clf, evaluations=20, parts="grid:7")
    with pytest.raises(SettingsError, match="49 parts, which takes 50; allow more"):
        few.attribute(X, ZERO, 1)


def test_layers_that_have_no_map(clf, vit) -> None:
    ready("grad_cam")
    with pytest.raises(ModelError, match=r"should give \[N, C, h, w\]"):
        comparators.GradCam(clf, layer="7").attribute(X, ZERO, 1)
    linear = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(1440, 2))
    flat = TorchClassifier(linear, input_shape=SHAPE, device="cpu")
    with pytest.raises(ModelError, match="has no convolution"):
        comparators.GradCam(flat)
    with pytest.raises(ModelError, match="no attention can be read"):
        comparators.AttentionRollout(flat)


@pytest.mark.parametrize("prefix", [0, 1, 3])
def test_attention_rollout(prefix: int) -> None:
    """Against the attention that the network's own arithmetic gives, and left as it was."""
    module = networks.Transformer(SHAPE, 4, prefix).eval()
    clf = TorchClassifier(module, input_shape=SHAPE, device="cpu")
    before = clf(X[None])
    found = comparators.AttentionRollout(clf, residual=0.3).attribute(X, ZERO, 1)
    np.testing.assert_array_equal(clf(X[None]), before)
    assert all(layer.fused_attn for layer in module.layers)
    flow, heard = np.eye(30 + prefix), []
    hooks = [
        layer.register_forward_pre_hook(lambda part, given: heard.append((part, given[0])))
        for layer in module.layers
    ]
    with torch.no_grad():
        module(torch.from_numpy(X[None]))
        for part, tokens in heard:
            q, k, _ = part.qkv(tokens).reshape(-1, 3, 4, 4).permute(1, 2, 0, 3)
            attention = (q @ k.transpose(-2, -1) / 2.0).softmax(dim=-1).mean(dim=0).numpy()
            flow = (0.3 * np.eye(len(flow)) + 0.7 * attention) @ flow
    for hook in hooks:
        hook.remove()
    onto = flow[0, prefix:] if prefix else flow.mean(axis=0)
    patches = torch.from_numpy(onto.reshape(1, 1, 5, 6)).float()
    expected = torch.nn.functional.interpolate(patches, SHAPE[1:], mode="bilinear")[0, 0]
    np.testing.assert_allclose(found.values, expected, atol=1e-5)


def test_attention_in_windows_is_refused() -> None:
    module = networks.Transformer(SHAPE, 4, 0)
    for layer in module.layers:
        layer.window = 15
    clf = TorchClassifier(module, input_shape=SHAPE, device="cpu")
    with pytest.raises(ModelError, match="as networks with windows"):
        comparators.AttentionRollout(clf).attribute(X, ZERO, 1)


def test_rollout_needs_the_same_tokens() -> None:
    with pytest.raises(ModelError, match="merge tokens"):
        rollout([np.eye(3), np.eye(4)])
    np.testing.assert_allclose(rollout([np.full((2, 2), 0.5)] * 3).sum(axis=1), 1.0)


def test_timm_transformers() -> None:
    timm = pytest.importorskip("timm", reason="needs timm")
    module = timm.create_model("vit_tiny_patch16_224", img_size=64, num_classes=3, depth=2)
    clf = TorchClassifier(module, input_shape=(3, 64, 64), device="cpu", fingerprint="")
    image = np.random.default_rng(0).random((3, 64, 64), np.float32)
    found = comparators.AttentionRollout(clf).attribute(image, np.zeros_like(image), 0)
    assert found.values.min() > 0.0
    assert 0.5 < found.values.sum() / 256.0 < 1.0  # 16 pixels along and down share a patch's flow


@pytest.mark.parametrize("name", ["lime", "partition_shap"])
def test_a_missing_library_is_named(name: str, monkeypatch, clf) -> None:
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    monkeypatch.setitem(sys.modules, "captum", None)
    monkeypatch.setitem(sys.modules, "shap", None)
    with pytest.raises(MissingDependencyError, match=r"pip install suffice\[compare\]"):
        comparators.make(name, clf)


def test_superpixels(clf) -> None:
    pytest.importorskip("skimage", reason="needs scikit-image")
    image = np.zeros(SHAPE, np.float32)
    image[:, :, 12:] = 1.0
    labels = comparators.parts.cut("slic:2", image, clf)
    assert labels[0, 0] != labels[0, -1]
    halves = suffice.as_classifier(
        networks.convolutional(),
        preprocess=suffice.Preprocess(size=SHAPE[1:], mean=(0.5,) * 3, std=(0.5,) * 3),
    )
    assert comparators.parts.cut("slic:2", 2 * image - 1, halves).shape == SHAPE[1:]
