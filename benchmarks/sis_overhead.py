"""What `sis` spends outside the model, in CPU time: ``python benchmarks/sis_overhead.py``.

The first 20,000 evaluations of two CIFAR-10 photos at once, ResNet20, one thread, for several batch
sizes. The model's time is the CPU time of the thread inside the call, so that other load on the
machine hardly matters; everything else of the process is ours.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import suffice
import versus_sis
from common import ZOO, model_file, write

BATCHES, BUDGET, REPEATS = (8, 16, 32), 20_000, 3


class Timed:
    """A classifier that adds up the CPU time of its calls."""

    def __init__(self, classifier: Any) -> None:
        self.classifier, self.seconds = classifier, 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.classifier, name)

    def __call__(self, batch: Any) -> Any:
        began = time.thread_time()
        scores = self.classifier(batch)
        self.seconds += time.thread_time() - began
        return scores


def measure(batch: int, inputs: list[Any]) -> dict[str, float]:
    """Milliseconds of CPU an evaluation, in all and in the model."""
    file = f"{versus_sis.MODEL}.onnx"
    preprocess = suffice.Preprocess.from_json(ZOO / "models.json", file)
    source = str(model_file(versus_sis.MODEL))
    clf = Timed(suffice.as_classifier(source, preprocess=preprocess, threads=1))
    began = time.process_time()
    found = suffice.explain(
        clf,
        inputs,
        method="sis",
        criterion="confidence:0.99",
        budget=BUDGET,
        batch_size=batch,
        verify=False,
    )
    total, n = time.process_time() - began, sum(exp.evaluations for exp in found)
    return {"batch": batch, "ms": 1e3 * total / n, "model_ms": 1e3 * clf.seconds / n}


def main() -> int:
    _, inputs = versus_sis.photos()
    rows = [measure(b, list(inputs[[0, 5]])) for _ in range(REPEATS) for b in BATCHES]
    lines = ["| batch | ms an evaluation | in the model | outside |", "|---|---|---|---|"]
    for b in BATCHES:
        own = sorted((r for r in rows if r["batch"] == b), key=lambda r: r["model_ms"] / r["ms"])
        middle = own[REPEATS // 2]
        outside = [1 - r["model_ms"] / r["ms"] for r in own]
        lines.append(
            f"| {b} | {middle['ms']:.3f} | {middle['model_ms']:.3f} | "
            f"{1 - middle['model_ms'] / middle['ms']:.1%} "
            f"({min(outside):.1%} to {max(outside):.1%}) |"
        )
    lines += [
        "",
        f"Median of {REPEATS} by the share outside; CPU time, {BUDGET:,} evaluations a photo.",
    ]
    write("sis_overhead", {"rows": rows}, "\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
