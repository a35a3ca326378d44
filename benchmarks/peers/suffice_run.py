"""Adapter: explains prepared inputs with suffice and prints one JSON line per photo.

The counterpart of `rex_xai_run.py`: the same inputs, the same figures. With ``--bulk`` all photos
go through one run, as a study would; the wall time is then shared between them.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

import suffice


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--inputs", required=True)
    parser.add_argument("--masks", required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch-size", default="auto")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--criterion", default="top1")
    parser.add_argument("--bulk", action="store_true")
    args = parser.parse_args()

    classifier = Timed(suffice.as_classifier(args.model, threads=args.threads))
    method = suffice.Rex.from_settings(dict(s.split("=", 1) for s in args.set))
    inputs = np.load(args.inputs)
    settings: dict[str, Any] = {
        "method": method,
        "seed": args.seed,
        "criterion": args.criterion,
        "batch_size": "auto" if args.batch_size == "auto" else int(args.batch_size),
    }
    # The first call pays for starting the sessions, as the peer's first photo pays for its own.
    classifier(np.zeros((1, *classifier.input_shape), np.float32))
    groups = [inputs.files] if args.bulk else [[n] for n in inputs.files]
    masks = {}
    for names in groups:
        classifier.seconds = 0.0
        started = time.perf_counter()
        found = suffice.explain(classifier, [inputs[n] for n in names], **settings)
        wall = time.perf_counter() - started
        for name, exp in zip(names, found, strict=True):
            masks[name] = exp.mask
            print(
                json.dumps(
                    {
                        "name": name,
                        "target": exp.target,
                        "wall": wall / len(names),
                        "model": classifier.seconds / len(names),
                        "evaluations": exp.evaluations,
                        "area": exp.area,
                        "depth": exp.record["details"].get("depth"),
                        "rounds": exp.record["details"].get("rounds"),
                        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                        "certificate": exp.certificate.verdict,
                    }
                ),
                flush=True,
            )
    np.savez_compressed(Path(args.masks), **masks)
    return 0


class Timed:
    """A classifier that sums the time inside its calls over all threads."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._lock = threading.Lock()
        self.seconds = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        started = time.perf_counter()
        scores = self._inner(batch)
        seconds = time.perf_counter() - started
        with self._lock:
            self.seconds += seconds
        return scores


if __name__ == "__main__":
    sys.exit(main())
