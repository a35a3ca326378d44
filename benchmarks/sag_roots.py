"""Roots of structured attention graphs: how many, how large, and how much of them is not needed.

On six reported pictures and under two criteria, `top1` and the paper's `relative:0.9`: the roots
that ``sag`` finds, its diverse roots, what they cost, the smallest root against the set that
``minimal`` finds with as many evaluations, and the share of the shown roots' pixels that
can be removed at grain 8 while the criterion still holds. Rows are cached in
``cache/sag_roots.jsonl``, so that a run that was stopped goes on; some four minutes of one core.

    python benchmarks/sag_roots.py [--threads N]
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

import corpus
import suffice
from common import ROOT, spread, write

STORE = ROOT / "benchmarks" / "cache" / "sag_roots.jsonl"
MODEL = "efficientnet_lite0"
PICTURES = 6
CRITERIA = ("top1", "relative:0.9")
GRAIN = 8


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    rows = measure(args.threads)
    result = {
        "model": MODEL,
        "grain": GRAIN,
        "baseline": "zero",
        "threads": args.threads,
        "rows": rows,
        "summary": {criterion: summary(rows, criterion) for criterion in CRITERIA},
    }
    write("sag_roots", result, table(result))
    return 0


def measure(threads: int) -> list[dict[str, Any]]:
    """One row for every picture and criterion."""
    done = {}
    if STORE.exists():
        done = {r["key"]: r for r in map(json.loads, STORE.read_text().splitlines())}
    items = [i for i in corpus.reported(PICTURES) if i.model == MODEL]
    clf = corpus.classifier(MODEL, threads)
    rows = []
    for criterion in CRITERIA:
        for item in items:
            key = f"{item.key}|{criterion}"
            if key not in done:
                done[key] = {"key": key, **one(clf, item, criterion)}
                STORE.parent.mkdir(exist_ok=True)
                with STORE.open("a") as store:
                    store.write(json.dumps(done[key]) + "\n")
                print(done[key], file=sys.stderr, flush=True)
            rows.append(done[key])
    return rows


def one(clf: Any, item: corpus.Item, criterion: str) -> dict[str, Any]:
    """Roots of one picture, pruned, and the set of minimal."""
    x = item.input()
    found = suffice.explain(clf, x, method="sag", criterion=criterion, grain=GRAIN)
    details = found.record["details"]
    row = {
        "file": item.file,
        "criterion": criterion,
        "status": found.status,
        "evaluations": found.evaluations,
        "rounds": found.rounds,
        "seconds": found.seconds["total"],
        "roots": len(details["roots"]),
        "patches": [len(root["patches"]) for root in details["roots"]],
        "diverse": details["diverse"],
        "dnf": details["dnf"],
        "end": details["end"],
        "graph_nodes": len(details["graph"]["nodes"]),
        "graph_complete": details["graph"]["complete"],
        "areas": [s.area for s in found.sets],
        "sufficient": all(s.certificate.sufficient for s in found.sets),
        "mean_overlap_patches": mean_overlap(details["roots"]),
    }
    if not found.sets:
        return row
    pruned = suffice.prune(found, clf, x, all_sets=True, verify=False)
    smallest = suffice.explain(
        clf,
        x,
        method="minimal",
        criterion=criterion,
        grain=GRAIN,
        budget=found.evaluations,
        verify=False,
    )
    before, after = sum(s.pixels for s in found.sets), sum(s.pixels for s in pruned.sets)
    return row | {
        "removable_share": 1.0 - after / before,
        "pruning_evaluations": pruned.evaluations,
        "minimal_area": smallest.area,
    }


def mean_overlap(roots: list[dict[str, Any]]) -> float:
    """Patches that two roots share, on average over all pairs."""
    sets = [set(root["patches"]) for root in roots]
    shared = [len(a & b) for i, a in enumerate(sets) for b in sets[:i]]
    return sum(shared) / len(shared) if shared else 0.0


def summary(rows: list[dict[str, Any]], criterion: str) -> dict[str, Any]:
    """Medians and ranges over the pictures of one criterion."""
    of = [r for r in rows if r["criterion"] == criterion and r["areas"]]
    names = ("evaluations", "seconds", "roots", "diverse", "mean_overlap_patches")
    return {
        "pictures": len(of),
        **{name: spread([r[name] for r in of]) for name in names},
        "smallest_root_area_percent": spread([100 * r["areas"][0] for r in of]),
        "minimal_area_percent": spread([100 * r["minimal_area"] for r in of]),
        "removable_percent": spread([100 * r["removable_share"] for r in of]),
        "minimal_is_smaller": sum(r["minimal_area"] < r["areas"][0] for r in of),
    }


def table(result: dict[str, Any]) -> str:
    """Markdown for people."""
    lines = [
        (
            f"`sag` on {PICTURES} reported pictures ({MODEL}, zero baseline, 7 x 7 patches, "
            "defaults). Overlap: patches that two roots share, mean over all pairs. Area: of the "
            "smallest shown root, and of what `minimal` finds with as many evaluations (grain 8). "
            "Removable: share of the shown roots' pixels that pruning at grain 8 takes away while "
            "the criterion still holds. Seconds are wall time with one thread on a machine that "
            "was busy with other work too."
        ),
        "",
        (
            "| criterion | picture | evaluations | s | roots (diverse) | overlap | area % "
            "| `minimal` % | removable % |"
        ),
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for r in result["rows"]:
        head = f"| {r['criterion']} | {r['file']} | {r['evaluations']:,} | {r['seconds']:.1f} "
        counts = f"| {r['roots']} ({r['diverse']}) | {r['mean_overlap_patches']:.1f} "
        if not r["areas"]:
            lines.append(f"{head}{counts}| - | - | - |")
            continue
        lines.append(
            f"{head}{counts}| {100 * r['areas'][0]:.1f} | {100 * r['minimal_area']:.1f} "
            f"| {100 * r['removable_share']:.0f} |"
        )
    for criterion, s in result["summary"].items():
        lines.append(
            f"| **{criterion}** | median of {s['pictures']} | {s['evaluations']['median']:,.0f} "
            f"| {s['seconds']['median']:.1f} | {s['roots']['median']:g} "
            f"({s['diverse']['median']:g}) | {s['mean_overlap_patches']['median']:.1f} "
            f"| {s['smallest_root_area_percent']['median']:.1f} "
            f"| {s['minimal_area_percent']['median']:.1f} "
            f"| {s['removable_percent']['median']:.0f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
