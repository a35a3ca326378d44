"""sag against its twin, and against the enumeration of all sets of nine patches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import suffice
from reference import sag as twin
from reference import toy
from reference.driver import Driven, drive, make_subject
from reference.patch_toys import GRID, N_PATCHES, SHAPE, PatchToy, cell_numbers
from reference.strategies import laws, seeds
from suffice import _native
from suffice.methods._patches import diverse
from suffice.methods.sag import Sag
from suffice.models.callable import CallableClassifier

UNLIMITED = {"width": 600, "candidates": N_PATCHES, "roots": 600, "nodes": 600}
toys = {"seed": seeds, "monotone": st.booleans(), "levels": st.sampled_from([2, 4, 1000])}
rankings = st.sampled_from(["alone", "without"])


def run(made: PatchToy, **settings: Any) -> Driven:
    subject = make_subject(made.probabilities, SHAPE, target=1)
    method = Sag(grid=GRID, **settings)
    return drive(method.make_search(subject), made.probabilities, subject)


def numbers(names: list[str]) -> frozenset[int]:
    """Patches of names such as r2c3."""
    return frozenset(GRID * int(name[1]) + int(name[3]) for name in names)


def roots_of(driven: Driven) -> list[frozenset[int]]:
    details = driven.result.details
    assert details is not None
    return [numbers(root["patches"]) for root in details["roots"]]


def pixels(patches: frozenset[int]) -> int:
    return int(np.isin(cell_numbers(), sorted(patches)).sum())


@laws
@given(
    **toys,
    ranking=rankings,
    width=st.integers(1, 5),
    candidates=st.integers(1, 9),
    roots=st.integers(1, 12),
    shared=st.integers(0, 2),
    shown=st.integers(1, 4),
    expand=st.sampled_from([0.0, 0.2, 0.4, 1.0]),
)
def test_it_does_what_its_twin_does(seed, monotone, levels, ranking, **settings) -> None:
    made = PatchToy(seed, monotone, levels)
    driven = run(made, ranking=ranking, nodes=600, **settings)
    expected = twin.search(
        N_PATCHES,
        made.judge,
        made.ranking(ranking),
        settings["width"],
        settings["candidates"],
        settings["roots"],
        settings["shared"],
        settings["shown"],
        settings["expand"] * made.confidence(range(N_PATCHES)),
        pixels,
    )
    assert roots_of(driven) == expected.roots
    details = driven.result.details
    shown = expected.diverse[: settings["shown"]]
    assert [expected.roots[k] for k in details["shown"]] == shown
    assert details["diverse"] == len(expected.diverse)
    graph = details["graph"]
    nodes = [numbers(node["patches"]) for node in graph["nodes"]]
    confidences = [node["confidence"] for node in graph["nodes"]]
    assert dict(zip(nodes, confidences, strict=True)) == expected.nodes
    assert len(nodes) == len(set(nodes))
    edges = [(nodes[a], nodes[b]) for a, b in graph["edges"]]
    assert len(edges) == len(expected.edges)
    assert set(edges) == expected.edges
    assert graph["complete"]
    for mask, patches in zip(_native.unpack(driven.result.masks, SHAPE), shown, strict=True):
        assert np.array_equal(mask, np.isin(cell_numbers(), sorted(patches)))


@laws
@given(seed=seeds, levels=st.sampled_from([2, 1000]), ranking=rankings)
def test_unlimited_it_finds_all_minimal_sets_of_monotone_toys(seed, levels, ranking) -> None:
    made = PatchToy(seed, True, levels)
    found = roots_of(run(made, ranking=ranking, **UNLIMITED))
    assert len(found) == len(set(found))
    assert set(found) == twin.one_minimal(N_PATCHES, made.judge)
    assert set(found) == twin.subset_minimal(N_PATCHES, made.judge)


@laws
@given(seed=seeds, levels=st.sampled_from([2, 1000]))
def test_unlimited_it_finds_what_failing_sets_lead_to(seed, levels) -> None:
    # A passing set is met where a set with one patch less is, and that must fail.
    made = PatchToy(seed, False, levels)
    found = set(roots_of(run(made, **UNLIMITED)))
    minimal = twin.one_minimal(N_PATCHES, made.judge)
    _, met = twin.reachable(N_PATCHES, made.judge)
    assert found == {twin.reduced(patches, made.judge) for patches in met}
    assert twin.subset_minimal(N_PATCHES, made.judge) <= minimal & met <= found <= minimal


def test_some_toys_have_minimal_sets_that_no_failing_sets_lead_to() -> None:
    made = [PatchToy(seed, False) for seed in range(40)]
    lost = [
        twin.one_minimal(N_PATCHES, toy.judge) - set(roots_of(run(toy, **UNLIMITED)))
        for toy in made
    ]
    assert any(lost)


@laws
@given(
    seed=seeds,
    count=st.integers(0, 9),
    patches=st.integers(1, 6),
    shared=st.integers(0, 3),
)
def test_diverse_is_what_trying_all_subsets_gives(seed, count, patches, shared) -> None:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 4, patches)
    sets = list(
        dict.fromkeys(
            tuple(np.flatnonzero(rng.random(patches) < rng.random()).tolist()) for _ in range(count)
        )
    )
    totals = [int(sizes[list(s)].sum()) for s in sets]
    expected = twin.most_diverse(
        [frozenset(s) for s in sets], shared, lambda s: int(sizes[sorted(s)].sum())
    )
    assert [frozenset(sets[k]) for k in diverse(sets, totals, shared)] == expected


@laws
@given(**toys, budget=st.integers(3, 120))
def test_a_budgeted_search_is_a_prefix_of_the_unlimited_one(seed, monotone, levels, budget) -> None:
    made = PatchToy(seed, monotone, levels)
    clf = CallableClassifier(
        made.composites, input_shape=(1, *SHAPE), n_classes=2, fingerprint="f" * 64
    )
    settings = {"method": Sag(grid=GRID), "target": 1}
    free = suffice.explain(clf, toy.ones(*SHAPE), **settings)
    held = suffice.explain(clf, toy.ones(*SHAPE), budget=budget, **settings)
    assert held.trace == [t for t in free.trace if t[0] <= budget]
    assert held.evaluations == min(budget, free.evaluations)
    assert held.certificate.sufficient
    if budget >= free.evaluations:
        assert held.record["details"] == free.record["details"]
        return
    assert held.status == "budget"
    details, whole = held.record["details"], free.record["details"]
    if details:
        assert details["roots"] == whole["roots"][: len(details["roots"])]
        assert not details["graph"]["complete"]
        graph = details["graph"]
        assert all(max(edge) < len(graph["nodes"]) for edge in graph["edges"])
        assert len(held.sets) == len(details["shown"])


@pytest.mark.parametrize("batch_size", [1, 5, 64])
def test_every_root_that_is_returned_is_certified(batch_size: int) -> None:
    for seed in range(5):
        made = PatchToy(seed, False)
        clf = CallableClassifier(made.composites, input_shape=(1, *SHAPE), n_classes=2)
        exp = suffice.explain(
            clf, toy.ones(*SHAPE), method=Sag(grid=GRID), target=1, batch_size=batch_size
        )
        assert exp.sets
        assert all(s.certificate.sufficient for s in exp.sets)
        assert all(s.certificate.irreducible_at is None for s in exp.sets)
