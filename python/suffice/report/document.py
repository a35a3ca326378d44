"""What a report says, apart from how it is written: sections of texts, tables, figures, examples.

Analyses make these; `suffice.report.html`, ``markdown`` and ``latex`` write them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from suffice.types import PixelMask, RGBImage

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

Cell = str | int | float | bool | None
"""None and NaN are shown as not known."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes
    ----------
    title : str
    kind : {"text", "count", "number", "percent", "log_p"}
        How cells are written, and sorted. ``percent`` cells are fractions; ``log_p`` cells natural
        logarithms of p, which does not underflow.
    digits : int
        After the point.
    help : str
        One line on what it means.
    """

    title: str
    kind: Literal["text", "count", "number", "percent", "log_p"] = "text"
    digits: int = 2
    help: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of raw values; writers format them.

    Attributes
    ----------
    name : str
        Of its files; unique in a report, of small letters, digits and dashes.
    title : str
    columns : tuple of Column
    rows : tuple of tuples
        One cell for each column.
    note : str
        What is in the denominator, what a test assumes.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture, drawn when it is written.

    Attributes
    ----------
    name : str
        As of a table.
    title : str
    draw : callable
        Gives a new matplotlib figure.
    alt : str
        What it shows, for those who don't see it.
    note : str
    """

    name: str
    title: str
    draw: Callable[[], Drawing]
    alt: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph.

    Attributes
    ----------
    text : str
        Plain text.
    kind : {"plain", "finding", "caution"}
    """

    text: str
    kind: Literal["plain", "finding", "caution"] = "plain"


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One photo with a set.

    Attributes
    ----------
    caption : str
    image : uint8 [H, W, 3]
    mask : bool [H, W]
    """

    caption: str
    image: RGBImage
    mask: PixelMask


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """A row of photos with their sets.

    Attributes
    ----------
    name : str
        As of a table.
    title : str
    examples : tuple of Example
    note : str
    """

    name: str
    title: str
    examples: tuple[Example, ...]
    note: str = ""


Block = Text | Table | Figure | Examples


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a report.

    Attributes
    ----------
    name : str
        Of its anchor; unique in a report.
    title : str
    blocks : tuple
    sections : tuple of Section
    """

    name: str
    title: str
    blocks: tuple[Block, ...] = ()
    sections: tuple[Section, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """A report.

    Attributes
    ----------
    title : str
    blocks : tuple
        Before the first section: what was asked, the main findings.
    sections : tuple of Section
    provenance : dict
        Name and value of what made the results: versions, digests, the design.
    """

    title: str
    blocks: tuple[Block, ...] = ()
    sections: tuple[Section, ...] = ()
    provenance: dict[str, str] = field(default_factory=dict)
