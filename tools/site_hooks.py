"""What the documentation site needs beyond mkdocs: files outside docs/, and pages still to come.

Pages link to results of measurements and to scripts of the repository, which is right where the
files are read as they lie. For the site, results become pages of their own and a script's link its
name.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[1]
RESULTS = "benchmarks/results"
LINK = re.compile(r"\[([^\]]+)\]\(((?:\.\./)+[^)#\s]+)(#[^)]*)?\)")


def on_config(config: Any) -> Any:
    """Leave pages out of the navigation that are not there."""
    config.nav = [item for item in map(_existing, config.nav) if item is not None]
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add the results that pages link to."""
    pages = [path.read_text(encoding="utf-8") for path in Path(config.docs_dir).rglob("*.md")]
    linked = {posixpath.basename(m[2]) for text in pages for m in LINK.finditer(text)}
    for path in sorted((ROOT / RESULTS).glob("*.md")):
        if path.name in linked:
            text = path.read_text(encoding="utf-8")
            file = File.generated(config, f"measured/{path.name}", content=_without_links(text))
            file.inclusion = file.inclusion.NOT_IN_NAV
            files.append(file)
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Turn links that leave docs/ into links to results, or into the name of the file."""
    folder = posixpath.dirname(page.file.src_uri)

    def replace(match: re.Match[str]) -> str:
        text, target, anchor = match[1], match[2], match[3] or ""
        path = posixpath.normpath(posixpath.join("docs", folder, target))
        if path.startswith("docs/"):
            return match[0]
        if not (ROOT / path).exists():
            raise FileNotFoundError(f"{page.file.src_uri} links to {target}, which is not there")
        if path.startswith(f"{RESULTS}/") and path.endswith(".md"):
            up = posixpath.relpath(f"measured/{posixpath.basename(path)}", folder or ".")
            return f"[{text}]({up}{anchor})"
        return text if text.strip("`") == path else f"{text} (`{path}`)"

    return LINK.sub(replace, markdown)


def _existing(item: Any) -> Any:
    """An entry of the navigation without the pages that are missing; None if nothing is left."""
    if isinstance(item, str):
        return item if (ROOT / "docs" / item).is_file() else None
    (title, value), *_ = item.items()
    if isinstance(value, list):
        kept = [one for one in map(_existing, value) if one is not None]
        return {title: kept} if kept else None
    return item if _existing(value) else None


def _without_links(text: str) -> str:
    """Results link to one another and to data; on the site only their words are needed."""
    return re.sub(r"\[([^\]]+)\]\((?!https?:)[^)]+\)", r"\1", text)
