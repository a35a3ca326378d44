"""What `versus_moxi.py` publishes of its rows."""

from __future__ import annotations

from typing import Any

import numpy as np

Rows = dict[str, dict[str, Any]]
PATCHES = 196
PERCENT = (1, 2, 3, 5, 10, 20)
# Sumiyasu, Kawamoto, Kera (2024), ViT-Tiny, 100 photos, read off the figure, +-.01.
PUBLISHED = {
    "insertion": {
        "MoXI": (0.40, 0.72, 0.84, 0.94, 0.98, 1.0),
        "self-context": (0.21, 0.15, 0.14, 0.16, 0.18, 0.29),
        "Grad-CAM": (0.02, 0.01, 0.01, 0.02, 0.04, 0.09),
        "attention rollout": (0.0, 0.0, 0.03, 0.05, 0.12, 0.42),
    },
    "deletion": {
        "MoXI": (0.84, 0.70, 0.55, 0.40, 0.12, 0.03),
        "self-context": (None, 0.73, 0.66, 0.51, 0.34, 0.21),
        "Grad-CAM": (0.99, 0.99, 0.98, 0.97, 0.97, 0.87),
        "attention rollout": (0.96, 0.93, 0.89, 0.87, 0.72, 0.60),
    },
}


def report(ours: Rows, theirs: Rows) -> tuple[dict[str, Any], str]:
    """The results as JSON types and as a table in Markdown."""
    result = {
        "parity": agreement("parity", ours, theirs),
        "full": agreement("full", ours, theirs),
        "curves": {kind: curve(kind, ours) for kind in kinds(ours)},
        "published": PUBLISHED,
        "targeted": [r for k, r in ours.items() if k.startswith("targeted|")],
        "cost": cost(ours),
    }
    text = ["# moxi against the public code and the published curves"]
    text += _orders(result) + _curves(result) + _targeted(result) + _cost(result)
    return result, "\n".join(text)


def agreement(part: str, ours: Rows, theirs: Rows) -> list[dict[str, Any]]:
    """Pairs of orders of both sides, one row for each model and order."""
    groups: dict[tuple[str, str], list[str]] = {}
    for key in ours:
        kind, *rest = key.split("|")
        if kind == part:
            groups.setdefault((rest[0], rest[1]), []).append(key)
    rows = []
    for (model, order), keys in sorted(groups.items()):
        pairs = [(ours[k], theirs[k]) for k in keys if k in theirs]
        steps = [common_steps(a["order"], b["order"]) for a, b in pairs]
        rows.append(
            {
                "model": model,
                "order": order,
                "photos": len(keys),
                "compared": len(pairs),
                "steps": [len(ours[k]["order"]) for k in keys],
                "equal_steps": steps,
                "equal": sum(a["order"] == b["order"] for a, b in pairs),
                "evaluations": [ours[k]["evaluations"] for k in keys],
                "public_evaluations": [b["evaluations"] for _, b in pairs],
                "public_distinct": [b["distinct"] for _, b in pairs],
                "ended_at": [ours[k]["passed_at"] for k in keys],
            }
        )
    return rows


def common_steps(a: list[int], b: list[int]) -> int:
    """How many steps two orders share from their beginning."""
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), len(a))


def kinds(ours: Rows) -> list[str]:
    """The kinds of curve that were run."""
    return sorted({k.split("|")[1] for k in ours if k.startswith("curves|")})


def curve(kind: str, ours: Rows) -> dict[str, Any]:
    """Share of photos still or already right at each percentage.

    A deletion ends where the class first falls, and counts as wrong from there on.
    """
    rows = [r for k, r in ours.items() if k.startswith(f"curves|{kind}|")]
    removed = kind.startswith("deletion")
    accuracy = []
    for percent in PERCENT:
        step = max(1, round(percent / 100 * PATCHES)) - 1
        right = [r["passes"][step] if step < len(r["passes"]) else not removed for r in rows]
        accuracy.append(float(np.mean(right)))
    return {
        "photos": len(rows),
        "accuracy": accuracy,
        "median_evaluations": float(np.median([r["evaluations"] for r in rows])),
    }


