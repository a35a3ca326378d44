"""Evaluating composites: compose, run the classifier, reduce its scores to decisions.

The worker half of the engine. Everything here may run in several threads at once; the heavy parts
(composing, the model, reducing) release the GIL.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from suffice import _native
from suffice.criterion import Criterion
from suffice.errors import ScoresError
from suffice.models.base import Classifier
from suffice.types import Batch, Decisions, FloatImage, PackedMasks, Scores

NOISE_FACTOR = 10.0
PROBE_ROWS = 8
PROBE_TILE = 16
PROBE_TILES = 4  # along the shorter side, at least where it has so many pixels


@dataclass(frozen=True, slots=True, eq=False)
class Span:
    """Consecutive composites of one subject under one baseline, part of a batch.

    Attributes
    ----------
    image, baseline : float32 [C, H, W]
    masks : uint64 [m, words]
    target : int
    criterion : Criterion
    reference_confidence : float
        Needed for the margins of ``relative``.
    """

    image: FloatImage
    baseline: FloatImage
    masks: PackedMasks
    target: int
    criterion: Criterion
    reference_confidence: float

    def __len__(self) -> int:
        return len(self.masks)


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What became of one span: the decisions with their criterion applied, or an error."""

    decisions: Decisions | None
    margin: npt.NDArray[np.float64]
    passes: npt.NDArray[np.bool_]
    rechecked: int = 0
    error: Exception | None = None
    model_seconds: float = 0.0
    calls: int = 1


@dataclass(frozen=True, slots=True)
class Probe:
    """How a classifier's scores depend on the batch around a composite (DESIGN.md 9).

    Attributes
    ----------
    invariant : bool
        The same composites gave the same bits at batch 1 and in full and short batches.
    noise : float
        Largest difference of a score seen; 0 when invariant.
    """

    invariant: bool
    noise: float

    @property
    def eps(self) -> float:
        """Decisions with a margin below it are narrow."""
        return NOISE_FACTOR * self.noise


_PROBES: weakref.WeakKeyDictionary[Classifier, dict[int, Probe]] = weakref.WeakKeyDictionary()


@dataclass(frozen=True, slots=True, eq=False)
class _Filled:
    """A batch of which the first `rows` are composites and the rest is padding."""

    batch: Batch
    rows: int


