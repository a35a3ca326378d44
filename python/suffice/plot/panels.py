"""The three panels of an explanation: photo, responsibility, kept pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from suffice.errors import InputError, MissingDependencyError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from suffice.explanation import Explanation

Picture = npt.NDArray[np.uint8]
"""``[H, W, 3]`` uint8, a photo on the model's input grid."""

COLOUR_MAP = "inferno"
OUTLINE = "#00d5ff"
REMOVED = 214  # light enough to set off dark pixels, dark enough for white ones
TEXT = "#222222"
MUTED = "#666666"


def require_matplotlib() -> None:
    """Check that pictures can be made.

    Raises
    ------
    MissingDependencyError
        If Matplotlib isn't installed.
    """
    try:
        import matplotlib as mpl  # noqa: F401  # only its presence matters here
    except ImportError:
        raise MissingDependencyError(
            'pictures need Matplotlib, which is not installed: pip install "suffice[plot]"'
        ) from None


def overlay(
    exp: Explanation, image: npt.NDArray[np.uint8] | None = None, ax: Axes | None = None
) -> Axes:
    """Draw the photo with the kept pixels outlined and all others dimmed.

    Parameters
    ----------
    exp : Explanation
    image : uint8 [H, W, 3] or [H, W], optional
        The photo on the model's input grid; the explanation's own if it still has it.
    ax : matplotlib Axes, optional
        Where to draw; a new figure's if not given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    InputError
        If there is no photo, or its size is not the mask's.
    MissingDependencyError
        If Matplotlib isn't installed.
    """
    axis = _axis(ax)
    photo = _photo(exp, image)
    if photo is None:
        raise InputError(
            "overlay needs the photo, which saved explanations don't hold: "
            "pass image=, uint8 [H, W, 3] on the model's input grid"
        )
    dimmed = _dim(photo, 0.35)
    axis.imshow(np.where(exp.mask[..., None], photo, dimmed), interpolation="nearest")
    _outline(axis, exp.mask)
    return _bare(axis)


def responsibility(
    exp: Explanation, image: npt.NDArray[np.uint8] | None = None, ax: Axes | None = None
) -> Axes:
    """Draw the responsibility map, over the dimmed photo where there is one.

    The map's lowest value is transparent and its highest opaque, so the photo stays readable where
    little is a cause. Negative values count as 0.

    Parameters
    ----------
    exp : Explanation
    image : uint8 [H, W, 3] or [H, W], optional
        The photo on the model's input grid; the explanation's own if it still has it.
    ax : matplotlib Axes, optional
        Where to draw; a new figure's if not given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    InputError
        If the explanation has no responsibility map, or the photo's size is not the mask's.
    MissingDependencyError
        If Matplotlib isn't installed.
    """
    axis = _axis(ax)
    if exp.responsibility is None:
        raise InputError(f"method {exp.method['name']} gives no responsibility map")
    photo = _photo(exp, image)
    share = _stretched(exp.responsibility)
    if photo is None:
        axis.imshow(share, cmap=COLOUR_MAP, vmin=0.0, vmax=1.0, interpolation="nearest")
    else:
        axis.imshow(_dim(_grey(photo), 0.55), interpolation="nearest")
        axis.imshow(
            share,
            cmap=COLOUR_MAP,
            vmin=0.0,
            vmax=1.0,
            alpha=0.9 * np.sqrt(share),
            interpolation="nearest",
        )
    return _bare(axis)


def kept(
    exp: Explanation, image: npt.NDArray[np.uint8] | None = None, ax: Axes | None = None
) -> Axes:
    """Draw the kept pixels on grey; without a photo the bare mask.

    Parameters and errors are those of `responsibility`.
    """
    axis = _axis(ax)
    photo = _photo(exp, image)
    if photo is None:
        photo = np.zeros((*exp.mask.shape, 3), dtype=np.uint8)
    axis.imshow(np.where(exp.mask[..., None], photo, np.uint8(REMOVED)), interpolation="nearest")
    return _bare(axis)


