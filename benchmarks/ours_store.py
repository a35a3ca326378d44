"""Our own runs for the comparisons, resumable; `versus_peers.py` reads them and writes results.

Rows go to ``benchmarks/cache/ours.jsonl``, which is not committed: another version of a method
must be measured anew. Evaluations, sets and certificates are kept, so other work on the machine
does not matter.

    python benchmarks/ours_store.py [GROUP ...]
"""

from __future__ import annotations

import argparse
import base64
import json
import sys
import zlib
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np

import corpus
import peer_store
import rankings_store
import suffice
from common import ROOT
from suffice.methods.base import registered

STORE = ROOT / "benchmarks" / "cache" / "ours.jsonl"
BASELINES = ("zero", "black", "grey", "image-mean", "blur:8", "noise", "inpaint")
MSV_BUDGET = 1000
THOROUGH = 4000  # effort that stability is looked at with as well
REX_PER_MODEL = dict(zip(corpus.MODELS, (10, 4, 10), strict=True))  # a transformer is dear


@dataclass(frozen=True)
class Job:
    """One explanation by suffice."""

    item: corpus.Item
    method: str = "minimal"
    criterion: str = "top1"
    grain: int = 8
    seed: int = peer_store.SEED
    variant: str = ""
    baselines: tuple[str, ...] = ("zero",)
    budget: int | None = None
    effort: int | None = None  # of minimal; None: its default

    @property
    def setting(self) -> tuple[Any, ...]:
        """What jobs of one run share."""
        return (
            *(self.item.model, self.method, self.criterion, self.grain),
            *(self.seed, self.variant, self.baselines, self.budget, self.effort),
        )

    @property
    def key(self) -> str:
        """Name in the store."""
        rest = [self.method, self.criterion, self.grain, self.seed, self.variant]
        names = [self.item.key, *rest, "+".join(self.baselines), self.budget]
        return "|".join(map(str, names if self.effort is None else [*names, self.effort]))


def groups() -> dict[str, list[Job]]:
    """The jobs of each part of the comparison, in the order they are run."""
    items, relative = corpus.reported(), peer_store.relative_items()
    stable = peer_store.stability_items()
    level = f"relative:{peer_store.RELATIVE:g}"
    return {
        "minimal": [Job(i) for i in items],
        "rex": [Job(i, "rex") for i in rex_items()],
        "relative": [Job(i, criterion=level) for i in relative],
        "rex-relative": [Job(i, "rex", criterion=level) for i in relative],
        "stability": [Job(i, seed=s) for s in peer_store.STABILITY_SEEDS for i in stable]
        + [Job(i, variant=v) for v in peer_store.VARIANTS for i in stable],
        "thorough": [Job(i, effort=THOROUGH) for i in stable]
        + [Job(i, variant=v, effort=THOROUGH) for v in peer_store.VARIANTS for i in stable]
        + [Job(i, seed=s, effort=THOROUGH) for s in peer_store.STABILITY_SEEDS for i in stable],
        "fine": [Job(i, grain=1, budget=6000) for i in stable],
        "robust": [Job(i, baselines=BASELINES) for i in stable],
        "pairs": [Job(i) for i in pairs()] + [Job(i, "msv", budget=MSV_BUDGET) for i in pairs()],
    }


def rex_items() -> list[corpus.Item]:
    """The pictures that our own `rex` is run on."""
    return [i for m, n in REX_PER_MODEL.items() for i in corpus.reported(n) if i.model == m]


def pairs() -> list[corpus.Item]:
    """The pictures that the rankings of other explainers were taken on, each for both models."""
    return [
        corpus.Item(model, item.file, item.label)
        for item in corpus.reported(rankings_store.PER_MODEL)
        for model in rankings_store.MODELS
    ]


def load() -> dict[str, dict[str, Any]]:
    """The store's rows by key, those of other versions of a method left out."""
    if not STORE.exists():
        return {}
    rows = (json.loads(line) for line in STORE.read_text().splitlines())
    versions = {name: method.version for name, method in registered().items()}
    return {r["key"]: r for r in rows if r["version"] == versions[r["key"].split("|")[1]]}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("groups", nargs="*", help=f"of {', '.join(groups())}; default: all")
    args = parser.parse_args()
    STORE.parent.mkdir(parents=True, exist_ok=True)
    for name, jobs in groups().items():
        if args.groups and name not in args.groups:
            continue
        done = load()
        runs: dict[tuple[Any, ...], list[Job]] = defaultdict(list)
        for job in jobs:
            if job.key not in done:
                runs[job.setting].append(job)
        print(f"{name}: {sum(map(len, runs.values()))} of {len(jobs)} to run", file=sys.stderr)
        for run in runs.values():
            explain(run)
    return 0


def explain(jobs: list[Job]) -> None:
    """Run jobs that share their settings and append their rows."""
    first = jobs[0]
    stream = suffice.explain_stream(
        corpus.classifier(first.item.model),
        (job.item.input(job.variant) for job in jobs),
        method=first.method if first.effort is None else suffice.Minimal(effort=first.effort),
        criterion=first.criterion,
        grain=first.grain,
        seed=first.seed,
        baseline=list(first.baselines),
        budget=first.budget,
        window=4,
    )
    with STORE.open("a") as store:
        for job, exp in zip(jobs, stream, strict=True):
            store.write(json.dumps(row(job, exp)) + "\n")
            store.flush()
            print(
                f"  {job.key}: {exp.status}, {exp.evaluations} evaluations, {100 * exp.area:.2f} %",
                file=sys.stderr,
                flush=True,
            )


def row(job: Job, exp: suffice.Explanation) -> dict[str, Any]:
    """What the comparisons need of one explanation."""
    record = exp.record
    mask = zlib.compress(np.packbits(exp.mask).tobytes(), 9)
    result = {
        "key": job.key,
        "version": record["method"]["version"],
        **{k: record[k] for k in ("status", "target", "area", "pixels", "evaluations", "rounds")},
        "trace": record["trace"],
        "certificate": None if exp.certificate is None else exp.certificate.to_dict(),
        "mask": base64.b64encode(mask).decode(),
    }
    if job.item.is_stamp and not job.variant and exp.responsibility is not None:
        inside = job.item.object_mask()
        result["responsibility_inside"] = peer_store.share(exp.responsibility, inside)
    return result


if __name__ == "__main__":
    sys.exit(main())
