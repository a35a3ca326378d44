"""One subject on its way through the engine: its search, cache, budget, trace and best set."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from suffice import _native
from suffice.certificate import Certificate
from suffice.criterion import MAX_LOG_ODDS
from suffice.judging import Judged, Span
from suffice.methods.base import Asked, Gradients, Method, Search, SearchResult
from suffice.models.base import Value
from suffice.subject import Subject
from suffice.types import (
    FloatImage,
    JsonObject,
    Outcomes,
    OutputKind,
    PackedMasks,
    Responsibility,
    Scores,
    Status,
)

_ROW = np.dtype(
    [
        ("top1", np.int32),
        ("top1_confidence", np.float64),
        ("confidence", np.float64),
        ("lead", np.float64),
        ("log_odds", np.float64),
        ("score", np.float64),
        ("margin", np.float64),
        ("passes", np.bool_),
    ]
)


GRADIENT_COST = 3
"""Evaluations that a gradient counts (DESIGN.md 1)."""


def whole_image(scores: Scores, output: OutputKind) -> JsonObject:
    """What the scores of the whole image say, for its record.

    Parameters
    ----------
    scores : float32 [K]
    output : {"logits", "probabilities", "multilabel"}

    Returns
    -------
    dict
        ``top5``, the classes of the highest scores, best first and lowest index on ties; ``lead``,
        how far the best is ahead of the next in log-odds; ``entropy`` of the softmax in nats. The
        last two are None for ``multilabel`` outputs, and ``lead`` where there is one class.
    """
    z = scores.astype(np.float64)
    order = np.argsort(-z, kind="stable")[:5]
    lead = entropy = None
    if output != "multilabel":
        p = np.exp(z - z[order[0]])
        total = p.sum()
        entropy = float(np.log(total) - (p * (z - z[order[0]])).sum() / total)
        lead = float(z[order[0]] - z[order[1]]) if len(z) > 1 else None
        lead = None if lead is None else min(lead, MAX_LOG_ODDS)
    return {"top5": [int(k) for k in order], "lead": lead, "entropy": entropy}


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """What the engine is asked about one image.

    Attributes
    ----------
    index : int
        Position in the input.
    name : str
    image : float32 [C, H, W]
    baselines : float32 [B, C, H, W]
    target : int or None
        None: the top-1 class of the whole image.
    key : int
        `suffice.subject.image_key` of the image.
    """

    index: int
    name: str
    image: FloatImage
    baselines: npt.NDArray[np.float32]
    target: int | None
    key: int


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """How the engine's work on one question ended; `suffice.record` makes an Explanation of it."""

    question: Question
    subject: Subject
    empties: list[Outcomes]
    status: Status
    reason: str
    masks: PackedMasks
    certificates: list[Certificate | None]
    result: SearchResult
    trace: list[list[float]]
    counts: JsonObject
    seconds: dict[str, float]
    whole: JsonObject = field(default_factory=dict)  # `whole_image` of f(x)


@dataclass(slots=True, eq=False)
class Round:
    """A round being evaluated: which composites are new, and which came back.

    For a contrastive subject every asked mask brings its complement along. Where gradients are
    wanted, it is those of the asked masks; complements are merely evaluated.
    """

    masks: PackedMasks
    shown: PackedMasks  # masks of all composites: the asked ones, then their complements
    rows: npt.NDArray[np.intp]  # [B, M] row of the store that holds each outcome
    rest_rows: npt.NDArray[np.intp]  # [B, M] that of each complement; [0, M] if not contrastive
    new_groups: npt.NDArray[np.intp]  # [E] sorted; a group's composites share baseline and kind
    new_baselines: npt.NDArray[np.intp]  # [E]
    new_masks: npt.NDArray[np.intp]  # [E] index into `shown` of each new composite
    new_rows: npt.NDArray[np.intp]  # [E]
    new_owners: npt.NDArray[np.intp]  # [E] index of the asked mask it belongs to
    new_costs: npt.NDArray[np.intp]  # [E] evaluations each counts
    cut: bool  # the budget cut it: the search is not told
    of: Value | None = None  # the value whose gradients are wanted
    slopes: npt.NDArray[np.float32] | None = None  # [B, M, H, W]
    handed_out: int = 0
    missing: int = 0


