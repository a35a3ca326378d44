"""Writes reports to disk."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from suffice.errors import InputError
from suffice.explanation import write_atomically
from suffice.report.document import Document, Figure, Table
from suffice.report.files import Renders, csv_of, require
from suffice.report.layout import lay_out
from suffice.statistics.frame import import_pandas

if TYPE_CHECKING:
    from suffice.study import StudyResult

FORMATS = ("html", "markdown", "latex", "figures", "tables")
"""What a folder can hold; the first three are also files of their own."""
SUFFIXES = {".html": "html", ".htm": "html", ".md": "markdown", ".tex": "latex"}
NAMES = {"html": "report.html", "markdown": "report.md", "latex": "report.tex"}


def write(
    result: StudyResult | str | Path,
    path: str | Path,
    *,
    formats: Collection[str] | None = None,
    analyses: Sequence[str] | None = None,
    without: Collection[str] = (),
) -> list[Path]:
    """Write the report of a study.

    Parameters
    ----------
    result : StudyResult or path of a store
    path : path
        A file that ends in ``.html``, ``.md`` or ``.tex``, or a folder, which is made if need be.
        What is there already is replaced.
    formats : collection of {"html", "markdown", "latex", "figures", "tables"}, optional
        What to write into a folder, all by default; or one of the first three for a file of any
        name.
    analyses : sequence of str, optional
        Parts to show, by the names of `suffice.study.analyses.ANALYSES`; by default those that the
        design asks for.
    without : collection of str
        Parts to leave out, such as ``examples``, which show photos.

    Returns
    -------
    list of Path
        Of the files written, the report first.

    Raises
    ------
    InputError
        If there is no such part, or neither the name nor ``formats`` says what to write.
    StoreError
        If the store can't be read.
    MissingDependencyError
        If pandas, Matplotlib or Jinja2 is not installed.
    """
    target = Path(path)
    wanted, _ = _asked(target, formats)
    require(matplotlib=True, jinja2="html" in wanted)
    import_pandas("reports")
    from suffice.report.analyses import document
    from suffice.report.reading import Reading
    from suffice.study import StudyResult

    found = result if isinstance(result, StudyResult) else StudyResult(result)
    wanted_parts = _chosen(found.analyses if analyses is None else analyses, without)
    return write_document(document(Reading(found, wanted_parts)), target, formats=formats)


def _chosen(analyses: Sequence[str], without: Collection[str]) -> list[str]:
    """Names of the parts to show; all where nothing is asked for and nothing left out."""
    from suffice.study.analyses import ANALYSES, check_analysis

    left = {check_analysis(name) for name in without}
    if not analyses and not left:
        return []
    return [name for name in analyses or ANALYSES if name not in left]


def write_document(
    document: Document, path: str | Path, *, formats: Collection[str] | None = None
) -> list[Path]:
    """Write a report that is made already; parameters, returns and errors are those of `write`.

    Every file is replaced as a whole, and the report itself after the pictures it shows.
    """
    target = Path(path)
    wanted, single = _asked(target, formats)
    renders = Renders()
    root = target.parent if single else target
    made: dict[Path, bytes] = {}  # Markdown and figures share pictures
    for kind in (k for k in FORMATS if k in wanted):
        made.update(_files(document, kind, target if single else None, renders))
    root.mkdir(parents=True, exist_ok=True)
    for name, data in reversed(made.items()):
        file = root / name
        file.parent.mkdir(exist_ok=True)
        write_atomically(file, data)
    return [root / name for name in made]


def _asked(path: Path, formats: Collection[str] | None) -> tuple[frozenset[str], bool]:
    """What to write, and whether that is one file rather than a folder."""
    if isinstance(formats, str):
        raise InputError(f"expected a list of formats, got the text {formats!r}")
    unknown = sorted(set(formats or ()) - set(FORMATS))
    if unknown:
        raise InputError(f"unknown format {unknown[0]!r}: expected some of {', '.join(FORMATS)}")
    known = SUFFIXES.get(path.suffix.lower())
    folder = path.is_dir() or (not path.suffix and known is None)
    if not folder:
        wanted = set(formats) if formats else {known} - {None}
        if len(wanted) == 1 and wanted <= set(NAMES):
            return frozenset(str(kind) for kind in wanted), True
        if formats:
            raise InputError(
                f"{path}: a file is one of {', '.join(NAMES)}; give a folder for "
                f"{', '.join(sorted(formats))}"
            )
        raise InputError(
            f"{path}: give a name that ends in {', '.join(SUFFIXES)}, a folder, or a format"
        )
    return frozenset(formats or FORMATS), False


def _files(
    document: Document, kind: str, single: Path | None, renders: Renders
) -> Iterator[tuple[Path, bytes]]:
    """Names, relative to the folder, and contents of all files of one format."""
    name = Path(single.name if single else NAMES.get(kind, ""))
    if kind == "html":
        from suffice.report.html import html

        yield name, html(document, renders).encode()
    elif kind == "markdown":
        from suffice.report.markdown import markdown

        # Links can't hold spaces and brackets, so the folder's name is not the file's.
        folder = f"{_linkable(single.stem)}-figures" if single else "figures"
        text, pictures = markdown(document, folder, renders)
        yield name, text.encode()
        yield from ((Path(folder, picture), data) for picture, data in pictures.items())
    elif kind == "latex":
        from suffice.report.latex import latex

        yield name, latex(document).encode()
    else:
        yield from _parts(document, kind, renders)


def _linkable(stem: str) -> str:
    kept = "".join(c if c.isalnum() or c in "-_." else "-" for c in stem)
    return kept.strip(".") or "report"


def _parts(document: Document, kind: str, renders: Renders) -> Iterator[tuple[Path, bytes]]:
    """Figures or tables, each a file."""
    for placed in lay_out(document).placed():
        if kind == "figures" and isinstance(placed.block, Figure):
            yield Path("figures", f"{placed.name}.svg"), renders.get(placed.block, "svg")
            yield Path("figures", f"{placed.name}.png"), renders.get(placed.block, "png")
        elif kind == "tables" and isinstance(placed.block, Table):
            yield Path("tables", f"{placed.name}.csv"), csv_of(placed.block)
