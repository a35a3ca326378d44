"""Markdown, LaTeX, figures and tables, and which files are written where."""

from __future__ import annotations

import csv
import io
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure as Drawing
from PIL import Image

from reference.documents import HOSTILE, hostile, realistic, sizes_table
from suffice.errors import InputError, StoreError
from suffice.report import Column, Document, Figure, Section, Table, Text, write, write_document
from suffice.report.files import DPI, render
from suffice.report.latex import latex
from suffice.report.markdown import escaped, markdown

SPECIAL = re.compile(r"[\\*`|$~#<>\[\]]")


def small() -> Document:
    def draw() -> Any:
        made = Drawing(figsize=(2, 1))
        made.subplots().plot([1, 2])
        return made

    blocks = (Text("One\n\nTwo", "finding"), sizes_table(2), Figure("plot", "A plot", draw, "up"))
    return Document("Small", (), (Section("s", "Part", blocks),), {"suffice": "0.1.0"})


# Markdown


def test_markdown_has_all_parts() -> None:
    text, files = markdown(realistic(), "pictures")
    assert text.startswith("# Six classifiers: what suffices\n")
    for part in (
        "## 1 How large are the sets?", "### 1.1 Pairs of models", "> [!WARNING]\n> Two models",
        "| model | explained | median area | lower | upper | effect | p | evaluations |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| resnet50 | 80 | 3.10 % | 2.48 % | 3.88 % | – | – | 120,000 |",
        "10^-391", "**Table 1.** Sizes of sufficient sets by model", "```\n[study]",
    ):  # fmt: skip
        assert part in text
    linked = set(re.findall(r"\]\(pictures/([^)]+)\)", text))
    assert linked == set(files)
    for data in files.values():
        Image.open(io.BytesIO(data)).verify()


def test_markdown_tables_keep_their_columns() -> None:
    text, _ = markdown(hostile(), "p")
    tables = re.findall(r"(?:^\|.*\|$\n?)+", text, re.MULTILINE)
    for table in tables:
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(widths) == 1, table


def test_markdown_escapes() -> None:
    assert "<script" not in markdown(hostile(), "p")[0]
    assert not SPECIAL.search(re.sub(r"\\.", "", escaped(HOSTILE)))
    assert escaped("a\n\nb") == "a b"
    assert escaped("vit_base _x_") == r"vit_base \_x\_"


def test_a_fence_is_longer_than_those_inside() -> None:
    text, _ = markdown(Document("d", provenance={"x": "a\n````\nb"}), "p")
    assert "`````\na\n````\nb\n`````" in text


# LaTeX


def test_latex_has_tables_with_rules() -> None:
    text = latex(realistic())
    assert text.count(r"\begin{tabular}") == text.count(r"\bottomrule" + "\n" + r"\end{tabular}")
    assert text.count(r"\begin{longtable}") == text.count(r"\end{longtable}") == 1
    row = r"resnet50 & 80 & 3.10\,\% & 2.48\,\% & 3.88\,\% & -- & -- & 120,000 \\"
    assert row in text
    assert "$10^{-391}$" in text
    assert r"$8.6 \times 10^{-86}$" in text
    assert r"\label{tab:sizes}" in text
    assert r"$-$0.210" in text
    assert r"vit\_base\_patch16\_224" in text


@pytest.mark.parametrize("made", [realistic, hostile, small])
def test_latex_is_balanced(made) -> None:
    text = latex(made())
    ends = []
    for kind, name in re.findall(r"\\(begin|end)\{(\w+)\}", text.partition(r"\begin{document}")[2]):
        if kind == "begin":
            ends.append(name)
        elif name != "document":
            assert ends.pop() == name
    assert ends == []
    body = re.sub(r"\\[\\{}]", "", text)
    assert body.count("{") == body.count("}")
    plain = re.sub(r"\\[$&%#_]", "", re.sub(r"^%.*$|%$", "", text, flags=re.MULTILINE))
    assert plain.count("$") % 2 == 0
    assert "%" not in plain
    assert "#" not in plain.replace("{!}", "")


def test_latex_rows_have_a_cell_for_each_column() -> None:
    text = latex(hostile())
    for spec, body in re.findall(
        r"\\begin\{tabular\}\{@\{\}(\w+)@\{\}\}(.*?)\\end\{tabular\}", text, re.DOTALL
    ):
        rows = re.findall(r"(.*) \\\\", body)
        assert len(rows) == 3
        for row in rows:
            assert len(re.findall(r"(?<!\\)&", row)) == len(spec) - 1


