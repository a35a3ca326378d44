"""Evaluating composites: compose, run the classifier, reduce its scores to decisions.

The worker half of the engine. Everything here may run in several threads at once; the heavy parts
(composing, the model, reducing) release the GIL.
"""

from __future__ import annotations

import threading
import time
import warnings
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from suffice import _native
from suffice.criterion import Criterion
from suffice.errors import DeviceMemoryError, ScoresError
from suffice.judging import Judged, Span, failed, joined, part, settle
from suffice.models.base import Classifier, Composing, MaskPart, Value, composing
from suffice.models.gradients import by_mask, differentiable, scores_and_gradient
from suffice.types import Batch, Decisions, FloatImage, PackedMasks, Scores

NOISE_FACTOR = 10.0
LOW_EPS = 1e-3
PROBE_ROWS = 8
PROBE_TILE = 16
PROBE_TILES = 4  # along the shorter side, at least where it has so many pixels
GRADIENT_EPS = 1e-4
"""Narrower margins of scores that came with a gradient are settled by a call of their own: what
torch computes for a gradient may differ from a call in the last bits."""


@dataclass(frozen=True, slots=True)
class Probe:
    """How a classifier's scores depend on the batch around a composite (DESIGN.md 9).

    Attributes
    ----------
    invariant : bool
        The same composites gave the same bits at batch 1 and in full and short batches.
    noise : float
        Largest difference of a score seen; 0 when invariant.
    least : float
        Below which `eps` does not fall, for arithmetic of low precision.
    """

    invariant: bool
    noise: float
    least: float = 0.0

    @property
    def eps(self) -> float:
        """Decisions with a margin below it are narrow."""
        return max(NOISE_FACTOR * self.noise, self.least)


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
    gradient_batch : int or None
        Rows of a batch of gradients, at most `batch_size`. Such a batch is always padded to it,
        because the last bits of a gradient depend on how many rows there are, but on nothing else
        about them. None: `batch_size`.
    """

    def __init__(
        self, classifier: Classifier, batch_size: int, gradient_batch: int | None = None
    ) -> None:
        self.classifier = classifier
        self.batch_size = batch_size
        self.gradient_batch = min(gradient_batch or batch_size, batch_size)
        self.probe = Probe(invariant=True, noise=0.0)
        self._composing = composing(classifier)
        self._local = threading.local()
        self._shrinking = threading.Lock()
        self._measured: tuple[FloatImage, FloatImage] | None = None

    def scores(self, filled: _Filled) -> Scores:
        """Scores of the composites in a batch, their shape checked."""
        return self._checked(self.classifier(filled.batch), filled)

    def _checked(self, scores: Scores, filled: _Filled) -> Scores:
        batch = filled.batch
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
        """Evaluate spans in batches, in order; an error concerns only the spans it came from.

        All of them want the gradient of one value, or none does. Where the device's memory is too
        small for a batch, smaller ones are used from then on.
        """
        while True:
            size = self.batch_size
            try:
                if self._composing is not None and spans[0].of is None:
                    return self._run_masks(self._composing, spans)
                return self._run_composites(spans)
            except DeviceMemoryError as error:
                if not self._shrink(size):
                    return [failed(len(span), error) for span in spans]

    def _run_composites(self, spans: Sequence[Span]) -> list[Judged]:
        scores: list[Scores] = []
        gradients: list[Batch] = []
        targets = np.concatenate([np.full(len(s), s.target, np.int64) for s in spans])
        done = 0
        calls = [0] * len(spans)
        seconds = 0.0
        try:
            for batch in self._batches(spans, calls):
                began = time.perf_counter()
                if spans[0].of is None:
                    scores.append(self.scores(batch))
                else:
                    which = targets[done : done + batch.rows]
                    found = self._differentiate(batch, which, spans[0].of)
                    scores.append(found[0])
                    gradients.append(found[1])
                done += batch.rows
                seconds += time.perf_counter() - began
        except DeviceMemoryError:
            raise
        except Exception as error:
            if len(spans) == 1:
                if isinstance(error, ScoresError) and error.row is not None:
                    row = min(done + error.row, len(spans[0]) - 1)  # padding repeats the last one
                    error.composite = spans[0].composite(row)
                return [failed(len(spans[0]), error)]
            # One image's composites broke the model: find out whose, by running each span alone.
            return [self.run([span])[0] for span in spans]
        everything = np.concatenate(scores)
        slopes = np.concatenate(gradients) if gradients else None
        judged, start = [], 0
        for span, n_calls in zip(spans, calls, strict=True):
            stop = start + len(span)
            share = seconds * len(span) / len(everything)
            one = self._judge(span, everything[start:stop], n_calls, share)
            if slopes is not None and one.error is None:
                slope = by_mask(span.image, span.baseline, slopes[start:stop])
                one = replace(one, gradient=slope)
            judged.append(one)
            start = stop
        return judged

    def _run_masks(self, classifier: Composing, spans: Sequence[Span]) -> list[Judged]:
        """The same where the classifier composes and decides by itself."""
        made: list[Decisions] = []
        calls, done = [0] * len(spans), 0
        began = time.perf_counter()
        try:
            for parts in self._parts(spans, calls):
                rows = sum(map(len, parts))
                made.append(classifier.decide(parts, self.batch_size if self._padded() else rows))
                done += rows
        except DeviceMemoryError:
            raise
        except Exception as error:
            if len(spans) > 1:
                return [self.run([span])[0] for span in spans]
            if isinstance(error, ScoresError) and error.row is not None:
                error.composite = spans[0].composite(min(done + error.row, len(spans[0]) - 1))
            return [failed(len(spans[0]), error)]
        seconds = time.perf_counter() - began
        decisions, judged, start = joined(made), [], 0
        for span, n_calls in zip(spans, calls, strict=True):
            stop = start + len(span)
            own = part(decisions, slice(start, stop))
            share = seconds * len(span) / len(decisions.top1)
            judged.append(
                settle(span, lambda d=own: d, self._again(span), self._eps(span), n_calls, share)  # type: ignore[misc]
            )
            start = stop
        return judged

    def _parts(self, spans: Sequence[Span], calls: list[int]) -> Iterator[list[MaskPart]]:
        """Cut the spans into batches of masks."""
        parts: list[MaskPart] = []
        room = self.batch_size
        for number, span in enumerate(spans):
            start = 0
            while start < len(span):
                masks = span.masks[start : start + room]
                parts.append(MaskPart(span.image, span.baseline, masks, span.target))
                calls[number] += 1
                start, room = start + len(masks), room - len(masks)
                if not room:
                    yield parts
                    parts, room = [], self.batch_size
        if parts:
            yield parts

    def _shrink(self, size: int) -> bool:
        """Halve the batch from `size` rows, for good; false where it can't be smaller."""
        with self._shrinking:
            if self.batch_size < size:
                return True  # another thread did
            if size == 1 or self.classifier.fixed_batch is not None:
                return False
            self.batch_size = size // 2
            self.gradient_batch = min(self.gradient_batch, self.batch_size)
            self.classifier.batch_size = min(self.classifier.batch_size, self.batch_size)
            warnings.warn(
                f"{self.classifier.name}: a batch of {size} does not fit into the memory of "
                f"{self.classifier.device}; going on with {self.batch_size}",
                UserWarning,
                stacklevel=2,
            )
            recover = getattr(self.classifier, "recover", None)
            if recover is not None:
                recover()
            if self._measured is not None:
                self.measure(*self._measured)
            return True

    def _differentiate(
        self, filled: _Filled, targets: npt.NDArray[np.int64], of: Value
    ) -> tuple[Scores, Batch]:
        """Scores and gradients of the composites in a batch."""
        filled.batch[filled.rows :] = filled.batch[filled.rows - 1]
        padding = np.full(len(filled.batch) - filled.rows, targets[-1])
        every = np.concatenate([targets, padding])
        clf = differentiable(self.classifier)
        scores, gradients = scores_and_gradient(clf, filled.batch, every, of)
        if gradients.shape != filled.batch.shape:
            raise ScoresError(
                f"expected gradients {list(filled.batch.shape)} from {self.classifier.name}, got "
                f"{list(gradients.shape)}"
            )
        return self._checked(scores, filled), np.array(gradients[: filled.rows], np.float32)

    def _batches(self, spans: Sequence[Span], calls: list[int]) -> Iterator[_Filled]:
        """Compose the spans into this thread's buffer, one batch at a time."""
        differentiated = spans[0].of is not None
        size = self.gradient_batch if differentiated else self.batch_size
        buffer = self._buffer()[:size]
        filled = 0
        for number, span in enumerate(spans):
            start = 0
            while start < len(span):
                take = min(len(span) - start, size - filled)
                out = buffer[filled : filled + take]
                masks = span.masks[start : start + take]
                _native.compose(span.image, span.baseline, masks, out=out)
                calls[number] += 1
                start, filled = start + take, filled + take
                if filled == size:
                    yield _Filled(buffer, filled)
                    filled = 0
        if filled:
            padded = differentiated or self._padded()
            yield _Filled(buffer if padded else buffer[:filled], filled)

    def measure(self, image: FloatImage, baseline: FloatImage) -> Probe:
        """Probe the classifier once per batch size; later calls answer from memory."""
        self._measured = image, baseline
        try:
            known = _PROBES.setdefault(self.classifier, {})
        except TypeError:  # a classifier that can't be hashed or weakly referenced
            known = {}
        while self.batch_size not in known:
            size = self.batch_size
            try:
                if self._composing is None:
                    known[size] = self._measure(image, baseline)
                else:
                    known[size] = self._measure_masks(self._composing, image, baseline)
            except DeviceMemoryError:
                self._measured = None
                if not self._shrink(size):
                    raise
                self._measured = image, baseline
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

    def _measure_masks(
        self, classifier: Composing, image: FloatImage, baseline: FloatImage
    ) -> Probe:
        """The same of decisions, against calls of one float32 composite each."""
        size, least = self.batch_size, LOW_EPS if classifier.precision != "float32" else 0.0
        masks = _probe_masks(size, image.shape[1:])
        span = Span(image, baseline, masks, 0, Criterion(), 1.0)

        def decided(rows: int) -> npt.NDArray[np.float64]:
            return _figures(classifier.decide([MaskPart(image, baseline, masks[:rows], 0)], rows))

        full, short = decided(size), decided(max(1, size - 1))
        rows = np.unique(np.linspace(0, size - 1, PROBE_ROWS).astype(int))
        single = _figures(self._again(span)(rows))
        apart = np.abs(np.concatenate([full[rows] - single, full[: len(short)] - short]))
        noise = float(apart[np.isfinite(apart)].max(initial=0.0))
        return Probe(invariant=noise == 0.0 and not least, noise=noise, least=least)

    def _judge(self, span: Span, scores: Scores, calls: int, seconds: float) -> Judged:
        return settle(
            span,
            lambda: self._decide(span, scores),
            self._again(span),
            self._eps(span),
            calls,
            seconds,
        )

    def _eps(self, span: Span) -> float:
        """Narrower decisions of a span are made again."""
        eps = 0.0 if self.probe.invariant else self.probe.eps
        return eps if span.of is None else max(eps, GRADIENT_EPS)

    def _again(self, span: Span) -> Callable[[npt.NDArray[np.intp]], Decisions]:
        """Decide about rows of a span that are shown to the classifier one by one."""

        def again(rows: npt.NDArray[np.intp]) -> Decisions:
            alone = [self.one(span.composite(row)) for row in rows.tolist()]
            return self._decide(span, np.concatenate(alone))

        return again

    def _decide(self, span: Span, scores: Scores) -> Decisions:
        targets = np.full(len(scores), span.target, np.int32)
        return _native.decide(scores, targets, self.classifier.output)

    def _padded(self) -> bool:
        return not self.probe.invariant or self.classifier.fixed_batch is not None

    def _buffer(self) -> Batch:
        buffer: Batch | None = getattr(self._local, "buffer", None)
        if buffer is None:
            shape = (self.batch_size, *self.classifier.input_shape)
            buffer = self._local.buffer = np.zeros(shape, np.float32)
        return buffer


def _figures(decisions: Decisions) -> npt.NDArray[np.float64]:
    """What decisions rest on, float64 [N, 3]."""
    return np.stack([decisions.lead, decisions.log_odds, decisions.score], axis=1)


def _probe_masks(n: int, shape: tuple[int, ...]) -> PackedMasks:
    """Fixed masks of half of the coarse tiles, alike for every run.

    Each has as many tiles as the others: a classifier that works on composites of equally many
    tokens together then does so here, and shows what that does to its scores.
    """
    height, width = shape
    # Small images in as many tiles: one tile would show the model two composites in all.
    side = max(1, min(PROBE_TILE, min(shape) // PROBE_TILES))
    tiles = np.random.Generator(np.random.Philox(key=[0, 0])).random(
        (n, -(-height // side), -(-width // side))
    )
    ranks = np.argsort(np.argsort(tiles.reshape(n, -1), axis=1), axis=1).reshape(tiles.shape)
    half = ranks < (tiles[0].size + 1) // 2
    keep = np.repeat(np.repeat(half, side, axis=1), side, axis=2)
    return _native.pack(np.ascontiguousarray(keep[:, :height, :width]))
