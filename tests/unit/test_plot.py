"""Pictures show what the explanation holds, in the axis given, without any window."""

from __future__ import annotations

import builtins
import io
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from PIL import Image

from suffice import plot
from suffice.errors import InputError, MissingDependencyError
from suffice.explanation import Explanation
from suffice.metrics import MaskingCurve, accuracy_curve

SHAPE = (12, 20)


def explanation(**changes: Any) -> Explanation:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[2:5, 3:9] = True
    certificate = {
        "sufficient": True,
        "confidence": 0.41,
        "margin": 0.5,
        "irreducible_at": None,
        "checked_evaluations": 3,
        "baselines": [],
        "reference": {},
        "backend": "test",
        "versions": {},
    }
    record = {
        "status": "found",
        "reason": "",
        "target": 282,
        "target_label": "Egyptian cat",
        "area": mask.mean().item(),
        "pixels": int(mask.sum()),
        "criterion": "top1",
        "grain": 8,
        "evaluations": 2209,
        "method": {"name": "rex"},
        "reference": {"confidence": 0.63},
        "certificate": certificate,
        **changes.pop("record", {}),
    }
    ramp = np.linspace(0, 4, mask.size, dtype=np.float32).reshape(SHAPE)
    photo = np.random.default_rng(0).integers(0, 256, (*SHAPE, 3), dtype=np.uint8)
    values = {"masks": mask[None], "responsibility": ramp, "image": photo, **changes}
    return Explanation(record=record, **values)


def pictures(axis: Any) -> list[np.ndarray]:
    return [np.asarray(image.get_array()) for image in axis.images]


def test_overlay_keeps_kept_pixels_and_dims_the_rest() -> None:
    exp = explanation()
    axis = plot.overlay(exp)
    (shown,) = pictures(axis)
    assert np.array_equal(shown[exp.mask], exp.image[exp.mask])
    assert (shown[~exp.mask] <= 0.36 * exp.image[~exp.mask].astype(float) + 0.5).all()


def test_overlay_outlines_exactly_the_border() -> None:
    axis = plot.overlay(explanation())
    (outline,) = axis.collections
    segments = np.array(outline.get_segments())
    assert len(segments) == 2 * (3 + 6)  # the perimeter of a 3 x 6 rectangle, pixel by pixel
    assert segments[..., 0].min() == 2.5
    assert segments[..., 0].max() == 8.5
    assert segments[..., 1].min() == 1.5
    assert segments[..., 1].max() == 4.5


def test_functions_draw_into_the_axis_given_and_return_it() -> None:
    from matplotlib.figure import Figure

    for draw in (plot.overlay, plot.responsibility, plot.kept):
        axis = Figure().subplots()
        assert draw(explanation(), ax=axis) is axis
        assert axis.images


def test_responsibility_is_stretched_from_lowest_to_highest() -> None:
    ramp = np.linspace(3, 4, SHAPE[0] * SHAPE[1], dtype=np.float32).reshape(SHAPE)
    _, heat = pictures(plot.responsibility(explanation(responsibility=ramp)))
    assert heat.min() == 0.0
    assert heat.max() == 1.0
    assert (np.diff(heat.reshape(-1)) > 0.0).all()


@pytest.mark.parametrize("values", [np.zeros(SHAPE, np.float32), -np.ones(SHAPE, np.float32)])
def test_responsibility_without_a_cause_is_blank(values: np.ndarray) -> None:
    _, heat = pictures(plot.responsibility(explanation(responsibility=values)))
    assert not heat.any()


def test_kept_shows_only_kept_pixels() -> None:
    exp = explanation()
    (shown,) = pictures(plot.kept(exp))
    assert np.array_equal(shown[exp.mask], exp.image[exp.mask])
    assert len(np.unique(shown[~exp.mask])) == 1


def test_figure_has_three_panels_and_names_class_area_and_confidence() -> None:
    made = plot.figure(explanation())
    assert [axis.get_title() for axis in made.axes] == ["photo", "responsibility", "kept pixels"]
    title = made._suptitle.get_text()
    for part in ("Egyptian cat", "7.50 %", "0.41"):
        assert part in title


@pytest.mark.parametrize(
    ("changes", "panels"),
    [
        ({"image": None}, ["responsibility", "kept pixels"]),
        ({"responsibility": None}, ["photo", "kept pixels"]),
        ({"image": None, "responsibility": None}, ["kept pixels"]),
    ],
)
def test_figure_leaves_out_what_is_not_there(changes: dict[str, Any], panels: list[str]) -> None:
    made = plot.figure(explanation(**changes))
    assert [axis.get_title() for axis in made.axes] == panels
    made.savefig(io.BytesIO(), format="png")


def test_figure_of_an_unattained_search_says_so() -> None:
    record = {
        "status": "unattained",
        "reason": "nothing passed",
        "certificate": None,
        "area": None,
        "target_label": None,
    }
    made = plot.figure(explanation(record=record, masks=np.zeros((0, *SHAPE), dtype=bool)))
    assert made._suptitle.get_text() == "class 282: no sufficient set"
    assert "nothing passed" in made._supxlabel.get_text()


