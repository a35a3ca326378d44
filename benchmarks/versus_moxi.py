"""moxi against the authors' public code and published curves; resumable, parts selectable.

    python benchmarks/versus_moxi.py --public MoXI [PART ...]

``parity``: first steps of both orders on zoo models, against the public code over the same model
files. ``full``: full orders on a CIFAR and an ImageNet model, with their evaluations. ``curves``:
accuracy against the share of patches shown or removed, ViT-Tiny with dropped tokens. ``targeted``:
two stamps on one canvas, the class that is not predicted wanted. ``cost``: time against tokens.
Rows go to ``cache/moxi.jsonl`` and, of the public code, to ``results/peers/moxi.jsonl``; what is
there is not run again. ``--photos N`` takes fewer; without ``--public`` stored rows are used.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import moxi_models as models
import suffice
from common import RESULTS, ROOT, model_file, write
from moxi_report import report

PEER = Path(__file__).resolve().parent / "peers" / "moxi_run.py"
OURS, THEIRS = ROOT / "benchmarks" / "cache" / "moxi.jsonl", RESULTS / "peers" / "moxi.jsonl"
PATCHES = 196
ORDERS = ("insertion", "deletion")
PARITY_MODELS = ("efficientnet_lite0", "squeezenet1.1", "vit_tiny", "vit_tiny_keep")
PARITY_STEPS, PARITY_PHOTOS = 8, 2
FULL_MODELS, FULL_PHOTOS = ("cifar_resnet20", "squeezenet1.1"), 2
CURVE_PHOTOS, CURVE_STEPS = 30, 39  # 39 of 196 patches are 20 %
TARGETED_MODEL, TARGETED_PAIRS, TARGETED_BUDGET = "efficientnet_lite0", 6, 4000
COST_TOKENS = (0, 1, 2, 5, 10, 20, 40, 80, 120, 160, 196)
PREFIX_ROUND = 16


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; default: all")
    parser.add_argument("--public", default="", help="checkout of github.com/KosukeSumiyasu/MoXI")
    parser.add_argument("--peer-python", default=sys.executable)
    parser.add_argument("--photos", type=int, default=0, help="at most so many of each part")
    parser.add_argument("--models", nargs="*", default=(), help="only these of parity and full")
    parser.add_argument("--report-only", action="store_true")
    args = parser.parse_args()
    for name in () if args.report_only else args.parts or PARTS:
        PARTS[name](args)
    result, table = report(load(OURS), load(THEIRS))
    write("versus_moxi", result, table)
    return 0


# -- the parts ------------------------------------------------------------------------------------


def parity(args: argparse.Namespace) -> None:
    """The first steps of both orders."""
    for model in chosen(PARITY_MODELS, args):
        pictures = models.photographs(model, limited(PARITY_PHOTOS, args))
        inputs = [(name, models.photo_input(model, name)) for name, _ in pictures]
        both_sides(args, "parity", model, inputs, PARITY_STEPS)


def full(args: argparse.Namespace) -> None:
    """Full orders."""
    for model in chosen(FULL_MODELS, args):
        n = limited(FULL_PHOTOS, args)
        if model.startswith("cifar"):
            inputs = models.cifar(model, n)
        else:
            photographs = models.photographs(model, n)
            inputs = [(name, models.photo_input(model, name)) for name, _ in photographs]
        both_sides(args, "full", model, inputs, 0)


def curves(args: argparse.Namespace) -> None:
    """Whether the class is right after each of the first steps, with and without interactions."""
    pictures = models.photographs("vit_tiny_keep", limited(CURVE_PHOTOS, args))
    whole, ended = steps_budget(CURVE_STEPS), 2 + PATCHES + 3 * PREFIX_ROUND
    # Few tokens are cheap in torch; with most of them kept ONNX Runtime is twice as fast.
    runs = {
        "insertion": ("vit_tiny_tokens", suffice.Moxi(full=True), whole),
        "insertion, self-context": (
            "vit_tiny_tokens",
            suffice.Moxi(full=True, interactions=False),
            ended,
        ),
        "deletion": ("vit_tiny_keep", suffice.Moxi(order="deletion"), whole),
        "deletion, self-context": (
            "vit_tiny_keep",
            suffice.Moxi(order="deletion", interactions=False),
            ended,
        ),
    }
    for kind, (model, method, budget) in runs.items():
        for name, label in pictures:

            def run(model=model, method=method, budget=budget, name=name, label=label) -> Any:
                exp = explain(model, models.photo_input(model, name), method, budget, label)
                order = exp.record["details"][method.order]
                return {
                    "passes": order["passes"],
                    "order": order["order"],
                    "evaluations": exp.evaluations,
                }

            remember(OURS, f"curves|{kind}|{name}", run)


def targeted(args: argparse.Namespace) -> None:
    """What is taken out for the class of the other of two objects, and where it lies."""
    pairs = models.two_stamps(TARGETED_MODEL, limited(TARGETED_PAIRS, args))
    for pair in pairs:

        def run(pair=pair) -> Any:
            method = suffice.Moxi(order="deletion")
            exp = explain(TARGETED_MODEL, pair["input"], method, TARGETED_BUDGET, pair["labels"][1])
            row: dict[str, Any] = {
                "labels": pair["labels"],
                "status": exp.status,
                "evaluations": exp.evaluations,
                "opposing": exp.record["details"]["deletion"]["opposing"],
                "area_percent": [100 * float(m.mean()) for m in pair["masks"]],
            }
            for name, mask in (exp.extra_masks or {}).items():
                row[name] = {
                    "patches": round(mask.sum() / 256),
                    "touching": [touching(mask, m) for m in pair["masks"]],
                }
            return row

        remember(OURS, f"targeted|{TARGETED_MODEL}|{'+'.join(pair['files'])}", run)


def cost(_: argparse.Namespace) -> None:
    """CPU milliseconds of a composite against the tokens kept, one thread."""
    x = models.photo_input("vit_tiny", models.photographs("vit_tiny_keep", 1)[0][0])
    composite = np.concatenate([x, np.ones((1, *x.shape[1:]), np.float32)])
    rng = np.random.default_rng(0)
    for model in ("vit_tiny_tokens", "vit_tiny_keep"):
        clf = models.classifier(model)
        for tokens in COST_TOKENS:

            def run(clf=clf, tokens=tokens) -> Any:
                keep = np.zeros((16, PATCHES), bool)
                for row in keep:
                    row[rng.choice(PATCHES, tokens, replace=False)] = True
                pixels = keep.reshape(16, 14, 14).repeat(16, 1).repeat(16, 2)
                batch = np.where(pixels[:, None], composite, np.float32(0))
                clf(batch)
                taken = []
                for _ in range(5):
                    began = time.process_time()
                    clf(batch)
                    taken.append((time.process_time() - began) / 16 * 1e3)
                return {"ms": float(np.median(taken))}

            remember(OURS, f"cost|{model}|{tokens}", run)


PARTS: dict[str, Callable[[argparse.Namespace], None]] = {
    "parity": parity,
    "full": full,
    "curves": curves,
    "targeted": targeted,
    "cost": cost,
}


# -- both sides -----------------------------------------------------------------------------------


def both_sides(
    args: argparse.Namespace, part: str, model: str, inputs: list[Any], steps: int
) -> None:
    """Orders of ours and of the public code on the same arrays; 0 steps: the full order."""
    for order in ORDERS:
        for name, x in inputs:
            key = f"{part}|{model}|{order}|{name}|{steps}"

            def ours(x=x, order=order) -> Any:
                cells = models.public_cells(x.shape[1])
                method = suffice.Moxi(order=order, full=True, feature_mask=cells)
                exp = explain(model, x, method, steps_budget(steps) if steps else None)
                found = exp.record["details"][order]
                return {
                    "order": found["order"],
                    "target": exp.target,
                    "evaluations": exp.evaluations,
                    "passed_at": found["passes"].index(order == "insertion") + 1
                    if (order == "insertion") in found["passes"]
                    else None,
                }

            def theirs(x=x, order=order, name=name) -> Any:
                return peer(args, model, x, order, name, steps)

            remember(OURS, key, ours)
            if args.public:
                remember(THEIRS, key, theirs)


def peer(
    args: argparse.Namespace, model: str, x: Any, order: str, name: str, steps: int
) -> dict[str, Any]:
    """One order of the public code, in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="suffice-bench-") as folder:
        inputs = Path(folder) / "inputs.npz"
        np.savez(inputs, **{name: x})
        command = [args.peer_python, str(PEER), "--public", args.public]
        command += ["--model", str(model_file(model)), "--inputs", str(inputs)]
        command += ["--order", order, "--steps", str(steps)]
        out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    row = json.loads(out.strip().splitlines()[-1])
    return {k: row[k] for k in ("order", "target", "evaluations", "distinct")}


