"""Reports in HTML: everything inside, nothing asked of a network, nothing of a name run."""

from __future__ import annotations

import base64
import builtins
import csv
import hashlib
import io
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure as Drawing
from PIL import Image

from reference.documents import DESIGN, HOSTILE, hostile, photo, realistic, sizes_table
from suffice.errors import MissingDependencyError
from suffice.report import (
    Column,
    Document,
    Example,
    Examples,
    Figure,
    Section,
    Table,
    Text,
    write_document,
)
from suffice.report import html as html_module
from suffice.report.files import GALLERY_LIMIT, Renders, csv_of, pictures
from suffice.report.html import html

VOID = {"meta", "img", "br", "link", "input", "hr", "wbr", "base"}
ADDRESSES = ("src", "href", "xlink:href", "srcset", "action", "data", "poster", "formaction")


class Page(HTMLParser):
    """Elements with their attributes, text and open ancestors."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.texts: dict[str, list[str]] = {}
        self.stack: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {k: v or "" for k, v in attrs}))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {k: v or "" for k, v in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.stack:
            self.texts.setdefault(self.stack[-1], []).append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attrs for name, attrs in self.found if name == tag]


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(html(realistic()))


def test_is_well_formed(page: Page) -> None:
    assert page.stack == []
    ids = [a["id"] for _, a in page.found if "id" in a]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("made", [realistic, hostile])
def test_nothing_is_loaded_from_anywhere(made) -> None:
    page = Page(html(made()))
    seen = {
        value.partition(":")[0] if value.startswith("data:") else value[:1]
        for tag, attrs in page.found
        for name, value in attrs.items()
        if name in ADDRESSES
    }
    assert seen == {"data", "#"}
    style = "".join(page.texts["style"]) + "".join(a.get("style", "") for _, a in page.found)
    assert "@import" not in style
    assert not re.findall(r"url\((?!#)", style)
    assert not {"link", "iframe", "object", "embed", "form", "base"} & {t for t, _ in page.found}


def test_policy_allows_its_own_script_only(page: Page) -> None:
    (policy,) = (m["content"] for m in page.all("meta") if "http-equiv" in m)
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    (script,) = page.texts["script"]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert rules["script-src"] == f"'sha256-{digest}'"


def test_every_link_has_its_target(page: Page) -> None:
    ids = {a["id"] for _, a in page.found if "id" in a}
    links = {a["href"][1:] for a in page.all("a") if a["href"].startswith("#")}
    assert len(links) >= 7
    assert links <= ids


def test_hostile_names_are_text() -> None:
    text = html(hostile())
    page = Page(text)
    assert len(page.all("script")) == 1
    assert "<script>alert" not in text
    assert not [a for _, a in page.found if any(name.startswith("on") for name in a)]
    assert "".join(page.texts["title"]) == HOSTILE
    assert HOSTILE in "".join(page.texts["h1"])
    cells = [a["data-value"] for a in page.all("td")]
    assert cells == [HOSTILE, "1.0", "=1+1", ""] * 2
    assert page.all("img")[0]["alt"] == f"Photo: {HOSTILE}"
    assert {a["aria-label"] for a in page.all("svg")} == {HOSTILE}


def test_cells_show_what_people_read_and_keep_what_is_exact(page: Page) -> None:
    values = [a["data-value"] for a in page.all("td")]
    table = sizes_table()
    assert values[: len(table.columns)][1:3] == ["80", repr(0.031)]
    text = html(realistic())
    assert '<td class="n" data-value="-900.0">10<sup>−391</sup></td>' in text
    assert re.search(r'data-value="-19\d\.\d+">8\.6 × 10<sup>−86</sup>', text)
    assert '<td class="n" data-value="">–</td>' in text


def test_every_column_can_be_sorted_and_is_explained(page: Page) -> None:
    assert {a["aria-sort"] for a in page.all("th")} == {"none"}
    assert {a["scope"] for a in page.all("th")} == {"col"}
    assert len(page.all("button")) == len(page.all("th"))
    assert "photos with a sufficient set" in "".join(page.texts["dd"])


def test_tables_can_be_downloaded(page: Page) -> None:
    downloads = {a["download"]: a["href"] for a in page.all("a") if "download" in a}
    assert set(downloads) == {"sizes.csv", "pairs.csv", "runs.csv"}
    data = base64.b64decode(downloads["sizes.csv"].partition(",")[2])
    assert data == csv_of(sizes_table())
    rows = list(csv.DictReader(io.StringIO(data.decode())))
    assert float(rows[1]["p"]) == -900.0
    assert rows[0]["p"] == ""


def test_figures_do_not_share_identifiers() -> None:
    def draw() -> Any:
        made = Drawing()
        made.subplots().plot([1, 2])
        return made

    figures = tuple(Figure(f"f{k}", "t", draw, "alt") for k in range(2))
    text = html(Document("d", figures))
    page = Page(text)
    ids = [a["id"] for _, a in page.found if "id" in a]
    assert len(ids) == len(set(ids))
    used = set(re.findall(r'(?:xlink:href="#|url\(#)([^")]+)', text))
    assert used <= set(ids)
    assert any(name.startswith("f1-") for name in used)


def test_a_heavy_figure_is_a_picture(monkeypatch) -> None:
    monkeypatch.setattr(html_module, "LARGEST_SVG", 100)
    figure = Figure("f", "t", lambda: Drawing(figsize=(1, 1)), 'alt "x"')
    page = Page(html(Document("d", (figure,))))
    (image,) = page.all("img")
    assert image["alt"] == 'alt "x"'
    assert image["src"].startswith("data:image/png;base64,")
    assert not page.all("svg")


def test_many_photos_stay_small() -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (400, 500, 3), dtype=np.uint8)  # nothing compresses worse
    example = Example("noise", noise, noise[..., 0] > 100)
    sizes = {}
    for n in (2, 60):
        made = pictures([example] * n)
        sizes[n] = Image.open(io.BytesIO(made[0][0])).size
        assert sum(len(a) + len(b) for a, b in made) <= GALLERY_LIMIT
    assert sizes[2] == (320, 256)
    assert sizes[60] < sizes[2]


def test_tiny_photos_are_enlarged_by_whole_pixels() -> None:
    tiny = np.zeros((32, 32, 3), np.uint8)
    tiny[8:16, 8:16] = 255
    ((shown, kept),) = pictures([Example("t", tiny, tiny[..., 0] > 0)])
    assert Image.open(io.BytesIO(shown)).size == (160, 160)
    pixels = np.asarray(Image.open(io.BytesIO(kept))).astype(int)
    assert pixels[60, 60].min() > 240
    assert pixels[10, 10].max() < 20


def test_kept_pixels_are_bright_and_the_rest_is_dim() -> None:
    image, mask = photo(3)
    ((_, kept),) = pictures([Example("p", image, mask)])
    shown = np.asarray(Image.open(io.BytesIO(kept)).resize(mask.shape[::-1])).astype(float)
    inside, outside = mask.copy(), ~mask
    inside[:-9] &= mask[9:]
    inside[9:] &= mask[:-9]
    assert abs(shown[inside].mean() - image[inside].mean()) < 12
    assert shown[outside].mean() < 0.5 * image[outside].mean()


def test_the_same_document_gives_the_same_bytes() -> None:
    assert html(realistic()) == html(realistic())


def test_provenance_is_there_and_folded(page: Page) -> None:
    assert DESIGN in page.texts["pre"][0] + "\n"
    assert "open" not in page.all("details")[-1]


def test_an_empty_report_is_a_page() -> None:
    page = Page(html(Document("Nothing", sections=(Section("s", "Empty"),))))
    assert page.stack == []
    table = Table("t", "none", (Column("a"),), ())
    assert "No rows." in html(Document("d", (table, Text("x", "finding"))))


@pytest.mark.parametrize("missing", ["jinja2", "matplotlib"])
def test_missing_packages_are_named(missing: str, monkeypatch, tmp_path: Path) -> None:
    real = builtins.__import__

    def refuse(name: str, *rest: Any) -> Any:
        if name.partition(".")[0] == missing:
            raise ImportError(f"No module named {name!r}", name=name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingDependencyError, match=rf"{missing}.*pip install suffice\[report\]"):
        write_document(realistic(), tmp_path / "r.html")
    assert not list(tmp_path.iterdir())


def test_figures_already_drawn_are_not_drawn_again() -> None:
    drawn = []

    def draw() -> Any:
        drawn.append(1)
        return Drawing(figsize=(1, 1))

    document = Document("d", (Figure("f", "t", draw, "a"),))
    renders = Renders()
    assert html(document, renders) == html(document, renders)
    assert len(drawn) == 1


def test_sections_are_numbered_and_examples_count_as_figures() -> None:
    image, mask = photo(1, 20, 20)
    shown = Examples("e", "Some", (Example("c", image, mask),))
    inner = Section("a", "Same name", (shown,), (Section("a", "Inner"),))
    text = html(Document("d", (), (inner, inner)))
    for part in ("Figure 1.", "Figure 2.", ">1.1<", ">2.1<"):
        assert part in text
