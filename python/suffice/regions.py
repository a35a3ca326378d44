"""Label maps: ways to cut an image into regions.

A label map is ``int32 [H, W]`` with labels ``0 .. R-1`` (captum's ``feature_mask``). Methods that
search over regions take one; `suffice._native.masks_from_labels` turns choices of regions into
masks.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from suffice import _native
from suffice.errors import InputError, MissingDependencyError

LabelMap = npt.NDArray[np.int32]


def tiles(shape: tuple[int, int], grain: int) -> LabelMap:
    """Square tiles of ``grain`` pixels from the top-left corner; the last ones may be smaller.

    Parameters
    ----------
    shape : (H, W)
    grain : int
        Side in pixels, at least 1.

    Returns
    -------
    int32 [H, W]

    Examples
    --------
    >>> tiles((2, 5), 2)[0].tolist()
    [0, 0, 1, 1, 2]
    """
    return _native.tile_labels(shape, grain)


def grid(shape: tuple[int, int], rows: int, cols: int | None = None) -> LabelMap:
    """A grid of ``rows`` by ``cols`` cells; boundaries at ``floor(i * H / rows)``.

    Parameters
    ----------
    shape : (H, W)
    rows, cols : int
        Cells down and across; `cols` defaults to `rows`.

    Returns
    -------
    int32 [H, W]
    """
    return _native.grid_labels(shape, rows, rows if cols is None else cols)


def slic(
    image: npt.NDArray[np.uint8], n_segments: int = 100, compactness: float = 10.0
) -> LabelMap:
    """Superpixels by SLIC (Achanta et al. 2012), through scikit-image.

    Parameters
    ----------
    image : uint8 [H, W, 3] or [H, W]
        The photo on the model's grid, such as `suffice.Explanation.image`.
    n_segments : int
        About how many superpixels; the result may have fewer.
    compactness : float
        Higher is squarer.

    Returns
    -------
    int32 [H, W]
        Labels 0 .. R-1, each used.

    Raises
    ------
    MissingDependencyError
        If scikit-image is not installed.
    InputError
        If the image is no photo or the number of segments is below 1.
    """
    image = np.asarray(image)
    if image.dtype != np.uint8 or image.ndim not in (2, 3):
        raise InputError(
            f"expected a photo uint8 [H, W, 3] or [H, W], got {image.dtype} {list(image.shape)}"
        )
    if n_segments < 1:
        raise InputError(f"expected at least 1 segment, got {n_segments}")
    try:
        from skimage.segmentation import slic as segment
    except ImportError:
        raise MissingDependencyError(
            "superpixels need scikit-image: pip install suffice[slic]"
        ) from None
    labels = segment(
        image,
        n_segments=n_segments,
        compactness=compactness,
        start_label=0,
        channel_axis=-1 if image.ndim == 3 else None,
    )
    return np.unique(labels, return_inverse=True)[1].reshape(labels.shape).astype(np.int32)