def figure(exp: Explanation, image: npt.NDArray[np.uint8] | None = None) -> Figure:
    """Make the picture of one explanation: photo, responsibility, kept pixels.

    Parameters
    ----------
    exp : Explanation
    image : uint8 [H, W, 3] or [H, W], optional
        The photo on the model's input grid; the explanation's own if it still has it. Without
        any, the photo's panel is left out.

    Returns
    -------
    matplotlib Figure
        Belongs to no window; save it with ``savefig``.

    Raises
    ------
    InputError
        If the photo's size is not the mask's.
    MissingDependencyError
        If Matplotlib isn't installed.
    """
    require_matplotlib()
    from matplotlib.figure import Figure

    photo = _photo(exp, image)
    panels = ["photo"] if photo is not None else []
    panels += ["responsibility"] if exp.responsibility is not None else []
    panels += ["kept pixels"]
    rows, columns = exp.mask.shape
    height = float(np.clip(3.2 * rows / columns, 1.6, 6.4))
    made = Figure(figsize=(3.3 * max(len(panels), 2), height + 0.8), layout="constrained")
    axes = made.subplots(1, len(panels), squeeze=False)[0]
    for axis, panel in zip(axes, panels, strict=True):
        if panel == "photo":
            axis.imshow(photo, interpolation="nearest")
            _bare(axis)
        elif panel == "responsibility":
            _outline(responsibility(exp, photo, ax=axis), exp.mask)
        else:
            kept(exp, photo, ax=axis)
        axis.set_title(panel, fontsize=9, color=MUTED, pad=5)
    made.suptitle(_title(exp), fontsize=12, color=TEXT, parse_math=False)
    made.supxlabel(_footnote(exp), fontsize=8, color=MUTED, parse_math=False)
    return made


def _title(exp: Explanation) -> str:
    name = exp.target_label or f"class {exp.target}"
    if exp.status == "unattained":
        return f"{name}: no sufficient set"
    certificate = exp.certificate
    sure = f", confidence {certificate.confidence:.2f}" if certificate is not None else ""
    share = 100 * exp.area
    return f"{name}: {share:.{2 if share < 10 else 1}f} % of the pixels suffice{sure}"


def _footnote(exp: Explanation) -> str:
    whole = exp.record["reference"]["confidence"]
    parts = [
        f"confidence on the whole photo {whole:.2f}",
        f"{exp.pixels:,} pixels",
        f"criterion {exp.criterion}",
        f"grain {exp.grain}",
        f"{exp.method['name']}, {exp.evaluations:,} evaluations",
    ]
    if exp.status == "unattained":
        parts[1] = exp.reason
    return "  |  ".join(parts)


def _axis(ax: Axes | None) -> Any:
    """Return the axis given, or one of a new figure that no window knows."""
    require_matplotlib()
    if ax is not None:
        return ax
    from matplotlib.figure import Figure

    return Figure(layout="constrained").subplots()


def _bare(axis: Any) -> Axes:
    """Take ticks and frame away: pixels need no scale."""
    axis.set_xticks([])
    axis.set_yticks([])
    for spine in axis.spines.values():
        spine.set_visible(False)
    return cast("Axes", axis)


def _photo(exp: Explanation, image: npt.NDArray[np.uint8] | None) -> Picture | None:
    photo = exp.image if image is None else np.asarray(image)
    if photo is None:
        return None
    if photo.ndim == 2:
        photo = photo[..., None]
    if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] not in (1, 3):
        raise InputError(f"expected a photo uint8 [H, W, 3], got {photo.dtype} {list(photo.shape)}")
    if photo.shape[:2] != exp.mask.shape:
        raise InputError(
            f"expected a photo on the model's grid {list(exp.mask.shape)}, "
            f"got {list(photo.shape[:2])}; resize and crop it as the preprocessing does"
        )
    return np.repeat(photo, 3, axis=2) if photo.shape[2] == 1 else photo


def _stretched(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Stretch to 0..1; negative responsibility (other classes' causes) shows as none.

    Merged over many iterations a map can be high everywhere, and only its order carries meaning:
    from its own lowest value on, the order can be seen.
    """
    positive = np.maximum(values.astype(np.float64), 0.0)
    lowest, highest = positive.min(), positive.max()
    return (positive - lowest) / (highest - lowest) if highest > lowest else positive * 0.0


def _grey(photo: Picture) -> Picture:
    luma = photo.astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    return np.repeat(np.rint(luma).astype(np.uint8)[..., None], 3, axis=2)


def _dim(photo: Picture, strength: float) -> Picture:
    return np.rint(photo.astype(np.float64) * strength).astype(np.uint8)


def _outline(axis: Any, mask: npt.NDArray[np.bool_]) -> None:
    """Draw the border between kept and removed pixels, exactly along pixel edges."""
    from matplotlib.collections import LineCollection

    padded = np.pad(mask, 1)
    r, c = np.nonzero(padded[1:, 1:-1] != padded[:-1, 1:-1])
    across = np.stack([np.stack([c - 0.5, r - 0.5], -1), np.stack([c + 0.5, r - 0.5], -1)], 1)
    r, c = np.nonzero(padded[1:-1, 1:] != padded[1:-1, :-1])
    down = np.stack([np.stack([c - 0.5, r - 0.5], -1), np.stack([c - 0.5, r + 0.5], -1)], 1)
    segments = np.concatenate([across, down])
    axis.add_collection(LineCollection(list(segments), colors=OUTLINE, linewidths=0.9))
