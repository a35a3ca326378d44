"""What correcting ReX's faults does: area, evaluations, depth and spread over seeds.

Compares ReX as published (``compat="rex"``) with each correction alone and with both, on the same
photos, models and seeds, also at equal evaluations. The default of `suffice.Rex` follows this.

    python benchmarks/rex_corrections.py
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

import numpy as np

import suffice
from common import model_file, photos, spread, write

LIMITED = {"statics": "carry", "survivors": "merge"}
VARIANTS: dict[str, dict[str, Any]] = {
    "compat": {"compat": "rex"},
    "drop, merge": {"statics": "drop", "survivors": "merge", "search_limit": 0},
    "carry, merge, limit 56": {**LIMITED, "search_limit": 56},
    "carry, merge, limit 70": {**LIMITED, "search_limit": 70},
    "carry, merge, limit 98": {**LIMITED, "search_limit": 98},
    "carry, merge, limit 196": {**LIMITED, "search_limit": 196},
    "carry, merge, no limit": {**LIMITED, "search_limit": 0},
}

# The shape of the curve is read on the fast model; without a limit a photo takes some 50,000
# evaluations, so that runs with one seed.
FIRST_MODEL_ONLY = ("carry, merge, limit 196", "carry, merge, no limit")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--models", nargs="+", default=["mobilenet_v1_0.25_128", "mobilenet_v1_0.5_160"]
    )
    parser.add_argument("--photos", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS))
    args = parser.parse_args()

    runs: dict[str, dict[str, list[list[dict[str, float]]]]] = {}
    for model in args.models:
        preprocess = suffice.Preprocess.from_json(
            model_file(model).parent.parent / "models.json", f"{model}.onnx"
        )
        classifier = suffice.as_classifier(model_file(model), preprocess=preprocess)
        images = [str(p) for p in photos(args.photos)]
        for variant in args.variants:
            if variant in FIRST_MODEL_ONLY and model != args.models[0]:
                continue
            method = suffice.Rex(**VARIANTS[variant])
            per_seed = []
            seeds = 1 if variant.endswith("no limit") else args.seeds
            for seed in range(seeds):
                found = suffice.explain(classifier, images, method=method, seed=seed)
                per_seed.append([row(e) for e in found])
            runs.setdefault(variant, {})[model] = per_seed
            print(model, variant, brief(per_seed), file=sys.stderr, flush=True)
    result = {
        "photos": args.photos,
        "seeds": args.seeds,
        "models": args.models,
        "summary": {v: {m: summarise(r) for m, r in by.items()} for v, by in runs.items()},
        "paired": paired(runs),
        "runs": runs,
    }
    write("rex_corrections", result, table(result))
    return 0


def row(exp: suffice.Explanation) -> dict[str, float]:
    """The figures of one explanation."""
    return {
        "area": round(exp.area, 6),
        "evaluations": exp.evaluations,
        "depth": exp.record["details"].get("depth", 0),
        "sufficient": float(bool(exp.certificate and exp.certificate.sufficient)),
    }


def summarise(per_seed: list[list[dict[str, float]]]) -> dict[str, Any]:
    """Medians over photos and seeds; spread over seeds is max/min of a photo's area."""
    areas = np.array([[r["area"] for r in rows] for rows in per_seed])
    everything = [r for rows in per_seed for r in rows]
    return {
        "area": spread(areas),
        "evaluations": spread([r["evaluations"] for r in everything]),
        "depth": spread([r["depth"] for r in everything]),
        "max_over_min": spread(areas.max(axis=0) / areas.min(axis=0)),
        "sufficient": sum(r["sufficient"] for r in everything) / len(everything),
    }


def paired(
    runs: dict[str, dict[str, list[list[dict[str, float]]]]],
) -> dict[str, dict[str, dict[str, float]]]:
    """Area against compat, photo by photo and seed by seed: geometric mean and share of wins."""
    result: dict[str, dict[str, dict[str, float]]] = {}
    for variant, by_model in runs.items():
        for model, per_seed in by_model.items():
            mine = np.array([[r["area"] for r in rows] for rows in per_seed])
            base = np.array([[r["area"] for r in rows] for rows in runs["compat"][model]])
            base = base[: mine.shape[0], : mine.shape[1]]
            result.setdefault(variant, {})[model] = {
                "geometric_mean_ratio": float(np.exp(np.log(mine / base).mean())),
                "no_larger": float((mine <= base).mean()),
            }
    return result


def brief(per_seed: list[list[dict[str, float]]]) -> str:
    s = summarise(per_seed)
    return (
        f"area {100 * s['area']['median']:.2f} % evaluations {s['evaluations']['median']:.0f} "
        f"depth {s['depth']['median']:.0f} max/min {s['max_over_min']['median']:.2f}"
    )


def table(result: dict[str, Any]) -> str:
    lines = [
        (
            f"{result['photos']} photos, {result['seeds']} seeds, top1; medians over photos and "
            "seeds (q1-q3). Spread: max/min of a photo's area over the seeds, median over photos."
        ),
        "",
        "| variant | model | area % | / compat | no larger | evaluations | depth | spread | sufficient |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for variant, by_model in result["summary"].items():
        for model, s in by_model.items():
            a, p = s["area"], result["paired"][variant][model]
            lines.append(
                f"| {variant} | {model} | {100 * a['median']:.2f} "
                f"({100 * a['q1']:.2f}-{100 * a['q3']:.2f}) | {p['geometric_mean_ratio']:.2f} "
                f"| {100 * p['no_larger']:.0f} % | {s['evaluations']['median']:.0f} "
                f"| {s['depth']['median']:.0f} | {s['max_over_min']['median']:.2f} "
                f"| {100 * s['sufficient']:.0f} % |"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
