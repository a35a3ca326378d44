from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import suffice

torch = pytest.importorskip("torch")


class Linear(torch.nn.Module):
    """Class 1 leads by a sum of whole numbers over the kept pixels."""

    def __init__(self, weights: np.ndarray, bias: float) -> None:
        super().__init__()
        self.weights = torch.nn.Parameter(torch.tensor(weights, dtype=torch.float32))
        self.bias = bias

    def forward(self, x: object) -> object:
        z = (x[:, 0] * self.weights).flatten(1).sum(1) + self.bias  # type: ignore[index]
        return torch.stack([torch.zeros_like(z), z], dim=1)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 1000),
    k=st.integers(1, 31),
    count=st.integers(1, 3),
    batch_size=st.sampled_from([1, 4, "auto"]),
    budget=st.integers(2, 60),
)
def test_laws(seed, k, count, batch_size, budget):
    """Of a linear model the set is known: the best-weighted pixels, in groups of k."""
    rng = np.random.default_rng(seed)
    weights = rng.integers(-2, 4, (5, 6))
    bias = -0.5
    clf = suffice.TorchClassifier(Linear(weights, bias), input_shape=(1, 5, 6), threads=1)
    run = {
        "method": suffice.GradientSis(k=k, of="logit"),
        "target": 1,
        "count": count,
        "batch_size": batch_size,
    }
    image = np.ones((1, 5, 6), np.float32)
    exp = suffice.explain(clf, image, **run)
    if weights.sum() + bias < 0:
        assert exp.status == "unattained"
        return
    left, sizes = np.ones(30, bool), []
    gradients = 0
    while left.any() and weights.ravel()[left].sum() + bias > 0 and len(sizes) < count:
        inside = np.flatnonzero(left)
        order = inside[np.argsort(weights.ravel()[inside], kind="stable")]
        starts = range(0, len(order), k)
        gradients += len(starts)
        start = max(s for s in starts if weights.ravel()[order[s:]].sum() + bias > 0)
        sizes.append(len(order) - start)
        left[order[start:]] = False
    assert exp.record["details"]["sizes_as_found"] == sizes
    assert exp.record["gradients"] == gradients
    assert sum(s.mask.sum() for s in exp.sets) == np.any([s.mask for s in exp.sets], axis=0).sum()
    cut = suffice.explain(clf, image, budget=budget, **run)
    assert cut.evaluations <= budget or cut.status != "budget"
    assert cut.trace == [row for row in exp.trace if row[0] <= budget]
