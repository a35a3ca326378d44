"""Training on subsets of pixels: it learns, goes on bit for bit, and refuses what is not its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reference.studies import write_study
from suffice.errors import InputError, SettingsError, StoreError
from suffice.study import Study

torch = pytest.importorskip("torch")

from suffice.study.resnet20 import ResNet
from suffice.study.retraining import (
    Recipe,
    evaluate,
    keep_only,
    random_subsets,
    study_subsets,
    subset_of,
    train,
)

RECIPE = Recipe(
    epochs=6, batch_size=16, rate=0.05, milestones=(4,), mean=(0.5,) * 3, std=(0.5,) * 3
)


@pytest.fixture(autouse=True)
def one_thread():
    """Threads cost more than they give for networks this small."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def small(seed: int = 0):
    """A network with normalisation and dropout, whose randomness has to be resumed too."""
    torch.manual_seed(seed)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, 2, 1, bias=False),
        torch.nn.BatchNorm2d(8),
        torch.nn.ReLU(),
        torch.nn.Dropout(0.2),
        torch.nn.Flatten(),
        torch.nn.Linear(8 * 16, 4),
    )


def quadrants(n: int, seed: int = 0):
    """Noise with one brighter quadrant, which is the class."""
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, 4, n)
    images = draw.integers(0, 120, (n, 8, 8, 3))
    for image, label in zip(images, labels, strict=True):
        row, column = 4 * (label // 2), 4 * (label % 2)
        image[row : row + 4, column : column + 4] += 100
    return images.astype(np.uint8), labels


def weights(module) -> dict[str, bytes]:
    return {k: v.numpy().tobytes() for k, v in module.state_dict().items()}


def test_the_recipe_is_the_papers() -> None:
    recipe = Recipe()
    assert (recipe.epochs, recipe.batch_size, recipe.rate, recipe.momentum) == (200, 128, 0.1, 0.9)
    assert (recipe.weight_decay, recipe.augment) == (5e-4, False)
    rates = [recipe.rate_at(epoch) for epoch in (59, 60, 119, 120, 159, 160, 199)]
    assert rates == pytest.approx([0.1, 0.02, 0.02, 0.004, 0.004, 0.0008, 0.0008])
    with pytest.raises(SettingsError, match="1 epoch"):
        Recipe(epochs=0)


def test_resnet20_has_its_size_and_shapes() -> None:
    module = ResNet(seed=1)
    # He et al.: 0.27 million parameters, 20 layers with weights.
    assert sum(p.numel() for p in module.parameters()) == 269_722
    kinds = (torch.nn.Conv2d, torch.nn.Linear)
    assert sum(isinstance(m, kinds) for m in module.modules()) == 20
    x = torch.zeros(2, 3, 32, 32)
    assert module.stages(torch.zeros(2, 16, 32, 32)).shape == (2, 64, 8, 8)
    assert module.eval()(x).shape == (2, 10)
    assert weights(ResNet(seed=1)) == weights(ResNet(seed=1)) != weights(ResNet(seed=2))
    assert sum(isinstance(m, kinds) for m in ResNet(5).modules()) == 32


def test_shortcuts_are_subsampled_and_padded_with_zeros() -> None:
    block = ResNet().stages[3].eval()
    torch.nn.init.zeros_(block.second.weight)  # only the shortcut is left
    x = torch.rand(1, 16, 4, 4)
    out = block(x)
    assert torch.equal(out[:, 8:24], x[:, :, ::2, ::2])
    assert not out[:, :8].any()
    assert not out[:, 24:].any()


def test_it_learns(tmp_path: Path) -> None:
    images, labels = quadrants(256)
    module = small()
    before = evaluate(module, images, labels, RECIPE)
    told: list[int] = []
    losses = train(module, images, labels, RECIPE, on_epoch=lambda epoch, _: told.append(epoch))
    assert told == list(range(6))
    assert losses[-1] < 0.5 * losses[0]
    assert not module.training
    assert evaluate(module, *quadrants(200, seed=1), RECIPE) > max(0.9, before + 0.3)


def test_what_is_kept_decides_what_is_learned() -> None:
    images, labels = quadrants(256)
    grey = (60, 60, 60)
    bright = np.stack([np.zeros((8, 8), bool)] * len(images))
    for mask, label in zip(bright, labels, strict=True):
        mask[4 * (label // 2) + 1, 4 * (label % 2) + 1 : 4 * (label % 2) + 3] = True
    # Pixels whose place is the class teach it; a pixel at random mostly can't.
    module, other = small(), small()
    informed = keep_only(images, bright, grey)
    train(module, informed, labels, RECIPE)
    blind = keep_only(images, random_subsets(len(images), (8, 8), 0.001), grey)
    train(other, blind, labels, RECIPE)
    assert evaluate(module, informed, labels, RECIPE) > 0.9
    assert evaluate(other, blind, labels, RECIPE) < 0.7


@pytest.mark.parametrize("augment", [False, True])
def test_a_stopped_training_goes_on_to_the_same_bits(tmp_path: Path, augment: bool) -> None:
    images, labels = quadrants(64)
    recipe = Recipe(
        epochs=5, batch_size=10, milestones=(3,), augment=augment, mean=(0.5,) * 3, std=(0.5,) * 3
    )
    whole = small()
    losses = train(whole, images, labels, recipe, seed=3, checkpoint=tmp_path / "a.pt")

    class Stop(Exception):
        pass

    def stop(epoch: int, loss: float) -> None:
        if epoch == 2:
            raise Stop

    path = tmp_path / "new" / "b.pt"
    with pytest.raises(Stop):
        train(small(), images, labels, recipe, seed=3, checkpoint=path, on_epoch=stop)
    torch.manual_seed(99)  # whatever happens in between
    again = small()
    state = torch.get_rng_state()
    assert train(again, images, labels, recipe, seed=3, checkpoint=path) == losses
    assert weights(again) == weights(whole)
    assert torch.equal(torch.get_rng_state(), state)
    finished = small()
    assert train(finished, images, labels, recipe, seed=3, checkpoint=path) == losses
    assert weights(finished) == weights(whole)
    other = small()
    assert train(other, images, labels, recipe, seed=4) != losses


def test_a_checkpoint_of_another_training_is_refused(tmp_path: Path) -> None:
    images, labels = quadrants(32)
    recipe = Recipe(epochs=1, batch_size=16, mean=(0.5,) * 3, std=(0.5,) * 3)
    path = tmp_path / "a.pt"
    train(small(), images, labels, recipe, checkpoint=path)
    for change in (
        {"seed": 1},
        {"recipe": Recipe(epochs=2, mean=(0.5,) * 3, std=(0.5,) * 3)},
        {"labels": labels[::-1].copy()},
        {"images": images[::-1].copy()},
        {"module": small(1)},
    ):
        given = {"module": small(), "images": images, "labels": labels, "recipe": recipe} | change
        with pytest.raises(StoreError, match="belongs to a training with another"):
            train(**given, checkpoint=path)
    path.write_bytes(b"nothing")
    with pytest.raises(StoreError, match="no checkpoint"):
        train(small(), images, labels, recipe, checkpoint=path)


def test_random_subsets_have_one_size_and_do_not_depend_on_their_number() -> None:
    masks = random_subsets(20, (32, 32))
    assert masks.dtype == np.bool_
    assert set(masks.sum((1, 2)).tolist()) == {52}
    assert np.array_equal(random_subsets(7, (32, 32)), masks[:7])
    assert not np.array_equal(random_subsets(7, (32, 32), seed=1), masks[:7])
    assert len({m.tobytes() for m in masks}) == 20


def test_keep_only_colours_the_rest() -> None:
    images, _ = quadrants(2)
    masks = random_subsets(2, (8, 8), 0.5)
    kept = keep_only(images, masks, (1, 2, 3))
    assert np.array_equal(kept[masks], images[masks])
    assert {tuple(p) for p in kept[~masks].tolist()} == {(1, 2, 3)}
    with pytest.raises(InputError, match=r"masks \[N, H, W\]"):
        keep_only(images, masks[:1], (0, 0, 0))


def test_bad_images_and_labels() -> None:
    images, labels = quadrants(8)
    with pytest.raises(InputError, match="uint8 images"):
        train(small(), images.astype(np.float32), labels, RECIPE)
    with pytest.raises(InputError, match="8 class indices"):
        evaluate(small(), images, labels[:3], RECIPE)


@pytest.mark.parametrize("method", ["sis", "rex"])
def test_subsets_of_a_study(tmp_path: Path, method: str) -> None:
    path = write_study(tmp_path)
    text = path.read_text().replace('name = "tiny"', 'name = "tiny"\nresponsibility = "ranks"')
    text = text.replace('criteria = ["top1", "relative:0.9"]', 'criteria = ["top1"]')
    text = text.replace("budget = 60", "")
    if method == "sis":
        text = text.replace('method = "rex"', 'method = "sis"')
        text = text.replace("settings = { iterations = 2 }", "")
        text = text.replace("size = 32", "size = 8")
        write_small_models(tmp_path)
    path.write_text(text)
    result = Study.from_toml(path).run(tmp_path / "s.db", workers=0)
    found = study_subsets(result, model="soft", method="short", share=0.1)
    # Black itself is of the first class, so that photo has no set and no order.
    assert sorted(found) == [f"class{k}/{k}.png" for k in (1, 2, 3)]
    side = 8 if method == "sis" else 32
    for mask in found.values():
        assert mask.shape == (side, side)
        assert mask.sum() == -(-side * side // 10)
    if method == "sis":
        rows = [r for r in result.rows() if r["model"] == "soft" and r["status"] == "found"]
        for exp in result.explanations([r["key"] for r in rows]):
            went = np.asarray(exp.arrays["order"])
            last = np.zeros(64, bool)
            last[went[-7:]] = True
            assert np.array_equal(subset_of(exp, 0.1), last.reshape(8, 8))
    both = tmp_path / "two.toml"
    both.write_text(text.replace("seeds = [0]", "seeds = [0, 1]"))
    result = Study.from_toml(both).run(tmp_path / "s.db", workers=0)
    with pytest.raises(InputError, match="choose by criterion="):
        study_subsets(result, model="soft", method="short")
    assert len(study_subsets(result, model="soft", method="short", seed=1)) == 3


def write_small_models(folder: Path) -> None:
    from reference.onnx_models import linear_model, quadrant_weights

    for name, scale in (("soft", 1), ("hard", 3)):
        matrix = quadrant_weights((3, 8, 8)) * np.float32(scale)
        (folder / f"{name}.onnx").write_bytes(linear_model((3, 8, 8), matrix).SerializeToString())
