"""Structured attention graphs: several sets of patches, each minimal over patches, by beam search.

The method of Shitole et al. (NeurIPS 2021), for comparison. ``docs/methods/sag.md`` says how it
works and what differs from the paper and its public code.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, get_args

import numpy as np

from suffice import _native
from suffice.errors import SettingsError
from suffice.methods._arrays import described, identity
from suffice.methods._patches import Patches, PatchSet, diverse, formula, without_each
from suffice.methods._regions import checked, regions_of
from suffice.methods._rounds import Coroutine, together
from suffice.methods.base import Method, Rounds, RoundSearch, SearchResult, register
from suffice.subject import Subject
from suffice.types import JsonObject, Outcomes

Ranking = Literal["alone", "without"]
LEAST = {"shared": 0, "nodes": 0}  # of the whole-number settings; 1 for the others


@register
@dataclass(frozen=True, eq=False)
class Sag(Method):
    """Structured attention graphs (METHODS.md "sag").

    It looks for all roots up to `roots` and returns `shown` of them, however many sets are asked
    for, because many roots that share little are its result.

    Attributes
    ----------
    grid : int
        Patches a side; of a side with fewer pixels each one is a patch.
    width : int
        Sets of patches that are kept at each level of the beam search.
    candidates : int
        Best-ranked patches that each of them is extended by.
    ranking : {"alone", "without"}
        Patches are ranked by the log-odds of the target when only the patch is kept, or by how low
        they are when only the patch is left out.
    roots : int
        The search ends at so many roots.
    shared : int
        Patches that two of the diverse roots may have in common.
    shown : int
        Diverse roots that are returned at most, the smallest first.
    expand : float
        Nodes above this part of the confidence on the whole image get children.
    nodes : int
        Nodes of the graph at most, those of the roots apart.
    feature_mask : int array [H, W], path, callable or None
        Patches are the regions of this label map instead of the grid's cells; also a .npy file, a
        .npz file with ``feature_mask``, or a function that is called with a
        `suffice.subject.Subject`, possibly from several threads, and returns the array.

    Raises
    ------
    SettingsError
        If a setting is out of range or `feature_mask` is no label map.

    Source
    ------
    Shitole, Li, Kahng, Tadepalli, Fern: One explanation is not enough: structured attention graphs
    for image classification (NeurIPS 2021).

    Examples
    --------
    >>> Sag.from_settings({"width": "5", "ranking": "without"}).settings()["width"]
    5
    """

    name: ClassVar[str] = "sag"
    version: ClassVar[str] = "1"
    many_hint: ClassVar[str] = "sag returns several by itself; --set shown=K says how many"

    grid: int = 7
    width: int = 3
    candidates: int = 15
    ranking: Ranking = "alone"
    roots: int = 10
    shared: int = 1
    shown: int = 3
    expand: float = 0.4
    nodes: int = 100
    feature_mask: Any | None = None

    def __post_init__(self) -> None:
        for f in fields(self):
            if f.type == "int":
                _check_whole(f.name, getattr(self, f.name))
        if self.ranking not in get_args(Ranking):
            known = ", ".join(get_args(Ranking))
            raise SettingsError(
                f"method sag: setting ranking should be one of {known}; got {self.ranking!r}"
            )
        if type(self.expand) not in (int, float) or not 0.0 <= self.expand <= 1.0:
            raise SettingsError(
                f"method sag: setting expand should be a part from 0 to 1; got {self.expand!r}"
            )
        object.__setattr__(self, "feature_mask", checked(self.feature_mask, self.name))

    def __eq__(self, other: object) -> bool:
        """Whether both search alike: equal settings, equal label maps or the same function."""
        return isinstance(other, Sag) and self._identity() == other._identity()

    def __hash__(self) -> int:
        """Equal for equal methods."""
        return hash(self._identity())

    def _identity(self) -> tuple[Any, ...]:
        return (*(self.settings() | {"feature_mask": identity(self.feature_mask)}).values(),)

    def settings(self) -> JsonObject:
        """All settings; a label map as its digest and shape, a function as its name."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return values | {"feature_mask": described(self.feature_mask)}

    @property
    def may_grow(self) -> bool:
        """Whether the engine may grow a set that fails its certificate; roots are whole patches."""
        return False

    def make_search(self, subject: Subject) -> RoundSearch:
        """Start a search for one subject.

        Raises
        ------
        SettingsError
            If a given label map doesn't have the image's shape.
        InputError
            If a file or function gives no label map of the image's shape.
        """
        patches = Patches(regions_of(self.feature_mask, self.grid, subject, self.name))
        search = _Search(self, subject, patches)
        return RoundSearch(search.run(), search.standing)


