"""The experiment bench behind `minimal`: other designs, same engine, pictures and accounts.

Each strategy changes one thing of `minimal`, or replaces a part of it by what was tried instead.
The pictures are `corpus.development`, none of which is reported on elsewhere. Area after every
number of evaluations, read from the trace of one run.

    python benchmarks/strategies.py [--models M ...] [--pictures 4] [--only NAME ...]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

import corpus
import suffice
from common import spread, write
from suffice import _native
from suffice.methods._blocks import (
    Box,
    boxes_to_masks,
    empty_mask,
    geometric,
    size_of,
    unions,
)
from suffice.methods._local_search import LocalSearch
from suffice.methods._pruning import _prune_singly, block_sizes, prune
from suffice.methods._rounds import Coroutine
from suffice.methods._window_start import WindowStart
from suffice.methods.base import Method, RoundSearch
from suffice.methods.minimal import MinimalSearch
from suffice.subject import Subject
from suffice.types import Outcomes, PackedMasks

BUDGETS = (50, 100, 200, 500, 1000, 2000, 4000)
BUDGET = 4000


class Cells(MinimalSearch):
    """Start: reveal each 16-px cell alone, then the shortest passing prefix of that ranking."""

    def _start(self) -> Coroutine[PackedMasks | None]:
        cells = self.tiling.parts(self.everything, max(1, 16 // self.tiling.grain))
        outcomes = yield from self._ask(cells)
        prefixes = unions(cells[np.argsort(-outcomes.margin, kind="stable")])
        return (yield from _shortest(self, prefixes))


class Forward(MinimalSearch):
    """Start: coarse-to-fine forward greedy, cells of 64, 32 and 16 px, the best 12 asked again."""

    def _start(self) -> Coroutine[PackedMasks | None]:
        region: PackedMasks | None = self.everything
        for pixels in (64, 32, 16):
            cells = self.tiling.parts(region, max(1, pixels // self.tiling.grain))
            better = yield from _greedy(self, cells, 12)
            if better is None:
                break
            region = better
        return region


class Unshrunk(WindowStart):
    """The first passing window as it is."""

    def _shrink(self, box: Box) -> Coroutine[PackedMasks]:
        yield from ()
        return boxes_to_masks([box], self.shape)[0]


class FirstWindow(MinimalSearch):
    """Without shrinking: prune the first passing window."""

    starts = Unshrunk


class Ununited(WindowStart):
    """Where no window passes: larger windows, then ever more windows by rank."""

    def _unite(self, windows: Any, order: Any) -> Coroutine[PackedMasks | None]:
        yield from ()


class NoUnion(MinimalSearch):
    """Without joining the best windows."""

    starts = Ununited


class Unrebuilt(WindowStart):
    """A large union as it is."""

    def _rebuild(self, union: PackedMasks, window_size: int) -> Coroutine[PackedMasks]:
        yield from ()
        return union


class NoRebuild(MinimalSearch):
    """Without rebuilding large unions."""

    starts = Unrebuilt


class Singly(MinimalSearch):
    """Prune by single removals only, coarse to fine, without handfuls."""

    def _settle(self, mask: PackedMasks, sizes: list[int] | None) -> Coroutine[PackedMasks]:
        for size in sizes or block_sizes(len(self.tiling.ids(mask))):
            mask = yield from self._noting(_prune_singly(self.tiling, mask, size))
        self._hold(mask)
        return (yield from self._improve(mask))


class FinestOnly(MinimalSearch):
    """Prune at the grain only, not by coarser blocks first."""

    def _settle(self, mask: PackedMasks, sizes: list[int] | None) -> Coroutine[PackedMasks]:
        return (yield from super()._settle(mask, [1]))


class RandomAdditions(MinimalSearch):
    """Improve as version 1 did: add 2, 4 or 8 good ones of 16 tiles beside the set, prune again."""

    CANDIDATES, COUNTS, PASSES, PATIENCE = 16, (2, 4, 8), 3, 4

    def _improve(self, mask: PackedMasks) -> Coroutine[PackedMasks]:
        failed = trial = 0
        while failed < self.PATIENCE:
            pruning = self.PASSES * (len(self.tiling.ids(mask)) + max(self.COUNTS))
            if len(self._asked) + self.CANDIDATES + pruning > self.effort:
                break
            near = self.tiling.around(mask)
            drawn = np.random.default_rng([trial, *self.key]).permutation(near)[: self.CANDIDATES]
            beside = self.tiling.blocks(np.sort(drawn)) & self.allowed & ~mask
            if not len(beside):
                break
            outcomes = yield from self._ask(mask | beside)
            best = np.argsort(-outcomes.margin, kind="stable")
            added = beside[best[: self.COUNTS[failed % len(self.COUNTS)]]]
            larger = mask | np.bitwise_or.reduce(added, axis=0)
            pruned = yield from self._noting(prune(self.tiling, larger, [1], self.key))
            failed = 0 if size_of(pruned) < size_of(mask) else failed + 1
            if size_of(pruned) <= size_of(mask):
                mask = pruned
                self._hold(mask)
            trial += 1
        return mask


class NoExchange(MinimalSearch):
    """Improve without exchanging several tiles at once."""

    without: ClassVar[str] = "_exchange"

    def _local_search(self, limit: int) -> LocalSearch:
        made = super()._local_search(limit)
        setattr(made, self.without, _finds_nothing)
        return made


class NoTrade(NoExchange):
    """Improve without trading two tiles for one."""

    without = "_trade"


class NoGrowing(NoExchange):
    """Improve without growing a set from nothing."""

    without = "grow"


class NoTabu(MinimalSearch):
    """Improve by local search alone, whatever the effort."""

    def _is_long(self) -> bool:
        return False


def _finds_nothing(*_: Any) -> Coroutine[None]:
    yield from ()


class Surrogate(MinimalSearch):
    """Prune by a linear model with a smooth prior, fitted to every mask evaluated so far."""

    LENGTH, NOISE, LIMIT = 1.5, 0.15, 240
    KEPT = (0.03, 0.06, 0.1, 0.15, 0.2, 0.27, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.92)

    def __init__(self, subject: Subject, effort: int) -> None:
        super().__init__(subject, effort)
        self.data: list[tuple[np.ndarray, float]] = []

    def _note(self, masks: PackedMasks, outcomes: Outcomes) -> None:
        super()._note(masks, outcomes)
        kept = _native.unpack(np.ascontiguousarray(masks), self.shape)
        g = self.tiling.grain
        tiles = kept[:, ::g, ::g].reshape(len(masks), -1)
        self.data += [(t, float(m)) for t, m in zip(tiles, outcomes.margin, strict=True)]

    def _settle(self, mask: PackedMasks, sizes: list[int] | None) -> Coroutine[PackedMasks]:
        while True:
            ids = self.tiling.ids(mask)
            order = ids[np.argsort(-self._weights(ids), kind="stable")]
            kept = sorted({max(1, round(len(ids) * f)) for f in self.KEPT} - {len(ids)})
            if not kept:
                break
            prefixes = unions(self.tiling.blocks(order))[np.array(kept) - 1] & mask
            outcomes = yield from self._ask(prefixes)
            passing = np.flatnonzero(outcomes.passes)
            if not len(passing):
                break
            mask = prefixes[passing[0]]
        return (yield from super()._settle(mask, [1]))

    def _weights(self, ids: np.ndarray) -> np.ndarray:
        rows, cols = np.divmod(ids, self.tiling.cols)
        apart = (rows[:, None] - rows) ** 2 + (cols[:, None] - cols) ** 2
        prior = np.exp(-apart / (2 * self.LENGTH**2))
        x = np.array([t[ids] for t, _ in self.data[-self.LIMIT :]], float)
        y = np.array([m for _, m in self.data[-self.LIMIT :]])
        x -= x.mean(0)
        gram = x @ prior @ x.T
        gram /= np.trace(gram) / len(gram) + 1e-12
        return prior @ x.T @ np.linalg.solve(gram + self.NOISE * np.eye(len(gram)), y - y.mean())


class ThreeStarts(MinimalSearch):
    """From three starts, each pruned, the smallest kept: windows at three places of the rank."""

    def _find_set(self) -> Coroutine[PackedMasks | None]:
        best = None
        for _ in range(3):
            mask = yield from super()._find_set()
            if mask is not None and (best is None or size_of(mask) < size_of(best)):
                best = self._proved = mask
            if mask is not None:  # the next start looks elsewhere
                self.allowed = self.allowed & ~mask
        return best


def _shortest(search: MinimalSearch, prefixes: PackedMasks) -> Coroutine[PackedMasks | None]:
    counts = np.array(geometric(len(prefixes), 20)) - 1
    outcomes = yield from search._ask(prefixes[counts])
    passing = np.flatnonzero(outcomes.passes)
    return prefixes[counts[passing[0]]] if len(passing) else None


def _greedy(search: MinimalSearch, cells: PackedMasks, lazy: int) -> Coroutine[PackedMasks | None]:
    held, left = empty_mask(search.shape), np.arange(len(cells))
    width = len(left)
    while len(left):
        asked = left[:width]
        outcomes = yield from search._ask(held | cells[asked])
        order = np.argsort(-outcomes.margin, kind="stable")
        passing = np.flatnonzero(outcomes.passes)
        best = asked[passing[np.argmax(outcomes.margin[passing])]] if len(passing) else None
        if best is not None:
            return held | cells[best]
        held = held | cells[asked[order[0]]]
        left, width = np.concatenate([asked[order[1:]], left[width:]]), lazy
    return None


@dataclass(frozen=True)
class Strategy(Method):
    """A variant of the search as a method."""

    name: ClassVar[str] = "strategy"
    version: ClassVar[str] = "0"
    certifies: ClassVar[bool] = True

    search: Callable[[Subject, int], MinimalSearch] = MinimalSearch
    effort: int = 1000

    def settings(self) -> dict[str, Any]:
        return {"search": self.search.__name__}

    def make_search(self, subject: Subject) -> RoundSearch:
        made = self.search(subject, self.effort)
        return RoundSearch(made.run(), made.standing)


VARIANTS = (
    *(RandomAdditions, NoExchange, NoTrade, NoGrowing, Cells, Forward, FirstWindow, NoUnion),
    *(NoRebuild, Singly, FinestOnly, Surrogate, ThreeStarts),
)
STRATEGIES: dict[str, Method] = {
    "minimal": Strategy(),
    "minimal, no improving": Strategy(effort=1),
    "minimal, effort 4000": Strategy(effort=4000),
    "NoTabu, effort 4000": Strategy(NoTabu, effort=4000),
    **{v.__name__: Strategy(v) for v in VARIANTS},
    "ReX, 2 iterations, pruned": suffice.Pruned(suffice.Rex(iterations=2)),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="*", default=["efficientnet_lite0", "squeezenet1.1"])
    parser.add_argument("--pictures", type=int, default=4, help="of each model")
    parser.add_argument("--only", nargs="*", default=list(STRATEGIES))
    args = parser.parse_args()
    items = [i for i in corpus.development(args.pictures) if i.model in args.models]
    rows = {name: run(STRATEGIES[name], name, items) for name in args.only}
    result = {
        "pictures": [i.key for i in items],
        "strategies": {name: summary(r) for name, r in rows.items()},
    }
    write("strategies", result, table(result, len(items)))
    return 0


def run(method: Method, name: str, items: list[corpus.Item]) -> list[dict[str, Any]]:
    """One strategy on every picture."""
    rows = []
    for model in dict.fromkeys(i.model for i in items):
        mine = [i for i in items if i.model == model]
        for exp in suffice.explain_stream(
            corpus.classifier(model),
            (i.input() for i in mine),
            method=method,
            budget=BUDGET,
            verify=False,
        ):
            rows.append({k: exp.record[k] for k in ("status", "evaluations", "rounds", "trace")})
    print(name, [r["evaluations"] for r in rows], file=sys.stderr, flush=True)
    return rows


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Areas at every budget."""
    areas = np.array(
        [[min(a for n, a in r["trace"] if n <= b) for b in BUDGETS] for r in rows], float
    )
    return {
        "median_percent": dict(
            zip(map(str, BUDGETS), (100 * np.median(areas, 0)).tolist(), strict=True)
        ),
        "geometric_mean_percent": dict(
            zip(map(str, BUDGETS), (100 * np.exp(np.log(areas).mean(0))).tolist(), strict=True)
        ),
        "ended": sum(r["status"] == "found" for r in rows),
        "evaluations": spread([r["evaluations"] for r in rows]),
        "rounds": spread([r["rounds"] for r in rows]),
    }


def table(result: dict[str, Any], n: int) -> str:
    """Markdown for people."""
    lines = [
        (
            f"{n} development pictures, `top1`, grain 8, zero baseline: geometric mean of the area in % "
            f"after so many evaluations (median after 1,000 in brackets), at most {BUDGET}."
        ),
        "",
        "| | " + " | ".join(map(str, BUDGETS)) + " | ended | evaluations | rounds |",
        "|---|" + "---|" * (len(BUDGETS) + 3),
    ]
    for name, s in result["strategies"].items():
        cells = [
            f"{s['geometric_mean_percent'][str(b)]:.2f}"
            + (f" ({s['median_percent'][str(b)]:.2f})" if b == 1000 else "")
            for b in BUDGETS
        ]
        lines.append(
            f"| {name} | " + " | ".join(cells) + f" | {s['ended']} "
            f"| {s['evaluations']['median']:.0f} | {s['rounds']['median']:.0f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
