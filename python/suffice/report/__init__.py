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

__all__ = [
    "Cell",
    "Column",
    "Document",
    "Example",
    "Examples",
    "Figure",
    "Section",
    "Table",
    "Text",
]
