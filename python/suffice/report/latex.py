"""The tables of a report as LaTeX, for the supplement of a paper."""

from __future__ import annotations

from collections.abc import Iterator

from suffice import __version__
from suffice.report import format as cells
from suffice.report.document import Cell, Column, Document, Table
from suffice.report.layout import Part, Placed, lay_out

LONG = 40  # rows from which a table may break across pages
HEADINGS = ("section", "subsection", "subsubsection", "paragraph")
PREAMBLE = r"""\documentclass[10pt,a4paper]{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\usepackage{textcomp}
\IfFileExists{lmodern.sty}{\usepackage{lmodern}}{}
\usepackage[margin=2cm]{geometry}
\usepackage{booktabs}
\usepackage{longtable}
\usepackage{graphicx}
\setlength{\belowcaptionskip}{6pt}
% A table wider than the line is shrunk to it.
\newsavebox{\widetable}
\newenvironment{fitted}{\begin{lrbox}{\widetable}}{\end{lrbox}%
  \ifdim\wd\widetable>\linewidth\resizebox{\linewidth}{!}{\usebox{\widetable}}%
  \else\usebox{\widetable}\fi}
% So many tables can't float; each stands where it is, on one page.
\makeatletter
\newenvironment{standing}{\par\bigskip\noindent\begin{minipage}{\linewidth}%
  \def\@captype{table}\centering\small}{\end{minipage}\par\bigskip}
\makeatother
"""
ESCAPES = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "%": r"\%",
    "#": r"\#", "_": r"\_", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}", "'": r"\textquotesingle{}", "[": "{[}", "]": "{]}", "–": "--", "—": "---", "−": "$-$", "∞": r"$\infty$", "×": r"$\times$",
    "±": r"$\pm$", "≤": r"$\leq$", "≥": r"$\geq$", "≈": r"$\approx$", "→": r"$\rightarrow$",
    "…": r"\dots{}", "“": "``", "”": "''", "’": "'", "‘": "`", "\u00a0": "~", "\u202f": r"\,",
    "α": r"$\alpha$", "β": r"$\beta$", "δ": r"$\delta$", "Δ": r"$\Delta$", "η": r"$\eta$",
    "κ": r"$\kappa$", "λ": r"$\lambda$", "μ": r"$\mu$", "ρ": r"$\rho$", "σ": r"$\sigma$",
    "τ": r"$\tau$", "χ": r"$\chi$", "²": r"\textsuperscript{2}", "·": r"$\cdot$", "°": r"$^\circ$",
}  # fmt: skip
LAST_LATIN = 0x17F  # T1 has the letters up to here


def latex(document: Document) -> str:
    """Write the tables of a report as a LaTeX document that any engine compiles.

    Figures are files of their own; texts are left to the paper.

    Parameters
    ----------
    document : Document

    Returns
    -------
    str
    """
    whole = lay_out(document)
    lines = [f"% Tables of: {_comment(whole.title)}", f"% Made with suffice {__version__}."]
    lines += [PREAMBLE, rf"\title{{{escaped(whole.title)}}}", r"\author{}\date{}"]
    lines += [r"\begin{document}", r"\maketitle", *_tables(whole)]
    for top in whole.parts:
        for part in top.walk():
            if any(isinstance(p.block, Table) for p in part.placed()):
                heading = HEADINGS[min(part.level, len(HEADINGS)) - 1]
                lines += [rf"\{heading}{{{escaped(part.title)}}}", *_tables(part)]
    return "\n".join([*lines, r"\end{document}", ""])


def escaped(text: str) -> str:
    """Text that LaTeX prints as it is; a character that its fonts lack becomes its code point."""
    return "".join(_character(c) for c in " ".join(text.split()))


def _character(c: str) -> str:
    if c in ESCAPES:
        return ESCAPES[c]
    printable = c.isprintable() and ord(c) <= LAST_LATIN
    return c if printable else rf"\texttt{{U+{ord(c):04X}}}"


def cell(value: Cell, column: Column) -> str:
    """A cell; powers of ten are mathematics."""
    text = cells.text(value, column)
    if column.kind == "log_p" and ("e" in text or "^" in text):
        mantissa, _, exponent = text.replace("10^", "e").partition("e")
        factor = rf"{mantissa} \times " if mantissa else ""
        return f"${factor}10^{{{exponent}}}$"
    if column.kind == "percent":
        return escaped(text).replace(r" \%", r"\,\%")
    return escaped(text)


def _comment(text: str) -> str:
    return " ".join(text.split())


def _tables(part: Part) -> Iterator[str]:
    for placed in part.blocks:
        if isinstance(placed.block, Table) and placed.block.columns:
            yield "\n".join(_table(placed, placed.block))


def _table(placed: Placed, table: Table) -> Iterator[str]:
    spec = "".join("r" if cells.is_number(c) else "l" for c in table.columns)
    head = " & ".join(rf"\textbf{{{escaped(c.title)}}}" for c in table.columns) + r" \\"
    rows = [
        " & ".join(cell(v, c) for v, c in zip(row, table.columns, strict=True)) + r" \\"
        for row in table.rows
    ]
    note = f" {escaped(table.note)}" if table.note else ""
    titled = escaped(table.title)
    full_stop = "" if titled.endswith((".", "?", "!")) else "."
    caption = rf"\caption{{{titled}{full_stop}{note}}}\label{{tab:{placed.name}}}"
    if len(rows) > LONG:
        yield rf"{{\footnotesize\setlength{{\tabcolsep}}{{4pt}}\begin{{longtable}}{{@{{}}{spec}@{{}}}}"
        yield caption + r"\\"
        yield rf"\toprule {head} \midrule \endfirsthead"
        yield rf"\toprule {head} \midrule \endhead"
        yield r"\bottomrule \endfoot"
        yield from rows
        yield r"\end{longtable}}"
        return
    yield rf"\begin{{standing}}{caption}"
    yield rf"\begin{{fitted}}\begin{{tabular}}{{@{{}}{spec}@{{}}}}"
    yield rf"\toprule {head} \midrule"
    yield from rows
    yield r"\bottomrule"
    yield r"\end{tabular}\end{fitted}"
    yield r"\end{standing}"
