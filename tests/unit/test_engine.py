"""The engine against fake searches and classifiers with known answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

import suffice
from reference import toy
from suffice import _native
from suffice.errors import ScoresError, SettingsError
from suffice.methods.base import Method, Rounds, RoundSearch, SearchResult
from suffice.models.callable import CallableClassifier
from suffice.subject import Subject

SHAPE = (6, 7)


@dataclass(frozen=True)
class Scripted(Method):
    """Asks for fixed rounds of masks and returns the smallest passing one."""

    name: ClassVar[str] = "scripted"
    version: ClassVar[str] = "1"
    rounds: tuple[tuple[tuple[int, ...], ...], ...] = ()
    log: list[object] | None = None

    def make_search(self, subject: Subject) -> RoundSearch:
        return RoundSearch(self._steps(subject))

    def _steps(self, subject: Subject) -> Rounds:
        best = np.zeros((0, _native.words_for(42)), np.uint64)
        smallest = 10**9
        for sets in self.rounds:
            masks = np.zeros((len(sets), 42), bool)
            for row, pixels in enumerate(sets):
                masks[row, list(pixels)] = True
            packed = _native.pack(masks.reshape(-1, *SHAPE))
            outcomes = yield packed
            if self.log is not None:
                self.log.append(outcomes)
            for row in np.flatnonzero(outcomes.passes):
                if masks[row].sum() < smallest:
                    smallest = int(masks[row].sum())
                    best = packed[row : row + 1]
        return SearchResult(masks=best)


def classifier(fn: Callable, **options: object) -> CallableClassifier:
    return CallableClassifier(fn, input_shape=(1, *SHAPE), n_classes=2, **options)


def explain(fn: Callable, rounds: object, **settings: object):
    clf = fn if isinstance(fn, CallableClassifier) else classifier(fn)
    return suffice.explain(clf, toy.ones(*SHAPE), method=Scripted(rounds=rounds), **settings)


ALL = tuple(range(42))
AND = toy.needs([(0, 0), (5, 6)])  # flat pixels 0 and 41


def test_found_set_is_certified_and_counted() -> None:
    exp = explain(AND, (((0,), (0, 41), (41,)), ((0, 1, 41), (0, 41))))
    assert exp.status == "found"
    assert np.flatnonzero(exp.mask).tolist() == [0, 41]
    assert exp.pixels == 2
    assert exp.area == 2 / 42
    # f(x), f(b), four distinct masks; the repeat is free
    assert exp.evaluations == 2 + 4
    assert exp.record["repeats"] == 1
    assert exp.certificate is not None
    assert exp.certificate.verdict == "holds"
    assert exp.certificate.checked_evaluations == 3
    assert exp.trace == [[1, 1.0], [4, 2 / 42]]


def test_whole_image_and_empty_mask_are_known_already() -> None:
    log: list = []
    suffice.explain(
        classifier(AND),
        toy.ones(*SHAPE),
        method=Scripted(rounds=((ALL, (), (3,)),), log=log),
    )
    assert log[0].passes.tolist() == [True, False, False]
    assert log[0].top1.tolist() == [1, 0, 0]


@pytest.mark.parametrize("budget", range(2, 9))
def test_a_budgeted_run_is_a_prefix_of_the_unlimited_one(budget: int) -> None:
    rounds = (((0,), (*ALL[:30], 41), (0, 2, 41)), ((0, 1, 41), (0, 41)))
    free = explain(AND, rounds)
    held = explain(AND, rounds, budget=budget)
    assert held.evaluations == min(budget, free.evaluations)
    assert held.trace == [t for t in free.trace if t[0] <= budget]
    assert held.status == ("found" if budget >= free.evaluations else "budget")
    assert held.area == held.trace[-1][1]
    assert held.certificate.sufficient


def test_baseline_of_the_target_class_is_the_empty_answer() -> None:
    constant = lambda batch: np.tile(np.float32([0.0, 1.0]), (len(batch), 1))
    exp = explain(constant, (((0,),),))
    assert exp.status == "empty"
    assert exp.pixels == 0
    assert exp.evaluations == 2
    assert exp.certificate.sufficient


def test_nothing_found_says_so() -> None:
    exp = explain(AND, (((3,),),))
    assert exp.status == "unattained"
    assert exp.reason
    assert len(exp.sets) == 0
    assert np.isnan(exp.area)


def test_another_target_than_the_top1_can_be_explained() -> None:
    exp = explain(AND, (((3,), (0, 41)),), target=0, criterion="top1")
    assert exp.target == 0
    assert exp.status == "empty"  # the baseline shows class 0


def test_several_baselines_must_all_pass() -> None:
    both = [np.zeros((1, *SHAPE), np.float32), np.ones((1, *SHAPE), np.float32) * 0.5]
    loose = lambda b: np.stack(
        [np.zeros(len(b)), b[:, 0, 0, 0] - b[:, 0, 3, 3] * 4 + 0.5 * b[:, 0, 5, 6]], axis=1
    ).astype(np.float32)
    image = toy.ones(*SHAPE)
    image[0, 3, 3] = 0.0
    one = suffice.explain(
        classifier(loose), image, method=Scripted(rounds=(((0,), (0, 24)),)), baseline=both[0]
    )
    two = suffice.explain(
        classifier(loose), image, method=Scripted(rounds=(((0,), (0, 24)),)), baseline=both
    )
    assert one.pixels == 1
    assert two.pixels == 2
    assert two.evaluations == 3 + 2 * 2
    assert len(two.certificate.baselines) == 2


@pytest.mark.parametrize("batch_size", [1, 2, 7, 64])
@pytest.mark.parametrize("neighbours", [0, 3])
def test_batch_and_neighbours_change_nothing(batch_size: int, neighbours: int) -> None:
    rng = np.random.default_rng(5)
    images = rng.integers(0, 256, (1 + neighbours, 1, *SHAPE)).astype(np.float32) / 256
    rounds = tuple(
        tuple(tuple(np.flatnonzero(row).tolist()) for row in rng.random((9, 42)) < 0.6)
        for _ in range(4)
    )
    clf = classifier(toy.linear(*SHAPE, n_classes=2), thread_safe=True)
    alone = suffice.explain(clf, images[0], method=Scripted(rounds=rounds), target=1)
    crowd = suffice.explain(
        clf, list(images), method=Scripted(rounds=rounds), target=1, batch_size=batch_size
    )
    a, b = alone.to_dict(), crowd[0].to_dict()
    for volatile in ("seconds", "model_calls"):
        a.pop(volatile), b.pop(volatile)
    assert a == b
    assert np.array_equal(alone.masks, crowd[0].masks)


def test_one_bad_image_leaves_the_others_alone() -> None:
    def poisoned(batch: np.ndarray) -> np.ndarray:
        scores = AND(batch)
        scores[batch[:, 0, 2, 2] == 2.0] = np.nan
        return scores

    good = toy.ones(*SHAPE)
    bad = good.copy()
    bad[0, 2, 2] = 2.0
    method = Scripted(rounds=(((16,), (0, 41)),))
    items = list(
        suffice.explain_stream(
            classifier(poisoned), [good, bad, good], method=method, on_error="yield", batch_size=4
        )
    )
    assert [type(i).__name__ for i in items] == ["Explanation", "Failure", "Explanation"]
    assert items[0].pixels == items[2].pixels == 2
    assert isinstance(items[1].error, ScoresError)
    assert items[1].error.composite.shape == (1, *SHAPE)
    with pytest.raises(ScoresError):
        suffice.explain(classifier(poisoned), [good, bad], method=method)


def test_nan_in_the_middle_of_a_search_fails_only_that_image() -> None:
    def poisoned(batch: np.ndarray) -> np.ndarray:
        scores = AND(batch)
        only = (batch[:, 0].reshape(len(batch), -1) == 2.0).sum(axis=1) == 1
        scores[only & (batch[:, 0].sum(axis=(1, 2)) == 2.0)] = np.nan
        return scores

    good, bad = toy.ones(*SHAPE), toy.ones(*SHAPE)
    bad[0, 2, 2] = 2.0
    method = Scripted(rounds=(((3,), (16,), (0, 1)), ((0, 41),)))
    items = list(
        suffice.explain_stream(
            classifier(poisoned), [bad, good, bad], method=method, on_error="yield", batch_size=5
        )
    )
    assert [type(i).__name__ for i in items] == ["Failure", "Explanation", "Failure"]


def test_a_model_that_breaks_on_one_image_leaves_the_others_alone() -> None:
    def fragile(batch: np.ndarray) -> np.ndarray:
        if ((batch == 2.0).any(axis=(1, 2, 3)) & (batch.sum(axis=(1, 2, 3)) < 10)).any():
            raise ArithmeticError("can't be")
        return AND(batch)

    good, bad = toy.ones(*SHAPE), toy.ones(*SHAPE)
    bad[0, 2, 2] = 2.0
    method = Scripted(rounds=(((3,), (16,), (0, 1)), ((0, 41),)))
    items = list(
        suffice.explain_stream(
            classifier(fragile), [good, bad, good], method=method, on_error="yield", batch_size=9
        )
    )
    assert [type(i).__name__ for i in items] == ["Explanation", "Failure", "Explanation"]
    assert isinstance(items[1].error, ArithmeticError)


def test_a_classifier_may_give_out_the_same_array_at_every_call() -> None:
    class Reusing(CallableClassifier):
        memory = np.zeros((64, 2), np.float32)

        def __call__(self, batch: np.ndarray) -> np.ndarray:
            out = self.memory[: len(batch)]
            out[:] = super().__call__(batch)
            return out

    rounds = ((*((k,) for k in range(20)), (0, 41), *((k, 5) for k in range(6, 30))),)
    plain = explain(AND, rounds, batch_size=2)
    clf = Reusing(AND, input_shape=(1, *SHAPE), n_classes=2)
    reused = suffice.explain(clf, toy.ones(*SHAPE), method=Scripted(rounds=rounds), batch_size=2)
    assert reused.pixels == plain.pixels == 2


def test_stopping_keeps_what_is_done() -> None:
    seen: list = []
    images = [toy.ones(*SHAPE)] * 50
    stream = suffice.explain_stream(
        classifier(AND),
        images,
        method=Scripted(rounds=(((0, 41),),)),
        window=2,
        should_stop=lambda: len(seen) >= 3,
    )
    for exp in stream:
        seen.append(exp)  # noqa: PERF402  # should_stop watches the list grow
    assert 3 <= len(seen) < 10


class Wobbly(CallableClassifier):
    """Scores shift with the size of the batch: not batch-invariant, noise below 1e-4."""

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        return super().__call__(batch) + np.float32([0.0, 1e-4]) * (len(batch) > 1)


def test_narrow_decisions_are_checked_again_at_batch_1() -> None:
    # The target leads by exactly -5e-5 on the mask {0}: a full batch would let it pass.
    def narrow(batch: np.ndarray) -> np.ndarray:
        flat = batch[:, 0].reshape(len(batch), -1)
        z = np.where(flat.sum(axis=1) == 42, 1.0, np.where(flat[:, 0] > 0, -5e-5, -1.0))
        z = np.where((flat[:, 0] > 0) & (flat[:, 41] > 0), 1.0, z)
        return np.stack([np.zeros_like(z), z], axis=1).astype(np.float32)

    clf = Wobbly(narrow, input_shape=(1, *SHAPE), n_classes=2)
    exp = suffice.explain(
        clf, toy.ones(*SHAPE), method=Scripted(rounds=(((0,), (0, 41), (5,)),)), batch_size=3
    )
    assert exp.pixels == 2
    assert exp.marginal >= 1
    assert exp.recheck_evaluations == exp.marginal
    assert exp.certificate.sufficient


def test_settings_are_checked_before_any_model_runs() -> None:
    clf = classifier(AND)
    x = toy.ones(*SHAPE)
    for bad, words in (
        ({"target": 2}, "classes 0 to 1"),
        ({"budget": 0}, "budget"),
        ({"grain": 0}, "grain"),
        ({"seed": -1}, "seed"),
        ({"batch_size": 0}, "batch_size"),
        ({"method": "magic"}, "no method"),
        ({"baseline": []}, "at least one baseline"),
    ):
        with pytest.raises(SettingsError, match=words):
            suffice.explain(clf, x, **bad)
        with pytest.raises(SettingsError, match=words):
            suffice.explain_stream(clf, [], **bad)  # at once, not when it is first asked


def test_labels_reach_the_record(tmp_path: Path) -> None:
    file = tmp_path / "names.txt"
    file.write_text("nothing\nboth corners\n")
    for labels in (["nothing", "both corners"], file, str(file)):
        exp = explain(AND, (((0, 41),),), labels=labels)
        assert exp.target_label == "both corners"
    assert explain(AND, (((0, 41),),)).target_label is None


@dataclass(frozen=True)
class NeverRepeats(Scripted):
    """As `Scripted`, and says that it never asks for a mask again."""

    repeats: ClassVar[bool] = False


ROUNDS = (((0,), (*ALL[:30], 41), (0, 2, 41)), ((0, 1, 41),), ((0, 41), (3,)))


@pytest.mark.parametrize("contrastive", [False, True])
@pytest.mark.parametrize("n_baselines", [1, 2])
@pytest.mark.parametrize("budget", [None, *range(1, 30)])
def test_not_remembering_changes_no_outcome(
    budget: int | None, n_baselines: int, contrastive: bool
) -> None:
    logs: list[list] = []
    found = []
    for method in (Scripted, NeverRepeats):
        logs.append([])
        baselines = [np.full((1, *SHAPE), -k, np.float32) for k in range(n_baselines)]
        found.append(
            suffice.explain(
                classifier(AND),
                toy.ones(*SHAPE),
                method=method(rounds=ROUNDS, log=logs[-1]),
                baseline=baselines,
                budget=budget,
                contrastive=contrastive,
                batch_size=3,
            )
        )
    with_memory, without = found
    assert without.evaluations == with_memory.evaluations
    assert without.trace == with_memory.trace
    assert without.status == with_memory.status
    assert without.reason == with_memory.reason
    assert np.array_equal(without.masks, with_memory.masks)
    assert len(logs[0]) == len(logs[1])
    for a, b in zip(*logs, strict=True):
        for name in ("passes", "margin", "confidence", "lead", "log_odds", "rest_lead", "top1"):
            assert np.array_equal(getattr(a, name), getattr(b, name)), name


def test_without_memory_every_asked_mask_counts() -> None:
    rounds = (((0,), (0,)), ((0,), (0, 41)))
    exp = suffice.explain(classifier(AND), toy.ones(*SHAPE), method=NeverRepeats(rounds=rounds))
    assert exp.evaluations == 2 + 4
    assert exp.record["repeats"] == 0


def test_without_memory_a_track_holds_one_round() -> None:
    from suffice.subject import Subject as Asked
    from suffice.track import Question, Track

    image = toy.ones(*SHAPE)
    subjects: list[Asked] = []

    @dataclass(frozen=True)
    class Kept(NeverRepeats):
        name: ClassVar[str] = "kept"

        def make_search(self, subject: Subject) -> RoundSearch:
            subjects.append(subject)
            return super().make_search(subject)

    suffice.explain(classifier(AND), image, method=Kept(rounds=ROUNDS))
    question = Question(0, "", image, np.zeros((1, 1, *SHAPE), np.float32), 1, 0)
    many = tuple(tuple((p,) for p in range(42)) for _ in range(100))
    track = Track(question, None, remember=False, subject=subjects[0])
    track.search = NeverRepeats(rounds=many).make_search(subjects[0])
    while track.ask():
        assert track.round is not None
        assert len(track.round.new_masks) == 42
        assert track.complete()
    assert track.evaluations == 4200
    assert not track._rows
    assert len(track._store) == 256
