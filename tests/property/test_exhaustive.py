"""Every method against every mask: 3 x 3 and 4 x 4 images whose masks are all shown to the model.

What holds for a method is read from the table: that its sets suffice, that what it claims is
irreducible is, and that its status is true. `COMPLETE` names the methods that promise more: where
the whole image passes they find a set, so that ``unattained`` is said only where it doesn't; for a
monotone classifier that is only where no mask at all passes.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import suffice
from reference.broken_methods import LiesAboutIrreducibility, OneTileTooFew, Plain
from reference.strategies import seeds
from suffice.criterion import Criterion
from suffice.testing import Exhaustive, Judge, exhaustive_search, toys
from suffice.testing._toy_classifier import ToyClassifier

METHODS = {
    "minimal": suffice.Minimal(effort=150),
    "rex": suffice.Rex(iterations=3, chunk_size=1, min_box_size=1),
    "rex-spatial": suffice.Rex(iterations=3, extraction="spatial", radius=1, min_box_size=1),
    "pruned": suffice.Pruned(suffice.Rex(iterations=2, min_box_size=1)),
    "curve": suffice.Curve(levels="relative:0.9,top1", grains="2,1"),
    "from_ranking": suffice.FromRanking(np.arange(16.0).reshape(4, 4)),
    "msv": suffice.Msv(beta=4, max_beta=16, tile=1),
    "msv-pixels": suffice.Msv(beta=4, max_beta=16, parts="pixels"),
    "sag": suffice.Sag(grid=4, roots=4, nodes=20),
}
# Every other registered method, with its default settings.
_NAMED = {method.name for method in METHODS.values()}
METHODS |= {name: made() for name, made in suffice.methods().items() if name not in _NAMED}

COMPLETE = {"minimal", "curve", "from_ranking", "msv", "msv-pixels", "sag"}
"""sag only with a patch for every pixel, as here; rex promises nothing where its map is empty."""

SHAPES = [(3, 3), (4, 4), (1, 9), (2, 8)]
KINDS = ("all", "any", "majority", "weighted", "odd", "steps", "chaos")
few = settings(deadline=None, max_examples=25)


class Table:
    """Class 1 by a table over all masks, with ties and ends of both kinds."""

    def __init__(self, lead: np.ndarray, shape: tuple[int, int]) -> None:
        self.lead, self.shape = lead, shape

    def scores(self, batch: np.ndarray) -> np.ndarray:
        z = self.lead[self.numbers(batch)]
        return np.stack([np.zeros_like(z), z], axis=1)

    def pull_back(self, batch: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Of the function that is linear in every pixel: the difference a pixel makes."""
        bits = 1 << np.arange(batch[0].size)
        numbers = self.numbers(batch)[:, None]
        made = self.lead[numbers | bits] - self.lead[numbers & ~bits]
        return (made * weights[:, 1:]).reshape(batch.shape)

    def numbers(self, batch: np.ndarray) -> np.ndarray:
        bits = batch[:, 0].reshape(len(batch), -1).astype(np.int64)
        return (bits << np.arange(bits.shape[1])).sum(axis=1)


