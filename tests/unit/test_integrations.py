"""Adapters for other libraries; what needs one of them is skipped where it is missing."""

from __future__ import annotations

import importlib
import importlib.util
import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import suffice
from reference.photos import SIDE, write_photo
from suffice.errors import InputError, MissingDependencyError, SettingsError
from suffice.integrations.quantus import explain_func

ROOT = Path(__file__).resolve().parents[2]


def quadrants(batch: np.ndarray) -> np.ndarray:
    """Logits: 8 times the mean of each quadrant."""
    half = SIDE // 2
    parts = [batch[:, :, r : r + half, c : c + half] for r in (0, half) for c in (0, half)]
    return np.stack([8 * part.mean(axis=(1, 2, 3)) for part in parts], axis=1).astype(np.float32)


def bright(*where: int) -> np.ndarray:
    """Images that are bright in one quadrant each, float32 ``[N, 1, SIDE, SIDE]``.

    Of zeros alone the class is 0, so that nothing is needed for it.
    """
    images = np.zeros((len(where), 1, SIDE, SIDE), np.float32)
    half = SIDE // 2
    for image, quadrant in zip(images, where, strict=True):
        row, column = divmod(quadrant, 2)
        image[0, row * half : (row + 1) * half, column * half : (column + 1) * half] = 1
    return images


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


@pytest.fixture
def net(torch):
    """The same classifier as a module."""

    class Quadrants(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = torch.nn.Parameter(torch.tensor(8.0))

        def forward(self, x):
            means = torch.nn.functional.adaptive_avg_pool2d(x.mean(1, keepdim=True), 2)
            return self.scale * means.flatten(1)

    return Quadrants()


def test_quantus_maps_of_each_target() -> None:
    images = bright(1, 3, 1)
    clf = suffice.as_classifier(quadrants, input_shape=(1, SIDE, SIDE))
    found = explain_func(clf, images, np.array([1, 3, 1]), content="mask")
    assert found.shape == (3, 1, SIDE, SIDE)
    assert found.dtype == np.float32
    inside = images.astype(bool)
    assert all(found[i][inside[i]].any() and not found[i][~inside[i]].any() for i in range(3))
    one = suffice.explain(clf, images[1], target=3)
    assert np.array_equal(found[1, 0], one.masks[0])
    maps = explain_func(clf, images, None)
    assert np.array_equal(maps[1, 0], one.responsibility)


def test_quantus_takes_functions_and_refuses_what_does_not_fit() -> None:
    images = bright(1, 2)
    assert explain_func(quadrants, images, [1, 2], budget=40).shape == (2, 1, SIDE, SIDE)
    with pytest.raises(InputError, match="one for each of 2"):
        explain_func(quadrants, images, [1, 2, 3], budget=40)
    with pytest.raises(InputError, match=r"\[N, C, H, W\]"):
        explain_func(quadrants, images[0], [1], budget=40)
    with pytest.raises(SettingsError, match="responsibility"):
        explain_func(quadrants, images, [1, 2], content="heat", budget=40)


def test_no_set_is_a_mask_of_zeros() -> None:
    found = explain_func(quadrants, bright(1), [0], content="mask", budget=20)
    assert not found.any()


def test_captum_words(torch, net) -> None:
    from suffice.integrations.captum import SufficientPixels

    net.train()
    x = torch.from_numpy(bright(1, 3)).repeat(1, 3, 1, 1).double()
    method = SufficientPixels(net.double(), content="mask")
    found = method.attribute(x, target=torch.tensor([1, 3]))
    assert found.shape == x.shape
    assert found.dtype == x.dtype
    assert torch.equal(found[:, 0], found[:, 2])
    assert found.any(dim=3).any(dim=2).all()
    assert not found[x == 0].any()
    assert [exp.target for exp in method.explanations] == [1, 3]
    assert all(exp.certificate.sufficient for exp in method.explanations)
    assert method.has_convergence_delta() is False
    of_function = SufficientPixels(net.forward, content="mask")
    assert torch.equal(of_function.attribute(x, target=[1, 3]), found)


def test_captum_baselines(torch, net) -> None:
    from suffice.integrations.captum import SufficientPixels

    x = torch.from_numpy(bright(1, 3))
    method = SufficientPixels(net, content="mask", budget=60)
    plain = method.attribute(x, target=[1, 3])
    for same in (0.0, torch.zeros_like(x), torch.zeros_like(x[:1]), torch.zeros_like(x[0]), "zero"):
        assert torch.equal(method.attribute(x, baselines=same, target=[1, 3]), plain)
    own = torch.from_numpy(np.stack([np.zeros_like(x[0]), bright(3)[0]]))
    found = method.attribute(x, baselines=own, target=[1, 3])
    assert torch.equal(found[0], plain[0])
    assert not found[1].any()  # the baseline alone passes: nothing is needed
    assert method.explanations[1].status == "empty"


def test_captum_refuses_what_it_can_not_do(torch, net) -> None:
    from suffice.integrations.captum import SufficientPixels

    x = torch.from_numpy(bright(0))
    with pytest.raises(SettingsError, match="partial"):
        SufficientPixels(net).attribute(x, additional_forward_args=(1,))
    (one,) = SufficientPixels(net, budget=20).attribute((x,), target=1)
    assert one.shape == x.shape
    with pytest.raises(InputError, match="one tensor"):
        SufficientPixels(net).attribute((x, x))
    with pytest.raises(InputError, match="baselines are"):
        SufficientPixels(net).attribute(x, baselines=torch.zeros(1, 5, 5))


def test_lightning_says_what_is_missing(monkeypatch) -> None:
    find = importlib.util.find_spec
    gone = {"lightning", "pytorch_lightning"}
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name in gone else find(name, *more)
    )
    name = "suffice.integrations.lightning"
    monkeypatch.delitem(sys.modules, name, raising=False)
    module = importlib.import_module(name)
    sys.modules.pop(name, None)
    with pytest.raises(MissingDependencyError, match="pip install lightning"):
        module.ExplainImages()


