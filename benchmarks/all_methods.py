"""Every method and comparator on the same pictures and models: size, cost, curves, agreement.

Part ``imagenet``: photographs and stamps of `corpus.reported`, criterion ``top1``, grain 8; `sis` would
take 1.3e9 evaluations a picture there and is not run. Part ``cifar``: real CIFAR-10 pixels and
ResNet20, grain 1, `sis` included. A search stops at 6,000 evaluations. Comparators may spend `--evaluations` on their map; what that
and the search for the prefix took is counted together. Classifiers are ONNX Runtime's; where
gradients are needed the same file is converted by onnx2torch, and its set is sought and proved by
ONNX Runtime like all others.

    python benchmarks/all_methods.py            # goes on where it was; --part, --pictures

Needs captum, shap, scikit-image and onnx2torch beside suffice. Seconds are CPU time over all threads,
the certificate included, so that other load hardly matters.
"""

from __future__ import annotations

import argparse
import base64
import json
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

import corpus
import suffice
from common import ROOT, ZOO, model_file, spread, write
from suffice import comparators, metrics
from suffice.methods.base import registered
from suffice.models.images import load_image

STORE = ROOT / "benchmarks" / "cache" / "all_methods.jsonl"
MODELS = ("efficientnet_lite0", "squeezenet1.1")
CIFAR_MODEL = "cifar_resnet20"
SEED = 0
SIS_PICTURES = 2  # it takes five minutes of a core for one
STEPS = 50  # of the insertion and deletion curves
LONGER = 2000  # an effort of minimal beside its default; `msv` takes about as much
BUDGET = 6000  # a search; what it holds then is its set. Of sis, for which it is no use, none
GRADIENTS = ("gradients", "module")  # what a comparator may need that ONNX Runtime doesn't have


@dataclass(frozen=True)
class Picture:
    """One picture for one model."""

    part: str
    model: str
    name: str
    x: Any  # float32 [C, H, W]

    @property
    def key(self) -> str:
        """Name in results."""
        return f"{self.model}/{self.name}"


def pictures(part: str, count: int) -> list[Picture]:
    """The pictures of a part, ``count`` for each model."""
    if part == "imagenet":
        items = [i for i in corpus.reported(count) if i.model in MODELS]
        return [Picture(part, i.model, i.file, i.input()) for i in items]
    with np.load(ZOO / "images" / "cifar10" / "cifar10_open.npz") as data:
        photos, labels = data["x_test"], data["y_test"]
    picked = np.random.default_rng(SEED).permutation(len(photos))
    p = corpus.preprocess(CIFAR_MODEL)
    clf, found = classifier(CIFAR_MODEL), []
    for k in picked:
        x = p.apply(load_image(photos[k]))[0]
        if int(np.argmax(clf(x[None])[0])) == int(labels[k]):
            found.append(Picture(part, CIFAR_MODEL, f"test {k}", x))
        if len(found) == count:
            break
    return found


@cache
def classifier(model: str) -> Any:
    """The model through ONNX Runtime."""
    return corpus.classifier(model)


@cache
def differentiable(model: str) -> Any:
    """The same file converted to torch."""
    return suffice.TorchClassifier.from_onnx(
        model_file(model), preprocess=corpus.preprocess(model), threads=1
    )


def contenders(
    part: str, model: str, evaluations: int, sis: bool
) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Names and makers of the methods, ours first; `sis` where it is wanted and can end."""
    small = part == "cifar"
    yield "minimal", suffice.Minimal
    yield f"minimal, effort {LONGER}", lambda: suffice.Minimal(effort=LONGER)
    yield "rex", suffice.Rex
    yield "msv", lambda: suffice.Msv(max_views=1)
    yield "moxi", suffice.Moxi
    yield "sag", suffice.Sag
    yield "gradient-sis", lambda: suffice.GradientSis(k=4 if small else 100)
    if small and sis:
        yield "sis", suffice.Sis
    for name, kind in comparators.all_comparators().items():
        if kind.needs == "attention":  # the zoo's transformer has no module to look into
            continue
        source = differentiable if kind.needs in GRADIENTS else classifier

        def make(name: str = name, source: Any = source) -> Any:
            ranking = comparators.make(name, source(model), evaluations=evaluations)
            return suffice.FromRanking(ranking)

        yield name, make


def run(picture: Picture, name: str, make: Callable[[], Any]) -> dict[str, Any]:
    """Explain one picture by one method, and draw the curves of its ranking."""
    clf = differentiable(picture.model) if name == "gradient-sis" else classifier(picture.model)
    method = make()
    began = time.process_time()
    exp = suffice.explain(
        clf,
        picture.x,
        method=method,
        grain=1 if picture.part == "cifar" else 8,
        seed=SEED,
        budget=None if name == "sis" else BUDGET,
    )
    row: dict[str, Any] = {
        "key": f"{picture.key}|{name}",
        "part": picture.part,
        "method": name,
        "version": exp.record["method"]["version"],
        "status": exp.status,
        "seconds": time.process_time() - began,
        "evaluations": exp.evaluations,
        "ranking_evaluations": (exp.record.get("details") or {}).get("ranking_evaluations", 0),
        "rounds": exp.rounds,
    }
    if len(exp.masks):
        held = suffice.verify(exp, classifier(picture.model), picture.x)
        row |= {
            "area": exp.area,
            "sufficient": held.sufficient,
            "irreducible_at": exp.certificate.irreducible_at,
            "confidence": exp.certificate.confidence,
            "mask": base64.b64encode(zlib.compress(np.packbits(exp.mask).tobytes())).decode(),
        }
    if exp.responsibility is not None:
        for kind in ("insertion", "deletion"):
            draw = getattr(metrics, f"{kind}_curve")
            curve = draw(classifier(picture.model), picture.x, exp, steps=STEPS)
            row[f"{kind}_auc"] = curve.auc_normalised
    return row


def load() -> dict[str, dict[str, Any]]:
    """The rows taken so far, by key, those of other versions of a method left out."""
    if not STORE.exists():
        return {}
    rows = (json.loads(line) for line in STORE.read_text().splitlines())
    of = registered()
    return {
        row["key"]: row
        for row in rows
        if row.get("version", "1") == of.get(_base(row["method"]), suffice.FromRanking).version
    }


def _base(contender: str) -> str:
    """The method's name without its setting."""
    return contender.partition(",")[0]


