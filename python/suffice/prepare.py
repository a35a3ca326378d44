"""From an image of any kind to what the engine is asked: input, key, baselines."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from suffice.errors import ImageError, InputError
from suffice.models.base import Classifier, with_keep_channel
from suffice.models.baselines import Baseline, make_baseline
from suffice.models.images import Photo, load_image
from suffice.subject import image_key
from suffice.types import FloatImage, JsonObject

ImageLike = Any
"""A path, PIL image or uint8 array (a photo, preprocessed), or float32 ``[C, H, W]``."""

BaselineLike = Any
"""A specification of `suffice.models.baselines`, a path or a float32 ``[C, H, W]`` array."""


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """An image ready to be asked about, with what its record needs.

    Attributes
    ----------
    x : float32 [C, H, W]
        In the model's input space.
    key : int
        `suffice.subject.image_key` of the decoded photo, or of `x` where only that is given.
    info : dict
        ``name``, ``sha256``, ``size`` and ``crop_box`` of the record.
    picture : uint8 [H, W, 3] or None
        The photo on the model's grid.
    baselines : list of Baseline
    """

    x: FloatImage
    key: int
    info: JsonObject
    picture: npt.NDArray[np.uint8] | None
    baselines: list[Baseline]


def prepare(
    clf: Classifier, image: ImageLike, specs: Sequence[BaselineLike], seed: int, index: int
) -> Prepared:
    """Preprocess an image and make its baselines.

    Raises
    ------
    ImageError
        If the image can't be read or doesn't fit the model.
    InputError
        If a photo is given to a classifier without preprocessing.
    SettingsError
        If a baseline can't be made.
    """
    if isinstance(image, np.ndarray) and image.dtype == np.float32 and image.ndim == 3:
        x = np.ascontiguousarray(image)
        key = image_key(x)
        digest = _sha256(x)
        info: JsonObject = {
            "name": f"array-{index}",
            "sha256": digest,
            "size": [x.shape[2], x.shape[1]],
            "crop_box": [0.0, 0.0, float(x.shape[2]), float(x.shape[1])],
        }
    else:
        photo = image if isinstance(image, Photo) else load_image(image)
        if clf.preprocess is None:
            raise InputError(
                f"{clf.name} states no preprocessing and it is never guessed: give preprocess= "
                "(or --preprocess, --size, --mean, --std), or pass float32 [C, H, W] arrays"
            )
        x, crop_box = clf.preprocess.apply(photo)
        key = photo.key
        info = {
            "name": photo.name or f"image-{index}",
            "sha256": photo.sha256,
            "size": list(photo.size),
            "crop_box": list(crop_box),
        }
    whole = with_keep_channel(clf, x, kept=True)
    if whole.shape != tuple(clf.input_shape):
        expected = [clf.input_shape[0] - (len(whole) - len(x)), *clf.input_shape[1:]]
        raise ImageError(
            f"{info['name']}: expected an input {expected} for {clf.name}, got {list(x.shape)}"
        )
    if not np.isfinite(x).all():
        raise ImageError(f"{info['name']}: the image holds values that are not finite")
    made = [make_baseline(s, x, clf.preprocess, seed, key) for s in specs]
    baselines = [replace(b, array=with_keep_channel(clf, b.array, kept=False)) for b in made]
    picture = None if clf.preprocess is None else clf.preprocess.denormalise(x)
    return Prepared(whole, key, info, picture, baselines)


def _sha256(x: FloatImage) -> str:
    return hashlib.sha256(x.tobytes()).hexdigest()


def name_of(image: ImageLike, index: int) -> str:
    """What to call an image that could not be read."""
    return os.fspath(image) if isinstance(image, (str, Path)) else f"image-{index}"


def spec_of(stored: JsonObject) -> str:
    """The specification a recorded baseline was made from."""
    return cast(str, stored["parameters"].get("spec", stored["kind"]))
