"""``suffice methods``: every method with its settings, defaults and their meaning."""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import json
import re
import typing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from suffice.methods.base import Method
    from suffice.types import JsonObject


def build(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--json", action="store_true", help="print one JSON list")


def run(args: argparse.Namespace) -> int:
    """List the methods."""
    import suffice

    described = [describe(cls) for _, cls in sorted(suffice.methods().items())]
    if args.json:
        print(json.dumps(described, indent=2))
    else:
        print("\n\n".join(map(_text, described)))
    return 0


def describe(cls: type[Method]) -> JsonObject:
    """Name, version, meaning and settings of a method, read from its class.

    Returns
    -------
    dict
        ``name``, ``version``, ``meaning`` and ``settings``, a list of ``name``, ``type``,
        ``default``, ``choices`` (empty where any value
        of the type goes) and ``meaning``.
    """
    doc = inspect.getdoc(cls) or ""
    meanings = setting_meanings(doc)
    defaults = cls().settings()
    hints = typing.get_type_hints(cls)
    return {
        "name": cls.name,
        "version": cls.version,
        "meaning": _first_sentence(doc),
        "settings": [
            {
                "name": field.name,
                "type": str(field.type),
                "default": defaults[field.name],
                "choices": choices(hints[field.name]),
                "meaning": meanings.get(field.name, ""),
            }
            for field in dataclasses.fields(cls)
        ],
    }


def setting_meanings(doc: str) -> dict[str, str]:
    """First sentence about each name in the Parameters or Attributes of a NumPy docstring."""
    section = re.search(
        r"^(?:Parameters|Attributes)\n-+\n(.*?)(?=^\S[^\n]*\n-{3,}|\Z)",
        doc,
        re.MULTILINE | re.DOTALL,
    )
    meanings: dict[str, str] = {}
    if section is None:
        return meanings
    for entry in re.split(r"^(?=\S)", section[1], flags=re.MULTILINE):
        names, _, text = entry.partition("\n")
        for name in names.partition(":")[0].split(","):
            if name.strip():
                meanings[name.strip()] = _first_sentence(inspect.cleandoc(text))
    return meanings


def choices(hint: object) -> list[object]:
    """List the values a type hint allows, where it names them by `typing.Literal`."""
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) is typing.Literal:
        return list(arguments)
    return [value for argument in arguments for value in choices(argument)]


def _first_sentence(text: str) -> str:
    paragraph = " ".join(text.strip().partition("\n\n")[0].split())
    return re.split(r"(?<=[.!?])\s+(?=[A-Z`])", paragraph, maxsplit=1)[0].rstrip(".")


def _text(method: JsonObject) -> str:
    head = f"{method['name']} (version {method['version']})  {method['meaning']}"
    rows = [(f"{s['name']}={_shown(s['default'])}", _meaning(s)) for s in method["settings"]]
    width = max((len(setting) for setting, _ in rows), default=0)
    return "\n".join((head, *(f"  {setting:<{width}}  {text}".rstrip() for setting, text in rows)))


def _meaning(setting: JsonObject) -> str:
    words = [_shown(value) for value in setting["choices"]]
    choice = f" ({', '.join(words)})" if len(words) > 1 else ""
    return f"{setting['meaning']}{choice}"


def _shown(value: object) -> str:
    """Write a default as ``--set`` would take it."""
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    return str(value)
