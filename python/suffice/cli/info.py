"""``suffice info``: what is installed and compiled in, or what a model takes and gives."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from suffice.cli import options

if TYPE_CHECKING:
    from suffice.models.base import Classifier
    from suffice.types import JsonObject


def build(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    options.add_model_options(parser, required=False)
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Print what is asked for."""
    facts = _model(options.classifier(args)) if args.model else _installation()
    if args.json:
        print(json.dumps(facts, indent=2))
    else:
        print("\n".join(_lines(facts)))
    return 0


def _installation() -> JsonObject:
    import suffice
    from suffice.models.demo import cache_folder

    zoo = Path(os.environ.get("SUFFICE_ZOO", "../shared/zoo"))
    built = suffice.build_info()
    found = "found" if (zoo / "models.json").is_file() else "not found"
    return {
        **built,
        "cuda": built["cuda"] or "usable",
        "demo_cache": str(cache_folder()),
        "zoo": f"{found} at {zoo} (SUFFICE_ZOO; only tests and benchmarks need it)",
    }


def _model(classifier: Classifier) -> JsonObject:
    from suffice.models.base import describe

    return {**describe(classifier), "layout": getattr(classifier, "layout", "NCHW")}


def _lines(facts: JsonObject, indent: str = "") -> list[str]:
    width = max(len(key) for key in facts)
    lines: list[str] = []
    for key, value in facts.items():
        if isinstance(value, dict) and value:
            lines += [f"{indent}{key}", *_lines(value, indent + "  ")]
        else:
            lines.append(f"{indent}{key:<{width}}  {_text(value)}")
    return lines


def _text(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return str(value) or "none"
