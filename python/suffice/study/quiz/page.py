"""The page of a quiz: one file that needs and may use no network."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from importlib import resources
from typing import Any

_PLACE = re.compile(r"\{\{(\w+)\}\}")


def make_page(data: dict[str, Any], title: str) -> str:
    """Fill the template.

    The policy of the page names its own script and style by their digests and allows pictures from
    its own text; everything else, the network first of all, is forbidden.

    Parameters
    ----------
    data : dict
        What the script reads; see `suffice.study.quiz.make`.
    title : str
        Plain text.
    """
    style, script = _text("page.css"), _text("page.js")
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_digest(style)}'; "
        f"script-src '{_digest(script)}'; base-uri 'none'; form-action 'none'"
    )
    filled = {
        "policy": policy,
        "style": style,
        "script": script,
        "title": html.escape(title),
        "data": embedded(data),
    }
    # In one pass, so that nothing that was filled in is taken for a place again.
    return _PLACE.sub(lambda match: filled[match[1]], _text("page.html"))


def embedded(data: Any) -> str:
    """JSON that is safe inside a script element: nothing in it can end the element."""
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _text(name: str) -> str:
    return (resources.files("suffice.study.quiz") / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
