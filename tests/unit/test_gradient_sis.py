from __future__ import annotations

import numpy as np
import pytest

import suffice
from suffice.errors import ModelError, SettingsError
from suffice.methods.gradient_sis import GradientSis, lowest
from suffice.models.callable import CallableClassifier

torch = pytest.importorskip("torch")

from reference import gradient_sis as reference

nn = torch.nn
SHAPE = (2, 8, 9)
RULE = "confidence:0.6"


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    layers = [nn.Conv2d(2, 6, 3, padding=1), nn.SiLU(), nn.Conv2d(6, 4, 3, stride=2), nn.SiLU()]
    module = nn.Sequential(*layers, nn.Flatten(), nn.Linear(4 * 3 * 4, 3))
    with torch.no_grad():
        module[-1].weight *= 70.0
        for layer in (0, 2, -1):  # so that the empty composite favours no class
            module[layer].bias.zero_()
    return module.eval()


def photos(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, *SHAPE)).astype(np.float32)


class Linear(nn.Module):
    """Class 1 leads by the sum of weighted pixels: gradients that tie exactly."""

    def __init__(self, weights: np.ndarray, bias: float = 0.0) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.tensor(weights, dtype=torch.float32))
        self.bias = bias

    def forward(self, x: object) -> object:
        z = (x[:, 0] * self.weights).flatten(1).sum(1) + self.bias  # type: ignore[index]
        return torch.stack([torch.zeros_like(z), z], dim=1)


def classifier(module: nn.Module, **options: object) -> suffice.TorchClassifier:
    options = {"input_shape": SHAPE, "threads": 1, **options}
    return suffice.TorchClassifier(module, **options)


def threshold(tau: float) -> reference.Passes:
    return lambda z, t: float(torch.softmax(z.double(), 0)[t]) >= tau


