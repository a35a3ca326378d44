"""A document numbered and named, the same for every writer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from suffice.report.document import Block, Document, Examples, Figure, Section, Table
from suffice.report.format import file_name

KINDS = {Table: "Table", Figure: "Figure", Examples: "Figure"}


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """A block in its place.

    Attributes
    ----------
    block : Text, Table, Figure or Examples
    name : str
        Of its anchor and files, unique in the report; empty for a text.
    label : str
        Such as ``Table 3``; empty for a text.
    """

    block: Block
    name: str
    label: str


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A section in its place.

    Attributes
    ----------
    title : str
    name : str
        Of its anchor, unique in the report.
    number : str
        Such as ``2.1``; empty for the whole.
    level : int
        0 for the whole.
    blocks : tuple of Placed
    parts : tuple of Part
    """

    title: str
    name: str
    number: str
    level: int
    blocks: tuple[Placed, ...]
    parts: tuple[Part, ...]

    def walk(self) -> Iterator[Part]:
        """Itself and all parts within, in reading order."""
        yield self
        for part in self.parts:
            yield from part.walk()

    def placed(self) -> Iterator[Placed]:
        """All blocks, in reading order."""
        for part in self.walk():
            yield from part.blocks


class _Counter:
    """Gives names and numbers, each once."""

    def __init__(self) -> None:
        self.taken: set[str] = set()
        self.numbers = dict.fromkeys(("Table", "Figure"), 0)

    def name(self, wanted: str) -> str:
        base = name = file_name(wanted)
        k = 2
        while name in self.taken:
            name, k = f"{base}-{k}", k + 1
        self.taken.add(name)
        return name

    def place(self, block: Block) -> Placed:
        kind = KINDS.get(type(block))
        if kind is None:
            return Placed(block, "", "")
        self.numbers[kind] += 1
        return Placed(block, self.name(getattr(block, "name", "")), f"{kind} {self.numbers[kind]}")


def lay_out(document: Document) -> Part:
    """Number sections, tables and figures in reading order, and give them unique names.

    Parameters
    ----------
    document : Document

    Returns
    -------
    Part
        Of level 0: the whole.
    """
    counter = _Counter()

    def part(section: Section, number: str, level: int) -> Part:
        name = counter.name(f"section-{section.name}")
        blocks = tuple(counter.place(block) for block in section.blocks)
        inner = enumerate(section.sections, 1)
        parts = tuple(part(s, f"{number}.{k}", level + 1) for k, s in inner)
        return Part(section.title, name, number, level, blocks, parts)

    blocks = tuple(counter.place(block) for block in document.blocks)
    parts = tuple(part(s, str(k), 1) for k, s in enumerate(document.sections, 1))
    return Part(document.title, counter.name("top"), "", 0, blocks, parts)
