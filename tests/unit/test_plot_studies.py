"""Charts of studies show every number they are given, in the axis given."""

from __future__ import annotations

import io
import sys
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from suffice import plot
from suffice.errors import InputError
from suffice.plot import palette
from suffice.plot.frame import LONGEST, wrapped

NAN = float("nan")
HOSTILE = "a_$b$_{c}\\d"  # no mathematics, whatever it looks like
AREAS = [0.0, 0.0, 0.01, 0.02, 0.04, NAN]


def texts(axis: Any) -> list[str]:
    return [text.get_text() for text in axis.texts]


def rows(axis: Any) -> list[str]:
    return [text.get_text() for text in axis.get_yticklabels()]


DRAWN = {
    "sizes": lambda ax: plot.sizes({HOSTILE: AREAS, "b": [0.5]}, ax),
    "overlap_matrix": lambda ax: plot.overlap_matrix(np.eye(2), [HOSTILE, "b"], ax),
    "positions": lambda ax: plot.positions(np.eye(5), ax),
    "size_curves": lambda ax: plot.size_curves([1, 2], {HOSTILE: ([0.1, 0.2],) * 3}, ax),
    "correctness": lambda ax: plot.correctness({HOSTILE: ((1, 0, 2), (2, NAN, NAN))}, ax),
    "detectors": lambda ax: plot.detectors({HOSTILE: (0.7, 0.6, 0.8)}, ax),
    "roc": lambda ax: plot.roc({HOSTILE: ([0.1, 0.9], [False, True])}, ax),
}


@pytest.mark.parametrize("name", DRAWN)
def test_draws_into_the_axis_given_without_pyplot(name: str) -> None:
    sys.modules.pop("matplotlib.pyplot", None)
    axis = Figure(layout="constrained").subplots()
    assert DRAWN[name](axis) is axis
    axis.figure.savefig(io.BytesIO(), format="svg")
    own = DRAWN[name](None)
    assert own is not axis
    own.figure.savefig(io.BytesIO(), format="png")
    assert "matplotlib.pyplot" not in sys.modules


def test_sizes_show_every_set_and_count_the_rest() -> None:
    axis = plot.sizes({"a": AREAS, "none": [NAN]})
    found, empty, *_ = axis.collections
    assert sorted(found.get_offsets()[:, 0]) == pytest.approx([1, 2, 4])
    assert np.ptp(empty.get_offsets()[:, 0]) == 0.0
    assert empty.get_offsets()[0, 0] == pytest.approx(0.5)  # half of the smallest
    assert len(empty.get_offsets()) == 2
    assert "median 1 %\nn = 5, 2 empty, 1 without a set" in texts(axis)
    assert "no set\nn = 0, 1 without a set" in texts(axis)
    assert "empty" in texts(axis)
    assert rows(axis) == ["a", "none"]


def test_sizes_without_any_positive_area() -> None:
    plot.sizes({"a": [0.0, 0.0]}).figure.savefig(io.BytesIO(), format="png")


def test_many_points_are_one_picture() -> None:
    few, many = io.BytesIO(), io.BytesIO()
    values = np.linspace(0.01, 0.5, 3000)
    plot.sizes({"a": values[:100]}).figure.savefig(few, format="svg")
    plot.sizes({"a": values}).figure.savefig(many, format="svg")
    assert many.tell() < 2 * few.tell()


def test_matrix_has_a_number_in_each_cell_and_a_dash_where_none_is_known() -> None:
    axis = plot.overlap_matrix([[1.0, NAN, 0.25]], ["a"], columns=["x", "y", "z"], digits=1)
    assert texts(axis) == ["1.0", "–", "0.2"]
    assert [t.get_text() for t in axis.get_xticklabels()] == ["x", "y", "z"]


def test_matrix_can_stretch_its_colours() -> None:
    (shown,) = plot.overlap_matrix([[2.0, 5.0]], ["a"], columns=["x", "y"], limits=None).images
    assert shown.get_clim() == (2.0, 5.0)
    (shown,) = plot.overlap_matrix([[NAN]], ["a"], limits=None).images
    assert shown.get_clim() == (0.0, 1.0)


def test_positions_are_percent() -> None:
    (shown,) = plot.positions([[0.0, 0.25]]).images
    assert shown.get_array().tolist() == [[0.0, 25.0]]
    assert shown.get_clim() == (0.0, 25.0)
    plot.positions(np.zeros((2, 2))).figure.savefig(io.BytesIO(), format="png")