def steps_of(exp: suffice.Explanation, k: int) -> np.ndarray:
    """In which step each pixel was left out, from the responsibility."""
    total = -(-exp.responsibility.size // k)
    return np.rint(exp.responsibility.astype(np.float64) * total).astype(int)


@pytest.mark.parametrize("of", ["probability", "log_odds"])
@pytest.mark.parametrize("batch_size", [32, "auto"])
def test_32_photos_equal_the_plain_loop(of, batch_size):
    module, images, k = network(), photos(32), 7
    clf = classifier(module)
    targets = clf(images).argmax(axis=1)
    found = list(
        suffice.explain_stream(
            clf,
            list(images),
            method=GradientSis(k=k, of=of),
            criterion=RULE,
            batch_size=batch_size,
            window=32,
            count=3,
        )
    )
    x = torch.from_numpy(images)
    expected = reference.collection(
        module, x, 0 * x, torch.from_numpy(targets), threshold(0.6), k=k, of=of, count=3
    )
    statuses = [exp.status for exp in found]
    assert statuses.count("found") > 10
    assert "unattained" in statuses
    n_sets = set()
    for exp, twin in zip(found, expected, strict=True):
        if exp.status == "empty":
            continue
        n_sets.add(len(twin.sets))
        assert exp.record["gradients"] == twin.gradients
        if exp.status == "unattained":
            assert not twin.sets
            continue
        assert np.array_equal(steps_of(exp, k), twin.steps[0])
        details = exp.record["details"]
        np.testing.assert_allclose(details["confidences"], twin.confidences[0], atol=1e-6)
        given = [s.mask for s in exp.sets]
        as_found = sorted(range(len(given)), key=lambda i: details["found_as"][i])
        for mine, theirs in zip((given[i] for i in as_found), twin.sets, strict=True):
            assert np.array_equal(mine, theirs)
        assert all(s.certificate.sufficient for s in exp.sets)
    assert len(n_sets) > 2


def test_ties_go_to_the_lowest_index_and_the_last_group_is_the_remainder():
    weights = np.ones((4, 5), np.float32)
    weights[1, 2] = weights[3, 0] = -1.0
    clf = classifier(Linear(weights, -0.5), input_shape=(1, 4, 5))
    exp = suffice.explain(
        clf, np.ones((1, 4, 5), np.float32), method=GradientSis(k=6), criterion="top1"
    )
    steps = steps_of(exp, 6)
    flat = [7, 15, *[i for i in range(20) if i not in (7, 15)]]
    expected = np.zeros(20, int)
    for place, pixel in enumerate(flat):
        expected[pixel] = place // 6 + 1
    assert np.array_equal(steps.ravel(), expected)
    assert exp.pixels == 2  # the remainder, 20 mod 6
    assert exp.record["gradients"] == 4
    assert exp.evaluations == 2 + 3 * 4


def test_a_gradient_counts_three_and_the_budget_cuts_a_prefix():
    module, images = network(), photos(3)[2:]
    full = suffice.explain(
        classifier(module), images[0], method=GradientSis(k=5), criterion=RULE, count=2
    )
    assert full.evaluations >= 2 + 3 * full.record["gradients"]
    assert len(full.sets) == 2
    for budget in (4, 5, 20, 2 + 3 * 15, full.evaluations - 1):
        cut = suffice.explain(
            classifier(module),
            images[0],
            method=GradientSis(k=5),
            criterion=RULE,
            count=2,
            budget=budget,
        )
        assert cut.status == "budget"
        assert cut.evaluations <= budget
        if budget <= 2 + 3 * 15:
            assert cut.record["gradients"] == (budget - 2) // 3
        trace = [row for row in full.trace if row[0] <= cut.evaluations]
        assert cut.trace == trace
    again = suffice.explain(
        classifier(module),
        images[0],
        method=GradientSis(k=5),
        criterion=RULE,
        count=2,
        budget=full.evaluations,
    )
    assert np.array_equal(again.mask, full.mask)
    assert again.status == "found"


def test_neighbours_window_and_batch_leave_the_bits_alone():
    module, images = network(3), photos(6, seed=4)
    alone = [
        suffice.explain(classifier(module), x, method=GradientSis(k=4), criterion=RULE)
        for x in images
    ]
    for window in (1, 6):
        many = suffice.explain(
            classifier(module), list(images), method="gradient-sis", criterion=RULE
        )
        assert len(many) == 6
        many = suffice.explain(
            classifier(module), list(images), method=GradientSis(k=4), criterion=RULE, window=window
        )
        for a, b in zip(alone, many, strict=True):
            assert np.array_equal(a.mask, b.mask)
            assert np.array_equal(a.responsibility, b.responsibility)
    # A batch of a given size is padded to it: neighbours don't matter there either.
    settings = {"method": GradientSis(k=4), "criterion": RULE, "batch_size": 4}
    alone = [suffice.explain(classifier(module), x, **settings) for x in images]
    many = suffice.explain(classifier(module), list(images), window=5, **settings)
    for a, b in zip(alone, many, strict=True):
        assert np.array_equal(a.responsibility, b.responsibility)


def test_batches_are_filled_from_many_photos():
    rows: list[int] = []

    class Counted(suffice.TorchClassifier):
        def scores_and_gradient(self, batch, targets, of="log_odds"):  # type: ignore[no-untyped-def]
            rows.append(len({row.tobytes() for row in batch}))
            return super().scores_and_gradient(batch, targets, of)

    clf = Counted(network(), input_shape=SHAPE, threads=1)
    sure = [x for x in photos(32) if np.ptp(clf(x[None])) > 4.0][:8]
    suffice.explain(clf, sure, method=GradientSis(k=6), criterion=RULE, batch_size=8, window=8)
    assert len(rows) == 12
    assert set(rows) == {8}


def test_a_classifier_without_gradients_is_refused_before_anything_runs():
    calls = []

    def classify(batch: np.ndarray) -> np.ndarray:
        calls.append(len(batch))
        return np.zeros((len(batch), 2), np.float32)

    clf = CallableClassifier(classify, (1, 4, 4), n_classes=2)
    for prune in (False, True):
        with pytest.raises(ModelError, match=r"from_onnx.*onnx2torch"):
            suffice.explain(clf, np.ones((1, 4, 4), np.float32), method="gradient-sis", prune=prune)
    assert not calls


def test_an_error_stays_with_its_photo():
    class Root(nn.Module):
        def forward(self, x):  # type: ignore[no-untyped-def]
            z = (3 - x[:, 0]).sqrt().flatten(1).sum(1)
            return torch.stack([torch.zeros_like(z), 15.5 - z], dim=1)

    images = np.ones((5, 1, 3, 3), np.float32)
    images[2, 0, 1, 1] = 3.0  # infinite slope, finite score
    clf = classifier(Root(), input_shape=(1, 3, 3))
    found = list(
        suffice.explain_stream(
            clf,
            list(images),
            method=GradientSis(k=2),
            criterion="confidence:0.6",
            batch_size=5,
            on_error="yield",
        )
    )
    assert [isinstance(f, suffice.Failure) for f in found] == [False, False, True, False, False]
    assert "not finite" in str(found[2].error)
    assert np.array_equal(found[2].error.composite, images[2])


def test_several_baselines_take_the_slope_of_the_worst():
    """Each step's gradient is that of the baseline with the lowest log-odds."""
    module, image = network(1), photos(1, seed=5)[0]
    other = np.full(SHAPE, 0.7, np.float32)
    clf = classifier(module)
    k = 8
    exp = suffice.explain(
        clf, image, method=GradientSis(k=k), criterion=RULE, baseline=["zero", other]
    )
    assert exp.status == "found"
    target = exp.target
    steps, kept = np.zeros(SHAPE[1:], int), np.ones(SHAPE[1:], bool)
    worst = set()
    for step in range(1, 10):
        pairs = []
        for b in (np.zeros(SHAPE, np.float32), other):
            x = np.where(kept, image, b)[None].astype(np.float32)
            value, _ = clf.gradient(x, np.array([target]), "log_odds")
            slope = clf.gradient(x, np.array([target]), "probability")[1]
            pairs.append((value[0], ((image - b).astype(np.float64) * slope[0]).sum(axis=0)))
        which = int(pairs[1][0] < pairs[0][0])
        worst.add(which)
        slope = np.where(kept, pairs[which][1], np.inf).ravel()
        out = np.argsort(slope, kind="stable")[:k]
        kept.flat[out] = False
        steps.flat[out] = step
    assert worst == {0, 1}
    assert np.array_equal(steps_of(exp, k), steps)
    assert exp.record["gradients"] == 18


def test_contrastive_complements_are_plain_evaluations():
    exp = suffice.explain(
        classifier(network()),
        photos(1)[0],
        method=GradientSis(k=9),
        criterion=RULE,
        contrastive=True,
    )
    assert exp.record["gradients"] == 8
    assert exp.evaluations == 2 + 3 * 8 + 7  # the complement of the whole image is known


def test_pruning_follows():
    plain = suffice.explain(
        classifier(network()), photos(1)[0], method=GradientSis(k=9), criterion=RULE
    )
    exp = suffice.explain(
        classifier(network()),
        photos(1)[0],
        method=GradientSis(k=9),
        criterion=RULE,
        prune=True,
        grain=1,
    )
    assert exp.record["gradients"] == plain.record["gradients"]
    assert exp.pixels <= plain.pixels
    assert exp.certificate is not None
    assert exp.certificate.irreducible_at == 1


@pytest.mark.parametrize("k", [1, 3, 10, 40])
@pytest.mark.parametrize("levels", [1, 2, 5, 10_000])
def test_lowest_is_a_stable_sort(k, levels):
    values = np.random.default_rng(k).integers(-levels, levels, 40).astype(np.float32)
    assert np.array_equal(lowest(values, k), np.sort(np.argsort(values, kind="stable")[:k]))


@pytest.mark.parametrize("settings", [{"k": 0}, {"k": 2.0}, {"k": True}, {"of": "loss"}])
def test_settings_are_checked(settings):
    with pytest.raises(SettingsError, match="gradient-sis: setting"):
        GradientSis(**settings)


def test_settings_from_text():
    given = GradientSis.from_settings({"k": "7", "of": "log_odds"})
    assert given == GradientSis(k=7, of="log_odds")