def make(kind: str, shape: tuple[int, int], seed: int):
    """A classifier of masks, and whether it is monotone."""
    rng = np.random.default_rng(seed)
    n_pixels = shape[0] * shape[1]
    if kind in ("steps", "chaos"):
        numbers = np.arange(2**n_pixels)
        kept = numbers[:, None] >> np.arange(n_pixels) & 1
        if kind == "steps":  # whole numbers from below to above, with many ties
            lead = kept @ rng.integers(0, 3, n_pixels) - rng.integers(0, n_pixels)
        else:
            lead = rng.integers(-6, 4, len(numbers))
        return Table(lead.astype(np.float64), shape), kind == "steps"
    count = int(rng.integers(1, min(6, n_pixels) + 1))
    flat = rng.choice(n_pixels, count, replace=False)
    pixels = [(int(i) // shape[1], int(i) % shape[1]) for i in flat]
    if kind == "weighted":
        weights = rng.integers(1, 5, count).tolist()
        bound = int(rng.integers(1, sum(weights) + 2))  # one above all of them, at times
        return toys.weighted(dict(zip(pixels, weights, strict=True)), bound, shape), True
    build = {"all": toys.all_of, "any": toys.any_of, "majority": toys.majority, "odd": toys.odd}
    return build[kind](pixels, shape), kind != "odd"


@cache
def truth(kind: str, shape: tuple[int, int], seed: int, target: int, contrastive: bool = False):
    model, monotone = make(kind, shape, seed)
    clf = ToyClassifier(model, (1, *shape), 2, name=f"{kind} {seed}")
    image, baselines = np.ones((1, *shape), np.float32), np.zeros((1, 1, *shape), np.float32)
    judge = Judge(clf, image, baselines, target, Criterion(), contrastive)
    return clf, image, judge, exhaustive_search(judge), monotone


def fitting(name: str, shape: tuple[int, int]):
    """The method; its ranking, where it has one, of the image's shape."""
    if name != "from_ranking":
        return METHODS[name]
    return suffice.FromRanking(
        np.random.default_rng(7).permutation(shape[0] * shape[1]).reshape(shape)
    )


@pytest.mark.parametrize("name", sorted(METHODS))
@few
@given(
    kind=st.sampled_from(KINDS),
    shape=st.sampled_from(SHAPES),
    seed=seeds,
    grain=st.sampled_from([1, 1, 2, 3]),
    target=st.sampled_from([1, 1, 1, 0]),
    contrastive=st.sampled_from([False, False, True]),
)
def test_what_is_said_is_true(name, kind, shape, seed, grain, target, contrastive) -> None:
    method = fitting(name, shape)
    clf, image, judge, every, monotone = truth(kind, shape, seed, target, contrastive)
    found = suffice.explain(
        clf, image, method=method, target=target, grain=grain, seed=seed, contrastive=contrastive
    )
    tables: dict[str, Exhaustive] = {str(judge.criterion): every}
    for one in found.sets:
        if one.criterion not in tables:
            tables[one.criterion] = exhaustive_search(judge, Criterion.parse(one.criterion))
        table = tables[one.criterion]
        number = table.number(one.mask)
        assert one.certificate.sufficient == table.passes[number]
        assert table.passes[number]
        claim = one.certificate.irreducible_at
        assert claim is not None or not method.certifies
        assert claim is None or table.irreducible(claim)[number]
    statuses_are_true(name, method, found, every, monotone)


def statuses_are_true(name, method, found, every: Exhaustive, monotone: bool) -> None:
    assert found.status in ("found", "empty", "unattained")
    if not method.own_criteria:
        assert (found.status == "empty") == every.passes[0]
    assert bool(found.sets) == (found.status != "unattained")
    if found.status == "unattained":
        assert found.reason
        if name in COMPLETE:
            assert not every.passes[-1]
            assert not (monotone and every.passes.any())


@pytest.mark.parametrize("shape", [(3, 3), (4, 4)])
@pytest.mark.parametrize("kind", KINDS)
def test_the_default_method_finds_minimal_sets_of_monotone_classifiers(kind, shape) -> None:
    for seed in range(4):
        clf, image, _, every, monotone = truth(kind, shape, seed, 1)
        if every.passes[0] or not every.passes[-1]:
            continue
        found = suffice.explain(clf, image, method=METHODS["minimal"], target=1, grain=1)
        number = every.number(found.mask)
        assert every.irreducible()[number]
        assert every.minimal()[number] or not monotone


@few
@given(kind=st.sampled_from(KINDS), shape=st.sampled_from(SHAPES), seed=seeds)
def test_tables_follow_from_the_definitions(kind, shape, seed) -> None:
    _, _, judge, every, monotone = truth(kind, shape, seed, 1)
    rng = np.random.default_rng(seed)
    irreducible, minimal = every.irreducible(), every.minimal()
    assert not (minimal & ~irreducible).any()
    if monotone:
        np.testing.assert_array_equal(minimal, irreducible)
    for number in rng.integers(0, len(every.passes), 20).tolist():
        mask = every.masks(np.arange(len(every.passes)) == number)[0]
        assert every.number(mask) == number
        assert every.passes[number] == judge.passes(mask)
        spare = judge.spare(mask, 1)
        assert irreducible[number] == (judge.passes(mask) and spare is None)
        coarse = every.irreducible(2)[number]
        assert coarse == (judge.passes(mask) and judge.spare(mask, 2) is None)
        inside = [n for n in range(number) if n & number == n]
        assert minimal[number] == (every.passes[number] and not every.passes[inside].any())


@few
@given(kind=st.sampled_from(["all", "any", "majority", "weighted", "odd"]), seed=seeds)
def test_toys_know_their_sets(kind, seed) -> None:
    shape = (3, 4)
    toy, monotone = make(kind, shape, seed)
    assume(len(toy.pixels) > 0)
    judge = Judge(toy.classifier(), toy.image, toy.baseline[None], 1)
    every = exhaustive_search(judge)
    assert named(every.minimal_masks()) == toy.minimal_sets()
    assert named(every.irreducible_masks()) == toy.irreducible_sets()
    own = np.zeros(shape, bool)
    own[tuple(zip(*toy.pixels, strict=True))] = True
    inside = [m for m in every.sufficient_masks() if not (m & ~own).any()]
    assert named(inside) == toy.sufficient_sets()
    if kind in ("all", "any", "majority"):
        n_pixels = len(toy.pixels)
        k = {"all": n_pixels, "any": 1, "majority": n_pixels // 2 + 1}[kind]
        assert toy.minimal_sets() == toys.choose(k, toy.pixels)
    if kind == "odd":
        assert toy.minimal_sets() == toys.choose(1, toy.pixels)
        odd = range(1, len(toy.pixels) + 1, 2)
        assert toy.irreducible_sets() == frozenset().union(
            *(toys.choose(k, toy.pixels) for k in odd)
        )
    assert monotone == (toy.minimal_sets() == toy.irreducible_sets()) or kind == "odd"


def named(masks) -> frozenset:
    return frozenset(frozenset(map(tuple, np.argwhere(m).tolist())) for m in masks)


def test_larger_images_are_refused() -> None:
    toy = toys.all_of([(0, 0)], (3, 6))
    with pytest.raises(suffice.errors.InputError, match="at most 16 pixels, got 3 x 6"):
        exhaustive_search(Judge(toy.classifier(), toy.image, toy.baseline[None], 1))


@pytest.mark.parametrize("name", sorted(METHODS))
@few
@given(
    seed=seeds,
    shape=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    channels=st.integers(1, 2),
    values=st.sampled_from([(0,), (1,), (0, 1), (0, 1, 2, 5), (-3, 0, 3)]),
    n_baselines=st.integers(1, 3),
    criterion=st.sampled_from(["top1", "margin:1", "confidence:0.6", "relative:0.5"]),
    output=st.sampled_from(["logits", "probabilities"]),
    target=st.sampled_from([None, None, 0, 2]),
)
def test_images_of_few_values(
    name, seed, shape, channels, values, n_baselines, criterion, output, target
) -> None:
    """Flat images, images equal to a baseline, single pixels, ties of every kind."""
    rng = np.random.default_rng(seed)
    full = (channels, *shape)
    image = rng.choice(values, full).astype(np.float32)
    baselines = rng.choice([-1, 0, 1], (n_baselines, *full)).astype(np.float32)
    if rng.random() < 0.2:
        baselines[-1] = image
    sums = toys.Sums(full, n_classes=3, seed=seed % 97)
    clf = sums.classifier(output)
    judge = Judge(clf, image, baselines, target, Criterion.parse(criterion))
    every = exhaustive_search(judge)
    method = fitting(name, shape)
    found = suffice.explain(
        clf, image, method=method, target=target, grain=1, seed=seed, criterion=criterion,
        baseline=list(baselines),
    )  # fmt: skip
    assert found.target == judge.wanted
    for one in found.sets:
        table = exhaustive_search(judge, Criterion.parse(one.criterion))
        number = table.number(one.mask)
        if abs(one.certificate.margin) > 1e-9:  # else the last bit of a logarithm decides
            assert one.certificate.sufficient
            assert table.passes[number]
        claim = one.certificate.irreducible_at
        assert claim is None or one.certificate.margin < 1e-9 or table.irreducible(claim)[number]
    statuses_are_true(name, method, found, every, monotone=False)


class NeverFinds(Plain):
    own_criteria = True

    def rounds(self, subject):
        yield from ()
        return self.nothing(subject)


@pytest.mark.parametrize("broken", [OneTileTooFew, LiesAboutIrreducibility, NeverFinds])
def test_what_is_false_is_seen(broken, monkeypatch) -> None:
    monkeypatch.setitem(METHODS, "minimal", Plain())
    question = {"kind": "all", "shape": (3, 3), "seed": 1, "grain": 1, "target": 1}
    ask = test_what_is_said_is_true.hypothesis.inner_test
    ask(name="minimal", **question, contrastive=False)
    monkeypatch.setitem(METHODS, "minimal", broken())
    with pytest.raises(AssertionError):
        ask(name="minimal", **question, contrastive=False)
