"""A report as one HTML file that needs nothing else and asks nothing of any network."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from suffice import __version__
from suffice.report import format as cells
from suffice.report.document import Column, Document, Example, Examples, Figure, Table
from suffice.report.files import Renders, csv_of, inline_svg, pictures, require
from suffice.report.layout import Part, lay_out

if TYPE_CHECKING:
    from markupsafe import Markup

LARGEST_SVG = 300_000  # bytes; a larger one goes in as PNG
TEMPLATES = "templates"
POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{}'; "
    "base-uri 'none'; form-action 'none'"
)


def html(document: Document, renders: Renders | None = None) -> str:
    """Write a report as HTML.

    Style, script, figures, photos and tables are in the file, which a policy of its own keeps from
    loading anything or running any other script.

    Parameters
    ----------
    document : Document
    renders : Renders, optional
        Figures drawn already.

    Returns
    -------
    str

    Raises
    ------
    MissingDependencyError
        If Jinja2, or Matplotlib for figures, is not installed.
    """
    whole = lay_out(document)
    figures = any(isinstance(p.block, Figure) for p in whole.placed())
    require(jinja2=True, matplotlib=figures)
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    folder = files("suffice.report") / TEMPLATES
    style, script = ((folder / n).read_text("utf-8") for n in ("report.css", "report.js"))
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["cell"] = _cell
    environment.filters["breakable"] = _breakable
    environment.filters["raw"] = cells.raw
    environment.filters["numeric"] = cells.is_number
    template = environment.from_string((folder / "report.html").read_text("utf-8"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return template.render(
        whole=whole,
        provenance=document.provenance,
        policy=POLICY.format(digest),
        style=Markup(style),
        script=Markup(script),
        version=__version__,
        **_media(whole, renders or Renders()),
    )


def _media(whole: Part, renders: Renders) -> dict[str, Any]:
    """What the template shows of each block, by its name."""
    drawings: dict[str, Markup] = {}
    widths: dict[str, str] = {}
    downloads: dict[str, str] = {}
    for placed in whole.placed():
        if isinstance(placed.block, Figure):
            drawings[placed.name], widths[placed.name] = _drawing(
                placed.name, placed.block, renders
            )
        elif isinstance(placed.block, Table):
            downloads[placed.name] = uri("text/csv;charset=utf-8", csv_of(placed.block))
    shown = list(_examples(whole))
    photos = {
        id(example): tuple(uri("image/jpeg", data) for data in pair)
        for example, pair in zip(shown, pictures(shown), strict=True)
    }
    return {
        "drawings": drawings,
        "widths": widths,
        "downloads": downloads,
        "photos": photos,
        "id": id,
    }


def _examples(whole: Part) -> Iterator[Example]:
    for placed in whole.placed():
        if isinstance(placed.block, Examples):
            yield from placed.block.examples


def _drawing(name: str, figure: Figure, renders: Renders) -> tuple[Markup, str]:
    """A figure as an element, and its width on paper."""
    from markupsafe import Markup

    svg = renders.get(figure, "svg")
    width = re.search(rb'width="([\d.]+pt)"', svg)
    wide = width[1].decode() if width else "100%"
    if len(svg) <= LARGEST_SVG:
        return Markup(inline_svg(svg, name, figure.alt)), wide
    picture = Markup('<img src="{}" alt="{}">')
    return picture.format(uri("image/png", renders.get(figure, "png")), figure.alt), wide


def uri(kind: str, data: bytes) -> str:
    """Bytes as an address that holds them."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _cell(cell: Any, column: Column) -> Markup | str:
    """A cell as it is read; powers of ten are raised."""
    from markupsafe import Markup

    text = cells.text(cell, column)
    if column.kind == "text":
        return _breakable(text)
    if column.kind != "log_p" or not ("e" in text or "^" in text):
        return text
    mantissa, _, exponent = text.replace("10^", "e").partition("e")
    factor = f"{mantissa} × " if mantissa else ""
    return Markup("{}10<sup>{}</sup>").format(factor, exponent.replace("-", cells.MINUS))


def _breakable(text: str) -> Markup:
    """A name that may go on in the next line where its parts meet."""
    from markupsafe import Markup

    return Markup("<wbr>").join(re.findall(r"[^_./:-]*[_./:-]|[^_./:-]+", text))
