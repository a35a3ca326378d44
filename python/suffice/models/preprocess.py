"""Preprocessing: from a photo to the model's input, ``x = (rgb / 255 - mean) / std``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Self, cast

import numpy as np
import numpy.typing as npt
from PIL import Image

from suffice.errors import ImageError, SettingsError
from suffice.models.images import Photo
from suffice.reading import parse_json
from suffice.types import FloatImage, JsonObject

CropBox = tuple[float, float, float, float]
INTERPOLATIONS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "box": Image.Resampling.BOX,
    "hamming": Image.Resampling.HAMMING,
}
_FIELDS = ("size", "resize_shorter_side", "crop", "interpolation", "mean", "std", "channels")
_IGNORED = ("name", "layout", "dtype", "value", "batch")  # of `input` in a models.json
_CHANNELS = {"rgb": "RGB", "grey": "grey", "gray": "grey", "l": "grey"}

_LARGE = 1e9  # beyond it float32 may hold no colour
_LUMA = np.array([19595, 38470, 7471])  # ITU-R 601 in units of 1/65536


@dataclass(frozen=True, slots=True)
class Preprocess:
    """How a photo becomes the model's input: resize, crop, scale.

    Parameters
    ----------
    size : int or (int, int)
        Height and width of the model's input in pixels; one number for a square.
    resize_shorter_side : int, optional
        Scale the photo so that its shorter side has this many pixels, then crop ``size`` from it;
        a side that would be shorter than the crop is stretched to it. None: the photo is resized
        to ``size`` at once, without a crop and whatever its shape.
    crop : {"centre"}
        Where the crop is taken; None where nothing is cropped.
    interpolation : {"nearest", "bilinear", "bicubic", "lanczos", "box", "hamming"}
        Pillow's filter.
    mean, std : float or sequence of float
        Of each channel, in units of 0-1. There is no default: a guess would be silent and wrong.
    channels : {"RGB", "grey"}, optional
        By default grey where mean and std have one number each, else RGB. With ``RGB`` a single
        number holds for all three.

    Raises
    ------
    SettingsError
        If a value is out of range or the lengths disagree.

    Examples
    --------
    >>> p = Preprocess(size=224, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    >>> p.shape
    (3, 224, 224)
    """

    size: int | Sequence[int]
    resize_shorter_side: int | None = None
    crop: str | None = "centre"
    interpolation: str = "bilinear"
    mean: float | Sequence[float] = ()
    std: float | Sequence[float] = ()
    channels: str | None = None

    def __post_init__(self) -> None:
        height, width = _size(self.size)
        shorter = self.resize_shorter_side
        if shorter is not None:
            shorter = _positive(shorter, "resize_shorter_side")
        if self.interpolation not in tuple(INTERPOLATIONS):
            raise SettingsError(
                f"interpolation {self.interpolation!r} is unknown; use {', '.join(INTERPOLATIONS)}"
            )
        crop = "centre" if self.crop == "center" else self.crop
        if crop not in ("centre", None) or (crop is None and shorter is not None):
            raise SettingsError(f"crop {self.crop!r} is unknown; use centre")
        mean, std = _numbers(self.mean, "mean"), _numbers(self.std, "std")
        channels = _CHANNELS.get(str(self.channels).lower())
        if channels is None:
            if self.channels is not None:
                raise SettingsError(f"channels {self.channels!r} is unknown; use RGB or grey")
            channels = "grey" if len(mean) == len(std) == 1 else "RGB"
        count = 3 if channels == "RGB" else 1
        mean, std = (v * count if len(v) == 1 else v for v in (mean, std))
        if len(mean) != count or len(std) != count:
            raise SettingsError(
                f"mean and std need {count} number{'s' * (count > 1)} for {channels} images, got "
                f"{len(mean)} and {len(std)}"
            )
        if min(std) <= 0.0:
            raise SettingsError(f"std must be positive, got {list(std)}")
        if max(map(abs, mean)) > _LARGE or max(std) > _LARGE or min(std) < 1 / _LARGE:
            raise SettingsError(
                f"mean and std are out of all proportion: expected at most {_LARGE:g}, and a std "
                f"of at least {1 / _LARGE:g}; got mean {list(mean)}, std {list(std)}"
            )
        values = {
            "size": (height, width),
            "resize_shorter_side": shorter,
            "crop": None if shorter is None else crop,
            "mean": mean,
            "std": std,
            "channels": channels,
        }
        for field, value in values.items():
            object.__setattr__(self, field, value)

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(C, H, W)`` of the inputs it makes."""
        height, width = cast("tuple[int, int]", self.size)
        return (3 if self.channels == "RGB" else 1), height, width

    def apply(self, photo: Photo) -> tuple[FloatImage, CropBox]:
        """Make the model's input.

        Returns
        -------
        x : float32 [C, H, W]
            C-contiguous.
        crop_box : (left, top, right, bottom)
            The part of the upright photo that ``x`` shows, in its pixels.

        Raises
        ------
        ImageError
            If the photo is so long and thin that scaling it would take too many pixels.
        """
        _, height, width = self.shape
        rgb = self.channels == "RGB"
        image = Image.fromarray(photo.pixels if rgb else photo.grey())
        resample = INTERPOLATIONS[self.interpolation]
        left = top = 0
        full_width, full_height = width, height
        if self.resize_shorter_side is not None:
            scale = self.resize_shorter_side / min(photo.size)
            full_width = max(width, round(photo.size[0] * scale))
            full_height = max(height, round(photo.size[1] * scale))
            left, top = (full_width - width) // 2, (full_height - height) // 2
        if full_width * full_height > (Image.MAX_IMAGE_PIXELS or math.inf):
            raise ImageError(
                f"{photo.name}, {photo.size[0]} x {photo.size[1]}, would be scaled to {full_width} "
                f"x {full_height}, more than {Image.MAX_IMAGE_PIXELS} pixels; cut it to a less "
                "extreme shape first"
            )
        image = image.resize((full_width, full_height), resample)
        image = image.crop((left, top, left + width, top + height))
        per_x, per_y = photo.size[0] / full_width, photo.size[1] / full_height
        box = (left * per_x, top * per_y, (left + width) * per_x, (top + height) * per_y)
        return self._scale(np.asarray(image).reshape(height, width, -1)), box

    def _scale(self, pixels: npt.NDArray[np.generic]) -> FloatImage:
        """``[H, W, C]`` in 0-255 to model space ``float32 [C, H, W]``, all in float32."""
        scaled = pixels.astype(np.float32) / np.float32(255)
        x = (scaled - np.asarray(self.mean, np.float32)) / np.asarray(self.std, np.float32)
        return np.ascontiguousarray(x.transpose(2, 0, 1))

    def colour(self, rgb: Sequence[float]) -> npt.NDArray[np.float32]:
        """One RGB colour (0-255) in model space: ``float32 [C]``, rounded as pixels are."""
        pixel = np.asarray(rgb, np.float64).reshape(1, 1, 3)
        if self.channels != "RGB":
            luma = np.floor((pixel @ _LUMA + 32768) / 65536)  # as Pillow rounds it
            pixel = luma.reshape(1, 1, 1)
        return self._scale(pixel).reshape(-1)

    def denormalise(self, x: FloatImage) -> npt.NDArray[np.uint8]:
        """Back to ``uint8 [H, W, 3]`` for showing; grey is repeated three times.

        Raises
        ------
        SettingsError
            If `x` has other channels than this makes.
        """
        channels = self.shape[0]
        if x.ndim != 3 or x.shape[0] != channels:
            raise SettingsError(f"expected [{channels}, H, W], got {list(x.shape)}")
        pixels = x.transpose(1, 2, 0).astype(np.float64) * self.std + self.mean
        out = np.clip(np.round(pixels * 255.0), 0.0, 255.0).astype(np.uint8)
        return np.repeat(out, 3, axis=2) if channels == 1 else out

    def to_dict(self) -> JsonObject:
        """All fields as JSON types; `from_dict` reads them back."""
        return {
            "size": list(self.shape[1:]),
            "resize_shorter_side": self.resize_shorter_side,
            "crop": self.crop,
            "interpolation": self.interpolation,
            "mean": list(cast("tuple[float, ...]", self.mean)),
            "std": list(cast("tuple[float, ...]", self.std)),
            "channels": self.channels,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read the fields, or an ``input`` object of a ``models.json``.

        Its name, layout, dtype, value and batch are skipped: the model states them, and the
        formula is always the one above.

        Raises
        ------
        SettingsError
            If a key is unknown, ``size``, ``mean`` or ``std`` is missing, or a value is invalid.
        """
        unknown = [key for key in data if key not in (*_FIELDS, *_IGNORED)]
        missing = [key for key in ("size", "mean", "std") if data.get(key) is None]
        if unknown or missing:
            raise SettingsError(
                f"preprocessing has no field {', '.join(unknown)}; it has {', '.join(_FIELDS)}"
                if unknown
                else f"preprocessing lacks {', '.join(missing)}"
            )
        return cls(**{k: v for k, v in data.items() if k in _FIELDS and v is not None})

    @classmethod
    def from_json(cls, path: str | PathLike[str], model_name: str | None = None) -> Self:
        """Read a file that holds one object, or a whole ``models.json``.

        Parameters
        ----------
        path : path
            One object with the fields above; or ``{"models": [{"file": ..., "input": {...}}]}``.
        model_name : str, optional
            The model's file name, with or without its folder; chooses the entry.

        Raises
        ------
        SettingsError
            If the file can't be read, has no entry for the model, or the entry is invalid.
        """
        try:
            data = parse_json(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise SettingsError(f"{path} can't be read: {error.strerror}") from None
        except ValueError as error:
            raise SettingsError(f"{path} is no JSON file: {error}") from None
        if not isinstance(data, dict):
            raise SettingsError(f"{path}: expected one JSON object, got {type(data).__name__}")
        try:
            return cls.from_dict(_entry(data, model_name) if "models" in data else data)
        except SettingsError as error:
            raise SettingsError(f"{path}: {error}") from None


def _entry(data: Mapping[str, Any], model_name: str | None) -> Mapping[str, Any]:
    if not isinstance(data["models"], list):
        raise SettingsError("`models` should be a list of objects")
    entries = [e for e in data["models"] if isinstance(e, dict)]
    wanted = Path(model_name or "").name
    for entry in entries:
        if wanted and Path(str(entry.get("file", ""))).name == wanted:
            if not isinstance(entry.get("input"), dict):
                raise SettingsError(f"the entry of {wanted} lacks its object `input`")
            return cast("Mapping[str, Any]", entry["input"])
    files = ", ".join(Path(str(e.get("file", "?"))).name for e in entries) or "none"
    raise SettingsError(f"no entry for the model {wanted or '(no name given)'}; it has {files}")


def _positive(value: object, field: str) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise SettingsError(f"{field} must be a whole number of pixels above 0, got {value!r}")
    return int(value)


def _size(size: object) -> tuple[int, int]:
    if isinstance(size, (list, tuple)):
        if len(size) != 2:
            raise SettingsError(f"size must be a number or [height, width], got {size!r}")
        return _positive(size[0], "size"), _positive(size[1], "size")
    side = _positive(size, "size")
    return side, side


def _numbers(value: object, field: str) -> tuple[float, ...]:
    items = list(value) if isinstance(value, (Sequence, np.ndarray)) else [value]
    try:
        numbers = tuple(float(cast("float", v)) for v in items)
    except (TypeError, ValueError, OverflowError):
        raise SettingsError(f"{field} must be one number per channel, got {value!r}") from None
    if not numbers or not all(math.isfinite(v) for v in numbers):
        raise SettingsError(f"{field} must be one finite number per channel, got {value!r}")
    return numbers
