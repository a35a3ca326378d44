"""``suffice study preset``."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from suffice.cli import options


def build(add: Callable[..., Any]) -> None:
    """Add the arguments."""
    add("preset", nargs="?", metavar="NAME", help="which; without it they are listed")
    add("--out", type=Path, metavar="DIR", help="where NAME.toml and its list of images go")
    add("--zoo", type=Path, metavar="DIR", help="models and photos of the small form (SUFFICE_ZOO)")
    add("--full", action="store_true", help="the paper's models and numbers of images")
    add("--images", nargs="+", type=Path, default=[], metavar="PATH", help="folders, .csv or .npz")
    add("--models", nargs="+", type=Path, default=[], metavar="FILE", help="ONNX files")
    add("--preprocess", type=Path, metavar="FILE.json", help="of these models")
    add("--classes", type=Path, metavar="FILE", help="names of class folders, in class order")
    add("--limit", type=options.positive_int, metavar="N", help="how many images")
    add("--replace", action="store_true", help="write over files that exist")


def run(args: argparse.Namespace) -> int:
    """List the presets, or write one."""
    from suffice.errors import SettingsError
    from suffice.study.preset import PRESETS, write_preset

    if args.preset is None:
        width = max(map(len, PRESETS))
        for name, preset in PRESETS.items():
            print(f"{name.ljust(width)}  {preset.title}")
            print(f"{' ' * width}  {preset.paper}")
        return 0
    if args.out is None:
        raise SettingsError("where to? Give --out DIR")
    design = write_preset(
        args.preset,
        args.out,
        zoo=args.zoo,
        full=args.full,
        images=args.images,
        models=args.models,
        preprocess=args.preprocess,
        classes=args.classes,
        limit=args.limit,
        replace=args.replace,
    )
    print(design)
    return 0
