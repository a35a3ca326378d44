"""Whether `suffice check` keeps its promise, and whether it finds wrong answers.

The photos of a store are split at random; the reference is fitted to the right answers of one half
and all of the other half are compared with it, as ``suffice check`` would (no model is run: the
other half's sets are in the store already). Reported for each model, over ``--splits`` splits:

- false alarms: share of right answers called unusual, at alpha .05 and .1;
- found: share of wrong answers called unusual;
- AUROC for wrong answers of the size (z of its log area within class and model; above one half
  means that wrong answers have larger sets), of the two-sided p, and beside it of confidence,
  entropy and margin, which cost one evaluation.

Usage: ``python benchmarks/check_calibration.py STORE [--method M ...] [--splits 50]``.
"""

from __future__ import annotations

import argparse
import math
from typing import Any

import numpy as np

import common
from suffice.errors import InputError
from suffice.statistics import auroc, fit_reference
from suffice.study import StudyResult
from suffice.study.check_reference import FEWEST, choose_rows, photo_sizes

ALPHAS = (0.05, 0.1)
DETECTORS = ("size", "two_sided_p", "confidence", "entropy", "margin")
SETUP = ("method", "criterion", "baseline", "grain")


def photos_of(rows: list[dict[str, Any]]) -> tuple[dict[str, list[tuple[dict, float]]], float]:
    """Photos with labels and their sizes by model, and the floor of the log scale."""
    seeds = sorted({row["seed"] for row in rows})
    found = {}
    for model in dict.fromkeys(row["model"] for row in rows):
        sizes, _ = photo_sizes((r for r in rows if r["model"] == model), seeds, wrong=True)
        found[model] = [(row, area) for row, area in sizes if row["correct"] is not None]
    known = [r for r in rows if r["area"] and r["pixels"]]
    pixels = max(round(r["pixels"] / r["area"]) for r in known)
    return found, 0.5 / pixels


def one_split(
    photos: list[tuple[dict, float]], floor: float, rng: np.random.Generator
) -> dict[str, Any] | None:
    """Fit on one half, check the other; None where there is too little to go by."""
    half = rng.permutation(len(photos)) < len(photos) // 2
    fitted = [p for p, h in zip(photos, half, strict=True) if h and p[0]["correct"]]
    tested = [p for p, h in zip(photos, half, strict=True) if not h]
    if len(fitted) < FEWEST or not tested:
        return None
    reference = fit_reference(
        ["model"] * len(fitted),
        [row["target"] for row, _ in fitted],
        [area for _, area in fitted],
        floor=floor,
    )
    found = [reference.check("model", row["target"], area) for row, area in tested]
    p = np.array([u.p for u in found])
    z = np.array([u.z for u in found])
    wrong = np.array([not row["correct"] for row, _ in tested])
    scores = {
        "size": z,
        "two_sided_p": -p,
        "confidence": -np.array([row["confidence"] for row, _ in tested]),
        "entropy": np.array([row["entropy"] for row, _ in tested]),
        "margin": -np.array([row["lead"] for row, _ in tested]),
    }
    split: dict[str, Any] = {"fitted": len(fitted), "right": int((~wrong).sum())}
    split["wrong"] = int(wrong.sum())
    for alpha in ALPHAS:
        unusual = p <= alpha
        split[f"false_alarms_{alpha}"] = mean(unusual[~wrong])
        split[f"found_{alpha}"] = mean(unusual[wrong])
        split[f"found_larger_{alpha}"] = mean((unusual & (z > 0))[wrong])
    for name, score in scores.items():
        both = wrong.any() and not wrong.all()
        split[f"auroc_{name}"] = auroc(score, wrong).estimate.value if both else math.nan
    return split


def mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else math.nan


def summary(splits: list[dict[str, Any]]) -> dict[str, Any]:
    """Mean and the middle 95 % over the splits, of each number."""
    out: dict[str, Any] = {"splits": len(splits)}
    for name in splits[0]:
        values = np.array([s[name] for s in splits], float)
        values = values[~np.isnan(values)]
        if len(values):
            low, high = np.percentile(values, [2.5, 97.5])
            out[name] = {"mean": float(values.mean()), "low": float(low), "high": float(high)}
    return out


def table(results: dict[str, dict[str, Any]]) -> str:
    """The Markdown table."""
    heads = ["model", "fitted", "right", "wrong"]
    heads += [f"false alarms at {a:g}" for a in ALPHAS] + [f"wrong found at {a:g}" for a in ALPHAS]
    heads += [f"AUROC {name.replace('_', ' ')}" for name in DETECTORS]
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]

    def cell(values: dict[str, Any], name: str, share: bool) -> str:
        if name not in values:
            return "-"
        v = values[name]
        if share:
            return f"{v['mean']:.1%} ({v['low']:.1%} - {v['high']:.1%})"
        return f"{v['mean']:.3f}" if name.startswith("auroc") else f"{v['mean']:.0f}"

    for model, values in results.items():
        cells = [cell(values, n, False) for n in ("fitted", "right", "wrong")]
        cells += [cell(values, f"false_alarms_{a}", True) for a in ALPHAS]
        cells += [cell(values, f"found_{a}", True) for a in ALPHAS]
        cells += [cell(values, f"auroc_{n}", False) for n in DETECTORS]
        lines.append(f"| {model} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("store")
    for name in ("method", "criterion", "baseline"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--grain", type=int)
    parser.add_argument("--splits", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--name", default="check_calibration", help="of the files of results")
    args = parser.parse_args()
    chosen = {n: getattr(args, n) for n in SETUP if getattr(args, n) is not None}
    rows = choose_rows(StudyResult(args.store).rows(), chosen)
    for name in SETUP:
        if len(several := {row[name] for row in rows}) > 1:
            raise InputError(f"the store has several of {name}: {sorted(several)}; choose one")
    photos, floor = photos_of(rows)
    rng = np.random.default_rng(args.seed)
    results, left_out = {}, []
    for model, own in photos.items():
        splits = [s for s in (one_split(own, floor, rng) for _ in range(args.splits)) if s]
        if splits:
            results[model] = summary(splits)
        else:
            left_out.append(model)
    setup = {name: rows[0][name] for name in SETUP}
    text = (
        f"# Calibration of `suffice check`\n\n{args.splits} random halves; means, and in brackets "
        f"the middle 95 % over the splits. Method {setup['method']}, criterion "
        f"{setup['criterion']}, baseline {setup['baseline']}, grain {setup['grain']}; alpha is "
        f"two-sided. A p can't be below 1 / (fitted + 1).\n\n{table(results)}"
    )
    if left_out:
        text += f"\n\nLeft out, fewer than {FEWEST} right answers in a half: {', '.join(left_out)}."
    common.write(args.name, {"setup": setup, "models": results, "left_out": left_out}, text)


if __name__ == "__main__":
    main()