def mask_of(row: dict[str, Any]) -> Any:
    """The set of a row as bits, and nothing where there is none."""
    if "mask" not in row:
        return None
    return np.unpackbits(np.frombuffer(zlib.decompress(base64.b64decode(row["mask"])), np.uint8))


def dice(row: dict[str, Any], other: dict[str, Any] | None) -> float | None:
    """Dice coefficient of the sets of two rows."""
    a, b = mask_of(row), None if other is None else mask_of(other)
    if a is None or b is None:
        return None
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


def summarise(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What is known of each method in one part."""
    by_key = {row["key"]: row for row in rows}
    summary: dict[str, Any] = {}
    for name in dict.fromkeys(row["method"] for row in rows):
        own = [row for row in rows if row["method"] == name]
        found = [row for row in own if "area" in row]
        rex = [by_key.get(row["key"].rpartition("|")[0] + "|rex") for row in own]
        agree = [d for d in map(dice, own, rex) if d is not None]
        entry: dict[str, Any] = {
            "pictures": len(own),
            "found": len(found),
            "stopped": sum(row["status"] == "budget" for row in own),
            "sufficient": sum(row["sufficient"] for row in found),
            "irreducible": sum(row["irreducible_at"] is not None for row in found),
        }
        entry["evaluations"] = spread([r["evaluations"] + r["ranking_evaluations"] for r in own])
        entry["seconds"] = spread([row["seconds"] for row in own])
        for what in ("area", "insertion_auc", "deletion_auc"):
            known = [row[what] for row in own if what in row]
            entry[what] = spread(known) if known else None
        entry["dice_with_rex"] = spread(agree) if agree else None
        summary[name] = entry
    return summary


def table(result: dict[str, Any]) -> str:
    """All parts as Markdown."""
    about = (
        "Medians over the pictures (quartiles of the area); *evaluations* are those of the map and of "
        "the search, a gradient counting 3; *seconds* of CPU time; curves of the map in 50 steps, AUC over the confidence on "
        "the whole picture; *Dice* of the set with that of `rex`. Criterion `top1`, zero baseline."
    )
    lines = [about]
    head = "| method | n | area % | evaluations | seconds | insertion | deletion | Dice | irreducible |"
    for part, summary in result["parts"].items():
        lines += ["", f"**{part}** ({result['about'][part]})", ""]
        lines += [head, "|---|---|---|---|---|---|---|---|---|"]
        ordered = sorted(summary.items(), key=lambda e: (e[1]["area"] or {"median": 2})["median"])
        lines += [line_of(name, entry) for name, entry in ordered]
    return "\n".join(lines)


def line_of(name: str, entry: dict[str, Any]) -> str:
    area = entry["area"]
    cells = [f"`{name}`", f"{entry['found']} of {entry['pictures']}"]
    cells.append(
        "-"
        if area is None
        else "{:.1f} ({:.1f}-{:.1f})".format(*(100 * area[k] for k in ("median", "q1", "q3")))
    )
    cells.append(f"{entry['evaluations']['median']:,.0f}")
    cells.append(f"{entry['seconds']['median']:.1f}")
    for what in ("insertion_auc", "deletion_auc", "dice_with_rex"):
        cells.append("-" if entry[what] is None else f"{entry[what]['median']:.2f}")
    cells.append(f"{entry['irreducible']}" if entry["irreducible"] else "-")
    return f"| {' | '.join(cells)} |"


def report(evaluations: int) -> None:
    """Write what the store has."""
    rows = list(load().values())
    parts = {p: summarise([r for r in rows if r["part"] == p]) for p in ("imagenet", "cifar")}
    about = {}
    for part in parts:
        keys = sorted({r["key"].rpartition("|")[0] for r in rows if r["part"] == part})
        models = sorted({key.partition("/")[0] for key in keys})
        about[part] = f"{len(keys)} pictures; {', '.join(models)}"
    result = {
        "comparators_evaluations": evaluations,
        "about": about,
        "parts": {p: s for p, s in parts.items() if s},
        "rows": [{k: v for k, v in row.items() if k != "mask"} for row in rows],
    }
    write("all_methods", result, table(result))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=("imagenet", "cifar"))
    parser.add_argument("--pictures", type=int, default=5, help="of each model")
    parser.add_argument("--evaluations", type=int, default=400, help="of a comparator's map")
    args = parser.parse_args()
    STORE.parent.mkdir(parents=True, exist_ok=True)
    for part in (args.part,) if args.part else ("imagenet", "cifar"):
        for number, picture in enumerate(pictures(part, args.pictures)):
            sis = number < SIS_PICTURES
            for name, make in contenders(part, picture.model, args.evaluations, sis):
                if f"{picture.key}|{name}" in load():
                    continue
                row = run(picture, name, make)
                with STORE.open("a") as file:
                    file.write(json.dumps(row) + "\n")
                print(row["key"], row.get("area"), row["evaluations"], f"{row['seconds']:.1f}s")
    report(args.evaluations)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