@dataclass(slots=True, eq=False)
class Track:
    """The state of one live subject.

    The cache of outcomes lives here, keyed by the 128-bit hash of the mask and the baseline's
    index, so a repeated mask costs nothing for as long as the subject lives (DESIGN.md 2). Where
    `remember` is false the store holds one round at a time instead.
    """

    question: Question
    budget: int | None
    remember: bool = True
    round: Round | None = None
    subject: Subject | None = None
    search: Search | None = None
    evaluations: int = 0
    gradients: int = 0
    repeats: int = 0
    rounds: int = 0  # those that needed the model: what the search waited for
    rechecks: int = 0
    calls: int = 0
    model_seconds: float = 0.0
    empties: list[Outcomes] = field(default_factory=list)  # f(b) of each baseline
    trace: list[list[float]] = field(default_factory=list)
    error: Exception | None = None
    over_budget: bool = False
    outcome: Answer | None = None
    started: float = field(default_factory=time.perf_counter)
    whole: JsonObject = field(default_factory=dict)
    _best: PackedMasks | None = None
    _best_pixels: int = -1
    _rows: dict[bytes, int] = field(default_factory=dict)
    _store: npt.NDArray[np.void] = field(default_factory=lambda: np.zeros(256, _ROW))

    # -- the reference: f(x) and f(b) ---------------------------------------------------------

    def begin(
        self, whole: Outcomes, empties: list[Outcomes], target: int, contrastive: bool
    ) -> tuple[Outcomes, Outcomes]:
        """Take f(x) and f(b) of every baseline; returns the outcomes of the full and empty mask."""
        shape = self.question.image.shape[1:]
        full, none = (_native.pack(np.full(shape, v)) for v in (True, False))
        for b, empty in enumerate(empties):
            self._put(_keys(full, b)[0], whole)
            self._put(_keys(none, b)[0], empty)
        self.empties = empties
        self.evaluations = 1 + len(empties)
        x, nothing = [_as_rows(whole)] * len(empties), [_as_rows(e) for e in empties]
        reference = _worst(x, nothing if contrastive else [], target)
        if reference.passes[0]:
            self._improve(full, int(np.prod(shape)), self.evaluations if contrastive else 1)
        return reference, _worst(nothing, x if contrastive else [], target)

    # -- rounds ---------------------------------------------------------------------------------

    def ask(self) -> bool:
        """Take the search's next round; False when the search is over."""
        assert self.search is not None
        asked = self.search.ask()
        if asked is None:
            self.round = None
            return False
        if self.remember:
            self.round = self._plan(asked)
        elif isinstance(asked, Gradients):
            raise TypeError("a method whose `repeats` is false asked for gradients: make it true")
        else:
            self.round = self._plan_new(asked)
        return True

    def _plan(self, asked: Asked) -> Round:
        """Find what is new in a round and what the budget still allows of it, in ask order."""
        assert self.subject is not None
        of = asked.of if isinstance(asked, Gradients) else None
        masks = asked.masks if isinstance(asked, Gradients) else asked
        n_masks, baselines = len(masks), range(len(self.question.baselines))
        shown = masks
        if self.subject.contrastive:
            shown = np.concatenate([masks, complement(masks, self.subject.shape)])
        keys = [_keys(shown, b) for b in baselines]
        rows = np.empty((len(baselines), len(shown)), np.intp)
        new: list[tuple[int, ...]] = []
        allowed, cost = n_masks, 0
        for m in range(n_masks):
            pairs = [(b, i) for b in baselines for i in range(m, len(shown), n_masks)]
            sloped = [of is not None and i < n_masks for _, i in pairs]
            fresh = [
                (b, i, s)
                for (b, i), s in zip(pairs, sloped, strict=True)
                if s or keys[b][i] not in self._rows
            ]
            more = sum(GRADIENT_COST if s else 1 for _, _, s in fresh)
            if self.budget is not None and self.evaluations + cost + more > self.budget:
                allowed = m
                break
            cost += more
            for b, i, s in fresh:
                group = b + (len(baselines) if of is not None and not s else 0)
                row = self._row(keys[b][i])
                new.append((group, i, b, row, m, GRADIENT_COST if s else 1))
            for b, i in pairs:
                rows[b, i] = self._rows[keys[b][i]]
            self.repeats += len(pairs) - len(fresh)
        # Baseline-major, so that a batch needs few composing calls; one contiguous row a column.
        order = np.ascontiguousarray(np.array(sorted(new), np.intp).reshape(-1, 6).T)
        height, width = self.subject.shape
        slopes = (len(baselines), allowed, height, width)
        return Round(
            masks=masks[:allowed],
            shown=shown,
            rows=rows[:, :allowed],
            rest_rows=rows[: len(baselines) if len(shown) > n_masks else 0, n_masks:][:, :allowed],
            new_groups=order[0],
            new_masks=order[1],
            new_baselines=order[2],
            new_rows=order[3],
            new_owners=order[4],
            new_costs=order[5],
            cut=allowed < n_masks,
            of=of,
            slopes=None if of is None else np.empty(slopes, np.float32),
            missing=len(new),
        )

    def _plan_new(self, masks: PackedMasks) -> Round:
        """As `_plan`, of masks that are all new: nothing is looked up and nothing kept."""
        assert self.subject is not None
        n_masks, baselines = len(masks), len(self.question.baselines)
        shown, sides = masks, 1
        if self.subject.contrastive:
            shown, sides = np.concatenate([masks, complement(masks, self.subject.shape)]), 2
        allowed = n_masks
        if self.budget is not None:
            left = max(0, self.budget - self.evaluations)
            allowed = min(n_masks, left // (baselines * sides))
        rows = np.arange(baselines * sides * allowed).reshape(baselines, sides * allowed)
        if rows.size > len(self._store):
            self._store = np.zeros(rows.size, _ROW)
        owners = np.arange(allowed)
        by_baseline = np.repeat(np.arange(baselines), sides * allowed)
        which = np.concatenate([owners + side * n_masks for side in range(sides)])
        return Round(
            masks=masks[:allowed],
            shown=shown,
            rows=rows[:, :allowed],
            rest_rows=rows[: baselines if sides > 1 else 0, allowed:],
            new_groups=by_baseline,
            new_baselines=by_baseline,
            new_masks=np.tile(which, baselines),
            new_rows=rows.reshape(-1),
            new_owners=np.tile(owners, baselines * sides),
            new_costs=np.ones(rows.size, np.intp),
            cut=allowed < n_masks,
            missing=rows.size,
        )

    def waiting(self) -> int:
        """Composites of the round that are still to be handed out."""
        return 0 if self.round is None else len(self.round.new_masks) - self.round.handed_out

    def wanted(self) -> Value | None:
        """The value whose gradient the composites handed out next need, if any."""
        r = self.round
        if r is None or r.of is None or r.handed_out == len(r.new_masks):
            return None
        return r.of if r.new_groups[r.handed_out] < len(self.question.baselines) else None

    def take(self, limit: int) -> tuple[Span, slice] | None:
        """Hand out up to `limit` composites that share a baseline; None when none is left."""
        r, subject = self.round, self.subject
        if r is None or subject is None or r.handed_out == len(r.new_masks):
            return None
        start = r.handed_out
        baseline, of = r.new_baselines[start], self.wanted()
        end = int(np.searchsorted(r.new_groups, r.new_groups[start], side="right"))
        stop = min(start + limit, end)
        r.handed_out = stop
        span = Span(
            image=subject.image,
            baseline=subject.baselines[baseline],
            masks=r.shown[r.new_masks[start:stop]],
            target=subject.target,
            criterion=subject.criterion,
            reference_confidence=subject.reference_confidence,
            of=of,
        )
        return span, slice(start, stop)

    def absorb(self, where: slice, judged: Judged) -> None:
        """Store what came back for a span that `take` handed out."""
        assert self.round is not None
        self.round.missing -= where.stop - where.start
        self.rechecks += judged.rechecked
        self.calls += judged.calls
        self.model_seconds += judged.model_seconds
        if judged.error is not None:
            self.error = self.error or judged.error
            # Nothing more of this round is worth evaluating; only what is under way comes back.
            self.round.missing -= len(self.round.new_masks) - self.round.handed_out
            self.round.handed_out = len(self.round.new_masks)
            return
        assert judged.decisions is not None
        rows = self.round.new_rows[where]
        for name in ("top1", "top1_confidence", "confidence", "lead", "log_odds", "score"):
            self._store[name][rows] = getattr(judged.decisions, name)
        self._store["margin"][rows] = judged.margin
        self._store["passes"][rows] = judged.passes
        if judged.gradient is not None:
            assert self.round.slopes is not None
            where_to = self.round.new_baselines[where], self.round.new_masks[where]
            self.round.slopes[where_to] = judged.gradient
            self.gradients += len(judged.gradient)

    def complete(self) -> bool:
        """Close a round whose outcomes are all in; False when the budget ended the search."""
        assert self.round is not None
        assert self.search is not None
        assert self.subject is not None
        r = self.round
        own, rest = ([self._store[rows] for rows in which] for which in (r.rows, r.rest_rows))
        outcomes = _worst(own, rest, self.subject.target)
        if r.slopes is not None:
            lowest = np.argmin(np.stack(own)["log_odds"], axis=0)
            outcomes = replace(outcomes, gradient=r.slopes[lowest, np.arange(len(lowest))])
        self._follow(r, outcomes)
        self.evaluations += int(r.new_costs.sum())
        self.rounds += len(r.new_masks) > 0
        if r.cut:
            self.over_budget = True
            return False
        self.search.tell(outcomes)
        return True

    def _follow(self, r: Round, outcomes: Outcomes) -> None:
        """Extend the trace by this round's improvements, in ask order."""
        passing = np.flatnonzero(outcomes.passes)
        if not len(passing):
            return
        pixels = _native.count(np.ascontiguousarray(r.masks[passing]))
        per_mask = np.bincount(r.new_owners, r.new_costs, len(r.masks))
        spent = self.evaluations + np.cumsum(per_mask)
        for m, n in zip(passing, pixels, strict=True):
            if self._best is None or n < self._best_pixels:
                self._improve(r.masks[m : m + 1], int(n), int(spent[m]))

    def _improve(self, mask: PackedMasks, pixels: int, evaluations: int) -> None:
        self._best, self._best_pixels = mask.copy(), pixels
        height, width = self.question.image.shape[1:]
        self.trace.append([evaluations, pixels / (height * width)])

    # -- ends -----------------------------------------------------------------------------------

    def ending(self, method: Method) -> tuple[Status, str, SearchResult]:
        """Status, reason and result of a search that is over.

        Parameters
        ----------
        method : Method
            Whose search it was.
        """
        assert self.subject is not None
        nothing = np.zeros((0, _native.words_for(int(np.prod(self.subject.shape)))), np.uint64)
        if self.search is None:  # the baselines pass already
            empty = np.zeros((1, nothing.shape[1]), np.uint64)
            reason = "the baseline alone passes the criterion: the empty set suffices"
            # No tile meets it, so none can be removed.
            claims = (self.subject.grain,) if method.certifies else ()
            return "empty", reason, SearchResult(empty, irreducible=claims)
        if self.over_budget:
            best = nothing if self._best is None or method.own_criteria else self._best
            held = self.search.standing() or SearchResult(best)
            if not len(held.masks):
                held = replace(held, masks=best, irreducible=(), criteria=())
            return "budget", self._stopped(held), held
        result = self.search.result()
        if len(result.masks):
            return "found", result.reason, result
        result = replace(result, masks=nothing, irreducible=(), criteria=())
        return "unattained", result.reason or "no passing set was met", result

    def _stopped(self, held: SearchResult) -> str:
        """What a search stopped by the budget did not get to find."""
        assert self.subject is not None
        reason = f"the budget of {self.budget} evaluations is spent"
        n_sets = len(held.masks)
        if held.reason:
            return f"{reason}; {held.reason}"
        if not n_sets:
            return f"{reason} and no passing set was met"
        if n_sets < self.subject.count and not held.criteria:
            reason += f"; {n_sets} of {self.subject.count} sets found"
        return reason

    # -- cache ----------------------------------------------------------------------------------

    def _reserve(self, key: bytes) -> int:
        row = self._rows[key] = len(self._rows)
        if row == len(self._store):
            self._store = np.concatenate([self._store, np.zeros(len(self._store), _ROW)])
        return row

    def _row(self, key: bytes) -> int:
        known = self._rows.get(key)
        return self._reserve(key) if known is None else known

    def _put(self, key: bytes, outcome: Outcomes) -> None:
        if key not in self._rows:
            row = self._reserve(key)
            self._store[row : row + 1] = _as_rows(outcome)


def outcomes_of(judged: Judged, row: int | None = None) -> Outcomes:
    """The outcomes of a span under one baseline, each on its own; `row` picks a single one."""
    d = judged.decisions
    assert d is not None
    pick = slice(None) if row is None else slice(row, row + 1)
    return Outcomes(
        top1=d.top1[pick],
        top1_confidence=d.top1_confidence[pick],
        confidence=d.confidence[pick],
        lead=d.lead[pick],
        margin=judged.margin[pick],
        passes=judged.passes[pick],
        log_odds=d.log_odds[pick],
        rest_lead=np.full_like(judged.margin[pick], -np.inf),
        own_margin=judged.margin[pick],
        score=d.score[pick],
    )


def grow(
    mask: PackedMasks, responsibility: Responsibility, chunk: int, steps: int
) -> list[PackedMasks]:
    """Supersets of a failed set along its ranking, each adding twice as many pixels."""
    shape = responsibility.shape
    order = _native.rank(responsibility, ties="last")
    inside = _native.unpack(mask, (shape[0], shape[1]))[0].reshape(-1)
    outside = order[~inside[order]]
    grown = []
    for step in range(steps):
        n = chunk * 2**step
        keep = inside.copy()
        keep[outside[:n]] = True
        grown.append(_native.pack(keep.reshape(1, *shape)))
        if n >= len(outside):
            break
    return grown


def _keys(masks: PackedMasks, baseline: int) -> list[bytes]:
    digests = _native.digest(masks).tobytes()
    suffix = baseline.to_bytes(2, "little")
    return [digests[i : i + 16] + suffix for i in range(0, len(digests), 16)]


def _as_rows(outcome: Outcomes) -> npt.NDArray[np.void]:
    rows = np.zeros(len(outcome), _ROW)
    for name in _ROW.names or ():
        rows[name] = getattr(outcome, name)
    return rows


def complement(masks: PackedMasks, shape: tuple[int, int]) -> PackedMasks:
    """Masks of all other pixels; the bits behind the last pixel stay zero."""
    return ~masks & _native.pack(np.ones((1, *shape), np.bool_))


def _worst(
    own: list[npt.NDArray[np.void]], rest: list[npt.NDArray[np.void]], target: int
) -> Outcomes:
    """Reduce outcomes under several baselines to those of the worst one, mask by mask.

    `rest` are the outcomes of the complements, none where they don't matter.
    """
    table = np.stack(own)
    columns = np.arange(table.shape[1])
    judged = table[np.argmin(table["margin"], axis=0), columns]
    # Of baselines that tie in the lead, one where the target loses a tie decides.
    lowest = np.lexsort((table["top1"] == target, table["lead"]), axis=0)[0]
    led = table[lowest, columns]
    margin, passes = judged["margin"].copy(), np.logical_and.reduce(table["passes"], axis=0)
    rest_lead = np.full(table.shape[1], -np.inf)
    if rest:
        others = np.stack(rest)
        rest_lead = others["lead"].max(axis=0)
        margin = np.minimum(margin, np.clip(-rest_lead, -MAX_LOG_ODDS, MAX_LOG_ODDS))
        passes &= (others["top1"] != target).all(axis=0)
    return Outcomes(
        top1=led["top1"].copy(),
        top1_confidence=led["top1_confidence"].copy(),
        confidence=judged["confidence"].copy(),
        lead=led["lead"].copy(),
        margin=margin,
        passes=passes,
        log_odds=table["log_odds"].min(axis=0),
        rest_lead=rest_lead,
        own_margin=judged["margin"].copy(),
        score=table["score"].min(axis=0),
    )
