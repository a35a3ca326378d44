"""`minimal` against rex-xai 0.4.1 and our `rex`: size, certificates, stability, sense.

Reads what `ours_store.py` and `peer_store.py` took, checks every set by an ONNX Runtime session of
its own, shows each set to the model in other circumstances, and writes the tables.

    python benchmarks/versus_peers.py
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

import corpus
import ours_store
import peer_store
from common import model_file, spread, write
from ours_store import Job
from suffice.models.baselines import make_baseline
from suffice.subject import image_key

BORDER = 22  # pixels; METHODS.md, gradient-sis
OTHER_BASELINES = ("black", "grey", "rgb:255,255,255", "image-mean", "blur:8", "noise")
SHIFTS = ((1, 0), (0, 2), (-3, 0), (0, -4))  # rows, columns
NOISES = (11, 12)
MARKS = (50, 100, 200, 300, 500, 700, 1000, 1500, 2000)
PEER = "rex-xai"

Mask = npt.NDArray[np.bool_]


class Runs:
    """Every row of both stores, by method and picture."""

    def __init__(self) -> None:
        self.ours, self.peer = ours_store.load(), peer_store.load()

    def row(self, method: str, job: Job) -> dict[str, Any] | None:
        """The row of one method, or None where it was not run."""
        if method != PEER:
            budget = ours_store.MSV_BUDGET if method == "msv" else job.budget
            return self.ours.get(replace(job, method=method, budget=budget).key)
        level = float(job.criterion.partition(":")[2] or 0)
        return self.peer.get(peer_store.Job(job.item, job.seed, level, job.variant).key)

    def paired(self, methods: tuple[str, ...], jobs: list[Job]) -> list[tuple[Job, dict[str, Any]]]:
        """Jobs that all methods have done, with their rows."""
        found = [(job, {m: self.row(m, job) for m in methods}) for job in jobs]
        return [(job, rows) for job, rows in found if all(rows.values())]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.parse_args()
    runs, groups = Runs(), ours_store.groups()
    result = {
        "size": size(runs, groups["minimal"]),
        "size_relative": size(runs, groups["relative"]),
        "irreducible": {
            "grain 8, within 1,000": irreducible(runs, groups["minimal"], 1000),
            "grain 1, within 6,000": irreducible(runs, groups["fine"], 6000),
        },
        "stability": stability(runs),
        "robust": robust(runs, groups["robust"]),
        "sense": sense(runs, groups["minimal"]),
        "verified": verified(runs),
    }
    write("versus_peers", result, table(result))
    return 0


# -- size ---------------------------------------------------------------------------------------


def size(runs: Runs, jobs: list[Job]) -> dict[str, Any]:
    """Areas against rex-xai and our rex, at every number of evaluations."""
    pairs = runs.paired(("minimal", PEER), jobs)
    if not pairs:
        return {"n": 0}
    traces = [rows["minimal"]["trace"] for _, rows in pairs]
    areas = {m: [100 * rows[m]["area"] for _, rows in pairs] for m in ("minimal", PEER)}
    return {
        "n": len(pairs),
        "of": len(jobs),
        "per_model": {m: sum(job.item.model == m for job, _ in pairs) for m in corpus.MODELS},
        "evaluations": {
            m: spread([rows[m]["evaluations"] for _, rows in pairs]) for m in ("minimal", PEER)
        },
        "area_percent": {
            **{f"minimal@{n}": spread([100 * area_at(t, n) for t in traces]) for n in MARKS},
            **{m: spread(a) for m, a in areas.items()},
        },
        "median_by_model": by_model(pairs, ("minimal", PEER)),
        "versus": {
            peer: against(runs.paired(("minimal", peer), jobs), peer)
            for peer in (PEER, "rex")
            if runs.paired(("minimal", peer), jobs)
        },
    }


def against(pairs: list[tuple[Job, dict[str, Any]]], peer: str) -> dict[str, Any]:
    """Minimal at a tenth and at half of what a peer spent, picture by picture."""
    theirs = np.array([rows[peer]["area"] for _, rows in pairs])
    spent = [rows[peer]["evaluations"] for _, rows in pairs]
    traces = [rows["minimal"]["trace"] for _, rows in pairs]
    tenth, half = (
        np.array([area_at(t, n // k) for t, n in zip(traces, spent, strict=True)]) for k in (10, 2)
    )
    return {
        "n": len(pairs),
        "median_area_percent": float(100 * np.median(theirs)),
        "median_evaluations": float(np.median(spent)),
        "at_a_tenth": float(100 * np.median(tenth)),
        "no_larger_at_a_tenth": float((tenth <= theirs).mean()),
        "at_half": float(100 * np.median(half)),
        "at_half_over_theirs": float(np.median(half) / np.median(theirs)),
        "median_ratio_at_half": float(np.median(half / theirs)),
        "no_larger_at_half": float((half <= theirs).mean()),
    }


def by_model(
    pairs: list[tuple[Job, dict[str, Any]]], methods: tuple[str, ...]
) -> dict[str, dict[str, float]]:
    """Median areas in percent for each model."""
    table: dict[str, dict[str, float]] = {}
    for model in corpus.MODELS:
        mine = [rows for job, rows in pairs if job.item.model == model]
        if mine:
            table[model] = {
                m: float(100 * np.median([r[m]["area"] for r in mine])) for m in methods
            }
            table[model]["minimal@200"] = float(
                100 * np.median([area_at(r["minimal"]["trace"], 200) for r in mine])
            )
    return table


def area_at(trace: list[list[float]], evaluations: int) -> float:
    """Smallest area within a number of evaluations; all pixels before the first passing set."""
    return min((area for n, area in trace if n <= evaluations), default=1.0)


# -- certificates -------------------------------------------------------------------------------


def irreducible(runs: Runs, jobs: list[Job], limit: int) -> dict[str, Any]:
    """How many sets were proved irreducible, and how many within a number of evaluations."""
    rows = [(job, runs.row("minimal", job)) for job in jobs]
    done = [(job, r) for job, r in rows if r is not None]
    proved = [r for job, r in done if r["certificate"]["irreducible_at"] == job.grain]
    return {
        "n": len(done),
        "proved": len(proved),
        "within": sum(r["evaluations"] <= limit for r in proved),
        "evaluations": spread([r["evaluations"] for _, r in done]) if done else None,
        "area_percent": spread([100 * r["area"] for _, r in done]) if done else None,
        "pixels": spread([r["pixels"] for _, r in done]) if done else None,
    }


def robust(runs: Runs, jobs: list[Job]) -> dict[str, Any]:
    """Sets that must suffice under every named baseline at once."""
    done = [r for r in (runs.row("minimal", job) for job in jobs) if r is not None]
    plain = [runs.row("minimal", replace(job, baselines=("zero",))) for job in jobs]
    return {
        "baselines": ours_store.BASELINES,
        "n": len(done),
        "status": {s: sum(r["status"] == s for r in done) for s in {r["status"] for r in done}},
        "sufficient": sum(bool(r["certificate"]["sufficient"]) for r in done),
        "independent": sum(
            holds_under_all(job, r) for job in jobs if (r := runs.row("minimal", job)) is not None
        ),
        "area_percent": spread([100 * r["area"] for r in done]) if done else None,
        "evaluations": spread([r["evaluations"] for r in done]) if done else None,
        "area_percent_zero_alone": spread([100 * r["area"] for r in plain if r]),
    }


def holds_under_all(job: Job, row: dict[str, Any]) -> bool:
    """Whether a set gives the class under every baseline of its job, by a session of our own."""
    x, p = job.item.input(), corpus.preprocess(job.item.model)
    mask = peer_store.mask_of(row, x.shape[1:])
    made = (make_baseline(b, x, p, seed=job.seed, key=image_key(x)).array for b in job.baselines)
    f = scores(job.item.model)
    return all(int(f(np.where(mask, x, b)).argmax()) == row["target"] for b in made)


def verified(runs: Runs) -> dict[str, Any]:
    """Every set of minimal again: its certificate, and a session nobody else used."""
    counts = {"sets": 0, "certificate": 0, "independent": 0}
    for name, jobs in ours_store.groups().items():
        for job in jobs:
            row = runs.row(job.method, job)
            if row is None or job.method != "minimal" or name == "robust":
                continue
            counts["sets"] += 1
            counts["certificate"] += bool(row["certificate"]["sufficient"])
            x = job.item.input(job.variant)
            mask = peer_store.mask_of(row, x.shape[1:])
            kept = scores(job.item.model)(np.where(mask, x, np.float32(0)))
            counts["independent"] += passes(kept, scores(job.item.model)(x), row["target"], job)
    return counts


def passes(kept: npt.NDArray[Any], whole: npt.NDArray[Any], target: int, job: Job) -> bool:
    """Whether logits pass the criterion, in plain NumPy."""
    level = float(job.criterion.partition(":")[2] or 0)
    top = int(kept.argmax()) == target
    return top and bool(probability(kept, target) >= level * probability(whole, target))


# -- stability ----------------------------------------------------------------------------------


def stability(runs: Runs) -> dict[str, Any]:
    """Area and overlap over seeds, and over shifts and noise of the photo."""
    items = peer_store.stability_items()
    seeds = [Job(i, seed=s) for i in items for s in (peer_store.SEED, *peer_store.STABILITY_SEEDS)]
    changed = [Job(i, variant=v) for i in items for v in ("", *peer_store.VARIANTS)]
    both = ("minimal", PEER)
    result = {
        "seeds": {m: variation(runs, seeds, m, both) for m in both},
        "shifts_and_noise": {m: variation(runs, changed, m, both) for m in both},
    }
    for what, jobs in (("seeds", seeds), ("shifts_and_noise", changed)):
        longer = [replace(job, effort=ours_store.THOROUGH) for job in jobs]
        result[f"{what}, effort {ours_store.THOROUGH}"] = {
            "minimal": variation(runs, longer, "minimal", ("minimal",))
        }
    return result


def variation(runs: Runs, jobs: list[Job], method: str, methods: tuple[str, ...]) -> dict[str, Any]:
    """Max/min - 1 of the area and mean pairwise Dice, picture by picture.

    ``one_change``: the same of two runs only, the first of a picture and each other one in turn.
    """
    of: dict[str, list[tuple[Job, dict[str, Any]]]] = defaultdict(list)
    for job, rows in runs.paired(methods, jobs):
        of[job.item.key].append((job, rows[method]))
    changes, overlaps = [], []
    single: dict[str, list[float]] = defaultdict(list)
    for found in of.values():
        if len(found) < 2:
            continue
        areas = [r["area"] for _, r in found]
        changes.append(max(areas) / min(areas) - 1)
        for (job, _), area in zip(found[1:], areas[1:], strict=True):
            change = max(area, areas[0]) / min(area, areas[0]) - 1
            single[job.variant or f"seed:{job.seed}"].append(change)
        masks = [aligned(job, r) for job, r in found]
        overlaps.append(np.mean([dice(a, b) for i, a in enumerate(masks) for b in masks[i + 1 :]]))
    if not changes:
        return {"n": 0}
    return {
        "n": len(changes),
        "runs_each": float(np.mean([len(f) for f in of.values()])),
        "area_max_over_min_less_1": spread(changes),
        "one_change": spread([x for xs in single.values() for x in xs]),
        "one_change_each": {name: spread(xs) for name, xs in single.items()},
        "dice": spread(overlaps),
        "evaluations": spread([r["evaluations"] for found in of.values() for _, r in found]),
        "area_percent": spread([100 * r["area"] for found in of.values() for _, r in found]),
    }


def aligned(job: Job, row: dict[str, Any]) -> Mask:
    """A set on the unshifted photo."""
    mask = peer_store.mask_of(row, job.item.input().shape[1:])
    kind, _, text = job.variant.partition(":")
    if kind == "shift":
        down, right = (int(v) for v in text.split(","))
        mask = np.roll(mask, (-down, -right), (0, 1))
    return mask


def dice(a: Mask, b: Mask) -> float:
    """Dice coefficient."""
    return 2.0 * float((a & b).sum()) / max(1.0, float(a.sum() + b.sum()))


# -- sense --------------------------------------------------------------------------------------


def sense(runs: Runs, jobs: list[Job]) -> dict[str, Any]:
    """What the sets are worth beyond their size, each method on the pictures it has done."""
    result = {}
    for method in ("minimal", PEER, "rex", "msv"):
        pairs = runs.paired(("minimal", PEER, method), jobs)
        if not pairs:
            continue
        facts: dict[str, list[float]] = defaultdict(list)
        for job, rows in pairs:
            for name, value in circumstances(job, rows[method]):
                facts[name].append(value)
        result[method] = {name: {"n": len(v), "mean": mean(v)} for name, v in facts.items()}
        result[method]["dependent_rounds"] = spread([waits(rows[method]) for _, rows in pairs])
        result[method]["pictures"] = len(pairs)
    return result


def mean(values: list[float]) -> float | None:
    """Mean without NaN (a flat map has no share); None of nothing."""
    real = [v for v in values if not np.isnan(v)]
    return float(np.mean(real)) if real else None


def waits(row: dict[str, Any]) -> float:
    """Dependent steps; rex-xai's at its default batch of 1 are its calls of the model."""
    return float(row["rounds"] if "rounds" in row else row["calls"])


