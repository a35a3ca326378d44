"""Our gradient-sis against a plain torch loop of the paper: ``python benchmarks/versus_gradient_sis.py``.

EfficientNet-Lite0 in torch (the demo extra), k = 100, criterion confidence:0.9, zero baseline. The
plain loop is `tests/reference/gradient_sis.py`. ``--public FOLDER`` measures the authors' code too
(a checkout of gifford-lab/overinterpretation; its noise is switched off). One row is appended to
the store per photo, so that a run can be stopped and continued; about 500 gradients a photo and
side: a minute or two on two cores.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

import suffice
from common import ROOT, photos, spread, write
from corpus import Item, preprocess, reported

sys.path.insert(0, str(ROOT / "tests"))

from reference import gradient_sis as plain

K, TAU, BORDER = 100, 0.9, 22
FURTHER, SEED = 100, 2026  # photographs beyond the corpus, drawn by a seed
STORE = ROOT / "benchmarks" / "cache" / "versus_gradient_sis.jsonl"
MODEL = "efficientnet_lite0"


def in_frame(mask: np.ndarray) -> float:
    """Share of a set's pixels in the outermost 22 rows and columns."""
    frame = np.ones(mask.shape, bool)
    frame[BORDER:-BORDER, BORDER:-BORDER] = False
    return float((mask & frame).sum() / max(1, mask.sum()))


def sure(clf: suffice.TorchClassifier, count: int) -> list[Item]:
    """Pictures of which the model is as sure as the criterion wants, those of the corpus first."""
    files = [f"imagenet/{path.name}" for path in photos(FURTHER, SEED)]
    known = [item for item in reported() if item.model == MODEL]
    found: dict[str, Item] = {}
    for item in [*known, *(Item(MODEL, file, -1) for file in files)]:
        scores = clf(item.input()[None])[0].astype(np.float64)
        p = np.exp(scores - scores.max())
        if p.max() / p.sum() >= TAU:
            found.setdefault(item.file, item)
        if len(found) == count:
            break
    return list(found.values())