class Evaluator:
    """Runs batches of spans through one classifier.

    Parameters
    ----------
    classifier : Classifier
    batch_size : int
        Rows per batch, at most. Every batch is padded to it unless the classifier is
        batch-invariant.
    """

    def __init__(self, classifier: Classifier, batch_size: int) -> None:
        self.classifier = classifier
        self.batch_size = batch_size
        self.probe = Probe(invariant=True, noise=0.0)
        self._local = threading.local()

    def scores(self, filled: _Filled) -> Scores:
        """Scores of the composites in a batch, their shape checked."""
        batch = filled.batch
        scores = self.classifier(batch)
        if scores.shape != (len(batch), self.classifier.n_classes):
            raise ScoresError(
                f"expected scores [{len(batch)}, {self.classifier.n_classes}] from "
                f"{self.classifier.name}, got {list(scores.shape)}"
            )
        # A copy: the classifier may give out the same array at every call.
        return np.array(scores[: filled.rows], np.float32)

    def one(self, composite: FloatImage) -> Scores:
        """Scores ``[1, K]`` of one composite at batch 1."""
        return self.scores(_Filled(composite[None], 1))

    def run(self, spans: Sequence[Span]) -> list[Judged]:
        """Evaluate spans in batches, in order; an error concerns only the spans it came from."""
        scores: list[Scores] = []
        calls = [0] * len(spans)
        seconds = 0.0
        try:
            for batch in self._batches(spans, calls):
                began = time.perf_counter()
                scores.append(self.scores(batch))
                seconds += time.perf_counter() - began
        except Exception as error:
            if len(spans) == 1:
                return [_failed(len(spans[0]), error)]
            # One image's composites broke the model: find out whose, by running each span alone.
            return [self.run([span])[0] for span in spans]
        everything = np.concatenate(scores)
        judged, start = [], 0
        for span, n_calls in zip(spans, calls, strict=True):
            stop = start + len(span)
            share = seconds * len(span) / len(everything)
            judged.append(self._judge(span, everything[start:stop], n_calls, share))
            start = stop
        return judged

    def _batches(self, spans: Sequence[Span], calls: list[int]) -> Iterator[_Filled]:
        """Compose the spans into this thread's buffer, one batch at a time."""
        buffer = self._buffer()
        filled = 0
        for number, span in enumerate(spans):
            start = 0
            while start < len(span):
                take = min(len(span) - start, self.batch_size - filled)
                out = buffer[filled : filled + take]
                masks = span.masks[start : start + take]
                _native.compose(span.image, span.baseline, masks, out=out)
                calls[number] += 1
                start, filled = start + take, filled + take
                if filled == self.batch_size:
                    yield _Filled(buffer, filled)
                    filled = 0
        if filled:
            yield _Filled(buffer if self._padded() else buffer[:filled], filled)

    def measure(self, image: FloatImage, baseline: FloatImage) -> Probe:
        """Probe the classifier once per batch size; later calls answer from memory."""
        try:
            known = _PROBES.setdefault(self.classifier, {})
        except TypeError:  # a classifier that can't be hashed or weakly referenced
            known = {}
        if self.batch_size not in known:
            known[self.batch_size] = self._measure(image, baseline)
        self.probe = known[self.batch_size]
        return self.probe

    def _measure(self, image: FloatImage, baseline: FloatImage) -> Probe:
        if self.batch_size == 1 or self.classifier.fixed_batch == 1:
            return Probe(invariant=True, noise=0.0)
        batch = np.empty((self.batch_size, *image.shape), np.float32)
        _native.compose(image, baseline, _probe_masks(self.batch_size, image.shape[1:]), out=batch)
        full = self.classifier(batch)
        short = self.classifier(batch[:-1])
        rows = np.unique(np.linspace(0, self.batch_size - 1, PROBE_ROWS).astype(int))
        single = np.concatenate([self.classifier(batch[r : r + 1]) for r in rows])
        same = np.array_equal(full[:-1], short) and np.array_equal(full[rows], single)
        finite = np.isfinite(full[rows]) & np.isfinite(single)
        noise = float(np.abs(full[rows] - single)[finite].max(initial=0.0))
        noise = max(noise, float(np.abs(full[:-1] - short)[np.isfinite(short)].max(initial=0.0)))
        return Probe(invariant=same, noise=noise)

    def _judge(self, span: Span, scores: Scores, calls: int, seconds: float) -> Judged:
        try:
            decisions = self._decide(span, scores)
            margin, passes = _apply(span, decisions)
            rechecked = 0
            if not self.probe.invariant:
                narrow = np.minimum(np.abs(margin), np.abs(decisions.lead)) < self.probe.eps
                rechecked = int(narrow.sum())
                if rechecked:
                    for row in np.flatnonzero(narrow).tolist():
                        scores[row] = self.classifier(_composite(span, row)[None])[0]
                    decisions = self._decide(span, scores)
                    margin, passes = _apply(span, decisions)
            return Judged(decisions, margin, passes, rechecked, None, seconds, calls)
        except ScoresError as error:
            if error.row is not None:
                error.composite = _composite(span, error.row)
            return _failed(len(span), error)
        except Exception as error:
            return _failed(len(span), error)

    def _decide(self, span: Span, scores: Scores) -> Decisions:
        targets = np.full(len(span), span.target, np.int32)
        return _native.decide(scores, targets, self.classifier.output)

    def _padded(self) -> bool:
        return not self.probe.invariant or self.classifier.fixed_batch is not None

    def _buffer(self) -> Batch:
        buffer: Batch | None = getattr(self._local, "buffer", None)
        if buffer is None:
            shape = (self.batch_size, *self.classifier.input_shape)
            buffer = self._local.buffer = np.zeros(shape, np.float32)
        return buffer


def _composite(span: Span, row: int) -> FloatImage:
    masks = span.masks[row : row + 1]
    out = np.empty((1, *span.image.shape), np.float32)
    _native.compose(span.image, span.baseline, masks, out=out)
    composite: FloatImage = out[0]
    return composite


def _apply(
    span: Span, decisions: Decisions
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    return span.criterion.margins(
        decisions.lead, decisions.log_odds, decisions.wins_tie, span.reference_confidence
    )


def _failed(rows: int, error: Exception) -> Judged:
    return Judged(None, np.zeros(rows), np.zeros(rows, np.bool_), 0, error)


def _probe_masks(n: int, shape: tuple[int, ...]) -> PackedMasks:
    """Fixed half-full masks of coarse tiles, alike for every run."""
    height, width = shape
    # Small images in as many tiles: one tile would show the model two composites in all.
    side = max(1, min(PROBE_TILE, min(shape) // PROBE_TILES))
    tiles = np.random.Generator(np.random.Philox(key=[0, 0])).random(
        (n, -(-height // side), -(-width // side))
    )
    keep = np.repeat(np.repeat(tiles < 0.5, side, axis=1), side, axis=2)
    return _native.pack(np.ascontiguousarray(keep[:, :height, :width]))
