"""Reports in a real browser: offline, sortable by mouse and keyboard, on paper and on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reference.documents import HOSTILE, hostile, realistic
from suffice.report import write_document

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("reports")
    made = {"realistic": realistic(), "hostile": hostile()}
    return {name: write_document(d, folder / f"{name}.html")[0] for name, d in made.items()}


class Visit:
    """A report open in a page of its own, and all that it asked for and complained about."""

    def __init__(self, browser: Any, path: Path, width: int = 1280, height: int = 900) -> None:
        self.context = browser.new_context(viewport={"width": width, "height": height})
        self.page = self.context.new_page()
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        self.page.route("http*://**", lambda route: route.abort())
        self.page.goto(path.as_uri())

    def column(self, table: str, k: int) -> list[str]:
        cells = self.page.locator(f"#{table} tbody tr td:nth-child({k})")
        return cells.evaluate_all("cells => cells.map(cell => cell.dataset.value)")


@pytest.fixture
def visit(browser: Any, reports: dict[str, Path]) -> Iterator[Any]:
    made: list[Visit] = []

    def go(name: str = "realistic", **size: int) -> Visit:
        made.append(Visit(browser, reports[name], **size))
        return made[-1]

    yield go
    for one in made:
        assert one.complaints == []
        assert {url.partition(":")[0] for url in one.asked} <= {"file", "data"}
        one.context.close()


@pytest.mark.parametrize("name", ["realistic", "hostile"])
def test_opens_quietly_and_offline(visit, name: str) -> None:
    page = visit(name).page
    pictures = page.locator("img")
    loaded = pictures.evaluate_all("all => all.map(i => i.complete && i.naturalWidth > 0)")
    assert loaded
    assert all(loaded)
    assert page.locator("figure.drawing svg").count() > 0


def test_hostile_names_are_shown_as_they_are(visit) -> None:
    page = visit("hostile").page
    assert page.title() == HOSTILE
    assert page.locator("h1").inner_text() == HOSTILE
    assert page.locator("td").first.inner_text() == HOSTILE


def test_sorting_by_mouse(visit) -> None:
    one = visit()
    head = one.page.locator("#sizes th", has_text="evaluations")
    before = one.column("sizes", 1)
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    assert one.column("sizes", 1) == before[::-1]
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "none"
    assert one.column("sizes", 1) == before


def test_sorting_by_keyboard_is_by_value(visit) -> None:
    one = visit()
    button = one.page.locator("#runs th button").nth(6)
    one.page.locator("#runs th button").nth(5).focus()
    one.page.keyboard.press("Tab")
    assert button.evaluate("it => it === document.activeElement")
    one.page.keyboard.press("Enter")
    values = one.column("runs", 7)
    known = [float(v) for v in values if v]
    # As text, 10^-391 would not come before 8.6e-86, nor 1.000 last.
    assert known == sorted(known)
    assert min(known) < -800
    assert values[len(known) :] == [""] * (len(values) - len(known)) == [""]
    one.page.keyboard.press("Space")
    values = one.column("runs", 7)
    assert [float(v) for v in values if v] == known[::-1]
    assert values[-1] == ""  # not known: last both ways


def test_sorting_percent_and_text(visit) -> None:
    one = visit()
    for k in (3, 2):
        one.page.locator("#runs th button").nth(k - 1).click()
        values = [float(v) for v in one.column("runs", k)]
        assert values == sorted(values)
        assert len(set(values)) > 5
    one.page.locator("#runs th button").first.click()
    names = one.column("runs", 1)
    # Numbers inside names count as numbers.
    assert names.index("resnet50 2") < names.index("resnet50 10")
    sorts = one.page.locator("#runs th").evaluate_all("all => all.map(h => h.ariaSort)")
    assert sorts == ["ascending"] + ["none"] * 7


def test_contents_lead_to_sections(visit) -> None:
    page = visit().page
    page.emulate_media(reduced_motion="reduce")
    link = page.locator(".toc a", has_text="wrong answers")
    link.click()
    target = page.locator("#section-correctness")
    page.wait_for_function(
        "document.querySelector('#section-correctness').getBoundingClientRect().top < 200"
    )
    assert target.bounding_box()["y"] > -5
    page.wait_for_function("document.querySelectorAll('.toc a[aria-current]').length === 1")
    assert "wrong answers" in page.locator(".toc a[aria-current]").inner_text()
    assert page.locator(".toc").bounding_box()["y"] == 0  # it stays in sight


def test_a_table_is_downloaded(visit, tmp_path: Path) -> None:
    page = visit().page
    with page.expect_download() as waiting:
        page.locator("#sizes .download").click()
    waiting.value.save_as(tmp_path / "t.csv")
    assert waiting.value.suggested_filename == "sizes.csv"
    assert (tmp_path / "t.csv").read_text().startswith("model,explained,")


@pytest.mark.parametrize("width", [390, 768, 1280])
@pytest.mark.parametrize("name", ["realistic", "hostile"])
def test_nothing_sticks_out(visit, name: str, width: int) -> None:
    page = visit(name, width=width).page
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    wide = page.locator(".scroll").evaluate_all(
        "all => all.some(s => s.scrollWidth > s.clientWidth)"
    )
    assert wide or (name, width) != ("realistic", 390)
    assert page.locator(".toc details").evaluate("d => d.open") == (width > 1000)


def test_prints(visit) -> None:
    one = visit()
    data = one.page.pdf(prefer_css_page_size=True)
    assert data.startswith(b"%PDF")
    assert data.count(b"/Type /Page\n") + data.count(b"/Type /Page/") >= 3
    one.page.emulate_media(media="print")
    assert not one.page.locator(".toc").is_visible()
    assert not one.page.locator(".download").first.is_visible()
    arrow = "getComputedStyle(document.querySelector('th button'), '::after').display"
    assert one.page.evaluate(arrow) == "none"
    page_broken = "getComputedStyle(document.querySelector('.drawing')).breakInside"
    assert one.page.evaluate(page_broken) == "avoid"
    heads = "getComputedStyle(document.querySelector('thead')).display"
    assert one.page.evaluate(heads) == "table-header-group"
    # Chromium leaves boxes of buttons out of the heads it repeats on further pages.
    button = "getComputedStyle(document.querySelector('th button')).display"
    assert one.page.evaluate(button) == "contents"


def test_dark_and_light(visit) -> None:
    page = visit().page
    seen = {}
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        seen[scheme] = page.evaluate(
            "getComputedStyle(document.querySelector('main')).backgroundColor"
        )
    assert seen["light"] == "rgb(255, 255, 255)"
    assert sum(map(int, seen["dark"][4:-1].split(","))) < 150
