"""Reports of studies: one offline HTML file, Markdown, LaTeX, and the figures apart."""

from __future__ import annotations

from suffice.report.document import (
    Cell,
    Column,
    Document,
    Example,
    Examples,
    Figure,
    Section,
    Table,
    Text,
)
from suffice.report.write import FORMATS, write, write_document

__all__ = [
    "FORMATS",
    "Cell",
    "Column",
    "Document",
    "Example",
    "Examples",
    "Figure",
    "Section",
    "Table",
    "Text",
    "write",
    "write_document",
]
