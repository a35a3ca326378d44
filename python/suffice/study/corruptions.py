"""Corruptions of photos before preprocessing, by the package imagecorruptions-imaug."""

from __future__ import annotations

import functools
import hashlib
import inspect
import threading
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from suffice.errors import ImageError, MissingDependencyError, SettingsError
from suffice.models.images import Photo, load_image

CORRUPTIONS = (
    *("gaussian_noise", "shot_noise", "impulse_noise", "defocus_blur", "glass_blur"),
    *("motion_blur", "zoom_blur", "snow", "frost", "fog", "brightness", "contrast"),
    *("elastic_transform", "pixelate", "jpeg_compression", "speckle_noise", "gaussian_blur"),
    *("spatter", "saturate"),
)
"""Those of ImageNet-C and CIFAR-10-C, the last four for validation (Hendrycks, Dietterich 2019)."""

SEVERITIES = range(1, 6)
LEAST_SIDE = 32

# The package draws from NumPy's global generator, so photos take turns.
_turn = threading.Lock()


def check(corruption: str, severity: Any) -> None:
    """Refuse what is no corruption, or can't be made here.

    Raises
    ------
    SettingsError
        If there is no such corruption or severity.
    MissingDependencyError
        If imagecorruptions-imaug is not installed.
    """
    if corruption not in CORRUPTIONS:
        raise SettingsError(
            f"there is no corruption {corruption!r}; there are {', '.join(CORRUPTIONS)}"
        )
    if type(severity) is not int or severity not in SEVERITIES:
        raise SettingsError(
            f"severity should be a whole number from {SEVERITIES[0]} to {SEVERITIES[-1]}, got "
            f"{severity!r}"
        )
    _functions()


def corrupt(photo: Photo, corruption: str, severity: int) -> Photo:
    """Corrupt a photo; the same photo, corruption and severity give the same pixels anywhere.

    Parameters
    ----------
    photo : Photo
        At least 32 pixels high and wide.
    corruption : str
        One of `CORRUPTIONS`.
    severity : int
        1 to 5.

    Returns
    -------
    Photo
        Its SHA-256 is that of the corrupted pixels.

    Raises
    ------
    ImageError
        If the photo is too small.
    SettingsError, MissingDependencyError
        As of `check`.
    """
    check(corruption, severity)
    if min(photo.size) < LEAST_SIDE:
        raise ImageError(
            f"{photo.name}: corruptions need at least {LEAST_SIDE} x {LEAST_SIDE} pixels, got "
            f"{photo.size[0]} x {photo.size[1]}"
        )
    function = _functions()[corruption]
    word = hashlib.sha256(f"{photo.key} {corruption} {severity}".encode()).digest()
    seed = int.from_bytes(word[:4], "big")
    options = {"seed": seed} if "seed" in inspect.signature(function).parameters else {}
    with _turn:
        before = np.random.get_state()  # noqa: NPY002
        np.random.seed(seed)  # noqa: NPY002
        try:
            made = function(Image.fromarray(photo.pixels), severity, **options)
        finally:
            np.random.set_state(before)  # noqa: NPY002
    pixels = np.ascontiguousarray(np.uint8(made))
    name = suffixed(photo.name, corruption, severity)
    return Photo(pixels, name, hashlib.sha256(pixels.tobytes()).hexdigest())


def suffixed(name: str, corruption: str, severity: int) -> str:
    """What a corrupted image is called."""
    return f"{name}@{corruption}-{severity}"


@functools.lru_cache(maxsize=8)
def corrupted_file(path: str, corruption: str, severity: int) -> Photo:
    """A corrupted photo of a file, remembered for the next question about it."""
    return corrupt(load_image(Path(path)), corruption, severity)


@functools.cache
def _functions() -> dict[str, Any]:
    try:
        from imagecorruptions import corruption_dict
    except ImportError:
        raise MissingDependencyError(
            "corruptions need the package imagecorruptions-imaug: pip install suffice[corruptions]"
        ) from None
    found: dict[str, Any] = corruption_dict
    return found
