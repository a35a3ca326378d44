from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import suffice
from reference import toy
from reference.driver import Driven, MaskClassifier, drive, make_subject, outcomes
from suffice import _native
from suffice.errors import InputError, SettingsError
from suffice.methods._walk import rewards
from suffice.methods.moxi import Moxi

SHAPE = (2, 4)
A, B, C, D = range(4)
LABELS = np.array([[0, 0, 1, 1], [2, 2, 3, 3]], np.int32)


def sums(value: Any) -> MaskClassifier:
    """Two classes; the log-odds of the second are a function of the set of regions kept."""

    def classify(masks: np.ndarray) -> np.ndarray:
        groups = [frozenset(np.unique(LABELS[m]).tolist()) for m in masks]
        z = np.array([value(g) for g in groups], float)
        p = 1.0 / (1.0 + np.exp(-z))
        return np.stack([1.0 - p, p], axis=1)

    return classify


def weighted(*weights: float, bias: float = 0.0) -> Any:
    return lambda g: bias + sum(weights[i] for i in g)


def run(classify: MaskClassifier, target: int = 1, **settings: Any) -> Driven:
    subject = make_subject(classify, SHAPE, target=target)
    method = Moxi(**{"feature_mask": LABELS, **settings})
    return drive(method.make_search(subject), classify, subject)


def found(driven: Driven, order: str = "insertion") -> list[int]:
    assert driven.result.details is not None
    return driven.result.details[order]["order"]


def regions_of(packed: np.ndarray) -> set[int]:
    mask = _native.unpack(packed.reshape(1, -1), SHAPE)[0]
    return set(np.unique(LABELS[mask]).tolist())


# Known answers


def test_a_sum_is_inserted_from_its_largest_part() -> None:
    ours = run(sums(weighted(1.0, 4.0, 2.0, -3.0, bias=-5.5)))
    assert found(ours) == [B, C]
    assert regions_of(ours.result.masks) == {B, C}
    ranks = ours.result.responsibility
    assert ranks is not None
    assert ranks[0].tolist() == [2.0, 2.0, 4.0, 4.0]  # A is next after the chosen
    assert ranks[1].tolist() == [3.0, 3.0, 1.0, 1.0]


def test_twins_that_say_the_same_are_not_both_taken() -> None:
    """A set's sum that counts a number once: of two equal regions one adds nothing."""

    def value(group: frozenset[int]) -> float:
        once = 4.0 if group & {A, B} else 0.0
        return once + (2.0 if C in group else 0.0) + (1.0 if D in group else 0.0) - 5.5

    both = run(sums(value))
    alone = run(sums(value), interactions=False)
    assert found(both) == [A, C]  # the redundant twin B has interaction -4 with A
    assert found(alone) == [A, B, C]
    details = both.result.details
    assert details is not None
    assert np.allclose(details["insertion"]["self_context"], [4.0, 4.0, 2.0, 1.0])
    assert np.allclose(details["insertion"]["interactions"], [0.0, 0.0])


def test_partners_that_work_together_are_found() -> None:
    def value(group: frozenset[int]) -> float:
        pair = 6.0 if {A, D} <= group else 0.0
        return pair + weighted(1.5, 1.0, 1.25, 0.0)(group) - 5.0

    ours = run(sums(value))
    assert found(ours) == [A, D]
    assert ours.result.details is not None
    assert np.allclose(ours.result.details["insertion"]["interactions"], [0.0, 6.0])
    assert found(run(sums(value), interactions=False)) == [A, C, B, D]


def test_deletion_takes_all_copies_before_the_class_falls() -> None:
    def value(group: frozenset[int]) -> float:
        return (4.0 if group & {A, B} else 0.0) + (1.0 if C in group else 0.0) - 2.5

    ours = run(sums(value), order="deletion")
    # At full context a copy alone takes nothing; C does, then either copy, lowest label first.
    assert found(ours, "deletion") == [C, A, B]
    assert ours.result.extra_masks is not None
    assert regions_of(ours.result.extra_masks["removed"]) == {A, B, C}
    assert regions_of(ours.result.masks) == {B, D}  # what was left passing


def test_another_class_is_brought_about_by_taking_out_what_opposes_it() -> None:
    """Two objects: A and B speak for class 0, C and D for class 1."""
    classify = sums(weighted(-5.0, -2.0, 1.0, 3.0))
    ours = run(classify, target=1, order="deletion")
    details = ours.result.details
    assert details is not None
    assert details["deletion"]["order"] == [A, D]
    assert details["deletion"]["opposing"] == 1
    assert ours.result.extra_masks is not None
    assert regions_of(ours.result.extra_masks["opposing"]) == {A}
    # From there on as usual: D goes first, and then the class is lost.
    assert regions_of(ours.result.extra_masks["removed"]) == {D}
    assert regions_of(ours.result.masks) == {B, C, D}