def circumstances(job: Job, row: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """Facts about one set, most of them 0 or 1."""
    x, f = job.item.input(), scores(job.item.model)
    mask, target = peer_store.mask_of(row, x.shape[1:]), row["target"]
    holds = lambda composite: float(int(f(composite).argmax()) == target)
    zero = np.zeros_like(x)
    yield "sufficient", holds(np.where(mask, x, zero))
    yield "confidence", probability(f(np.where(mask, x, zero)), target)
    for kind in OTHER_BASELINES:
        b = make_baseline(kind, x, corpus.preprocess(job.item.model), seed=1, key=1).array
        yield f"baseline {kind.partition(':')[0]}", holds(np.where(mask, x, b))
    for shift in SHIFTS:
        moved = np.roll(np.where(mask, x, zero), shift, (1, 2))
        yield "composite shifted by 1-4 px", holds(moved)
    for seed in NOISES:
        yield "photo with noise", holds(np.where(mask, job.item.input(f"noise:{seed}"), zero))
    frame = np.ones(mask.shape, bool)
    frame[BORDER:-BORDER, BORDER:-BORDER] = False
    yield "share in the border", float(mask[frame].sum() / max(1, mask.sum()))
    if job.item.is_stamp:
        inside = job.item.object_mask()
        yield "share of the set inside the object", float(mask[inside].sum() / max(1, mask.sum()))
        yield "share of the object in the picture", float(inside.mean())
        if "responsibility_inside" in row:
            yield "share of the responsibility inside", row["responsibility_inside"]


@cache
def scores(model: str) -> Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float64]]:
    """Logits of one input, by a session of our own."""
    import onnxruntime

    session = onnxruntime.InferenceSession(
        str(model_file(model)), providers=["CPUExecutionProvider"]
    )
    name = session.get_inputs()[0].name

    def logits(x: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        return session.run(None, {name: x[None].astype(np.float32)})[0][0].astype(float)

    return logits


def probability(logits: npt.NDArray[np.float64], target: int) -> float:
    """Softmax of one class."""
    e = np.exp(logits - logits.max())
    return float(e[target] / e.sum())


# -- table --------------------------------------------------------------------------------------


def table(result: dict[str, Any]) -> str:
    """Markdown for people."""
    lines = size_table("top1", result["size"]) + size_table(
        f"relative:{peer_store.RELATIVE:g}", result["size_relative"]
    )
    lines += ["", "**Irreducible** (proved by the certificate; evaluations are the search's)", ""]
    for name, r in result["irreducible"].items():
        if r["n"]:
            e, p = r["evaluations"], r["pixels"]
            lines.append(
                f"- {name}: {r['within']} of {r['n']} ({r['proved']} proved at all); evaluations "
                f"median {e['median']:.0f} (max {e['max']:.0f}), pixels median {p['median']:.0f}, "
                f"area median {r['area_percent']['median']:.3f} %"
            )
    lines += ["", "**Stability** (area: max / min - 1, median and quartiles over pictures)", ""]
    for what, methods in result["stability"].items():
        for name, r in methods.items():
            if r["n"]:
                a, d, one = r["area_max_over_min_less_1"], r["dice"], r["one_change"]
                each = ", ".join(f"{k} {x['median']:.2f}" for k, x in r["one_change_each"].items())
                lines.append(
                    f"- {what.replace('_', ' ')}, {name}: {a['median']:.2f} ({a['q1']:.2f}-"
                    f"{a['q3']:.2f}), mean pairwise Dice {d['median']:.2f}; {r['n']} pictures, "
                    f"{r['runs_each']:.1f} runs each; area median "
                    f"{r['area_percent']['median']:.2f} %, evaluations median "
                    f"{r['evaluations']['median']:.0f}; each change alone: {one['median']:.2f} "
                    f"({one['q1']:.2f}-{one['q3']:.2f}; {one['n']} pairs: {each})"
                )
    r, v = result["robust"], result["verified"]
    if r["n"]:
        lines += [
            "",
            (
                f"**Under {len(r['baselines'])} baselines at once** ({r['n']} pictures): "
                f"{r['sufficient']} sufficient under each ({r['independent']} by an independent session), area median "
                f"{r['area_percent']['median']:.1f} % against "
                f"{r['area_percent_zero_alone']['median']:.1f} % under zero alone, "
                f"{r['evaluations']['median']:.0f} evaluations; status {r['status']}"
            ),
        ]
    lines += [
        "",
        (
            f"**Verified**: {v['sets']} sets of minimal, {v['certificate']} certificates "
            f"sufficient, {v['independent']} by an independent session"
        ),
    ]
    return "\n".join(lines + sense_table(result["sense"]))


def size_table(criterion: str, r: dict[str, Any]) -> list[str]:
    """Areas under one criterion."""
    if not r["n"]:
        return []
    lines = [
        "",
        (
            f"**Size, `{criterion}`**: {r['n']} of {r['of']} pictures "
            f"({', '.join(f'{m} {n}' for m, n in r['per_model'].items())})"
        ),
        "",
        "| | evaluations | area % median (q1-q3) |",
        "|---|---|---|",
    ]
    for name, a in r["area_percent"].items():
        spent = name.partition("@")[2] or f"{r['evaluations'][name]['median']:.0f}"
        lines.append(
            f"| {name.partition('@')[0]} | {spent} | {a['median']:.2f} "
            f"({a['q1']:.2f}-{a['q3']:.2f}) |"
        )
    for name, v in r["versus"].items():
        lines += [
            "",
            (
                f"Against {name} on {v['n']} pictures ({v['median_area_percent']:.2f} % for "
                f"{v['median_evaluations']:.0f} evaluations): at a tenth of its evaluations "
                f"{v['at_a_tenth']:.2f} %, no larger on {100 * v['no_larger_at_a_tenth']:.0f} % of the "
                f"pictures; at half {v['at_half']:.2f} %, that is {v['at_half_over_theirs']:.2f} of "
                f"its median (median paired ratio {v['median_ratio_at_half']:.2f}), no larger on "
                f"{100 * v['no_larger_at_half']:.0f} %."
            ),
        ]
    lines += [
        "",
        "Medians by model: "
        + "; ".join(
            f"{m} " + ", ".join(f"{k} {v:.2f}" for k, v in row.items())
            for m, row in r["median_by_model"].items()
        ),
    ]
    return lines


def sense_table(r: dict[str, Any]) -> list[str]:
    """What the sets are worth beyond their size."""
    names = list(r)
    heads = [f"{m} (n = {r[m]['pictures']})" for m in names]
    facts = [f for f in r[names[0]] if f not in ("dependent_rounds", "pictures")]
    lines = ["", "**Sense** (means)", "", "| | " + " | ".join(heads) + " |"]
    lines.append("|---|" + "---|" * len(names))
    for fact in facts:
        means = [r[m].get(fact, {}).get("mean") for m in names]
        cells = ["-" if v is None else f"{v:.3f}" for v in means]
        lines.append(f"| {fact} | " + " | ".join(cells) + " |")
    rounds = [r[m]["dependent_rounds"]["median"] for m in names]
    lines.append(
        "| dependent rounds (median; rex-xai at its default batch of 1) | "
        + " | ".join(f"{c:.0f}" for c in rounds)
        + " |"
    )
    return lines


if __name__ == "__main__":
    sys.exit(main())
