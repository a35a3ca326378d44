"""Parts of an image that are hidden together."""

from __future__ import annotations

import numpy as np

from suffice import regions
from suffice.errors import SettingsError
from suffice.models.base import Classifier
from suffice.types import FloatImage

KINDS = ("grid", "tiles", "slic")


def parse(text: object, comparator: str) -> tuple[str, int]:
    """Read ``grid:N`` (N by N cells), ``tiles:N`` (side in pixels) or ``slic:N`` (superpixels).

    Raises
    ------
    SettingsError
        If it is none of these.
    """
    kind, _, number = text.partition(":") if isinstance(text, str) else ("", "", "")
    if kind not in KINDS or not number.isascii() or not number.isdigit() or int(number) < 1:
        raise SettingsError(
            f"{comparator}: parts should be grid:N (N by N cells), tiles:N (side in pixels) or "
            f"slic:N (superpixels), got {text!r}"
        )
    return kind, int(number)


def cut(text: str, image: FloatImage, classifier: Classifier) -> regions.LabelMap:
    """Cut an image into parts.

    Parameters
    ----------
    text : str
        As `parse` reads it.
    image : float32 [C, H, W]
        SLIC sees the photo it was made from, without a Preprocess its values scaled to 0-255.
    classifier : Classifier

    Returns
    -------
    int32 [H, W]
        Labels 0 .. R-1.

    Raises
    ------
    MissingDependencyError
        If scikit-image is needed and missing.
    """
    kind, number = parse(text, "parts")
    shape = image.shape[1], image.shape[2]
    if kind == "grid":
        return regions.grid(shape, min(number, shape[0]), min(number, shape[1]))
    if kind == "tiles":
        return regions.tiles(shape, number)
    if classifier.preprocess is not None:
        return regions.slic(classifier.preprocess.denormalise(image), number)
    low, high = float(image.min()), float(image.max())
    scaled = np.rint((image - low) * (255.0 / max(high - low, 1e-12))).astype(np.uint8)
    # SLIC takes colour or grey; other channels are shown by their mean.
    photo = np.moveaxis(scaled, 0, -1) if len(image) == 3 else scaled.mean(axis=0).astype(np.uint8)
    return regions.slic(np.ascontiguousarray(photo), number)
