"""Figures as SVG and PNG, tables as CSV, photos as small JPEG: the same bytes every time."""

from __future__ import annotations

import csv
import io
import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from suffice.errors import MissingDependencyError
from suffice.report.document import Example, Figure, Table
from suffice.report.format import raw
from suffice.types import PixelMask, RGBImage

if TYPE_CHECKING:
    from PIL.Image import Image

DPI = 200
SALT = "suffice"
DIMMED = 0.3
OUTLINE = (0, 213, 255)
SIDES = (320, 240, 160, 112)
"""Of example photos in pixels, longest side; smaller ones where there are many."""
ENOUGH = 160  # a photo of this side isn't shrunk further, and smaller ones are enlarged
GALLERY_LIMIT = 4_000_000  # bytes of all example photos of one report
Kind = Literal["svg", "png"]


def require(*, matplotlib: bool = False, jinja2: bool = False) -> None:
    """Check that what reports need is there.

    Raises
    ------
    MissingDependencyError
        If Matplotlib or Jinja2 is needed and not installed.
    """
    try:
        if matplotlib:
            import matplotlib as mpl  # noqa: F401  # only its presence matters here
        if jinja2:
            import jinja2 as j2  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(
            f"reports need {error.name}, which is not installed: pip install suffice[report]"
        ) from None


class Renders:
    """Draws each figure of a report once for each kind of file, whatever is written of it."""

    def __init__(self) -> None:
        self._done: dict[tuple[int, Kind], bytes] = {}

    def get(self, figure: Figure, kind: Kind) -> bytes:
        """One figure as a file's content."""
        key = id(figure), kind
        if key not in self._done:
            self._done[key] = render(figure, kind)
        return self._done[key]


def render(figure: Figure, kind: Kind) -> bytes:
    """Draw a figure as a file's content.

    It is drawn with Matplotlib's own defaults, whatever the user's are, without dates and with
    fixed identifiers, so that the same numbers give the same bytes.

    Parameters
    ----------
    figure : Figure
    kind : {"svg", "png"}
        PNG has `DPI` dots per inch.

    Returns
    -------
    bytes
    """
    import matplotlib as mpl

    unknown = {"svg": {"Date": None, "Creator": None}, "png": {"Software": None}}
    file = io.BytesIO()
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams["svg.hashsalt"] = SALT
        figure.draw().savefig(file, format=kind, metadata=unknown[kind], dpi=DPI)
    return file.getvalue()


def inline_svg(svg: bytes, name: str, alt: str) -> str:
    """An SVG file as an element for HTML.

    Identifiers get the figure's name in front, since all figures of a page share one name space,
    and the style sheet that would hold for the whole page becomes a style of the picture.

    Parameters
    ----------
    svg : bytes
    name : str
        Unique in the page, of letters, digits and dashes.
    alt : str
        What is read aloud.

    Returns
    -------
    str
    """
    text = svg.decode()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<defs>\s*<style[^>]*>.*?</style>\s*</defs>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r'(?<=\sd=")[^"]+', _rounded, text)
    # Matplotlib escapes texts, so quotes and hashes in these patterns are its own.
    text = re.sub(r'(<[^<>]*?\bid=")([^"]+")', rf"\1{name}-\2", text)
    text = re.sub(r'(xlink:href="#)([^"]+")', rf"\1{name}-\2", text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", text)
    head, _, rest = text.partition(">")
    style = "stroke-linejoin:round;stroke-linecap:butt"
    return f'{head} style="{style}" role="img" aria-label={_quoted(alt)}>{rest}'


def _rounded(path: re.Match[str]) -> str:
    """A path to a hundredth of a point, which nobody sees, on one line."""
    short = re.sub(r"(\.\d\d)\d+", r"\1", path[0])
    return " ".join(short.split())


def _quoted(text: str) -> str:
    """An attribute's value, escaped by the library for XML."""
    made = ET.tostring(ET.Element("a", {"b": text}), encoding="unicode")
    return made[made.index('"') : made.rindex('"') + 1]


def csv_of(table: Table) -> bytes:
    """A table's raw values as CSV in UTF-8; percent are fractions, log p natural logarithms."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([c.title for c in table.columns])
    writer.writerows([raw(cell) for cell in row] for row in table.rows)
    return buffer.getvalue().encode()


def pictures(examples: Sequence[Example]) -> list[tuple[bytes, bytes]]:
    """Photos and their sets as JPEG, as large as the limit of a report allows.

    Parameters
    ----------
    examples : sequence of Example
        All of a report.

    Returns
    -------
    list of (photo, set)
    """
    made: list[tuple[bytes, bytes]] = []
    for side in SIDES:
        made = [_pair(example, side) for example in examples]
        if sum(len(a) + len(b) for a, b in made) <= GALLERY_LIMIT:
            break
    return made


def _pair(example: Example, side: int) -> tuple[bytes, bytes]:
    photo, keep = _scaled(example.image, example.mask, side)
    return _jpeg(photo), _jpeg(with_set(photo, keep))


def with_set(photo: RGBImage, keep: PixelMask) -> RGBImage:
    """The kept pixels over the dimmed photo, outlined.

    Parameters
    ----------
    photo : uint8 [H, W, 3]
    keep : bool [H, W]

    Returns
    -------
    uint8 [H, W, 3]
    """
    dimmed = np.rint(photo * DIMMED).astype(np.uint8)
    shown = np.where(keep[..., None], photo, dimmed)
    padded = np.pad(keep, 1)
    around = padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]
    shown[around & ~keep] = OUTLINE
    return shown


def _scaled(image: RGBImage, mask: PixelMask, side: int) -> tuple[RGBImage, PixelMask]:
    """Photo and mask with a longest side of at most ``side``; tiny ones enlarged, still square."""
    from PIL import Image as images

    longest = max(image.shape[:2])
    wanted = min(side, longest) if longest >= ENOUGH else longest * -(-ENOUGH // longest)
    size = tuple(max(1, round(n * wanted / longest)) for n in image.shape[1::-1])
    smooth = images.Resampling.LANCZOS if wanted < longest else images.Resampling.NEAREST
    photo: Image = images.fromarray(image).resize((size[0], size[1]), smooth)
    keep: Image = images.fromarray(mask.astype(np.uint8)).resize(photo.size, 0)
    return np.asarray(photo), np.asarray(keep) > 0


def _jpeg(pixels: Any) -> bytes:
    from PIL import Image as images

    buffer = io.BytesIO()
    images.fromarray(pixels).save(buffer, "JPEG", quality=86, optimize=True)
    return buffer.getvalue()