def test_several_patches_may_oppose() -> None:
    ours = run(sums(weighted(-5.0, -3.0, 1.5, 1.0)), target=1, order="deletion")
    assert found(ours, "deletion") == [A, B, C, D]
    assert ours.result.extra_masks is not None
    assert regions_of(ours.result.extra_masks["opposing"]) == {A, B}
    assert regions_of(ours.result.extra_masks["removed"]) == {C, D}
    assert regions_of(ours.result.masks) == {D}
    ranks = ours.result.responsibility
    assert ranks is not None
    assert [float(ranks[i == LABELS][0]) for i in (C, D, B, A)] == [4.0, 3.0, 2.0, 1.0]


def test_ties_go_to_the_lowest_label() -> None:
    ours = run(sums(weighted(1.0, 1.0, 1.0, 1.0, bias=-2.5)))
    assert found(ours) == [A, B, C]


def test_a_full_order_goes_on_after_the_class_is_there() -> None:
    ours = run(sums(weighted(1.0, 4.0, 2.0, -3.0, bias=-3.5)), full=True, order="both")
    assert found(ours) == [B, C, A, D]
    assert found(ours, "deletion") == [B, C, A, D]
    assert regions_of(ours.result.masks) == {B}
    assert ours.result.details is not None
    assert ours.result.details["insertion"]["passes"] == [True] * 4


@pytest.mark.parametrize("order", ["insertion", "deletion"])
def test_full_orders_cost_half_the_square(order: Any) -> None:
    ours = run(sums(weighted(1.0, 4.0, 2.0, -3.0, bias=-3.5)), full=True, order=order)
    assert [len(r) for r in ours.rounds] == [4, 3, 2, 1]


def test_self_context_costs_a_look_and_prefixes() -> None:
    ours = run(sums(weighted(1.0, 4.0, 2.0, -3.0, bias=-5.5)), interactions=False)
    assert found(ours) == [B, C]
    assert [len(r) for r in ours.rounds] == [4, 4]


def test_a_class_that_does_not_come_about_says_so() -> None:
    classify = sums(weighted(-1.0, -1.0, -1.0, -1.0, bias=-1.0))
    ours = run(classify, target=1, order="both")
    assert len(ours.result.masks) == 0
    assert "no prefix of the order passes for class 1" in ours.result.reason
    assert ours.result.details is not None
    assert ours.result.details["deletion"]["opposing"] == 4
    alone = run(classify, target=1, order="deletion")
    assert "class 1 did not come about" in alone.result.reason


def test_rewards() -> None:
    p = np.array([[0.25, 0.75], [0.999, 0.001], [0.0, 1.0]])
    subject = make_subject(sums(weighted(1.0, 1.0, 1.0, 1.0)), SHAPE)
    o = outcomes(p, 1, subject.criterion, 0.5)
    assert np.allclose(rewards(o, "log_odds")[:2], np.log(p[:2, 1] / p[:2, 0]))
    assert rewards(o, "log_odds")[2] == 1e6
    assert np.allclose(rewards(o, "log_probability"), np.log(p[:, 1]))
    assert np.allclose(rewards(o, "logit"), np.log(p[:, 1]))
    assert rewards(o, "confidence").tolist() == [0.75, 0.001, 1.0]