@pytest.mark.filterwarnings("ignore")  # Lightning's own
def test_lightning_explains_every_second_epoch(torch) -> None:
    pytest.importorskip("lightning")
    from lightning.pytorch import Trainer

    from reference.lit import LitQuadrants, loader
    from suffice.integrations.lightning import ExplainImages, _images_of

    class Watched(ExplainImages):
        epochs: list[int] = []  # noqa: RUF012

        def on_validation_epoch_end(self, trainer, pl_module):
            before = self.explanations
            super().on_validation_epoch_end(trainer, pl_module)
            if self.explanations is not before:
                self.epochs.append(trainer.current_epoch)

    callback = Watched(n=3, every=2, budget=30)
    trainer = Trainer(
        max_epochs=4, callbacks=[callback], logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, accelerator="cpu",
    )  # fmt: skip
    module = LitQuadrants()
    trainer.fit(module, loader(), loader())
    assert callback.epochs == [0, 2]  # not the sanity check
    assert [exp.target for exp in callback.explanations] == [1, 2, 3]
    areas = [exp.area for exp in callback.explanations]
    logged = trainer.callback_metrics
    assert float(logged["suffice/area_mean"]) == pytest.approx(np.mean(areas))
    assert float(logged["suffice/area_median"]) == pytest.approx(np.median(areas))
    assert float(logged["suffice/found"]) == 1
    assert module.training
    with pytest.raises(SettingsError, match="at least 1"):
        ExplainImages(n=0)
    with pytest.raises(InputError, match="under 'image'"):
        _images_of({"label": 1})
    assert _images_of({"image": 5}) == 5


@pytest.fixture
def service():
    """The example's module; the test skips without FastAPI."""
    pytest.importorskip("fastapi")
    pytest.importorskip("python_multipart")
    pytest.importorskip("httpx")
    path = ROOT / "examples" / "fastapi_app.py"
    spec = importlib.util.spec_from_file_location("fastapi_app", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def clf():
    scale = suffice.Preprocess(size=SIDE, mean=(0.0,) * 3, std=(1.0,) * 3)
    return suffice.as_classifier(quadrants, input_shape=(3, SIDE, SIDE), preprocess=scale)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore:Using .httpx.:Warning")
def test_the_service_answers_with_a_record(service, clf, tmp_path) -> None:
    from fastapi.testclient import TestClient

    data = write_photo(tmp_path / "a.png", 2).read_bytes()
    with TestClient(service.create_app(clf, budget=60)) as client:
        assert client.get("/health").json()["status"] == "ok"
        found = client.post("/explain", files={"photo": ("a.png", data)})
        assert found.status_code == 200
        assert found.json()["target"] == 2
        assert found.json()["certificate"]["sufficient"] is True
        assert client.post("/explain", files={"photo": ("a.png", b"no")}).status_code == 422
        assert client.post("/explain").status_code == 422
        large = io.BytesIO()
        Image.new("1", (10_000, 6_000)).save(large, "png")
        refused = client.post("/explain", files={"photo": ("b.png", large.getvalue())})
        assert refused.status_code == 422
        too_many = client.post("/explain", files={"photo": ("c.png", bytes(20_000_001))})
        assert too_many.status_code == 413


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore:Using .httpx.:Warning")
def test_the_service_refuses_what_would_have_to_queue(service, clf, tmp_path) -> None:
    import asyncio

    import httpx

    data = write_photo(tmp_path / "a.png", 2).read_bytes()

    async def ask(n: int) -> list[int]:
        transport = httpx.ASGITransport(service.create_app(clf, waiting=2, budget=40))
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            posts = [client.post("/explain", files={"photo": ("a.png", data)}) for _ in range(n)]
            found = await asyncio.gather(*posts)
            later = await client.post("/explain", files={"photo": ("a.png", data)})
        assert all("Retry-After" in r.headers for r in found if r.status_code == 503)
        return [*sorted(r.status_code for r in found), later.status_code]

    assert asyncio.run(ask(5)) == [200, 200, 503, 503, 503, 200]
