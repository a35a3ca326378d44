"""Same seed, same bits: batch size, threads and neighbours change nothing (DESIGN.md 9)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import suffice
from reference import toy
from suffice.methods.base import Method
from suffice.models.callable import CallableClassifier
from suffice.models.images import load_image

VOLATILE = ("seconds", "model_calls")


def fingerprint(exp: suffice.Explanation) -> tuple:
    """Everything of an explanation but times and the number of batches."""
    record = exp.to_dict()
    record["image"].pop("name")
    for name in VOLATILE:
        record.pop(name)
    responsibility = None if exp.responsibility is None else exp.responsibility.tobytes()
    arrays = {name: array.tobytes() for name, array in (exp.arrays or {}).items()}
    return record, exp.masks.tobytes(), responsibility, arrays


METHODS = [
    suffice.Rex(iterations=6),
    suffice.Rex(iterations=6, compat="rex"),
    suffice.Rex(iterations=6, distribution="adaptive", adaptive_block=2, extraction="spatial"),
    suffice.Rex(iterations=3, extraction="spotlight", spotlights=3, radius=3),
    suffice.Pruned(suffice.Rex(iterations=3), grain=2),
    suffice.FromRanking(np.random.default_rng(5).random((21, 17)), width=7),
    suffice.Msv(max_views=3, tile=4),
    suffice.Msv(max_views=3, parts="pixels"),
    suffice.Minimal(),
    suffice.Sag(grid=5),
    suffice.Sis(),
]
IDS = [
    *("default", "compat", "adaptive", "spotlight", "pruned", "ranking"),
    *("msv", "msv-pixels", "minimal", "sag", "sis"),
]


@pytest.mark.parametrize("method", METHODS, ids=IDS)
def test_toy_runs_are_bit_identical(method: Method) -> None:
    rng = np.random.default_rng(1)
    images = [rng.integers(1, 256, (2, 21, 17)).astype(np.float32) / 256 for _ in range(6)]

    def classifier(workers: int) -> CallableClassifier:
        made = CallableClassifier(
            toy.linear(21, 17, channels=2, seed=3),
            input_shape=(2, 21, 17),
            n_classes=4,
            thread_safe=True,
        )
        made.workers = workers
        return made

    settings = {"method": method, "target": 1, "seed": 7}
    expected = fingerprint(suffice.explain(classifier(1), images[0], batch_size=1, **settings))
    for batch_size in (1, 7, 64):
        for workers in (1, 2):
            clf = classifier(workers)
            alone = suffice.explain(clf, images[0], batch_size=batch_size, **settings)
            crowd = suffice.explain(clf, images, batch_size=batch_size, **settings)
            assert fingerprint(alone) == expected
            assert fingerprint(crowd[0]) == expected


def test_another_seed_gives_another_search() -> None:
    image = np.random.default_rng(1).random((2, 21, 17)).astype(np.float32)
    clf = CallableClassifier(
        toy.linear(21, 17, channels=2, seed=3), input_shape=(2, 21, 17), n_classes=4
    )
    a, b = (suffice.explain(clf, image, method="rex", target=1, seed=s) for s in (0, 1))
    assert not np.array_equal(a.responsibility, b.responsibility)


@pytest.mark.zoo
@pytest.mark.parametrize("model", ["mobilenet_v1_0.25_128", "cifar_resnet20"])
def test_real_models_are_bit_identical(zoo: Path, model: str) -> None:
    method = suffice.Rex(iterations=3, search_limit=56)
    if model.startswith("cifar"):
        with np.load(zoo / "images" / "cifar10" / "cifar10_open.npz") as data:
            photos = [load_image(p) for p in data["x_test"][:21]]
    else:
        photos = [load_image(p) for p in sorted((zoo / "images" / "stamps").glob("*.png"))[:21]]
    preprocess = suffice.Preprocess.from_json(zoo / "models.json", f"{model}.onnx")

    def run(images: object, batch_size: int, threads: int) -> object:
        clf = suffice.as_classifier(
            zoo / "models" / f"{model}.onnx", preprocess=preprocess, threads=threads
        )
        return suffice.explain(clf, images, method=method, batch_size=batch_size, budget=250)

    expected = fingerprint(run(photos[0], 1, 1))
    for batch_size, threads in ((7, 1), (64, 2), (1, 2)):
        assert fingerprint(run(photos[0], batch_size, threads)) == expected
    assert fingerprint(run(photos, 7, 2)[0]) == expected


@pytest.mark.parametrize("contrastive", [False, True])
@pytest.mark.parametrize("budget", [2, 3, 40, 111, 10_000])
def test_a_budgeted_search_is_a_prefix_of_the_unlimited_one(budget: int, contrastive: bool) -> None:
    image = np.random.default_rng(2).integers(1, 256, (2, 21, 17)).astype(np.float32) / 256
    clf = CallableClassifier(
        toy.linear(21, 17, channels=2, seed=3), input_shape=(2, 21, 17), n_classes=4
    )
    settings = {"method": "rex", "target": 1, "contrastive": contrastive}
    free = suffice.explain(clf, image, **settings)
    held = suffice.explain(clf, image, budget=budget, **settings)
    assert held.trace == [t for t in free.trace if t[0] <= budget]
    spent = min(budget, free.evaluations)
    # A contrastive mask and its complement are evaluated together or not at all.
    assert spent - contrastive <= held.evaluations <= spent
    if budget < free.evaluations:
        assert held.status == "budget"
        assert held.area == held.trace[-1][1]
        assert held.certificate.sufficient
    else:
        assert fingerprint(held) == fingerprint(free)
