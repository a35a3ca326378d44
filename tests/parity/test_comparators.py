"""Each comparator is what a direct call of its library gives; costs are those of a counter."""

from __future__ import annotations

import importlib
import itertools
import math

import numpy as np
import pytest

from suffice import comparators
from suffice.errors import MissingDependencyError
from suffice.models.callable import CallableClassifier
from suffice.models.torch_model import TorchClassifier

torch = pytest.importorskip("torch", reason="comparators need torch")
networks = importlib.import_module("reference.networks")

SHAPE = (3, 20, 24)
X = np.random.default_rng(0).standard_normal(SHAPE).astype(np.float32)
BASE = np.full(SHAPE, 0.25, np.float32)
TARGET, SEED = 1, 7


@pytest.fixture
def captum():
    pytest.importorskip("sklearn", reason="captum's LIME and KernelSHAP need scikit-learn")
    return pytest.importorskip("captum.attr", reason="needs captum: pip install suffice[compare]")


@pytest.fixture
def module():
    return networks.convolutional().eval().requires_grad_(False)


@pytest.fixture
def clf(module):
    return TorchClassifier(module, input_shape=SHAPE, device="cpu", batch_size=5, threads=1)


def log_odds(module):
    """The value written a second time, in torch."""

    def value(batch):
        z = module(batch).double()
        others = torch.cat([z[:, :TARGET], z[:, TARGET + 1 :]], dim=1)
        return (z[:, TARGET] - torch.logsumexp(others, dim=1)).float()

    return value


def tensor(array, gradient: bool = False):
    return torch.from_numpy(array[None].copy()).requires_grad_(gradient)


