"""Every registered method holds its promises, and every check can fail."""

from __future__ import annotations

import numpy as np
import pytest

import suffice
from reference import broken_methods
from reference.broken_methods import BROKEN, OneTileTooFew, Plain
from suffice.certificate import Certificate
from suffice.errors import SettingsError
from suffice.subject import Subject
from suffice.testing import CheckFailure, check_method, method_check_names


def diagonal(subject: Subject) -> np.ndarray:
    """A ranking from the top left corner on."""
    return -np.add.outer(*(np.arange(float(side)) for side in subject.shape))


METHODS = {
    "minimal": suffice.Minimal(),
    "minimal-short": suffice.Minimal(effort=60),
    "rex": suffice.Rex(iterations=4),
    "rex-spatial": suffice.Rex(iterations=3, extraction="spatial", radius=2, min_box_size=2),
    "rex-spotlight": suffice.Rex(iterations=3, extraction="spotlight", spotlights=3, radius=3),
    "rex-adaptive": suffice.Rex(iterations=3, distribution="adaptive", adaptive_block=2),
    "rex-contingency": suffice.Rex(iterations=3, responsibility="contingency", queue="all"),
    "curve": suffice.Curve(),
    "curve-fine": suffice.Curve(levels=("relative:0.5", "confidence:0.4"), grains=(2, 1)),
    "from_ranking": suffice.FromRanking(diagonal),
    "from_ranking-narrow": suffice.FromRanking(diagonal, width=3, refine=2),
    "msv": suffice.Msv(max_views=4),
    "msv-pixels": suffice.Msv(max_views=4, parts="pixels", beta=4),
    "sag": suffice.Sag(grid=4, roots=3, nodes=20),
    "sag-without": suffice.Sag(grid=3, width=2, ranking="without", shared=0, nodes=0),
    "pruned-rex": suffice.Pruned(suffice.Rex(iterations=2)),
    "pruned-msv": suffice.Pruned(suffice.Msv(max_views=2, beta=4), grain=2),
    "pruned-ranking": suffice.Pruned(suffice.FromRanking(diagonal)),
}
# Every other registered method, with its default settings.
_NAMED = {method.name for method in METHODS.values()}
METHODS |= {name: made() for name, made in suffice.methods().items() if name not in _NAMED}


@pytest.mark.parametrize("name", METHODS)
def test_methods_hold_their_promises(name) -> None:
    results = check_method(METHODS[name])
    skipped = {r.check for r in results if r.state == "skipped"}
    assert skipped <= {"gradients", "count_and_overlap", "settings_round_trip"}
    assert ("count_and_overlap" in skipped) != METHODS[name].many
    assert ("settings_round_trip" in skipped) == name.startswith("pruned")
    assert sum(r.state == "passed" for r in results) == len(method_check_names()) - len(skipped)


def test_a_plain_method_passes() -> None:
    check_method(Plain(backwards=True))
    assert check_method(Plain, only=["sufficient"])[0].state == "passed"
    assert check_method("minimal", only=["identity"])[0].state == "passed"


@pytest.fixture
def counter(monkeypatch):
    monkeypatch.setattr(broken_methods, "COUNTER", {"searches": 0, "busy": 0})
    monkeypatch.setattr(broken_methods.RemembersFailures, "left", [])


CASES = [(check, broken) for check, methods in BROKEN.items() for broken in methods]


@pytest.mark.parametrize(("check", "broken"), CASES, ids=lambda v: getattr(v, "__name__", v))
def test_every_check_can_fail(check, broken, counter) -> None:
    with pytest.raises(CheckFailure) as caught:
        check_method(broken(backwards=True), only=[check])
    failure = caught.value
    assert failure.check == check
    assert failure.expected
    assert failure.got
    assert f"only=['{check}']" in failure.reproduce
    for part in (repr(check), failure.expected, failure.got, failure.reproduce):
        assert part in str(failure)


def test_no_check_lacks_a_broken_method() -> None:
    assert {*BROKEN, "certificates"} == set(method_check_names())


def test_a_false_certificate_is_found(monkeypatch) -> None:
    check_method(OneTileTooFew(), only=["certificates"])  # the engine says that the sets fail
    honest = Certificate.__init__

    def lying(self, **values) -> None:
        honest(self, **{**values, "sufficient": True})

    monkeypatch.setattr(Certificate, "__init__", lying)
    with pytest.raises(CheckFailure, match="certified sufficient: False"):
        check_method(OneTileTooFew(), only=["certificates"])


def test_results_name_what_failed_and_what_was_left_out() -> None:
    results = check_method(
        OneTileTooFew(),
        only=["identity", "sufficient", "ties"],
        skip=["ties"],
        raise_on_failure=False,
    )
    states = {r.check: r.state for r in results}
    assert states == {"identity": "passed", "sufficient": "failed", "ties": "skipped"}
    detail = next(r.detail for r in results if r.check == "sufficient")
    assert "case all of 3" in detail
    assert "which fails" in detail


@pytest.mark.parametrize("option", ["only", "skip"])
def test_unknown_checks_are_refused(option) -> None:
    with pytest.raises(SettingsError, match="no check 'nothing'"):
        check_method(Plain(), **{option: ["nothing"]})