def test_the_logit_can_order_otherwise() -> None:
    """Of three classes: A raises the target's logit most, B lowers the rival more."""

    def classify(batch: np.ndarray) -> np.ndarray:
        kept = np.stack([batch[:, 0][:, i == LABELS].max(axis=1) for i in range(4)], axis=1)
        z = kept @ np.array([[0.0, 3.0, 1.0], [0.0, 1.0, -6.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
        return (z + np.array([0.0, 0.0, 5.0])).astype(np.float32)

    clf = suffice.as_classifier(classify, input_shape=(1, *SHAPE))
    orders = []
    for reward in ("logit", "log_odds", "log_probability", "confidence"):
        method = Moxi(feature_mask=LABELS, reward=reward, full=True)
        exp = suffice.explain(clf, toy.ones(*SHAPE), method=method, target=1)
        orders.append(exp.record["details"]["insertion"]["order"][0])
    assert orders == [A, B, B, B]


# Settings


def test_label_maps_from_files_and_with_gaps(tmp_path: Any) -> None:
    classify = sums(weighted(1.0, 4.0, 2.0, -3.0, bias=-5.5))
    gaps = 10 * LABELS - 5
    np.save(tmp_path / "map.npy", gaps)
    np.savez(tmp_path / "map.npz", feature_mask=gaps)
    for name in ("map.npy", "map.npz"):
        method = Moxi.from_settings({"feature_mask": str(tmp_path / name)})
        ours = run(classify, feature_mask=method.feature_mask)
        assert found(ours) == [B, C]
        assert ours.result.details is not None
        assert ours.result.details["labels"] == [-5, 5, 15, 25]
    assert run(classify, feature_mask=gaps[None, None]).result.details is not None


def test_cells_of_a_grid_begin_at_floor() -> None:
    clf = suffice.as_classifier(toy.needs([(4, 4)]), input_shape=(1, 10, 10))
    exp = suffice.explain(clf, toy.ones(10, 10), method=Moxi(grid=4))
    rows, cols = np.nonzero(exp.mask)
    assert (rows.min(), rows.max()) == (2, 4)  # boundaries 0, 2, 5, 7
    assert (cols.min(), cols.max()) == (2, 4)


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"order": "sideways"}, "order"),
        ({"reward": "loss"}, "reward"),
        ({"grid": 0}, "grid"),
        ({"grid": True}, "grid"),
        ({"interactions": 1}, "interactions"),
        ({"full": "yes"}, "full"),
        ({"feature_mask": [[0, 1]]}, "feature_mask"),
        ({"feature_mask": np.zeros((2, 4))}, "whole numbers"),
        ({"feature_mask": "nowhere.npy"}, "not there"),
    ],
)
def test_bad_settings(settings: dict[str, Any], word: str) -> None:
    with pytest.raises(SettingsError, match=word):
        Moxi(**settings)


def test_maps_that_do_not_fit(tmp_path: Any) -> None:
    classify = sums(weighted(1.0, 1.0, 1.0, 1.0))
    with pytest.raises(SettingsError, match=r"\[2, 4\]"):
        run(classify, feature_mask=LABELS.T)
    np.savez(tmp_path / "other.npz", labels=LABELS)
    with pytest.raises(InputError, match="feature_mask"):
        run(classify, feature_mask=tmp_path / "other.npz")
    (tmp_path / "broken.npy").write_bytes(b"no array")
    with pytest.raises(InputError, match="can't be read"):
        run(classify, feature_mask=tmp_path / "broken.npy")


def test_equality_and_record() -> None:
    assert Moxi(feature_mask=LABELS) == Moxi(feature_mask=LABELS.copy())
    assert hash(Moxi(feature_mask=LABELS)) == hash(Moxi(feature_mask=LABELS.copy()))
    assert Moxi(feature_mask=LABELS) != Moxi(feature_mask=LABELS + 1)
    assert Moxi(feature_mask=LABELS).settings()["feature_mask"]["shape"] == [2, 4]
    one, other = (lambda _: LABELS), (lambda _: LABELS)
    assert Moxi(feature_mask=one) == Moxi(feature_mask=one) != Moxi(feature_mask=other)
    assert hash(Moxi(feature_mask=one)) == hash(Moxi(feature_mask=one))
    assert Moxi.from_settings({"full": "true", "grid": "7"}) == Moxi(full=True, grid=7)


# Through the engine


def test_explaining_gives_a_certified_set_and_what_was_removed(tmp_path: Any) -> None:
    clf = suffice.as_classifier(toy.any_of([(0, 0), (7, 7)]), input_shape=(1, 8, 8))
    exp = suffice.explain(clf, toy.ones(8, 8), method=Moxi(order="both", grid=4))
    assert exp.status == "found"
    assert exp.certificate.sufficient
    assert np.argwhere(exp.mask).tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    removed = exp.extra_masks["removed"]
    assert removed[0, 0]
    assert removed[7, 7]
    exp.save(tmp_path / "e.npz")
    again = suffice.load(tmp_path / "e.npz")
    assert np.array_equal(again.extra_masks["removed"], removed)
    assert suffice.verify(again, clf, toy.ones(8, 8)).verdict == "holds"


def test_a_stopped_search_keeps_its_order() -> None:
    clf = suffice.as_classifier(toy.at_least(3, [(0, 0), (0, 7), (7, 7)]), input_shape=(1, 8, 8))
    exp = suffice.explain(clf, toy.ones(8, 8), method=Moxi(grid=4), budget=20)
    assert exp.status == "budget"
    assert len(exp.record["details"]["insertion"]["order"]) == 1
    assert exp.area == 1.0  # the whole image is all that is known to pass
