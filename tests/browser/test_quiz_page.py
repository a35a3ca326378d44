"""The page of a quiz in a real browser: clicks, keys, reloads, what it saves and what it sends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reference.squares import NAMES
from suffice.cli import main
from suffice.study import make_quiz

pytestmark = pytest.mark.browser

PHONE = {
    "viewport": {"width": 375, "height": 667},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}
SETTLED = 200  # ms: answers right after a picture came up are not taken


@pytest.fixture(scope="module")
def quiz(orders: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of two photos at each of three shares."""
    path = tmp_path_factory.mktemp("quiz") / "quiz.html"
    make_quiz(orders / "s.db", per_share=2, labels=NAMES).save(path)
    return path


class Viewer:
    """A page, and all that must not happen on it."""

    def __init__(self, browser: Any, page: Path, group: int = 1, **device: Any) -> None:
        self.context = browser.new_context(accept_downloads=True, **device)
        self.page = self.context.new_page()
        self.problems: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda m: self.problems.append(f"{m.type}: {m.text}"))
        self.page.on("pageerror", lambda e: self.problems.append(str(e)))
        self.page.on("request", lambda r: self.requests.append(r.url))
        self.address = f"{page.as_uri()}#group={group}"
        self.page.goto(self.address)

    def begin(self) -> None:
        self.page.click("#begin")
        self.settle()
        self.page.keyboard.press("1")
        self.page.click("#proceed")
        self.settle()

    def settle(self) -> None:
        self.page.wait_for_timeout(SETTLED)

    def heading(self) -> str:
        return self.page.inner_text("h1:visible")

    def item(self, key: dict[str, Any]) -> dict[str, Any]:
        """What is shown now: found by its picture."""
        png = self.page.get_attribute("#picture", "src").partition(",")[2]
        data = json.loads(self.page.text_content("#quiz"))
        number = next(s["id"] for slot in data["slots"] for s in slot if s["png"] == png)
        return {"id": number, **key["items"][number]}

    def saved(self, to: Path) -> dict[str, Any]:
        with self.page.expect_download() as download:
            self.page.click("#save")
        download.value.save_as(to)
        assert download.value.suggested_filename.startswith("answers-")
        return json.loads(to.read_text())

    def close(self) -> None:
        self.context.close()
        assert self.problems == []
        assert {url.partition("#")[0] for url in self.requests if not url.startswith("data:")} <= {
            self.address.partition("#")[0]
        } | {url for url in self.requests if url.startswith("blob:")}


def key_of(page: Path) -> dict[str, Any]:
    return json.loads(page.with_name("quiz-key.json").read_text())


