"""A report as GitHub Markdown, with figures and photos as files beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from suffice import __version__
from suffice.report import format as cells
from suffice.report.document import Column, Document, Examples, Figure, Table, Text
from suffice.report.files import Renders, pictures, require
from suffice.report.layout import Part, Placed, lay_out

BOXES = {"finding": "NOTE", "caution": "WARNING"}
SPECIAL = re.compile(r"([\\`*\[\]#|~$]|(?<![^\W_])_|_(?![^\W_]))")


def markdown(
    document: Document, folder: str, renders: Renders | None = None
) -> tuple[str, dict[str, bytes]]:
    """Write a report as Markdown.

    Parameters
    ----------
    document : Document
    folder : str
        Of the pictures, as links name it.
    renders : Renders, optional
        Figures drawn already.

    Returns
    -------
    text : str
    pictures : dict of str to bytes
        Files that belong into the folder.

    Raises
    ------
    MissingDependencyError
        If there are figures and Matplotlib is not installed.
    """
    whole = lay_out(document)
    require(matplotlib=any(isinstance(p.block, Figure) for p in whole.placed()))
    made = _files(whole, renders or Renders())
    parts = [f"# {escaped(whole.title)}", *_blocks(whole, folder)]
    for part in whole.parts:
        for inner in part.walk():
            parts.append(f"{'#' * min(inner.level + 1, 6)} {inner.number} {escaped(inner.title)}")
            parts += _blocks(inner, folder)
    if document.provenance:
        parts += ["## Provenance", *_provenance(document.provenance)]
    parts.append(f"Made with suffice {__version__}.")
    return "\n\n".join(parts) + "\n", made


def escaped(text: str) -> str:
    """Text that Markdown and HTML leave as it is, on one line."""
    plain = " ".join(text.split()).replace("&", "&amp;")
    plain = plain.replace("<", "&lt;").replace(">", "&gt;")
    return SPECIAL.sub(r"\\\1", plain)


def _files(whole: Part, renders: Renders) -> dict[str, bytes]:
    made: dict[str, bytes] = {}
    names: list[str] = []
    examples: list[Any] = []
    for placed in whole.placed():
        if isinstance(placed.block, Figure):
            made[f"{placed.name}.png"] = renders.get(placed.block, "png")
        elif isinstance(placed.block, Examples):
            names += [f"{placed.name}-{k}" for k in range(1, len(placed.block.examples) + 1)]
            examples += placed.block.examples
    for name, (photo, kept) in zip(names, pictures(examples), strict=True):
        made[f"{name}-photo.jpg"], made[f"{name}-set.jpg"] = photo, kept
    return made


def _blocks(part: Part, folder: str) -> Iterator[str]:
    for placed in part.blocks:
        block = placed.block
        if isinstance(block, Text):
            yield from _text(block)
            continue
        if isinstance(block, Table):
            yield f"**{placed.label}.** {escaped(block.title)}"
            yield _table(block)
        elif isinstance(block, Figure):
            alt = escaped(block.alt).replace("]", "")
            yield f"![{alt}]({folder}/{placed.name}.png)"
            yield f"**{placed.label}.** {escaped(block.title)}"
        else:
            yield f"**{placed.label}.** {escaped(block.title)}"
            yield _gallery(placed, block, folder)
        if block.note:
            yield f"*{escaped(block.note)}*"


def _text(block: Text) -> Iterator[str]:
    paragraphs = [escaped(part) for part in block.text.split("\n\n") if part.strip()]
    if block.kind == "plain":
        yield from paragraphs
    else:
        yield "\n>\n".join(
            [
                f"> [!{BOXES[block.kind]}]\n> {paragraphs[0]}",
                *(f"> {part}" for part in paragraphs[1:]),
            ]
        )


def _table(table: Table) -> str:
    rows = [
        [escaped(cells.text(c, k)) for c, k in zip(r, table.columns, strict=True)]
        for r in table.rows
    ]
    head = [escaped(c.title) for c in table.columns]
    rule = ["---:" if cells.is_number(c) else "---" for c in table.columns]
    lines = [f"| {' | '.join(row)} |" for row in (head, rule, *rows)]
    meanings = [_meaning(c) for c in table.columns if c.help]
    return "\n".join(lines) + (f"\n\n<sub>{'; '.join(meanings)}</sub>" if meanings else "")


def _meaning(column: Column) -> str:
    return f"{escaped(column.title)}: {escaped(column.help)}"


def _gallery(placed: Placed, block: Examples, folder: str) -> str:
    lines = ["| photo | kept pixels | |", "|---|---|---|"]
    for k, example in enumerate(block.examples, 1):
        stem = f"{folder}/{placed.name}-{k}"
        lines.append(
            f"| ![photo]({stem}-photo.jpg) | ![set]({stem}-set.jpg) | {escaped(example.caption)} |"
        )
    return "\n".join(lines)


def _provenance(values: dict[str, str]) -> Iterator[str]:
    for name, value in values.items():
        if "\n" in value:
            fence = "`" * max(3, 1 + max(map(len, re.findall("`+", value)), default=0))
            yield f"{escaped(name)}:"
            yield f"{fence}\n{value.rstrip()}\n{fence}"
        else:
            yield f"- {escaped(name)}: {escaped(value)}"
