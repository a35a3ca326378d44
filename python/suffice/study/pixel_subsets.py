"""Subsets of pixels of a study's images, to train on and to look at."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from suffice import _native
from suffice.errors import InputError

if TYPE_CHECKING:
    from suffice.explanation import Explanation
    from suffice.study.result import StudyResult

Images = npt.NDArray[np.uint8]
Masks = npt.NDArray[np.bool_]


def subset_of(explanation: Explanation, share: float = 0.05) -> Masks | None:
    """The most important pixels of an image: ``ceil(share * pixels)`` of them, bool [H, W].

    By the order of `sis`, those that went last; otherwise by the responsibility map, of equals the
    one with the highest index first. None where there is neither.
    """
    height, width = explanation.record["input_shape"][1:]
    count = math.ceil(round(share * height * width, 9))
    went = (explanation.arrays or {}).get("order")
    if went is not None and len(went) == height * width:
        best = np.asarray(went)[::-1][:count]
    elif explanation.responsibility is not None:
        ranked = np.ascontiguousarray(explanation.responsibility)
        best = _native.rank(ranked, "last")[:count]
    else:
        return None
    mask = np.zeros(height * width, np.bool_)
    mask[best] = True
    return mask.reshape(height, width)


def study_subsets(
    result: StudyResult, *, model: str, method: str, share: float = 0.05, **where: Any
) -> dict[str, Masks]:
    """Subsets of the images that a study has orders of, by the image's name.

    Parameters
    ----------
    result : StudyResult
        Its design kept orders (``responsibility = "ranks"``, or `sis`).
    model, method : str
        Names in the design.
    share : float
        Of the pixels.
    **where
        Values of further columns, such as ``criterion="top1"``.

    Returns
    -------
    dict of str to bool [H, W]
        Images without an order are missing.

    Raises
    ------
    InputError
        If rows of one image differ in anything but the image: say which with `where`.
    """
    wanted = {"model": model, "method": method, **where}
    rows = [
        row
        for row in result.rows()
        if row["status"] != "failed" and all(row[k] == v for k, v in wanted.items())
    ]
    names = [row["image"] for row in rows]
    if len(set(names)) < len(names):
        raise InputError(
            "several rows of one image; choose by criterion=, baseline=, grain= or seed="
        )
    found = {}
    for row in rows:
        for explanation in result.explanations([row["key"]]):
            mask = subset_of(explanation, share)
            if mask is not None:
                found[row["image"]] = mask
    return found


def random_subsets(n: int, shape: tuple[int, int], share: float = 0.05, seed: int = 0) -> Masks:
    """Subsets of as many pixels, drawn at random, ``bool [n, H, W]``.

    Image k has the same subset whatever `n` is.
    """
    pixels = shape[0] * shape[1]
    count = math.ceil(round(share * pixels, 9))
    masks = np.zeros((n, pixels), np.bool_)
    for k in range(n):
        draw = np.random.Generator(np.random.Philox(key=[seed, k]))
        masks[k, draw.choice(pixels, count, replace=False)] = True
    return masks.reshape(n, *shape)


def keep_only(images: Images, masks: Masks, colour: tuple[int, int, int]) -> Images:
    """Images with a colour outside the masks.

    Parameters
    ----------
    images : uint8 [N, H, W, 3]
    masks : bool [N, H, W]
    colour : (int, int, int)
        RGB.

    Raises
    ------
    InputError
        If shapes disagree.
    """
    if images.ndim != 4 or images.shape[-1] != 3 or masks.shape != images.shape[:3]:
        raise InputError(
            f"expected images [N, H, W, 3] and masks [N, H, W], got {list(images.shape)} and "
            f"{list(masks.shape)}"
        )
    return np.where(masks[..., None], images, np.array(colour, np.uint8))