def test_a_whole_quiz(browser, quiz: Path, tmp_path: Path, capsys) -> None:
    key, viewer = key_of(quiz), Viewer(browser, quiz, group=2)
    page = viewer.page
    assert viewer.heading() == "What do you see?"
    page.fill("#code", "anna")
    viewer.begin()
    seen = []
    for k in range(6):
        assert viewer.heading() == f"Photo {k + 1} of 6"
        assert page.get_attribute("#bar", "aria-valuenow") == str(k)
        item = viewer.item(key)
        assert item["group"] == 2
        seen.append(item)
        if k == 2:  # in the middle: the page is closed and opened again
            page.reload()
            assert page.inner_text("#begin") == "Go on with photo 3"
            assert page.input_value("#code") == "anna"
            assert page.is_disabled("#code")
            page.click("#begin")
            viewer.settle()
            assert viewer.item(key)["id"] == item["id"]
        if item["share"] == 0.05:
            page.keyboard.press("u")
        elif k % 2:
            page.keyboard.press(str(item["label"] + 1))
        else:
            page.click(f"#choices button:has-text('{NAMES[item['label']]}')")
        viewer.settle()
    assert viewer.heading() == "Thank you"
    assert len({item["image"] for item in seen}) == 6
    data = viewer.saved(tmp_path / "a.json")
    assert [a["item"] for a in data["answers"]] == [item["id"] for item in seen]
    expected = [None if item["share"] == 0.05 else item["label"] for item in seen]
    assert [a["choice"] for a in data["answers"]] == expected
    assert all(a["ms"] >= 150 for a in data["answers"])
    assert (data["code"], data["group"], data["quiz"]) == ("anna", 2, key["quiz"])
    assert data["finished"] > data["started"]
    assert json.loads(page.input_value("#text")) == data
    page.reload()
    assert viewer.heading() == "Thank you"
    assert json.loads(page.input_value("#text")) == data
    viewer.close()
    words = ["quiz", "score", str(quiz.with_name("quiz-key.json")), str(tmp_path / "a.json")]
    assert main([*words, "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)
    assert [s["accuracy"] for s in scores["shares"]] == [0.0, 1.0, 1.0]
    assert scores["shares"][0]["unknown"] == 2
    assert scores["participants"][0]["complete"]


def test_another_person_starts_anew(browser, quiz: Path, tmp_path: Path) -> None:
    viewer = Viewer(browser, quiz)
    viewer.begin()
    for _ in range(6):
        viewer.page.keyboard.press("2")
        viewer.settle()
    first = viewer.saved(tmp_path / "a.json")
    viewer.page.click("#again")
    assert viewer.heading() == "Thank you"
    viewer.page.click("#sure")
    viewer.page.wait_for_selector("#start:visible")
    viewer.begin()
    assert viewer.heading() == "Photo 1 of 6"
    for _ in range(6):
        viewer.page.keyboard.press("2")
        viewer.settle()
    assert viewer.saved(tmp_path / "b.json")["participant"] != first["participant"]
    viewer.close()


def test_hasty_and_foreign_keys_do_nothing(browser, quiz: Path) -> None:
    viewer = Viewer(browser, quiz)
    viewer.begin()
    for keys in ("9", "0", "x", "Enter", "Control+1", "Alt+2", " "):
        viewer.page.keyboard.press(keys)
    assert viewer.heading() == "Photo 1 of 6"
    viewer.page.evaluate(
        """() => { for (let k = 0; k < 5; k += 1)
        document.dispatchEvent(new KeyboardEvent("keydown", { key: "1" })); }"""
    )
    viewer.page.wait_for_timeout(30)
    assert viewer.heading() == "Photo 2 of 6"
    viewer.close()


def test_it_can_be_used_by_the_keyboard_alone_and_says_what_it_is(browser, quiz: Path) -> None:
    viewer = Viewer(browser, quiz)
    page = viewer.page
    assert page.evaluate("document.activeElement.tagName") == "H1"
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    viewer.settle()
    assert viewer.heading() == "For practice"
    assert page.evaluate("document.activeElement.id") == "heading"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert viewer.heading() == "That was the practice"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    viewer.settle()
    assert page.get_attribute("#picture", "alt").startswith("Photo 1 of 6: a part of the photo")
    tree = page.locator("main").aria_snapshot()
    assert 'group "What does the photo show?"' in tree
    assert 'button "top left"' in tree
    assert "progressbar" in tree
    names = page.evaluate(
        """() => Array.from(document.querySelectorAll("input, textarea, button, img"))
        .filter((e) => e.checkVisibility() && !(e.labels && e.labels.length)
          && !e.textContent && !e.alt).length"""
    )
    assert names == 0
    viewer.close()


@pytest.mark.parametrize("device", [{}, PHONE], ids=["desktop", "phone"])
def test_pixels_are_large_and_whole_and_all_fits(browser, quiz: Path, device) -> None:
    viewer = Viewer(browser, quiz, **device)
    viewer.begin()
    page = viewer.page
    box = page.locator("#picture").evaluate("e => [e.clientWidth, e.clientHeight, e.naturalWidth]")
    assert box[2] == 8
    style = page.locator("#picture").evaluate("e => e.style.width")
    assert int(style.removesuffix("px")) % 8 == 0
    assert int(style.removesuffix("px")) >= 200
    rendering = page.locator("#picture").evaluate("e => getComputedStyle(e).imageRendering")
    assert rendering == "pixelated"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    last = page.locator("#unknown").bounding_box()
    assert last["y"] + last["height"] <= page.evaluate("innerHeight")
    assert last["height"] >= 44
    viewer.close()


def test_many_classes_are_searched(browser, orders: Path, tmp_path: Path) -> None:
    names = [f"kind {k:02d}" for k in range(15)]
    path = tmp_path / "quiz.html"
    make_quiz(orders / "s.db", shares=[0.3], per_share=2, labels=names).save(path)
    viewer = Viewer(browser, path)
    page = viewer.page
    page.click("#begin")
    viewer.settle()
    page.click("#unknown")
    page.click("#proceed")
    viewer.settle()
    page.keyboard.press("3")
    assert viewer.heading() == "Photo 1 of 2"
    page.fill("#filter", "KIND 1")
    assert page.locator("#choices button:visible").count() == 5
    page.press("#filter", "Enter")
    assert viewer.heading() == "Photo 1 of 2"
    page.fill("#filter", "d 13")
    page.press("#filter", "Enter")
    viewer.settle()
    assert viewer.heading() == "Photo 2 of 2"
    assert page.input_value("#filter") == ""
    assert page.locator("#choices button:visible").count() == 15
    page.click("#unknown")
    choices = [a["choice"] for a in viewer.saved(tmp_path / "a.json")["answers"]]
    assert choices == [13, None]
    viewer.close()


def test_the_page_can_not_reach_the_network(browser, quiz: Path) -> None:
    viewer = Viewer(browser, quiz)
    reached = viewer.page.evaluate(
        """async () => {
          const tried = [];
          try { await fetch("http://127.0.0.1:9/"); tried.push("fetch"); } catch (error) {}
          const image = new Image();
          const loaded = new Promise((done) => {
            image.onload = () => done(true); image.onerror = () => done(false);
          });
          image.src = "http://127.0.0.1:9/x.png";
          if (await loaded) tried.push("image");
          try { new Function("return 1")(); tried.push("eval"); } catch (error) {}
          return tried;
        }"""
    )
    assert reached == []
    assert any("Content Security Policy" in problem for problem in viewer.problems)
    viewer.problems.clear()
    viewer.requests.clear()
    viewer.close()


def test_without_storage_it_says_so_and_goes_on(browser, quiz: Path, tmp_path: Path) -> None:
    viewer = Viewer(browser, quiz)
    viewer.page.add_init_script(
        """Object.defineProperty(window, "localStorage",
        { get() { throw new DOMException("denied", "SecurityError"); } });"""
    )
    viewer.page.goto("about:blank")
    viewer.page.goto(viewer.address)
    viewer.begin()
    assert "keeps nothing" in viewer.page.inner_text("#problem")
    for _ in range(6):
        viewer.page.keyboard.press("1")
        viewer.settle()
    assert len(viewer.saved(tmp_path / "a.json")["answers"]) == 6
    viewer.requests = [url for url in viewer.requests if url != "about:blank"]
    viewer.close()
