"""ReX's search as METHODS.md states it, in exact fractions, one iteration after the other.

Written to be read beside the method's description and without looking at the C++: whole masks
instead of packed ones, fractions instead of fixed point, sums over pixels instead of differences.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from reference import philox

Mask = npt.NDArray[np.bool_]
Box = tuple[int, int, int, int]  # r0, r1, c0, c1
Outcome = tuple[int, float, bool]  # predicted class, its confidence, passing
Classify = Callable[[list[Mask]], list[Outcome]]

SUBSETS = [s for n in (1, 2, 3) for s in combinations(range(4), n)]
UNIT = 6 * 2**32


@dataclass
class Settings:
    iterations: int = 20
    tree_depth: int = 10
    min_box_size: int = 10
    distribution: str = "uniform"
    alpha: float = 1.0
    beta: float = 1.0
    adaptive_block: int = 5
    queue: str = "area"
    queue_len: int | None = 1
    search_limit: int | None = None
    statics: str = "carry"
    survivors: str = "merge"
    responsibility: str = "rex"
    weighted: bool = False
    concentrate: bool = False
    merge: str = "multiplicative"
    negative: bool = False


@dataclass(frozen=True)
class Node:
    box: Box
    path: int
    depth: int

    @property
    def area(self) -> int:
        r0, r1, c0, c1 = self.box
        return (r1 - r0) * (c1 - c0)

    @property
    def name(self) -> str:
        digits = []
        path = self.path
        while path > 1:
            digits.append(str(path % 4))
            path //= 4
        return ":".join(["R", *reversed(digits)])


Job = list[tuple[Node, float]]  # boxes with their deepcover scores


@dataclass
class Survivor:
    job: Job
    active: frozenset[str]
    area: int
    depth: int


@dataclass
class Iteration:
    """What one iteration did."""

    levels: list[list[Mask]] = field(default_factory=list)
    credits: list[tuple[int, Box, Fraction]] = field(default_factory=list)
    depth: int = 0
    splits: dict[int, list[Node] | None] = field(default_factory=dict)

    @property
    def mutants(self) -> int:
        return sum(len(level) for level in self.levels)


class Reference:
    """Runs the whole search; then ``rounds``, ``iterations`` and `responsibility` tell."""

    def __init__(
        self,
        shape: tuple[int, int],
        target: int,
        settings: dict[str, Any],
        key: tuple[int, int],
        classify: Classify,
    ) -> None:
        self.shape, self.target, self.key, self.classify = shape, target, key, classify
        self.s = Settings(**settings)
        self.iterations: list[Iteration] = []
        self.rounds: list[list[Mask]] = []
        s = self.s
        block = s.adaptive_block if s.distribution == "adaptive" else s.iterations
        for start in range(0, s.iterations, block):
            weights = self.merged(self.target) if start else None
            numbers = range(start, min(start + block, s.iterations))
            self.iterations += [self.iterate(number, weights) for number in numbers]
            together = self.iterations[start:]
            for level in range(max(len(i.levels) for i in together)):
                self.rounds.append(
                    [m for i in together if level < len(i.levels) for m in i.levels[level]]
                )

    # One iteration

    def iterate(self, number: int, weights: Any) -> Iteration:
        done = Iteration()
        queue: list[Job] = [[(Node((0, self.shape[0], 0, self.shape[1]), 1, 0), 1.0)]]
        while queue:
            survivors: list[Survivor] = []
            masks_of_level: list[Mask] = []
            for job, at, children in self.splits_of_level(queue, done, number, weights):
                masks = self.mutants(job, at, children)
                outcomes = self.classify(masks)
                masks_of_level += masks
                passing = [o[2] for o in outcomes]
                scores = self.credit(done, job[at][1], children, outcomes)
                fresh = [
                    self.survivor(job, at, children, scores, subset)
                    for subset, passes in zip(SUBSETS, passing, strict=False)
                    if passes
                ]
                survivors = fresh if self.s.survivors == "last" else survivors + fresh
            if not masks_of_level:
                break
            done.levels.append(masks_of_level)
            survivors = self.prune(self.distinct(survivors))
            done.depth = max([done.depth, *(v.depth for v in survivors)])
            limit = self.s.search_limit
            if done.depth > self.s.tree_depth or (limit is not None and done.mutants > limit):
                break
            queue = [v.job for v in survivors]
        return done

    def splits_of_level(
        self, queue: list[Job], done: Iteration, number: int, weights: Any
    ) -> list[tuple[Job, int, list[Node]]]:
        listed = []
        work = done.mutants
        for job in queue:
            for at, (node, _) in enumerate(job):
                if self.s.search_limit is not None and work > self.s.search_limit:
                    return listed
                children = self.split(node, done, number, weights)
                if children is not None:
                    listed.append((job, at, children))
                    work += 15 if self.asks_for_none(job) else 14
        return listed

    def asks_for_none(self, job: Job) -> bool:
        return self.s.responsibility != "rex" and len(job) > 1

    def mutants(self, job: Job, at: int, children: list[Node]) -> list[Mask]:
        statics = [node for i, (node, _) in enumerate(job) if i != at]
        subsets = [*SUBSETS, ()] if self.asks_for_none(job) else SUBSETS
        return [self.draw([*statics, *(children[i] for i in s)]) for s in subsets]

    def draw(self, nodes: list[Node]) -> Mask:
        mask = np.zeros(self.shape, bool)
        for node in nodes:
            r0, r1, c0, c1 = node.box
            mask[r0:r1, c0:c1] = True
        return mask

    def survivor(
        self, job: Job, at: int, children: list[Node], scores: list[float], subset: Any
    ) -> Survivor:
        statics = [part for i, part in enumerate(job) if i != at]
        chosen = [(children[i], scores[i]) for i in subset]
        area = int(self.draw([n for n, _ in [*chosen, *statics]]).sum())
        depth = max(n.depth for n, _ in [*chosen, *statics])
        kept = [part for part in chosen if part[0].area > 0]
        return Survivor(
            kept + (statics if self.s.statics == "carry" else []),
            frozenset(n.name for n, _ in chosen),
            area,
            depth,
        )

    def distinct(self, survivors: list[Survivor]) -> list[Survivor]:
        seen: set[bytes] = set()
        kept = []
        for survivor in survivors:
            pixels = self.draw([n for n, _ in survivor.job]).tobytes()
            if survivor.job and pixels not in seen:
                seen.add(pixels)
                kept.append(survivor)
        return kept

    def prune(self, survivors: list[Survivor]) -> list[Survivor]:
        if self.s.queue in ("all", "dc") or not survivors:
            return survivors
        if self.s.queue == "intersection":
            common = survivors[0].active
            for survivor in survivors:
                common = (common & survivor.active) or common
            survivors = [v for v in survivors if common <= v.active]
        ordered = sorted(survivors, key=lambda v: v.area)
        return ordered if self.s.queue_len is None else ordered[: self.s.queue_len]

    # Responsibility

    def credit(
        self, done: Iteration, parent: float, children: list[Node], outcomes: list[Outcome]
    ) -> list[float]:
        depth = children[0].depth if self.s.concentrate else 1
        if self.s.responsibility == "rex":
            if any(passing for _, _, passing in outcomes):
                for subset, (label, confidence, _) in zip(SUBSETS, outcomes, strict=True):
                    value = Fraction(1, len(subset))
                    if self.s.weighted:
                        value = rounded(float(value * UNIT) * confidence)
                    done.credits += [(label, children[i].box, value * depth) for i in subset]
            return [1.0] * 4
        shares = contingency([o[2] for o in outcomes])
        scores = [1.0] * 4
        if self.s.responsibility == "deepcover":
            total = sum(shares)
            scores = [
                parent * float(12 * share) / float(12 * total) if total else parent / 4
                for share in shares
            ]
            shares = [rounded(score * UNIT) for score in scores]
        for child, share in zip(children, shares, strict=True):
            done.credits.append((self.target, child.box, share * depth))
        return scores

    def sums(self, iteration: Iteration, label: int) -> Any:
        """R of one iteration and class, an object array of fractions."""
        total = np.full(self.shape, Fraction(0), object)
        for credited, (r0, r1, c0, c1), value in iteration.credits:
            if credited == label:
                total[r0:r1, c0:c1] += value
        return total

    def merged(self, label: int) -> Any:
        """Float64 map of one class over the iterations done so far."""
        if self.s.merge == "additive":
            return self.total(label).astype(np.float64)
        merged = np.zeros(self.shape)
        for iteration in self.iterations:
            for pixel, value in np.ndenumerate(self.sums(iteration, label)):
                merged[pixel] += math.log1p(float(value))
        return merged

    def total(self, label: int) -> Any:
        start = np.full(self.shape, Fraction(0), object)
        return sum((self.sums(i, label) for i in self.iterations), start)

    def responsibility(self) -> npt.NDArray[np.float32]:
        others = {label for i in self.iterations for label, _, _ in i.credits} - {self.target}
        if self.s.merge == "additive":
            exact = self.total(self.target)
            for other in others if self.s.negative else ():
                exact = exact - self.total(other)
            return exact.astype(np.float64).astype(np.float32)
        merged = self.merged(self.target)
        for other in sorted(others) if self.s.negative else ():
            merged = merged - self.merged(other)
        return merged.astype(np.float32)

    # Splits

    def split(self, node: Node, done: Iteration, number: int, weights: Any) -> list[Node] | None:
        if node.path not in done.splits:
            done.splits[node.path] = self.new_split(node, number, weights)
        return done.splits[node.path]

    def new_split(self, node: Node, number: int, weights: Any) -> list[Node] | None:
        if node.depth > self.s.tree_depth or node.area < max(2, self.s.min_box_size):
            return None
        at = self.position(node, number, weights)
        if at is None:
            return None
        r0, r1, c0, c1 = node.box
        r, c = r0 + at[0], c0 + at[1]
        boxes = [(r0, r, c0, c), (r0, r, c, c1), (r, r1, c0, c), (r, r1, c, c1)]
        return [Node(b, node.path * 4 + i, node.depth + 1) for i, b in enumerate(boxes)]

    def position(self, node: Node, number: int, weights: Any) -> tuple[int, int] | None:
        r0, r1, c0, c1 = node.box
        height, width = r1 - r0, c1 - c0

        def words(draw: int) -> list[int]:
            return philox.block(self.key, (number, node.path, draw, 0))

        if self.s.distribution == "binom":
            draws = (w for draw in range(10**6) for w in words(draw))
            row = binomial_cut(height, draws)
            used = -(-max(height - 2, 0) // 256)  # the column starts on a fresh draw
            draws = (w for draw in range(used, 10**6) for w in words(draw))
            return row, binomial_cut(width, draws)
        if self.s.distribution == "betabinom":
            rows = beta_binomial(height, self.s.alpha, self.s.beta)
            columns = beta_binomial(width, self.s.alpha, self.s.beta)
            for draw in range(65):
                first, second = words(draw)[:2]
                at = pick(rows, unit(first)), pick(columns, unit(second))
                if at != (0, 0):
                    return at
            return None
        flat = None
        if self.s.distribution == "adaptive" and weights is not None:
            flat = self.adaptive(weights[r0:r1, c0:c1].ravel().tolist(), unit(words(0)[0]))
        if flat is None:
            flat = 1 + (words(0)[0] * (height * width - 1) >> 64)
        return divmod(flat, width)

    def adaptive(self, weights: list[float], u: float) -> int | None:
        top = max(weights)
        if min(weights) == top:
            return None
        if self.s.merge == "multiplicative":
            weights = [math.exp(w - top) for w in weights]
        weights[0] = 0.0
        if not any(weights):
            return None
        return pick(weights, u)


def rounded(units: float) -> Fraction:
    """Nearest whole number of units, halves away from zero."""
    return Fraction(math.floor(Fraction(units) + Fraction(1, 2)), UNIT)


def contingency(passing: list[bool]) -> list[Fraction]:
    """Responsibility of each of the four parts (METHODS.md)."""
    passes = dict(zip([frozenset(s) for s in SUBSETS], passing, strict=False))
    passes[frozenset(range(4))] = True
    passes[frozenset()] = len(passing) == 15 and passing[14]
    everything = set(range(4))
    shares = []
    for part in range(4):
        others = everything - {part}
        sizes = [
            len(w)
            for n in range(4)
            for w in combinations(sorted(others), n)
            if passes[frozenset(everything - set(w))] and not passes[frozenset(others - set(w))]
        ]
        shares.append(Fraction(1, 1 + min(sizes)) if sizes else Fraction(0))
    return shares


def unit(word: int) -> float:
    return (word >> 11) * 2.0**-53


def pick(weights: list[float], u: float) -> int:
    """First index at which the running sum exceeds u of the total."""
    sums = []
    total = 0.0
    for weight in weights:
        total += weight
        sums.append(total)
    for i, s in enumerate(sums):
        if s > u * total:
            return i
    return len(weights) - 1


def binomial_cut(side: int, words: Any) -> int:
    if side == 1:
        return 0
    cut, bits = 1, side - 2
    while bits > 0:
        cut += (next(words) & ((1 << min(bits, 64)) - 1)).bit_count()
        bits -= 64
    return cut


def beta_binomial(n: int, alpha: float, beta: float) -> list[float]:
    """Weights of 0..n-1 under BetaBinomial(n, alpha, beta), the largest being 1."""
    logs = [0.0]
    for i in range(n - 1):
        logs.append(
            logs[-1] + math.log((float(n - i) / (i + 1.0)) * ((alpha + i) / (beta + (n - i) - 1.0)))
        )
    return [math.exp(v - max(logs)) for v in logs]
