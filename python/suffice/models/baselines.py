"""Baselines: what takes the place of removed pixels.

==================  ===========================================================================
``zero``            0 in model space; another colour for every preprocessing
``black``           RGB 0, 0, 0
``grey``            RGB 128, 128, 128
``rgb:R,G,B``       that colour, each from 0 to 255
``mean``            the data set's mean colour: the mean of the preprocessing
``image-mean``      the image's own mean of each channel
``blur:SIGMA``      the image under a Gaussian of SIGMA pixels, edges mirrored
``inpaint[:SIDE]``  what the surroundings suggest, for square tiles of SIDE pixels (by default 32,
                    or a quarter of the shorter side); see `suffice.models.inpaint`
``noise``           seeded, every channel of every pixel uniform over the colour range
``constant:V``      V, or one V per channel separated by commas, in model space
a file              another picture, through the same preprocessing
an array            float ``[C, H, W]`` in model space, or uint8 pixels as a picture
==================  ===========================================================================
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt

from suffice.errors import ImageError, SettingsError
from suffice.models.images import Source, load_image
from suffice.models.preprocess import Preprocess
from suffice.reading import is_file
from suffice.types import FloatImage, JsonObject

Spec = str | PathLike[str] | npt.NDArray[np.generic]

_HELP = (
    "use zero, black, grey, rgb:R,G,B, mean, image-mean, blur:SIGMA, inpaint or inpaint:SIDE, "
    "noise, constant:V, an image file or an array"
)
_COLOURS = {"black": (0.0, 0.0, 0.0), "grey": (128.0, 128.0, 128.0)}
# The last counter word of the noise: apart from every stream of the searches.
_NOISE_STREAM = int.from_bytes(b"noise", "big")


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """One baseline of a subject.

    Attributes
    ----------
    kind : str
        Such as ``blur``; ``file`` and ``array`` for those.
    parameters : dict
        What else there is to know, as JSON types. ``spec``, or the kind where there is none, given
        to `make_baseline` makes a baseline again, arrays excepted.
    array : float32 [C, H, W]
        C-contiguous, in model space.
    sha256 : str
        Of the array's bytes, hex.
    """

    kind: str
    parameters: JsonObject
    array: FloatImage
    sha256: str


@dataclass(frozen=True, slots=True)
class _Request:
    """What a maker may need."""

    text: str  # what stands behind the colon
    x: FloatImage
    preprocess: Preprocess | None
    seed: int
    key: int


Made = tuple[JsonObject, npt.NDArray[np.generic]]


def make_baseline(
    spec: Spec, x: FloatImage, preprocess: Preprocess | None = None, seed: int = 0, key: int = 0
) -> Baseline:
    """Make a baseline for an image.

    Parameters
    ----------
    spec : str, path or array
        See the table of the module.
    x : float32 [C, H, W]
        The image in model space.
    preprocess : Preprocess, optional
        Needed by colours, which have no meaning in model space without it, and by pictures.
    seed, key : int
        Of the run and of the image (`image_key`), unsigned 64-bit; used by ``noise``.

    Returns
    -------
    Baseline

    Raises
    ------
    SettingsError
        If the spec is unknown or incomplete, or needs a Preprocess that isn't there.
    ImageError
        If a picture can't be read, an array does not have the shape of ``x``, or the image is too
        small to be inpainted.
    MissingDependencyError
        If ``inpaint`` is asked for and scikit-image is not installed.

    Examples
    --------
    >>> x = np.ones((1, 2, 2), np.float32)
    >>> make_baseline("constant:-1", x).array.tolist()
    [[[-1.0, -1.0], [-1.0, -1.0]]]
    """
    if isinstance(spec, np.ndarray) and spec.dtype != np.uint8:
        return _finish("array", {}, _model_space(spec, x), x)
    if not isinstance(spec, str):
        kind = "array" if isinstance(spec, np.ndarray) else "file"
        return _picture(kind, cast("Source", spec), x, preprocess)
    kind, _, text = spec.partition(":")
    make = _MAKERS.get(kind)
    if make is None:
        if is_file(Path(spec)):
            return _picture("file", spec, x, preprocess)
        raise SettingsError(f"baseline {spec!r} is unknown and no file; {_HELP}")
    if text and kind not in ("rgb", "blur", "inpaint", "constant"):
        raise SettingsError(f"baseline {kind} takes no value, got {spec!r}")
    parameters, array = make(_Request(text, x, preprocess, seed, key))
    return _finish(kind, {"spec": spec, **parameters} if text else parameters, array, x)


def _finish(
    kind: str, parameters: JsonObject, array: npt.NDArray[np.generic], x: FloatImage
) -> Baseline:
    with np.errstate(over="ignore"):
        full = np.ascontiguousarray(np.broadcast_to(array, x.shape), dtype=np.float32)
    if not np.isfinite(full).all():
        raise SettingsError(f"baseline {kind} must be finite in float32")
    if full.base is not None or full is array:  # never share memory with the caller's array
        full = full.copy()
    return Baseline(kind, parameters, full, hashlib.sha256(full.tobytes()).hexdigest())


def _picture(kind: str, source: Source, x: FloatImage, preprocess: Preprocess | None) -> Baseline:
    photo = load_image(source)
    array = _needs(preprocess, f"{kind} of pixels").apply(photo)[0]
    if array.shape != x.shape:
        raise ImageError(f"the preprocessing makes {list(array.shape)}, expected {list(x.shape)}")
    spec = {"spec": str(source)} if kind == "file" else {}
    return _finish(kind, {**spec, "name": photo.name, "sha256": photo.sha256}, array, x)


def _model_space(array: npt.NDArray[np.generic], x: FloatImage) -> npt.NDArray[np.generic]:
    if array.shape != x.shape or not np.issubdtype(array.dtype, np.floating):
        raise ImageError(
            f"a baseline array must be float32 {list(x.shape)} like the image, or uint8 pixels; "
            f"got {array.dtype} {list(array.shape)}"
        )
    return array


def _needs(preprocess: Preprocess | None, what: str) -> Preprocess:
    if preprocess is None:
        raise SettingsError(
            f"baseline {what} needs a preprocess, which says how colours become inputs; without "
            "one use zero or constant:V"
        )
    return preprocess


def _values(text: str, kind: str, usage: str) -> list[float]:
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        raise SettingsError(f"baseline {kind}:{text} is not {usage}") from None
    if not all(math.isfinite(v) for v in values):
        raise SettingsError(f"baseline {kind}:{text} is not {usage} of finite numbers")
    return values


def _zero(request: _Request) -> Made:
    return {}, np.zeros_like(request.x)


def _named_colour(name: str) -> Callable[[_Request], Made]:
    rgb = _COLOURS[name]

    def make(request: _Request) -> Made:
        colour = _needs(request.preprocess, name).colour(rgb)
        return {"rgb": list(rgb)}, colour[:, None, None]

    return make


def _rgb(request: _Request) -> Made:
    values = _values(request.text, "rgb", "rgb:R,G,B")
    if len(values) != 3 or min(values) < 0.0 or max(values) > 255.0:
        raise SettingsError(f"baseline rgb:{request.text} is not rgb:R,G,B with each from 0 to 255")
    return {"rgb": values}, _needs(request.preprocess, "rgb").colour(values)[:, None, None]


def _mean(request: _Request) -> Made:
    """Take the colour that the preprocessing subtracts: 0 in model space by definition.

    A preprocessing that subtracts nothing states no mean, and black is not one.
    """
    preprocess = _needs(request.preprocess, "mean")
    mean = [float(m) for m in np.atleast_1d(preprocess.mean)]
    if not any(mean):
        raise SettingsError(
            "baseline mean: this preprocessing subtracts no mean (it is 0), so it doesn't state "
            "the data set's mean colour; give it as rgb:R,G,B"
        )
    return {"colour": [m * 255.0 for m in mean]}, np.zeros_like(request.x)


def _image_mean(request: _Request) -> Made:
    return {}, request.x.mean(axis=(1, 2), dtype=np.float64)[:, None, None]


def _blur(request: _Request) -> Made:
    from scipy.ndimage import gaussian_filter

    usage = "blur:SIGMA with SIGMA in pixels above 0"
    values = _values(request.text, "blur", usage)
    if len(values) != 1 or not 0.0 < values[0] <= 1e4:
        raise SettingsError(f"baseline blur:{request.text} is not {usage}")
    sigma = values[0]
    smooth = gaussian_filter(request.x.astype(np.float64), (0.0, sigma, sigma), mode="reflect")
    return {"sigma": sigma}, smooth


def _inpaint(request: _Request) -> Made:
    from suffice.models.inpaint import default_side, inpaint_tiles

    side = default_side(*request.x.shape[1:])
    if request.text:
        usage = "inpaint:SIDE with SIDE a whole number of pixels above 0"
        values = _values(request.text, "inpaint", usage)
        if len(values) != 1 or values[0] < 1 or not values[0].is_integer():
            raise SettingsError(f"baseline inpaint:{request.text} is not {usage}")
        side = int(values[0])
    return {"side": side}, inpaint_tiles(request.x, side)


def _noise(request: _Request) -> Made:
    """Draw from Philox 4x64-10 with the key (seed, image key), in C order.

    The colour range is 0-1 before the preprocessing's mean and std; without a preprocessing it
    goes from the image's smallest to its largest value.
    """
    generator = np.random.Philox(
        key=np.array([request.seed, request.key], np.uint64),
        counter=np.array([0, 0, 0, _NOISE_STREAM], np.uint64),
    )
    raw = np.asarray(generator.random_raw(request.x.size), np.uint64)
    uniform = (raw >> np.uint64(11)).astype(np.float64) * 2.0**-53  # [0, 1)
    uniform = uniform.reshape(request.x.shape)
    parameters = {"seed": request.seed, "key": request.key}
    if request.preprocess is None:
        low, high = float(request.x.min()), float(request.x.max())
        return {**parameters, "range": [low, high]}, low + uniform * (high - low)
    mean, std = (
        np.asarray(v, np.float64).reshape(-1, 1, 1)
        for v in (request.preprocess.mean, request.preprocess.std)
    )
    return parameters, (uniform - mean) / std


def _constant(request: _Request) -> Made:
    values = _values(request.text, "constant", "constant:V")
    channels = len(request.x)
    if len(values) not in (1, channels):
        raise SettingsError(
            f"baseline constant:{request.text} has {len(values)} values, expected 1 or {channels}"
        )
    return {"value": values}, np.array(values, np.float64)[:, None, None]


_MAKERS: dict[str, Callable[[_Request], Made]] = {
    "zero": _zero,
    "black": _named_colour("black"),
    "grey": _named_colour("grey"),
    "rgb": _rgb,
    "mean": _mean,
    "image-mean": _image_mean,
    "blur": _blur,
    "inpaint": _inpaint,
    "noise": _noise,
    "constant": _constant,
}
