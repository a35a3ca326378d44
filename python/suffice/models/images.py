"""Photos: files, PIL images and uint8 arrays become upright 8-bit RGB pixels.

One rule for every kind of picture, so that a photo gives the same pixels however it was stored:
EXIF orientation is applied; transparent parts are composited over white; 16-bit grey is scaled by
1/257 and rounded; CMYK, YCbCr and palettes are converted by Pillow; colour profiles are ignored, as
classifiers were trained that way; of an animation the first frame is taken.
"""

from __future__ import annotations

import hashlib
import io
import threading
import warnings
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from suffice.errors import ImageError
from suffice.subject import image_key

Pixels = npt.NDArray[np.uint8]
Source = str | PathLike[str] | bytes | Image.Image | npt.NDArray[np.uint8]

_WHITE = (255, 255, 255, 255)
# Formats whose 32-bit mode "I" holds 16-bit values: Pillow had no other mode for them for long.
_SIXTEEN_BIT_FORMATS = ("PNG", "PPM")
# warnings.catch_warnings changes the state of the whole process, so decoding takes turns.
_decoding = threading.Lock()


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """A decoded picture.

    Attributes
    ----------
    pixels : uint8 [H, W, 3]
        Upright RGB.
    name : str
        For records: the file's name without its folder.
    sha256 : str
        Of the file's bytes, or of the pixels where there was no file; hex.
    """

    pixels: Pixels
    name: str
    sha256: str

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, after orientation."""
        return self.pixels.shape[1], self.pixels.shape[0]

    @property
    def key(self) -> int:
        """The photo's part of every random key: first 64 bits of the SHA-256 of its pixels."""
        return image_key(self.pixels)

    def grey(self) -> Pixels:
        """Luma ``uint8 [H, W]`` (ITU-R 601, as Pillow rounds it)."""
        return np.asarray(Image.fromarray(self.pixels).convert("L"))


def load_image(source: Source, name: str | None = None) -> Photo:
    """Read a picture.

    Parameters
    ----------
    source : path, bytes of an image file, PIL image or uint8 array
        Arrays are ``[H, W]``, ``[H, W, 1]`` (grey), ``[H, W, 3]`` (RGB) or ``[H, W, 4]`` (RGBA).
    name : str, optional
        Name for records; the file's name, or ``image``, by default.

    Returns
    -------
    Photo

    Raises
    ------
    ImageError
        If the file is missing, empty, truncated, no picture or larger than Pillow's limit against
        decompression bombs, or the array is of another shape or type.

    Examples
    --------
    >>> load_image(np.zeros((2, 3), np.uint8)).size
    (3, 2)
    """
    if isinstance(source, Image.Image):
        label = name or Path(getattr(source, "filename", "") or "image").name
        pixels = _decode(source, label)
        return Photo(pixels, label, hashlib.sha256(pixels.tobytes()).hexdigest())
    if isinstance(source, (str, PathLike)):
        path = Path(source)
        data = _read(path)
        return Photo(_decode(data, str(path)), name or path.name, hashlib.sha256(data).hexdigest())
    if isinstance(source, bytes):
        label = name or "image"
        return Photo(_decode(source, label), label, hashlib.sha256(source).hexdigest())
    pixels = _from_array(source)
    return Photo(pixels, name or "image", hashlib.sha256(pixels.tobytes()).hexdigest())


def _read(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise ImageError(f"{path} is a folder, expected an image file")
        if path.exists() and not path.is_file():
            raise ImageError(f"{path} is not a regular file")
        data = path.read_bytes()
    except FileNotFoundError:
        raise ImageError(f"{path} does not exist") from None
    except (OSError, ValueError) as error:
        raise ImageError(f"{path} can't be read: {_first_line(error)}") from None
    if not data:
        raise ImageError(f"{path} is empty, expected an image file")
    return data


def _decode(source: bytes | Image.Image, label: str) -> Pixels:
    """Decode to RGB; whatever a broken file makes Pillow raise becomes one ImageError."""
    with _decoding, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's remarks on odd metadata
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            image = Image.open(io.BytesIO(source)) if isinstance(source, bytes) else source
            image.load()
            return _rgb(image)
        except ImageError as error:
            raise ImageError(f"{label}: {error}") from None
        except UnidentifiedImageError:
            raise ImageError(f"{label} is no image that Pillow can read") from None
        except (Image.DecompressionBombWarning, Image.DecompressionBombError):
            raise ImageError(
                f"{label} has more than {Image.MAX_IMAGE_PIXELS} pixels, which Pillow takes for a "
                "decompression bomb; make it smaller first"
            ) from None
        except Exception as error:  # decoders raise whatever they stumble over
            raise ImageError(f"{label} can't be decoded: {_first_line(error)}") from error


def _rgb(image: Image.Image) -> Pixels:
    if 0 in image.size:
        raise ImageError(f"the image has no pixels, its size is {image.size[0]} x {image.size[1]}")
    try:
        upright = ImageOps.exif_transpose(image)
    except Exception:  # an unreadable EXIF block tells no orientation
        upright = image
    upright = _eight_bit(upright, image.format)
    if upright.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in upright.info:
        upright = upright.convert("RGBA")
        white = Image.new("RGBA", upright.size, _WHITE)
        upright = Image.alpha_composite(white, upright)
    # A copy, so that nothing refers to Pillow's memory and the array is ours.
    return np.array(upright.convert("RGB"), dtype=np.uint8)


def _eight_bit(image: Image.Image, file_format: str | None) -> Image.Image:
    """Scale 16-bit grey to 8 bits; refuse pixels whose range nobody states."""
    sixteen = image.mode == "I" and file_format in _SIXTEEN_BIT_FORMATS
    if sixteen or image.mode.startswith("I;16"):
        values = np.clip(np.asarray(image).astype(np.int64), 0, 65535)
        return Image.fromarray(((values + 128) // 257).astype(np.uint8))
    if image.mode in ("I", "F"):
        kind = "32-bit integer" if image.mode == "I" else "floating-point"
        raise ImageError(f"{kind} pixels have no stated range; convert the image to 8 bits first")
    return image


def _from_array(array: Any) -> Pixels:
    if not isinstance(array, np.ndarray):
        raise ImageError(
            f"expected a path, a PIL image or a uint8 array, got {type(array).__name__}"
        )
    if array.dtype != np.uint8 or array.ndim not in (2, 3):
        raise ImageError(
            "expected a uint8 array [H, W], [H, W, 1], [H, W, 3] or [H, W, 4], got "
            f"{array.dtype} {list(array.shape)}; float32 [C, H, W] is model space and is explained "
            "as it is"
        )
    if array.ndim == 3 and array.shape[2] not in (1, 3, 4):
        raise ImageError(
            f"expected 1, 3 or 4 channels in the last dimension, got uint8 {list(array.shape)}"
        )
    if array.size == 0:
        raise ImageError(f"the image has no pixels, its shape is {list(array.shape)}")
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    return _rgb(Image.fromarray(np.ascontiguousarray(array)))


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0] or type(error).__name__