def cost(ours: Rows) -> dict[str, dict[str, float]]:
    """Milliseconds of a composite by model and tokens."""
    table: dict[str, dict[str, float]] = {}
    for key, row in ours.items():
        kind, model, tokens = key.split("|")[:3] if key.count("|") == 2 else ("", "", "")
        if kind == "cost":
            table.setdefault(model, {})[tokens] = row["ms"]
    return table


def _orders(result: dict[str, Any]) -> list[str]:
    text = []
    for part, title in (("parity", "First steps"), ("full", "Full orders")):
        if not result[part]:
            continue
        text += ["", f"## {title}", ""]
        text += ["| model | order | photos | equal orders | steps | our evaluations | theirs |"]
        text += ["|---|---|---|---|---|---|---|"]
        for r in result[part]:
            equal = f"{r['equal']} of {r['compared']}"
            if r["equal"] < r["compared"]:
                equal += f" (equal up to {', '.join(map(str, r['equal_steps']))})"
            text.append(
                f"| {r['model']} | {r['order']} | {r['photos']} | {equal} | {_range(r['steps'])} | "
                f"{_range(r['evaluations'])} | {_range(r['public_evaluations'])} |"
            )
    if text:
        bound = PATCHES * (PATCHES + 1) // 2 + 2
        text += ["", f"N(N+1)/2 + 2 = {bound:,} at {PATCHES} patches."]
    return text


def _curves(result: dict[str, Any]) -> list[str]:
    if not result["curves"]:
        return []
    text = ["", "## Curves", ""]
    text += ["Share of photos classified rightly, ViT-Tiny, tokens dropped.", ""]
    text += ["| curve | photos | " + " | ".join(f"{p} %" for p in PERCENT) + " |"]
    text += ["|---|---|" + "---|" * len(PERCENT)]
    for kind in ("insertion", "deletion"):
        for name in (kind, f"{kind}, self-context"):
            row = result["curves"].get(name)
            if row is not None:
                text.append(_line(f"{name}: ours", row["photos"], row["accuracy"]))
        for name, values in PUBLISHED[kind].items():
            text.append(_line(f"{kind}: {name}, published", 100, values))
    return text


def _line(name: str, photos: int, values: Any) -> str:
    shown = ["-" if v is None else f"{v:.2f}" for v in values]
    return f"| {name} | {photos} | " + " | ".join(shown) + " |"


def _targeted(result: dict[str, Any]) -> list[str]:
    rows = result["targeted"]
    if not rows:
        return []
    text = ["", "## Targeted deletion: two stamps, the class of the second wanted", ""]
    text += [
        "| labels | status | taken out for it | on the first | on the second | then | on first |"
    ]
    text[-1] += " on second | evaluations |"
    text += ["|" + "---|" * 9]
    for r in rows:
        cells = []
        for name in ("opposing", "removed"):
            found = r.get(name)
            cells += [str(found["patches"]) if found else "-"]
            cells += [f"{100 * t:.0f} %" for t in found["touching"]] if found else ["-", "-"]
        labels = " -> ".join(map(str, r["labels"]))
        text.append(f"| {labels} | {r['status']} | {' | '.join(cells)} | {r['evaluations']} |")
    return text


def _cost(result: dict[str, Any]) -> list[str]:
    if not result["cost"]:
        return []
    tokens = sorted({int(t) for row in result["cost"].values() for t in row})
    text = ["", "## CPU milliseconds of a composite against the tokens kept, one thread", ""]
    text += ["| tokens | " + " | ".join(map(str, tokens)) + " |", "|---|" + "---|" * len(tokens)]
    for model, row in result["cost"].items():
        text.append(f"| {model} | " + " | ".join(f"{row[str(t)]:.1f}" for t in tokens) + " |")
    return text


def _range(values: list[int]) -> str:
    if not values:
        return "-"
    low, high = min(values), max(values)
    return f"{low:,}" if low == high else f"{low:,}-{high:,}"