def grid(rows: int, columns: int):
    r, c = (
        np.searchsorted([i * side // n for i in range(1, n)], np.arange(side), side="right")
        for side, n in ((SHAPE[1], rows), (SHAPE[2], columns))
    )
    return torch.from_numpy(r[:, None] * columns + c)[None, None]


def check(comparator, expected, evaluations: int | None = None) -> None:
    found = comparator.attribute(X, BASE, TARGET, SEED)
    assert found.values.dtype == np.float32
    expected = expected.detach().numpy() if hasattr(expected, "detach") else expected
    scale = np.abs(expected).max()
    assert scale > 0.0
    np.testing.assert_allclose(found.values / scale, expected / scale, atol=1e-4)
    if evaluations is not None:
        assert found.evaluations == evaluations


def test_occlusion(captum, module, clf) -> None:
    expected = captum.Occlusion(log_odds(module)).attribute(
        tensor(X),
        sliding_window_shapes=(3, 7, 7),
        strides=(3, 3, 3),
        baselines=tensor(BASE),
    )[0, 0]
    windows = (math.ceil((20 - 7) / 3) + 1) * (math.ceil((24 - 7) / 3) + 1)
    check(comparators.Occlusion(clf, side=7, stride=3), expected, windows + 1)


@pytest.mark.parametrize("name", ["lime", "kernel_shap"])
def test_samples(captum, module, clf, name: str) -> None:
    parts = {"baselines": tensor(BASE), "feature_mask": grid(4, 4), "n_samples": 60}
    if name == "lime":
        linear = importlib.import_module("captum._utils.models.linear_model")
        model = linear.SkLearnLasso(alpha=0.001)
        explainer = captum.Lime(log_odds(module), interpretable_model=model)
        mine = comparators.Lime(clf, samples=60, parts="grid:4", alpha=0.001)
    else:
        explainer = captum.KernelShap(log_odds(module))
        mine = comparators.KernelShap(clf, samples=60, parts="grid:4")
    torch.manual_seed(SEED)
    check(mine, explainer.attribute(tensor(X), perturbations_per_eval=5, **parts)[0, 0])


def test_shapley_sampling(captum, module, clf) -> None:
    torch.manual_seed(SEED)
    expected = captum.ShapleyValueSampling(log_odds(module)).attribute(
        tensor(X), baselines=tensor(BASE), feature_mask=grid(3, 3), n_samples=2
    )[0, 0]
    check(comparators.ShapleySampling(clf, permutations=2, parts="grid:3"), expected)


def test_shapley_sampling_converges(captum) -> None:
    """Four players with all interactions: the mean over all orders, by enumeration."""
    weights = np.random.default_rng(3).standard_normal(16)

    def game(players) -> float:
        return float(weights[sum(1 << p for p in players)])

    def classify(batch):
        kept = batch[:, 0, [0, 0, 1, 1], [0, 1, 0, 1]] > 0.5
        z = weights[kept @ np.array([1, 2, 4, 8])].astype(np.float32)
        return np.stack([np.zeros_like(z), z], axis=1)

    gains = np.zeros((24, 4))
    for row, order in enumerate(itertools.permutations(range(4))):
        for k, player in enumerate(order):
            gains[row, player] = game(order[: k + 1]) - game(order[:k])
    exact, spread = gains.mean(axis=0), gains.std(axis=0)
    toy = CallableClassifier(classify, input_shape=(1, 2, 2), n_classes=2)
    one, zero = np.ones((1, 2, 2), np.float32), np.zeros((1, 2, 2), np.float32)
    errors = []
    for permutations in (4, 4000):
        mine = comparators.ShapleySampling(toy, permutations=permutations, parts="grid:2")
        found = mine.attribute(one, zero, 1, SEED)
        assert found.evaluations <= 16  # there are no more sets, and none is paid for twice
        assert found.values.sum() == pytest.approx(game(range(4)) - game([]), abs=1e-4)
        errors.append(np.abs(found.values.reshape(-1) - exact).max())
    assert errors[1] < 4.0 * spread.max() / 4000**0.5
    assert errors[1] < errors[0]


def test_partition_shap(module, clf) -> None:
    try:
        shap = comparators.libraries.require("shap", "partition_shap")
    except MissingDependencyError as error:
        pytest.skip(str(error))

    picture = np.moveaxis(X, 0, -1)
    value = log_odds(module)

    def classify(batch):
        return value(torch.from_numpy(np.moveaxis(batch, -1, 1).astype(np.float32))).numpy()

    np.random.seed(SEED)  # noqa: NPY002
    masker = shap.maskers.Image(np.moveaxis(BASE, 0, -1).copy(), picture.shape)
    explain = shap.PartitionExplainer(classify, masker)
    expected = explain(picture[None], max_evals=80, batch_size=5, silent=True).values
    check(comparators.PartitionShap(clf, samples=80), expected[0].sum(axis=-1))


def test_gradient_x_input(captum, module, clf) -> None:
    expected = captum.InputXGradient(log_odds(module)).attribute(tensor(X, True))[0].sum(dim=0)
    check(comparators.GradientXInput(clf), expected, 3)


def test_integrated_gradients(captum, module, clf) -> None:
    value = log_odds(module)
    expected = (
        captum.IntegratedGradients(value)
        .attribute(tensor(X, True), baselines=tensor(BASE), n_steps=20)[0]
        .sum(dim=0)
    )
    check(comparators.IntegratedGradients(clf, steps=20), expected, 60)
    expected = expected.detach()
    both = value(torch.cat([tensor(X), tensor(BASE)]))
    assert float(expected.sum()) == pytest.approx(float(both[0] - both[1]), abs=1e-3)


def test_smooth_grad(captum, module, clf) -> None:
    torch.manual_seed(SEED)
    expected = captum.NoiseTunnel(captum.Saliency(log_odds(module))).attribute(
        tensor(X, True),
        nt_samples=11,
        nt_samples_batch_size=5,
        stdevs=0.1 * float(X.max() - X.min()),
        abs=False,
    )[0]
    check(comparators.SmoothGrad(clf, samples=11, noise=0.1), expected.abs().sum(dim=0), 33)


def test_grad_cam(captum, module, clf) -> None:
    found = captum.LayerGradCam(log_odds(module), module[2]).attribute(tensor(X, True))
    expected = captum.LayerAttribution.interpolate(found, SHAPE[1:], "bilinear")[0, 0]
    mine = comparators.GradCam(clf)
    assert mine.layer == "2"  # the one after it has a single position
    check(mine, expected, 3)
    assert comparators.GradCam(clf, layer="0").layer == "0"