def test_curves_have_bands_and_gaps() -> None:
    band = ([0.1, NAN, 0.3], [0.05, NAN, 0.2], [0.2, NAN, 0.4])
    axis = plot.size_curves([1, 2, 3], {"a": band, "b": band}, zero=True)
    assert len(axis.collections) == 2
    assert axis.lines[0].get_ydata()[[0, 2]] == pytest.approx([10, 30])
    assert np.isnan(axis.lines[0].get_ydata()[1])
    assert axis.lines[2].get_ydata() == [0.0, 0.0]


def test_right_and_wrong_are_apart_in_colour_marker_and_place() -> None:
    axis = plot.correctness({"a": ((0.1, 0.05, 0.2), (0.3, 0.2, 0.5))})
    right, wrong = (line for line in axis.lines if line.get_marker() in "os")
    assert (right.get_xdata(), wrong.get_xdata()) == ([pytest.approx(10)], [pytest.approx(30)])
    assert right.get_color() != wrong.get_color()
    assert right.get_marker() != wrong.get_marker()
    assert right.get_ydata()[0] < wrong.get_ydata()[0]
    ends = [list(line.get_xdata()) for line in axis.lines if line.get_marker() == "None"]
    assert ends == [pytest.approx([5, 20]), pytest.approx([20, 50])]


def test_detectors_no_better_than_chance_are_grey() -> None:
    axis = plot.detectors({"good": (0.8, 0.7, 0.9), "no": (0.55, 0.4, 0.7), "none": (NAN,) * 3})
    marks = {
        tuple(line.get_ydata()): line.get_color()
        for line in axis.lines
        if len(line.get_marker()) == 1
    }
    assert marks == {(0.0,): palette.GROUPS[0], (1.0, 2.0): palette.REST}
    assert texts(axis)[1:] == ["0.800", "0.550", "–"]


def test_roc_steps_and_area() -> None:
    scores = [0.9, 0.8, 0.8, 0.1, NAN]
    axis = plot.roc({"s": (scores, [True, True, False, False, True])})
    line = axis.lines[1]
    # Of equal scores neither comes first: a slope, not a step.
    assert line.get_xdata().tolist() == [0, 0, 50, 100]
    assert line.get_ydata().tolist() == [0, 50, 100, 100]
    assert line.get_label() == "s 0.875"


@pytest.mark.parametrize(
    "bad",
    [
        lambda: plot.sizes({}),
        lambda: plot.sizes({"a": [1.5]}),
        lambda: plot.overlap_matrix(np.eye(3), ["a", "b"]),
        lambda: plot.overlap_matrix(np.zeros((0, 0)), []),
        lambda: plot.positions(np.zeros(3)),
        lambda: plot.size_curves([1], {}),
        lambda: plot.size_curves([1], {"a": ([1, 2],) * 3}),
        lambda: plot.correctness({}),
        lambda: plot.detectors({}),
        lambda: plot.roc({}),
        lambda: plot.roc({"a": ([1.0, 2.0], [True, True])}),
        lambda: plot.roc({"a": ([1.0], [True, True])}),
    ],
)
def test_refuses(bad: Any) -> None:
    with pytest.raises(InputError, match="expected"):
        bad()


def test_names_break_between_their_parts_and_stay_short() -> None:
    assert wrapped("vit_base_patch16_224.augreg_in1k") == "vit_base_patch16_224.\naugreg_in1k"
    assert wrapped("resnet50") == "resnet50"
    assert wrapped("") == ""
    for line in wrapped("x" * 100).splitlines():
        assert len(line) <= LONGEST
    assert wrapped("x" * 100).endswith("…")
    assert len(wrapped("a-" * 60).splitlines()) == 2


def luminance(colour: str) -> float:
    rgb = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_colours_are_distinct_and_text_is_readable() -> None:
    assert len(set(palette.GROUPS)) == len(palette.GROUPS)
    assert len({tuple(c) for c in palette.colours(12)}) == 12
    for colour in (palette.TEXT, palette.MUTED):
        assert 1.05 / (luminance(colour) + 0.05) > 4.5
    assert palette.ink((0, 0, 0.3)) == "white"
    assert palette.ink((1, 1, 0.9)) == palette.TEXT
