"""Structured attention graphs as METHODS.md states them, one set of patches at a time.

Written to be read beside the method's description and without looking at the package. Sets of
patches are frozensets; `exhaustive` finds by enumeration what the search should find.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import combinations

Patches = frozenset[int]
Judge = Callable[[Patches], tuple[bool, float, float]]
"""Set of patches -> whether it passes, its margin, the target's confidence."""


@dataclass
class Found:
    """Answer: all roots in the order they were found, the diverse ones, the graph below some."""

    roots: list[Patches] = field(default_factory=list)
    diverse: list[Patches] = field(default_factory=list)
    nodes: dict[Patches, float] = field(default_factory=dict)
    edges: set[tuple[Patches, Patches]] = field(default_factory=set)


def search(
    n_patches: int,
    judge: Judge,
    ranking: list[int],
    width: int,
    candidates: int,
    n_roots: int,
    shared: int,
    shown: int,
    bar: float,
    pixels: Callable[[Patches], int],
) -> Found:
    """Beam search, reduction, diverse roots, graph; ``ranking`` has the best patch first."""
    found = Found()
    beam: list[Patches] = [frozenset()]
    while beam and len(found.roots) < n_roots:
        successors: list[Patches] = []
        for patches in beam:
            others = [p for p in ranking if p not in patches]
            for patch in others[:candidates]:
                if patches | {patch} not in successors:
                    successors.append(patches | {patch})
        judged = [(s, *judge(s)) for s in successors]
        judged.sort(key=lambda row: -row[2])  # stable
        for patches, passes, _, _ in judged:
            if passes and len(found.roots) < n_roots:
                root = reduced(patches, judge)
                if root not in found.roots:
                    found.roots.append(root)
        beam = [patches for patches, passes, _, _ in judged if not passes][:width]
    found.diverse = most_diverse(found.roots, shared, pixels)
    draw(found, judge, shown, bar)
    return found


def reduced(patches: Patches, judge: Judge) -> Patches:
    """Leave out the patch that is missed least, the first of equals, while the rest passes."""
    while patches:
        best, margin_of_best = None, 0.0
        for patch in sorted(patches):
            passes, margin, _ = judge(patches - {patch})
            if passes and (best is None or margin > margin_of_best):
                best, margin_of_best = patch, margin
        if best is None:
            break
        patches -= {best}
    return patches


def most_diverse(
    roots: list[Patches], shared: int, pixels: Callable[[Patches], int]
) -> list[Patches]:
    """All subsets tried, largest first; combinations come in the order of size, then of finding."""
    ordered = sorted(roots, key=pixels)
    for count in range(len(ordered), 0, -1):
        for chosen in combinations(ordered, count):
            if all(len(a & b) <= shared for a, b in combinations(chosen, 2)):
                return list(chosen)
    return []


def draw(found: Found, judge: Judge, shown: int, bar: float) -> None:
    """Nodes above the bar have all sets with a patch less as children, the empty set apart."""
    waiting = found.diverse[:shown]
    for root in waiting:
        found.nodes[root] = judge(root)[2]
    while waiting:
        patches = waiting.pop()
        if found.nodes[patches] <= bar or len(patches) == 1:
            continue
        for patch in patches:
            child = patches - {patch}
            if child not in found.nodes:
                found.nodes[child] = judge(child)[2]
                waiting.append(child)
            found.edges.add((patches, child))


def one_minimal(n_patches: int, judge: Judge) -> set[Patches]:
    """All passing sets from which no single patch can be taken, by enumeration."""
    return {s for s in subsets(n_patches) if judge(s)[0] and not any(judge(s - {p})[0] for p in s)}


def subset_minimal(n_patches: int, judge: Judge) -> set[Patches]:
    """All passing sets of which no smaller part passes, by enumeration."""
    minimal: list[Patches] = []
    for s in subsets(n_patches):  # by size
        if judge(s)[0] and not any(m <= s for m in minimal):
            minimal.append(s)
    return set(minimal)


def reachable(n_patches: int, judge: Judge) -> tuple[set[Patches], set[Patches]]:
    """Failing sets that come from the empty one through failing sets, patch by patch; and the
    passing sets with one patch more than such a one."""
    failing, passing = {frozenset()}, set()
    for s in subsets(n_patches):
        if s and any(s - {p} in failing for p in s):
            (passing if judge(s)[0] else failing).add(s)
    return failing, passing


def subsets(n_patches: int) -> list[Patches]:
    """All sets of patches, by size."""
    return [frozenset(c) for k in range(n_patches + 1) for c in combinations(range(n_patches), k)]