@dataclass(frozen=True, slots=True)
class _Node:
    """A set of patches and what became of it; `level` is that of the successor it came from."""

    patches: PatchSet
    confidence: float
    margin: float
    level: int = 0


class _Search:
    """One search: the roots found so far, then the graph below those that are shown.

    Parameters
    ----------
    settings : Sag
    subject : Subject
    patches : Patches
    """

    def __init__(self, settings: Sag, subject: Subject, patches: Patches) -> None:
        self.settings, self.subject, self.patches = settings, subject, patches
        self.ranked: list[int] = []  # patches, best first
        self.roots: list[_Node] = []  # in the order they were found
        self.level = 0  # patches of the sets asked last
        self.end = ""  # why the search for roots is over
        self.graph: _Graph | None = None
        self._drawn = False

    def run(self) -> Rounds:
        """Rank the patches, find roots, draw the graph of the diverse ones."""
        yield from self._rank()
        yield from self._find_roots()
        yield from self._draw()
        self._drawn = True
        return self._result(self._why_none())

    def standing(self) -> SearchResult | None:
        """The roots found so far and what there is of their graph; None before the first."""
        if not self.roots:
            return None
        if not self.end:
            of = f"{len(self.roots)} roots found, {self.settings.roots} wanted at most"
            return self._result(of)
        return self._result("the graph is not complete")

    # -- roots ----------------------------------------------------------------------------------

    def _rank(self) -> Coroutine[None]:
        """Order the patches by what each says of the target, equal ones by number."""
        singles = [(patch,) for patch in range(self.patches.count)]
        if self.settings.ranking == "alone":
            scores = (yield self.patches.masks(singles)).log_odds
        else:
            everything = tuple(range(self.patches.count))
            scores = -(yield self.patches.masks(without_each(everything))).log_odds
        self.ranked = np.argsort(-scores, kind="stable").tolist()

    def _find_roots(self) -> Coroutine[None]:
        """Extend the best failing sets by a patch at a time; what passes is reduced to a root."""
        beam: list[PatchSet] = [()]
        while not self.end:
            successors = self._successors(beam)
            if not successors:
                self.end = "all patches are used"
                return
            self.level += 1
            outcomes = yield self.patches.masks(successors)
            passing, beam = self._sorted_out(successors, outcomes)
            yield from self._take_roots(passing)
            if len(self.roots) == self.settings.roots:
                self.end = "roots is reached"
            elif not beam:
                self.end = "every extension passes"

    def _successors(self, beam: list[PatchSet]) -> list[PatchSet]:
        """Every set of the beam with each of its best-ranked other patches, none twice."""
        extended: dict[PatchSet, None] = {}
        for patches in beam:
            others = [patch for patch in self.ranked if patch not in patches]
            for patch in others[: self.settings.candidates]:
                extended[tuple(sorted((*patches, patch)))] = None
        return list(extended)

    def _sorted_out(
        self, successors: list[PatchSet], outcomes: Outcomes
    ) -> tuple[list[_Node], list[PatchSet]]:
        """The passing sets and the best failing ones, both by margin, earlier ones first."""
        passing, failing = [], []
        for k in np.argsort(-outcomes.margin, kind="stable").tolist():
            if outcomes.passes[k]:
                passing.append(_node(successors[k], outcomes, k, self.level))
            else:
                failing.append(successors[k])
        return passing, failing[: self.settings.width]

    def _take_roots(self, passing: list[_Node]) -> Coroutine[None]:
        """Reduce passing sets, as many side by side as roots are lacking; keep the new ones."""
        while passing and (lacking := self.settings.roots - len(self.roots)):
            now, passing = passing[:lacking], passing[lacking:]
            reduced = yield from together([self._reduce(node) for node in now])
            for root in reduced:
                if all(root.patches != known.patches for known in self.roots):
                    self.roots.append(root)

    def _reduce(self, node: _Node) -> Coroutine[_Node]:
        """Take the patch away that is missed least, until none can go."""
        while node.patches:
            smaller = without_each(node.patches)
            outcomes = yield self.patches.masks(smaller)
            if not outcomes.passes.any():
                break
            k = int(np.argmax(np.where(outcomes.passes, outcomes.margin, -np.inf)))
            node = _node(smaller[k], outcomes, k, node.level)
        return node

    # -- the graph ------------------------------------------------------------------------------

    def _diverse(self) -> list[int]:
        """Places of the diverse roots among all, smallest first."""
        sets = [root.patches for root in self.roots]
        return diverse(sets, [self.patches.pixels(s) for s in sets], self.settings.shared)

    def _draw(self) -> Coroutine[None]:
        """Ask the children of nodes above the bar, level by level, until the graph is full."""
        shown = self._diverse()[: self.settings.shown]
        graph = self.graph = _Graph([self.roots[k] for k in shown])
        bar = self.settings.expand * self.subject.reference_confidence
        limit = len(shown) + self.settings.nodes
        parents = range(len(shown))
        while parents:
            new = graph.children([k for k in parents if graph.nodes[k].confidence > bar], limit)
            if not new:
                return
            outcomes = yield self.patches.masks(new)
            parents = range(len(graph.nodes), len(graph.nodes) + len(new))
            graph.nodes += [_node(patches, outcomes, k) for k, patches in enumerate(new)]

    # -- the end --------------------------------------------------------------------------------

    def _why_none(self) -> str:
        if self.roots:
            return ""
        return (
            f"no set of patches that was tried passes; the largest had {self.level} of "
            f"{self.patches.count} patches"
        )

    def _result(self, reason: str) -> SearchResult:
        places = self._diverse()
        shown = places[: self.settings.shown]
        roots = [self._described(root) | {"level": root.level} for root in self.roots]
        graph = self.graph or _Graph([self.roots[k] for k in shown])
        details: JsonObject = {
            "patches": self.patches.count,
            "ranked": self.patches.names(tuple(self.ranked)),
            "roots": roots,
            "dnf": formula([root["patches"] for root in roots]),
            "diverse": len(places),
            "shown": shown,
            "irreducible_over": "patches",
            "levels": self.level,
            "end": self.end or "the search was stopped",
            "graph": {
                "nodes": [self._described(node) for node in graph.nodes],
                # Of a stopped search the children asked last are not known.
                "edges": [[a, b] for a, b in graph.edges if b < len(graph.nodes)],
                "complete": self._drawn and graph.complete,
            },
        }
        return SearchResult(
            self.patches.masks([self.roots[k].patches for k in shown])
            if shown
            else np.zeros((0, _native.words_for(self.patches.sizes.sum())), np.uint64),
            reason=reason,
            details=details,
        )

    def _described(self, node: _Node) -> JsonObject:
        return {"patches": self.patches.names(node.patches), "confidence": node.confidence}


