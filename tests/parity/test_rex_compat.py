"""``Rex(compat="rex")`` against golden traces of rex-xai 0.4.1: equal, bit for bit.

The traces come from ``benchmarks/peers/rex_xai_golden.py``. What is random or unordered there
(split positions, order of the dc queue, places of spotlights) is injected; queues, mutants, maps,
rankings and sets must follow.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reference.driver import make_subject, outcomes
from reference.rex_toys import Toy
from suffice import _native
from suffice.methods import rex_extraction, rex_spotlight
from suffice.methods.rex import Rex

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "rex_xai_0.4.1" / "traces.npz"
NOT_SETTINGS = ("seed", "toy", "shape", "classes", "ratio")
NOT_IN_CASE = ("toy_sha256", "levels", "places", "order_sha256")


def load() -> tuple[list[dict[str, Any]], dict[str, Any]]:
    with np.load(GOLDEN) as archive:
        arrays = {name: archive[name] for name in archive.files}
    return json.loads(arrays.pop("cases").tobytes()), arrays


CASES, ARRAYS = load()


class Trace:
    """One case: what was asked of rex-xai and what came out."""

    def __init__(self, number: int) -> None:
        self.case = CASES[number]
        self.name = f"{number:02d}"
        self.shape = tuple(self.case["shape"])
        self.toy = Toy(self.case["toy"], *self.shape, n_classes=self.case.get("classes", 3))
        assert self.toy.fingerprint() == self.case["toy_sha256"]
        skip = (*NOT_SETTINGS, *NOT_IN_CASE)
        settings = {k: v for k, v in self.case.items() if k not in skip}
        self.rex = Rex(compat="rex", **{"iterations": 5, **settings})
        ratio = self.case.get("ratio", 0.0)
        criterion = f"relative:{ratio}" if ratio else "top1"
        self.subject = make_subject(self.toy.probabilities, self.shape, criterion=criterion)

    def array(self, key: str) -> Any:
        return ARRAYS.get(f"{self.name}/{key}")

    def masks(self, key: str) -> Any:
        packed = self.array(key)
        if packed is None:
            return None
        return np.unpackbits(packed, axis=-1, count=self.shape[1]).astype(bool)

    def judge(self, packed: Any) -> Any:
        masks = _native.unpack(packed, self.shape)
        return outcomes(
            self.toy.probabilities(masks),
            self.subject.target,
            self.subject.criterion,
            self.subject.reference_confidence,
        )

    def search(self) -> Any:
        """The native search with rex-xai's splits."""
        search = self.rex._native_search(self.subject)
        splits = self.array("splits")
        for i in range(self.rex.iterations):
            own = splits[splits[:, 0] == i]
            search.inject_splits(i, own[:, 1].astype(np.uint64), own[:, 2].copy())
        return search


@pytest.fixture(params=range(len(CASES)), ids=lambda i: f"{i:02d}")
def trace(request: pytest.FixtureRequest) -> Trace:
    return Trace(request.param)


def level_digest(masks: Any) -> str:
    """As the recording script does it: each mask's bytes in the order they were tried."""
    digest = hashlib.sha256()
    for mask in masks:
        digest.update(np.packbits(mask).tobytes())
    return digest.hexdigest()[:32]


def follow(trace: Trace, search: Any) -> None:
    """Run the search, comparing queue and mutants of every level with the trace."""
    recorded = trace.case["levels"]
    for i, levels in enumerate(recorded):
        assert search.queue_names(i) == levels[0]["queue"], f"iteration {i}"
    level = 0
    while len(packed := search.ask()):
        masks = _native.unpack(packed, trace.shape)
        judged = trace.judge(packed)
        before = search.statistics()[:, 1]
        passing = (judged.top1 == trace.subject.target) & (
            judged.confidence >= trace.subject.reference_confidence * trace.rex.confidence_filter
        )
        search.tell(judged.top1, judged.top1_confidence, passing.view(np.uint8))
        asked = search.statistics()[:, 1] - before
        ends = np.cumsum(asked)
        for i, levels in enumerate(recorded):
            if level < len(levels):
                own = masks[ends[i] - asked[i] : ends[i]]
                assert len(own) == levels[level]["n"], f"iteration {i}, level {level}"
                assert level_digest(own) == levels[level]["sha256"], f"iteration {i}, {level}"
            else:
                assert asked[i] == 0, f"iteration {i} went on at level {level}"
            names = search.queue_names(i)
            expected = levels[level + 1]["queue"] if level + 1 < len(levels) else []
            if trace.rex.queue == "dc" and names:
                assert sorted(names) == sorted(expected)
                search.set_queue_order(i, expected)
            else:
                assert names == expected, f"iteration {i}, queue after level {level}"
        level += 1
    for i, levels in enumerate(recorded):
        assert sum(entry["n"] for entry in levels) == search.statistics()[i, 1]


