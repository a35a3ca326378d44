"""Time of the large statistics: 1,000 photos by 15 models of synthetic sets, on one core.

``python benchmarks/statistics_speed.py [--images 1000]``; about a minute at full size.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from common import write
from suffice import statistics

SIDE, GRAIN, MODELS = 224, 8, 15


def sets(images: int) -> Iterator[np.ndarray]:
    """Sets of squares of 8 pixels, 2 to 30 % of the image, those of a photo overlapping."""
    rng = np.random.default_rng(0)
    cells = SIDE // GRAIN
    for _ in range(images):
        photo = rng.normal(size=(cells, cells))
        noise = photo + rng.normal(size=(MODELS, cells, cells))
        share = rng.uniform(0.02, 0.3, MODELS)
        limit = [np.quantile(n, 1.0 - s) for n, s in zip(noise, share, strict=True)]
        keep = noise > np.array(limit)[:, None, None]
        yield keep.repeat(GRAIN, axis=1).repeat(GRAIN, axis=2)


def study(images: int) -> dict[str, Any]:
    """Sizes with effects of photo, model and wrong answers."""
    rng = np.random.default_rng(1)
    i, j = (a.ravel() for a in np.meshgrid(range(images), range(MODELS), indexing="ij"))
    skill = rng.uniform(0.75, 0.92, MODELS)
    wrong = rng.random(len(i)) > skill[j]
    y = -2.5 + rng.normal(0, 0.5, images)[i] + rng.normal(0, 0.3, MODELS)[j]
    area = np.exp(np.minimum(0.0, y + 0.1 * wrong + rng.normal(0, 0.4, len(i))))
    return {
        "model": np.array([f"model{m:02d}" for m in j]),
        "architecture": np.array([f"family{m % 5}" for m in j]),
        "image": np.array([f"photo{p:04d}" for p in i]),
        "status": np.full(len(i), "found"), "certified": np.ones(len(i), bool), "area": area,
        "pixels": np.round(area * SIDE * SIDE), "correct": ~wrong, "correct_top5": ~wrong | (i % 2 > 0),
        "confidence": rng.random(len(i)), "entropy": rng.random(len(i)),
        "lead": rng.random(len(i)), "sets": rng.poisson(5, len(i)),
    }  # fmt: skip


def timed(run: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    """The result, and seconds on the clock and on the processor."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = run()
    return result, {
        "wall_s": round(time.perf_counter() - wall, 3),
        "cpu_s": round(time.process_time() - cpu, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=1000)
    images = parser.parse_args().images
    names = [f"model{m:02d}" for m in range(MODELS)]
    rows = study(images)
    sizes = statistics.sizes_of(rows)
    fixed = {"incorrect": 1.0 - sizes.correct, "model_accuracy": sizes.accuracy}
    times: dict[str, dict[str, float]] = {}
    _, times["making the sets (taken off below)"] = timed(lambda: [len(m) for m in sets(images)])
    made = times["making the sets (taken off below)"]
    overlap, spent = timed(lambda: statistics.overlap(sets(images), names, threads=1))
    times["Dice and Hausdorff, all pairs"] = {k: round(spent[k] - made[k], 3) for k in spent}
    mixed, times["mixed model"] = timed(
        lambda: statistics.mixed_model(sizes.log_area, fixed, image=sizes.image, model=sizes.model)
    )
    _, times["tests between overlaps, 5,460 pairs"] = timed(
        lambda: statistics.overlap_tests(overlap)
    )
    _, times["compare, all other analyses"] = timed(lambda: statistics.compare(rows))
    about = (
        f"{images} photos by {MODELS} models, sets of {SIDE} x {SIDE} pixels, one thread. Where other "
        "work shares the machine, the processor's seconds are those that count."
    )
    lines = [
        about,
        "",
        "| analysis | seconds | of the processor |",
        "|---|---|---|",
        *(f"| {name} | {t['wall_s']:.2f} | {t['cpu_s']:.2f} |" for name, t in times.items()),
    ]
    result = {
        "images": images, "models": MODELS, "side": SIDE, "seconds": times,
        "mixed": {"converged": mixed.converged, "incorrect": float(mixed.coefficients[1])},
    }  # fmt: skip
    write("statistics_speed", result, "\n".join(lines))


if __name__ == "__main__":
    main()