class _Graph:
    """Sets of patches and which of them came from which by leaving out one patch.

    Parameters
    ----------
    roots : list of _Node
    """

    def __init__(self, roots: list[_Node]) -> None:
        self.nodes = list(roots)
        self.edges: list[tuple[int, int]] = []
        self.complete = True  # no parent was left without children for want of room
        self._numbers = {node.patches: k for k, node in enumerate(roots)}

    def children(self, parents: list[int], limit: int) -> list[PatchSet]:
        """Draw edges from parents to their children; the new ones among these, in order.

        A parent whose children don't all fit under the limit gets none. Sets of one patch have no
        children: the empty set says nothing of them.
        """
        new: list[PatchSet] = []
        for parent in parents:
            smaller = without_each(self.nodes[parent].patches)
            if len(smaller) < 2:
                continue
            unknown = [patches for patches in smaller if patches not in self._numbers]
            if len(self._numbers) + len(unknown) > limit:
                self.complete = False
                continue
            for patches in unknown:
                self._numbers[patches] = len(self._numbers)
            new += unknown
            self.edges += [(parent, self._numbers[patches]) for patches in smaller]
        return new


def _node(patches: PatchSet, outcomes: Outcomes, k: int, level: int = 0) -> _Node:
    return _Node(patches, float(outcomes.confidence[k]), float(outcomes.margin[k]), level)


def _check_whole(name: str, value: Any) -> None:
    low = LEAST.get(name, 1)
    if type(value) is not int or value < low:
        raise SettingsError(
            f"method sag: setting {name} should be a whole number of at least {low}; got {value!r}"
        )