def explain(
    model: str, x: Any, method: Any, budget: int | None, target: int | None = None
) -> suffice.Explanation:
    """One explanation without a certificate: only the order is asked about."""
    found = suffice.explain(
        models.classifier(model), x, method=method, budget=budget, target=target, verify=False
    )
    if "details" not in found.record or not found.record["details"]:
        raise RuntimeError(f"{model}: no order, status {found.status}: {found.reason}")
    return found


def steps_budget(steps: int) -> int:
    """Evaluations of the first steps, the whole image and nothing included."""
    return 2 + sum(PATCHES - k for k in range(steps))


def touching(mask: Any, shape: Any) -> float:
    """Share of a mask's patches that touch an object; a patch is 16 pixels a side."""
    cells = mask.reshape(14, 16, 14, 16).any(axis=(1, 3))
    objects = shape.reshape(14, 16, 14, 16).any(axis=(1, 3))
    return float((cells & objects).sum() / cells.sum())


def chosen(names: tuple[str, ...], args: argparse.Namespace) -> list[str]:
    return [n for n in names if not args.models or n in args.models]


def limited(count: int, args: argparse.Namespace) -> int:
    return min(count, args.photos) if args.photos else count


# -- the store ------------------------------------------------------------------------------------


def load(path: Path) -> dict[str, dict[str, Any]]:
    """A store's rows by key."""
    if not path.exists():
        return {}
    rows = (json.loads(line) for line in path.read_text().splitlines())
    return {r["key"]: r for r in rows}


def remember(path: Path, key: str, run: Callable[[], dict[str, Any]]) -> None:
    """Run what is not in the store and append its row."""
    if key in load(path):
        return
    row = {"key": key, **run()}
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as store:
        store.write(json.dumps(row) + "\n")
    print(f"  {path.stem}: {key}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