def steps_of(responsibility: np.ndarray) -> np.ndarray:
    """In which step each pixel was left out."""
    total = -(-responsibility.size // K)
    return np.rint(responsibility.astype(np.float64) * total).astype(int)


def batched(clf: suffice.TorchClassifier, items: list[Item], of: str) -> list[dict[str, Any]]:
    """All photos at once by each side, each with a batch of as many rows."""
    inputs = [item.input() for item in items]
    size = len(items)
    began = time.perf_counter()
    found = suffice.explain(
        clf,
        inputs,
        method=suffice.GradientSis(k=K, of=of),
        criterion=f"confidence:{TAU}",
        batch_size=size,
        window=size,
    )
    ours = (time.perf_counter() - began) / size
    x = torch.from_numpy(np.stack(inputs))
    targets = torch.tensor([exp.target for exp in found])
    began = time.perf_counter()
    twins = plain.collection(
        clf.module,
        x,
        torch.zeros_like(x),
        targets,
        lambda z, t: float(torch.softmax(z.double(), 0)[t]) >= TAU,
        k=K,
        of=of,
    )
    theirs = (time.perf_counter() - began) / size
    return [
        _row(item, exp, twin, of, size, ours, theirs)
        for item, exp, twin in zip(items, found, twins, strict=True)
    ]


def _row(
    item: Item,
    exp: suffice.Explanation,
    twin: plain.Found,
    of: str,
    size: int,
    ours: float,
    theirs: float,
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "key": item.key,
        "of": of,
        "batch": size,
        "status": exp.status,
        "seconds": ours,
        "model_seconds": exp.record["seconds"]["model"],
        "plain_seconds": theirs,
        "evaluations": exp.evaluations,
        "gradients": exp.gradients,
    }
    if exp.status != "found" or not twin.sets:
        return {**row, "equal_set": not twin.sets}
    a, b = steps_of(exp.responsibility), twin.steps[0]
    differing = np.flatnonzero((a != b).ravel())
    overlap = 2 * (exp.mask & twin.sets[0]).sum() / (exp.mask.sum() + twin.sets[0].sum())
    return row | {
        "equal_order": bool(np.array_equal(a, b)),
        "first_step_that_differs": int(np.minimum(a, b).ravel()[differing].min())
        if len(differing)
        else None,
        "equal_set": bool(np.array_equal(exp.mask, twin.sets[0])),
        "dice": float(overlap),
        "pixels": exp.pixels,
        "plain_pixels": int(twin.sets[0].sum()),
        "in_frame": in_frame(exp.mask),
        "plain_in_frame": in_frame(twin.sets[0]),
        "sufficient": exp.certificate.sufficient,
    }


def public(folder: Path, clf: suffice.TorchClassifier, items: list[Item]) -> list[dict[str, Any]]:
    """Orders of the authors' code, noise off, photo by photo, against ours at batch 1."""
    sys.path.insert(0, str(folder / "imagenet"))
    from imagenet_backselect import run_gradient_backward_selection

    rows = []
    for item in items:
        x = item.input()
        began = time.perf_counter()
        (given,) = run_gradient_backward_selection(
            torch.from_numpy(x[None]), clf.module, K, add_random_noise=False, cuda=False
        )
        seconds = time.perf_counter() - began
        exp = suffice.explain(
            clf, x, method=suffice.GradientSis(k=K), criterion=f"confidence:{TAU}", batch_size=1
        )
        order = given.mask_order[0] + 1
        confidences = given.confidences_over_backselect[:, int(given.target_class_idx)]
        good = np.flatnonzero(confidences >= TAU)
        row = {"key": item.key, "public_seconds": seconds, "status": exp.status}
        if exp.status == "found" and len(good):
            mask = order > good[-1]
            row |= {
                "equal_order": bool(np.array_equal(steps_of(exp.responsibility), order)),
                "equal_set": bool(np.array_equal(exp.mask, mask)),
                "pixels": exp.pixels,
                "public_pixels": int(mask.sum()),
            }
        rows.append(row)
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """The figures in Markdown."""
    lines = [
        (
            "| photo | of | batch | pixels (ours / plain) | same order | same set | Dice "
            "| evaluations | gradients | s a photo (ours / plain) | in the 22-px frame |"
        ),
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        if "pixels" not in r:
            lines.append(f"| {r['key']} | {r['of']} | {r['batch']} | {r['status']} | | | | | | | |")
            continue
        at = r["first_step_that_differs"]
        same = "yes" if r["equal_order"] else f"up to step {at}"
        lines.append(
            f"| {Path(r['key']).name} | {r['of']} | {r['batch']} "
            f"| {r['pixels']:,} / {r['plain_pixels']:,} | {same} "
            f"| {'yes' if r['equal_set'] else 'no'} | {r['dice']:.3f} | {r['evaluations']:,} "
            f"| {r['gradients']} | {r['seconds']:.0f} / {r['plain_seconds']:.0f} "
            f"| {r['in_frame']:.0%} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Run what the store lacks, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=3)
    parser.add_argument("--batch", type=int, default=1, help="photos at a time, by both sides")
    parser.add_argument("--of", default="probability")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--public", type=Path, help="checkout of the authors' code")
    args = parser.parse_args()
    from suffice.models import demo

    clf = suffice.TorchClassifier(demo._torch_model(), preprocess(MODEL), threads=args.threads)
    if args.threads:
        torch.set_num_threads(args.threads)
    items = sure(clf, args.photos)
    rows = [json.loads(line) for line in STORE.read_text().splitlines()] if STORE.exists() else []
    if args.public:
        print(json.dumps(public(args.public, clf, items), indent=1))
        return
    done = {(r["key"], r["of"], r["batch"]) for r in rows}
    groups = [items[i : i + args.batch] for i in range(0, len(items), args.batch)]
    for group in groups:
        if all((item.key, args.of, len(group)) in done for item in group):
            continue
        fresh = batched(clf, group, args.of)
        rows += fresh
        with STORE.open("a") as file:
            file.writelines(json.dumps(row) + "\n" for row in fresh)
    shares = [r["in_frame"] for r in rows if "in_frame" in r]
    result = {"k": K, "tau": TAU, "rows": rows, "in_frame": spread(shares) if shares else None}
    write("versus_gradient_sis", result, table(rows))


if __name__ == "__main__":
    main()
