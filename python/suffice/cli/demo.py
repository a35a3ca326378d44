"""``suffice demo``: a real photo, a real classifier, one command."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

from suffice.cli import results
from suffice.cli.progress import Progress
from suffice.cli.sources import Item

if TYPE_CHECKING:
    from suffice.explanation import Explanation


def build(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "--out", type=Path, default=Path("demo-output"), metavar="DIR", help="folder for results"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")


def run(args: argparse.Namespace) -> int:
    """Explain the shipped photo with EfficientNet-Lite0."""
    import suffice
    from suffice.models.demo import cache_folder, demo_photo

    photo = Path(demo_photo())
    item = Item(photo, photo.name, args.out / photo.stem)
    results.prepare(args.out)
    if not any(cache_folder().glob("*.onnx")):
        print("converting the model, once; this takes about half a minute", file=sys.stderr)
    classifier = suffice.as_classifier("demo", device=args.device)
    with Progress(1, None) as progress:
        stream = suffice.explain_stream(classifier, [photo], on_evaluations=progress.evaluations)
        explanation = results.located(cast("Explanation", next(iter(stream))), item)
        progress.image()
    results.write(explanation, item, picture=True)
    confidence = explanation.record["reference"]["confidence"]
    for name, value in (
        ("photo", f"{photo.name} (the photo is in the public domain, CC0)"),
        ("model", f"{classifier.name} on {classifier.device}"),
        ("class", f"{results.target(explanation)}, confidence {confidence:.3f}"),
        ("area", f"{100 * explanation.area:.2f} % ({explanation.pixels:,} px) suffice"),
        ("evaluations", f"{explanation.evaluations:,}"),
        ("seconds", f"{explanation.seconds['total']:.1f}"),
        ("certificate", results.verdict(explanation)),
    ):
        print(f"{name:<12} {value}")
    print("written:")
    for suffix, content in (
        (".png", "photo, responsibility and kept pixels"),
        (".npz", "mask and responsibility"),
        (".json", "the record"),
    ):
        print(f"  {item.result(suffix)}  {content}")
    return 0 if explanation.certificate is not None and explanation.certificate.sufficient else 1
