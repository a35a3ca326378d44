"""Which batch size and number of single-thread sessions are fastest on this CPU.

python benchmarks/batch_size.py --models efficientnet_lite0 squeezenet1.1
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

import suffice
from common import model_file, photos, spread, write

BATCHES = (1, 2, 4, 8, 16, 32)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", default=["efficientnet_lite0", "squeezenet1.1"])
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--evaluations", type=int, default=600)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()

    rates: dict[str, dict[str, Any]] = {}
    for model in args.models:
        for threads in args.threads:
            rates[f"{model}, {threads} sessions"] = measure(model, threads, args)
    columns = [str(b) for b in BATCHES]
    lines = ["Evaluations per second of `rex`, median of repeats.", ""]
    lines += ["| | batch " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    lines += [
        f"| {name} | " + " | ".join(f"{by[b]['median']:.0f}" for b in columns) + " |"
        for name, by in rates.items()
    ]
    write("batch_size", {"rates": rates}, "\n".join(lines))
    return 0


def measure(model: str, threads: int, args: argparse.Namespace) -> dict[str, Any]:
    """Evaluations per second at each batch size."""
    preprocess = suffice.Preprocess.from_json(
        model_file(model).parent.parent / "models.json", f"{model}.onnx"
    )
    classifier = suffice.as_classifier(model_file(model), preprocess=preprocess, threads=threads)
    image = str(photos(1)[0])
    found: dict[str, list[float]] = {str(b): [] for b in BATCHES}
    for repeat in range(args.repeats + 1):
        for batch in BATCHES:
            started = time.perf_counter()
            exp = suffice.explain(
                classifier, image, method="rex", batch_size=batch, budget=args.evaluations
            )
            rate = exp.evaluations / (time.perf_counter() - started)
            if repeat:  # the first round warms up
                found[str(batch)].append(rate)
    return {b: spread(r) for b, r in found.items()}


if __name__ == "__main__":
    sys.exit(main())