class RecordedPlaces:
    """The places a spotlight of rex-xai looked at, in order."""

    def __init__(self, draws: list[tuple[str, int, int]]) -> None:
        self.draws = list(draws)

    def next(self, kind: str) -> tuple[int, int]:
        recorded, row, column = self.draws.pop(0)
        assert recorded == kind
        return row, column

    def random(self) -> tuple[int, int]:
        return self.next("random")

    def step(self, origin: tuple[int, int]) -> tuple[int, int]:
        return self.next("step")


def extract(trace: Trace, responsibility: Any) -> Any:
    rounds = rex_extraction.Extraction(trace.rex, trace.subject, responsibility).run()
    try:
        packed = next(rounds)
        while True:
            packed = rounds.send(trace.judge(packed))
    except StopIteration as stop:
        return stop.value


def expected_sets(trace: Trace) -> list[Any]:
    """rex-xai's answer; it reports a blank mask where it found nothing."""
    sets = trace.masks("sets")
    if trace.rex.extraction == "spotlight":
        sets = sets[trace.array("chosen")]
        return [s for _, s in sorted(enumerate(sets), key=lambda e: int(e[1].sum()))]
    return [s for s in sets if s.any()]


def test_equal_to_rex_xai(trace: Trace, monkeypatch: pytest.MonkeyPatch) -> None:
    search = trace.search()
    follow(trace, search)
    responsibility = search.responsibility(trace.subject.target, *trace.shape)
    np.testing.assert_array_equal(
        responsibility.view(np.uint32), trace.array("map").view(np.uint32)
    )
    order = _native.rank(responsibility, ties="last").astype("<i4")
    assert hashlib.sha256(order.tobytes()).hexdigest() == trace.case["order_sha256"]

    places = [RecordedPlaces(draws) for draws in trace.case["places"]]
    monkeypatch.setattr(rex_spotlight, "make_places", lambda *args: places[args[-1] - 1])
    found = extract(trace, responsibility)
    sets = _native.unpack(found.masks, trace.shape)
    expected = expected_sets(trace)
    assert len(sets) == len(expected)
    for ours, theirs in zip(sets, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for recorded in places:
        assert not recorded.draws, "rex-xai looked at more places"
    compare_extra(trace, found.extra)


def compare_extra(trace: Trace, extra: dict[str, Any]) -> None:
    """Necessary and complete sets; rex-xai keeps only what the complete set adds."""
    if trace.rex.extraction not in ("contrastive", "complete"):
        assert extra == {}
        return
    necessary = trace.masks("necessity_mask")
    assert ("necessary" in extra) == (necessary is not None)
    if necessary is None:
        return
    ours = _native.unpack(extra["necessary"][None], trace.shape)[0]
    np.testing.assert_array_equal(ours, necessary)
    added = trace.masks("complete_mask")
    if trace.rex.extraction == "contrastive" or added is None:
        assert added is None
        return
    complete = _native.unpack(extra["complete"][None], trace.shape)[0]
    np.testing.assert_array_equal(complete & ~necessary, added)
    assert (complete & necessary).sum() == necessary.sum()


def test_traces_cover_what_they_claim() -> None:
    """The cases reach the faults and paths that the comparison is about."""
    assert len(CASES) >= 50
    extractions = [case.get("extraction", "global") for case in CASES]
    for kind in ("global", "spatial", "spotlight", "contrastive", "complete"):
        assert extractions.count(kind) >= 3, kind
    assert {case.get("queue", "area") for case in CASES} == {"area", "intersection", "all", "dc"}
    assert any(len(levels) > 3 for case in CASES for levels in case["levels"])
    added = [ARRAYS.get(f"{i:02d}/complete_mask") for i in range(len(CASES))]
    assert sum(mask is not None and bool(mask.any()) for mask in added) >= 2
    assert any(ARRAYS.get(f"{i:02d}/chosen", np.zeros(0)).size > 1 for i in range(len(CASES)))