def test_latex_names_characters_that_its_fonts_lack() -> None:
    table = Table("t", "ü 中 🙂\x07", (Column("α"),), (("…",),))
    text = latex(Document("d", (table,)))
    assert r"ü \texttt{U+4E2D} \texttt{U+1F642}\texttt{U+0007}" in text
    assert r"\textbf{$\alpha$}" in text
    assert not [c for c in text if ord(c) > 0x17F]


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex")
@pytest.mark.parametrize("made", [realistic, hostile])
def test_latex_compiles(made, tmp_path: Path) -> None:
    (path,) = write_document(made(), tmp_path / "tables.tex")
    words = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", path.name]
    ran = subprocess.run(words, cwd=tmp_path, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stdout.decode(errors="replace")[-2000:]
    assert (tmp_path / "tables.pdf").stat().st_size > 5000


# Figures


def test_figures_are_the_same_bytes_whatever_the_users_settings() -> None:
    figure = small().sections[0].blocks[2]
    assert isinstance(figure, Figure)
    first = [render(figure, kind) for kind in ("svg", "png")]
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "black", "svg.hashsalt": "x"}):
        assert [render(figure, kind) for kind in ("svg", "png")] == first
        assert mpl.rcParams["font.size"] == 30
    assert b"<dc:date>" not in first[0]
    assert b"Matplotlib" not in first[1]


def test_figures_have_200_dots_per_inch() -> None:
    figure = small().sections[0].blocks[2]
    picture = Image.open(io.BytesIO(render(figure, "png")))
    assert picture.size == (2 * DPI, DPI) == (400, 200)
    assert np.asarray(picture.convert("L")).std() > 5


# Where


def test_a_file_of_each_suffix(tmp_path: Path) -> None:
    for name, start in (("r.html", "<!DOCTYPE"), ("a b.md", "# Small"), ("r.tex", "% Tables")):
        made = write_document(small(), tmp_path / "new" / name)
        assert made[0] == tmp_path / "new" / name
        assert made[0].read_text().startswith(start)
        assert all(path.is_file() for path in made)
    assert (tmp_path / "new" / "a-b-figures" / "plot.png").is_file()
    assert "(a-b-figures/plot.png)" in (tmp_path / "new" / "a b.md").read_text()
    assert not list(tmp_path.rglob(".*"))


def test_a_folder_has_everything(tmp_path: Path) -> None:
    folder = tmp_path / "report"
    made = write_document(small(), str(folder))
    names = ["report.html", "report.md", "figures/plot.png", "report.tex", "figures/plot.svg"]
    assert made == [folder / name for name in (*names, "tables/sizes.csv")]
    with (folder / "tables" / "sizes.csv").open(newline="") as file:
        assert next(csv.DictReader(file))["median area"] == "0.031"
    first = {path: path.read_bytes() for path in made}
    assert write_document(small(), folder) == made
    assert {path: path.read_bytes() for path in made} == first


def test_formats_choose(tmp_path: Path) -> None:
    made = write_document(small(), tmp_path / "r", formats=["tables"])
    assert [p.name for p in made] == ["sizes.csv"]
    (made,) = write_document(small(), tmp_path / "report.out", formats=["latex"])
    assert made.read_text().startswith("% Tables")


@pytest.mark.parametrize(
    ("name", "formats", "message"),
    [
        ("r.pdf", None, "ends in .html"),
        ("r.html", ["html", "latex"], "give a folder"),
        ("r.html", ["tables"], "give a folder"),
        ("r", ["pdf"], "unknown format 'pdf'"),
        ("r", "html", "list of formats"),
    ],
)
def test_refuses(name: str, formats: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        write_document(small(), tmp_path / name, formats=formats)
    assert not list(tmp_path.iterdir())


def test_a_figure_that_fails_leaves_the_old_report(tmp_path: Path) -> None:
    (path,) = write_document(small(), tmp_path / "r.html")
    before = path.read_bytes()

    def fail() -> Any:
        raise ZeroDivisionError

    broken = Document("d", (Figure("f", "t", fail, "a"),))
    with pytest.raises(ZeroDivisionError):
        write_document(broken, path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["r.html"]


def test_a_store_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        write(tmp_path / "no.db", tmp_path / "r.html")
