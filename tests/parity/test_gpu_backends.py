"""Both backends on a GPU against the CPU: what is composed, decided and found."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import suffice
from reference import onnx_models
from suffice import _native
from suffice.models.base import MaskPart
from suffice.models.onnx import OnnxClassifier

pytestmark = pytest.mark.gpu

SHAPE = (3, 40, 56)


@pytest.fixture
def torch() -> Any:
    module = pytest.importorskip("torch")
    if not module.cuda.is_available():
        pytest.skip("no CUDA device that torch can use")
    return module


@pytest.fixture
def on_cuda() -> None:
    ort = pytest.importorskip("onnxruntime")
    if "CUDAExecutionProvider" not in ort.get_available_providers():
        pytest.skip("this onnxruntime has no CUDA")


def net(torch: Any) -> Any:
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 16, 5, stride=2),
        torch.nn.BatchNorm2d(16),
        torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool2d(4),
        torch.nn.Flatten(),
        torch.nn.Linear(256, 10),
    ).eval()


def parts(counts: tuple[int, ...] = (5, 1, 20)) -> list[MaskPart]:
    rng = np.random.default_rng(0)
    made = []
    for k, count in enumerate(counts):
        image, baseline = rng.normal(size=(2, *SHAPE)).astype(np.float32)
        masks = _native.pack(rng.random((count, *SHAPE[1:])) < 0.4)
        made.append(MaskPart(image, baseline, masks, k))
    return made


def composites(made: list[MaskPart]) -> np.ndarray:
    rows = [
        np.where(_native.unpack(p.masks, SHAPE[1:])[:, None], p.image, p.baseline) for p in made
    ]
    return np.concatenate(rows)


@pytest.mark.parametrize("channels_last", [False, True])
def test_composites_on_the_device_are_the_same_bits(torch: Any, channels_last: bool) -> None:
    from suffice.models.torch_compose import Composer

    made = parts()
    composer = Composer("cuda:0", SHAPE, channels_last)
    out = composer.buffer(40)
    out.fill_(torch.nan)
    composer.compose(made, out)
    expected = composites(made)
    np.testing.assert_array_equal(out[:26].cpu().numpy(), expected)
    np.testing.assert_array_equal(out[26:].cpu().numpy(), np.repeat(expected[-1:], 14, axis=0))


OPTIONS = [{}, {"channels_last": True}, {"cuda_graphs": True}, {"compile": True}]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_decisions_of_a_module_are_those_of_the_cpu(torch: Any, options: dict[str, Any]) -> None:
    made = parts()
    cpu = suffice.TorchClassifier(net(torch), input_shape=SHAPE, device="cpu")
    gpu = suffice.TorchClassifier(net(torch), input_shape=SHAPE, device="cuda:0", **options)
    assert gpu.composes
    targets = np.concatenate([np.full(len(p), p.target, np.int32) for p in made])
    expected = _native.decide(cpu(composites(made)), targets, "logits")
    for _ in range(3):  # graphs are replayed, buffers used again
        found = gpu.decide(made, 32)
        np.testing.assert_allclose(found.lead, expected.lead, atol=1e-3)
        sure = np.abs(expected.lead) > 1e-2
        np.testing.assert_array_equal(found.top1[sure], expected.top1[sure])


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("method", ["minimal", "rex"])
def test_every_set_holds_on_the_cpu(torch: Any, method: str, precision: str) -> None:
    rng = np.random.default_rng(1)
    images = list(rng.normal(size=(6, *SHAPE)).astype(np.float32))
    gpu = suffice.TorchClassifier(
        net(torch), input_shape=SHAPE, device="cuda:0", precision=precision
    )
    cpu = suffice.TorchClassifier(net(torch), input_shape=SHAPE, device="cpu")
    options = {"method": method, "budget": 300, "baseline": "constant:0"}
    for exp, image in zip(suffice.explain(gpu, images, **options), images, strict=True):
        assert exp.certificate is None or exp.certificate.sufficient
        assert suffice.verify(exp, cpu, image).outcome != "fails"


def test_memory_that_runs_out_makes_batches_smaller(torch: Any) -> None:
    class Hungry(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.inner = net(torch)

        def forward(self, x: Any) -> Any:
            if len(x) > 8:
                torch.empty(2**45, device=x.device)
            return self.inner(x)

    clf = suffice.TorchClassifier(Hungry(), input_shape=SHAPE, device="cuda:0", batch_size=32)
    image = np.random.default_rng(2).normal(size=SHAPE).astype(np.float32)
    with pytest.warns(UserWarning, match="going on with 8"):
        suffice.explain(clf, image, method="rex", budget=100, baseline="constant:0")
    assert clf.batch_size == 8


@pytest.mark.parametrize("composes", [False, True])
def test_onnx_on_the_device_is_that_of_the_cpu(on_cuda: None, composes: bool) -> None:
    model = onnx_models.linear_model(SHAPE).SerializeToString()
    cpu = OnnxClassifier(model, device="cpu")
    gpu = OnnxClassifier(model, device="cuda:0", composes=composes)
    made = parts()
    batch = composites(made)
    np.testing.assert_allclose(gpu(batch), cpu(batch), atol=1e-4)
    if composes:
        own = cpu(batch)[np.arange(26), [p.target for p in made for _ in p.masks]]
        targets = np.concatenate([np.full(len(p), p.target, np.int32) for p in made])
        called = _native.decide(gpu(batch), targets, gpu.output)
        for rows in (26, 26, 40):
            found = gpu.decide(made, rows)
            np.testing.assert_allclose(found.score, own, atol=1e-4)
            np.testing.assert_allclose(found.log_odds, called.log_odds, atol=1e-4)
            sure = np.abs(called.lead) > 1e-3
            np.testing.assert_array_equal(found.top1[sure], called.top1[sure])


def test_the_benchmark_runs(torch: Any, tmp_path: Any) -> None:
    command = [sys.executable, "benchmarks/gpu.py", "--small", "--out", str(tmp_path)]
    subprocess.run(command, check=True)
    assert (tmp_path / "gpu.json").is_file()