def test_labels_are_text_not_markup() -> None:
    made = plot.figure(explanation(record={"target_label": r"$\nonsense{$"}))
    made.savefig(io.BytesIO(), format="png")


@pytest.mark.parametrize("shape", [(4, 400), (400, 4), (1, 1)])
def test_odd_shapes_can_be_saved(shape: tuple[int, int]) -> None:
    photo = np.full((*shape, 3), 200, np.uint8)
    exp = explanation(
        masks=np.ones((1, *shape), dtype=bool),
        responsibility=np.ones(shape, np.float32),
        image=photo,
    )
    buffer = io.BytesIO()
    plot.figure(exp).savefig(buffer, format="png", dpi=50)
    assert Image.open(buffer).size[0] > 0


def test_grey_photos_and_saved_explanations_take_an_image() -> None:
    exp = explanation(image=None)
    grey = np.full(SHAPE, 77, np.uint8)
    (shown,) = pictures(plot.overlay(exp, grey))
    assert shown.shape == (*SHAPE, 3)
    with pytest.raises(InputError, match="pass image="):
        plot.overlay(exp)


def test_a_photo_of_another_size_is_refused() -> None:
    with pytest.raises(InputError, match=r"\[12, 20\], got \[12, 21\]"):
        plot.overlay(explanation(), np.zeros((12, 21, 3), np.uint8))


def test_no_responsibility_is_an_error_that_names_the_method() -> None:
    with pytest.raises(InputError, match="rex gives no responsibility"):
        plot.responsibility(explanation(responsibility=None))


def test_pictures_touch_no_global_state() -> None:
    code = (
        "import sys, suffice.plot; assert 'matplotlib' not in sys.modules;"
        "suffice.plot.require_matplotlib();"
        "from matplotlib.figure import Figure; import numpy as np;"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_missing_matplotlib_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *words: Any) -> Any:
        if name.split(".", maxsplit=1)[0] == "matplotlib":
            raise ImportError(name)
        return real(name, *words)

    monkeypatch.setattr(builtins, "__import__", refuse)
    for draw in (plot.figure, plot.overlay, plot.responsibility, plot.kept):
        with pytest.raises(MissingDependencyError, match=r'pip install "suffice\[plot\]"'):
            draw(explanation())


def masking_curve(kind: str = "insertion", steps: int = 4, start: float = 0.1) -> Any:
    shares = np.linspace(0, 1, steps + 1)
    confidence = start + (0.9 - start) * shares
    pixels = np.rint(shares * 100).astype(np.int64)
    return MaskingCurve(kind, "cat", 1, pixels, shares, confidence, confidence > 0.5, 0.9, steps)


def test_a_masking_curve_is_a_line_with_marks_where_the_class_holds() -> None:
    curve = masking_curve()
    line, marks = plot.masking(curve).lines
    np.testing.assert_array_equal(line.get_xydata(), np.stack([curve.shares, curve.confidence]).T)
    np.testing.assert_array_equal(marks.get_xdata(), curve.shares[curve.top1])


def test_masking_curves_of_several_images_are_a_mean_and_a_band() -> None:
    curves = [masking_curve(start=s) for s in (0.1, 0.2, 0.6)]
    axis = plot.masking(curves)
    (line,) = axis.lines
    np.testing.assert_allclose(line.get_ydata(), np.mean([c.confidence for c in curves], axis=0))
    low, high = np.percentile([0.1, 0.2, 0.6], [25, 75])
    edge = axis.collections[0].get_paths()[0].vertices
    at_zero = edge[edge[:, 0] == 0.0][:, 1]
    np.testing.assert_allclose([at_zero.min(), at_zero.max()], [low, high])
    of_other_steps = plot.masking([masking_curve(), masking_curve(steps=10)])
    assert len(of_other_steps.lines[0].get_xdata()) == 101


def test_masking_curves_by_name_and_over_a_data_set() -> None:
    both = accuracy_curve([masking_curve(start=0.1), masking_curve(start=0.6)])
    axis = plot.masking({"ours": both, "theirs": accuracy_curve([masking_curve()])})
    assert [t.get_text() for t in axis.get_legend().get_texts()] == ["ours", "theirs"]
    np.testing.assert_array_equal(axis.lines[0].get_ydata(), both.accuracy)
    assert axis.get_ylabel() == "accuracy"
    assert plot.masking(masking_curve("deletion")).get_xlabel() == "pixels removed"
    axis.figure.savefig(io.BytesIO(), format="png")
    assert plot.masking(masking_curve(), ax=axis) is axis


def test_masking_curves_of_two_kinds_are_refused() -> None:
    with pytest.raises(InputError, match="deletion and insertion"):
        plot.masking({"a": masking_curve(), "b": masking_curve("deletion")})
    with pytest.raises(InputError, match="no curve"):
        plot.masking([])
    with pytest.raises(InputError, match="got both"):
        plot.masking({"a": masking_curve(), "b": accuracy_curve([masking_curve()])})
