"""The engine: one scheduler that drives all searches of a run (DESIGN.md 2).

It keeps a bounded window of subjects alive, fills every batch from them, overlaps composing with
inference, and ends each subject with a certificate. The main thread runs the searches and hands
out batches; `workers` threads compose, infer and reduce.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from suffice import _native
from suffice.certificate import Certificate, certify
from suffice.criterion import Criterion
from suffice.errors import ScoresError
from suffice.evaluation import Evaluator, Probe
from suffice.judging import Judged, Span
from suffice.methods.base import Method, SearchResult
from suffice.models.base import Classifier, Value
from suffice.models.gradients import differentiable
from suffice.subject import Subject
from suffice.track import Answer, Question, Track, grow, outcomes_of, whole_image
from suffice.types import Decisions, PackedMasks, Scores

MAX_JOB_ROWS = 64
GROW_CHUNK = 10
GROW_STEPS = 16


@dataclass(frozen=True, slots=True, eq=False)
class Failure:
    """An item that could not be explained; the rest of the run goes on.

    Attributes
    ----------
    index : int
        Position in the input.
    name : str
    error : Exception
        What went wrong. A `ScoresError` about a composite carries it as ``error.composite``,
        float32 [C, H, W].
    """

    index: int
    name: str
    error: Exception


@dataclass(frozen=True, slots=True)
class RunSettings:
    """What a run has besides classifier and method.

    Attributes
    ----------
    criterion : Criterion
    grain : int
        Pixels.
    seed : int
    budget : int or None
        Evaluations per image.
    verify : bool
        Whether every returned set gets a certificate.
    window : int
        Subjects alive at once; bounds memory.
    contrastive : bool
        Whether the image without a set must not give the target.
    count : int
        Sets wanted at most.
    overlap : float
        Largest Dice coefficient between any two of them.
    """

    criterion: Criterion
    grain: int = 8
    seed: int = 0
    budget: int | None = None
    verify: bool = True
    window: int = 8
    contrastive: bool = False
    count: int = 1
    overlap: float = 0.0


class Engine:
    """Drives a method over many images of one classifier.

    Parameters
    ----------
    classifier : Classifier
    method : Method
    settings : RunSettings
    batch_size : int or None
        Rows per batch; None: what the classifier says.
    on_evaluations : callable or None
        Told the number of new evaluations whenever a round is done.
    should_stop : callable or None
        Asked between batches; once true, what is running is finished and the run ends.

    Raises
    ------
    ModelError
        If the method needs gradients and the classifier gives none.
    """

    def __init__(
        self,
        classifier: Classifier,
        method: Method,
        settings: RunSettings,
        *,
        batch_size: int | None = None,
        on_evaluations: Callable[[int], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> None:
        self.classifier = classifier
        self.method = method
        self.settings = settings
        if method.differentiates:
            differentiable(classifier)
        size = classifier.fixed_batch or batch_size or classifier.batch_size
        # Gradients are padded to full batches, which a CPU gains nothing by: left to us, one a
        # call, so that their bits depend on no setting at all.
        alone = classifier.fixed_batch is None and batch_size is None and classifier.device == "cpu"
        self.evaluator = Evaluator(classifier, size, 1 if alone else size)
        self._on_evaluations = on_evaluations or (lambda _: None)
        self._should_stop = should_stop or (lambda: False)
        self._probe: Probe | None = None

    def run(self, questions: Iterable[Question | Failure]) -> Iterator[Answer | Failure]:
        """Answer the questions in input order; a failure passes through in its place."""
        workers = max(1, self.classifier.workers)
        run = _Run(self, iter(questions), workers)
        with ThreadPoolExecutor(workers, thread_name_prefix="suffice") as pool:
            try:
                yield from run.loop(pool)
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    # -- what the pool runs -------------------------------------------------------------------

    def begin(self, track: Track) -> None:
        """Evaluate f(x) and f(b), settle target and subject, start the search."""
        question, settings = track.question, self.settings
        if self._probe is None:
            self._probe = self.evaluator.measure(question.image, question.baselines[0])
        batch = np.concatenate([question.image[None], question.baselines])
        began = time.perf_counter()
        scores = np.concatenate([self.evaluator.one(row) for row in batch])
        track.model_seconds += time.perf_counter() - began
        try:
            target = question.target
            if target is None:
                target = int(self._decide(scores[:1], 0).top1[0])
            decisions = self._decide(scores, target)
        except ScoresError as error:
            error.composite = batch[error.row or 0]
            raise
        confidence = float(decisions.confidence[0])
        margin, passes = settings.criterion.margins(
            decisions.lead, decisions.log_odds, decisions.wins_tie, confidence
        )
        judged = Judged(decisions, margin, passes)
        empties = [outcomes_of(judged, 1 + b) for b in range(len(batch) - 1)]
        track.whole = whole_image(scores[0], self.classifier.output)
        reference, empty = track.begin(
            outcomes_of(judged, 0), empties, target, settings.contrastive
        )
        track.calls += len(batch)
        track.subject = Subject(
            image=question.image,
            baselines=question.baselines,
            target=target,
            criterion=settings.criterion,
            grain=settings.grain,
            seed=settings.seed,
            key=question.key,
            reference=reference,
            empty=empty,
            name=question.name,
            count=settings.count,
            overlap=settings.overlap,
            contrastive=settings.contrastive,
        )
        if self.method.own_criteria or not empty.passes[0]:
            track.search = self.method.make_search(track.subject)

    def _decide(self, scores: Scores, target: int) -> Decisions:
        targets = np.full(len(scores), target, np.int32)
        return _native.decide(scores, targets, self.classifier.output)

    def finish(self, track: Track) -> Answer:
        """Prove what a search ended with; a set that fails is grown until it holds."""
        subject = track.subject
        assert subject is not None
        status, reason, result = track.ending(self.method)
        masks = result.masks
        certificates: list[Certificate | None] = [None] * len(masks)
        if self.settings.verify:
            masks = masks.copy()
            for k in range(len(masks)):
                masks[k], certificates[k] = self._prove(subject, masks[k : k + 1], result, k)
        if status == "budget" and self.method.certifies:
            reason += _unproved(result, certificates, subject.grain)
        return Answer(
            question=track.question,
            subject=subject,
            empties=track.empties,
            status=status,
            reason=reason,
            masks=masks,
            certificates=certificates,
            result=result,
            trace=track.trace,
            counts={
                "evaluations": track.evaluations,
                "recheck_evaluations": track.rechecks,
                "gradients": track.gradients,
                "model_calls": track.calls,
                "marginal": track.rechecks,
                "repeats": track.repeats,
                "rounds": track.rounds,
            },
            seconds={
                "total": time.perf_counter() - track.started,
                "model": track.model_seconds,
            },
            whole=track.whole,
        )

    def _prove(
        self, subject: Subject, mask: PackedMasks, result: SearchResult, k: int
    ) -> tuple[PackedMasks, Certificate]:
        """Certify set `k`; grow it along its ranking while it fails, which clears its claim."""
        rule = result.rule(k, subject.criterion)
        first = self._certify(subject, mask, rule, result.claim(k))
        if first.sufficient or not self.method.may_grow or result.responsibility is None:
            return mask[0], first
        checked = first.checked_evaluations
        before = int(_native.count(mask)[0])
        for grown in grow(mask, result.responsibility, GROW_CHUNK, GROW_STEPS):
            retry = self._certify(subject, grown, rule, None)
            checked += retry.checked_evaluations
            if retry.sufficient:
                pixels = int(_native.count(grown)[0]) - before
                note = f"grown by {pixels} pixels: the set that the search gave fails"
                retry = replace(retry, checked_evaluations=checked, notes=[*retry.notes, note])
                return grown[0], retry
        return mask[0], replace(first, checked_evaluations=checked)

    def _certify(
        self, subject: Subject, mask: PackedMasks, criterion: Criterion, irreducible_at: int | None
    ) -> Certificate:
        return certify(
            self.classifier,
            subject.image,
            subject.baselines,
            _native.unpack(mask, subject.shape)[0],
            subject.target,
            criterion,
            eps=self.evaluator.probe.eps,
            irreducible_at=irreducible_at,
            contrastive=subject.contrastive,
        )


def _unproved(result: SearchResult, certificates: list[Certificate | None], grain: int) -> str:
    """Say how many sets of a stopped search were not proved irreducible, if any."""
    claims = [
        result.claim(k) if certificate is None else certificate.irreducible_at
        for k, certificate in enumerate(certificates)
    ]
    if None not in claims:
        return ""
    grains = {result.claim(k) or grain for k in range(len(claims))}
    where = f"at grain {grain}" if grains == {grain} else "at their grains"
    which = f"{claims.count(None)} of {len(claims)} sets " if len(claims) > 1 else ""
    return f"; {which}not proved irreducible {where}"


@dataclass(slots=True, eq=False)
class _Batch:
    """What one future is about: the parts of a batch, or the start or end of one track."""

    parts: list[tuple[Track, slice]]
    kind: str


class _Run:
    """The scheduling state of one `Engine.run`."""

    def __init__(self, engine: Engine, source: Iterator[Question | Failure], workers: int) -> None:
        self.engine = engine
        self.source = source
        self.limit = 2 * workers  # one batch running and one waiting per worker
        self.live: deque[Track] = deque()
        self.order: deque[Track | Failure] = deque()
        self.jobs: dict[Future[object], _Batch] = {}
        self.exhausted = False

    def loop(self, pool: ThreadPoolExecutor) -> Iterator[Answer | Failure]:
        """Admit, hand out, wait, absorb, and give out what is ready in input order."""
        while True:
            if self.engine._should_stop():
                yield from self._stop()
                return
            self._admit(pool)
            self._hand_out(pool)
            yield from self._ready()
            if not self.jobs:
                if self.exhausted and not self.order:
                    return
                continue
            done, _ = wait(self.jobs, return_when=FIRST_COMPLETED)
            for future in done:
                self._absorb(pool, future)

    def _admit(self, pool: ThreadPoolExecutor) -> None:
        while not self.exhausted and len(self.order) < self.engine.settings.window:
            try:
                item = next(self.source)
            except StopIteration:
                self.exhausted = True
                return
            if isinstance(item, Failure):
                self.order.append(item)
                continue
            track = Track(item, self.engine.settings.budget, self.engine.method.repeats)
            self.order.append(track)
            if self.engine._probe is None and self.jobs:
                # The first subject measures the classifier; the others wait for its answer.
                wait(self.jobs)
            self._submit(pool, [(track, slice(0))], "begin", self.engine.begin, track)

    def _hand_out(self, pool: ThreadPoolExecutor) -> None:
        while len(self.jobs) < self.limit:
            spans: list[Span] = []
            parts: list[tuple[Track, slice]] = []
            due = self._due()
            if due is None:
                return
            of, room = due
            for track in self.live:
                while room and track.wanted() == of and (taken := track.take(room)) is not None:
                    spans.append(taken[0])
                    parts.append((track, taken[1]))
                    room -= len(taken[0])
                if not room:
                    break
            if not spans:
                return
            self._submit(pool, parts, "batch", self.engine.evaluator.run, spans)

    def _due(self) -> tuple[Value | None, int] | None:
        """What the next job is of, and its rows; None while there is nothing to hand out.

        Batches of gradients are padded, so a part of one waits for company while other jobs run.
        """
        waiting = [track for track in self.live if track.waiting()]
        if any(track.wanted() is None for track in waiting):
            return None, self._job_size()
        if not waiting:
            return None
        of, rows = waiting[0].wanted(), self.engine.evaluator.gradient_batch
        ready = sum(track.waiting() for track in waiting if track.wanted() == of)
        return (of, rows) if ready >= rows or not self.jobs else None

    def _job_size(self) -> int:
        """Rows of the next job: several batches while much waits, one towards a round's end.

        Long jobs spare the scheduler, short ones keep workers from waiting for the last one.
        """
        batch = self.engine.evaluator.batch_size
        waiting = sum(track.waiting() for track in self.live)
        batches = min(MAX_JOB_ROWS, waiting // self.limit) // batch
        return batch * max(1, batches)

    def _submit(
        self,
        pool: ThreadPoolExecutor,
        parts: list[tuple[Track, slice]],
        kind: str,
        work: Callable[..., object],
        *arguments: object,
    ) -> None:
        self.jobs[pool.submit(work, *arguments)] = _Batch(parts, kind)

    def _absorb(self, pool: ThreadPoolExecutor, future: Future[object]) -> None:
        batch = self.jobs.pop(future)
        if batch.kind == "batch":
            judged = future.result()
            assert isinstance(judged, list)
            for (track, where), result in zip(batch.parts, judged, strict=True):
                track.absorb(where, result)
                if track.round is not None and not track.round.missing:
                    self._advance(pool, track)
            return
        track = batch.parts[0][0]
        try:
            value = future.result()
        except Exception as error:
            self._fail(track, error)
            return
        if batch.kind == "finish":
            assert isinstance(value, Answer)
            track.outcome = value
            return
        self.engine._on_evaluations(track.evaluations)
        if track.search is None:
            self._submit(pool, batch.parts, "finish", self.engine.finish, track)
        else:
            self.live.append(track)
            self._advance(pool, track)

    def _advance(self, pool: ThreadPoolExecutor, track: Track) -> None:
        """Close finished rounds and ask for new ones until one needs the model."""
        try:
            while track.error is None:
                if track.round is not None:
                    fresh = int(track.round.new_costs.sum())
                    going = track.complete()
                    self.engine._on_evaluations(fresh)
                    if not going:
                        break
                if not track.ask():
                    break
                assert track.round is not None
                if track.round.missing:
                    return
        except Exception as error:
            track.error = error
        self.live.remove(track)
        track.round = None
        if track.error is not None:
            self._fail(track, track.error)
        else:
            self._submit(pool, [(track, slice(0))], "finish", self.engine.finish, track)

    def _fail(self, track: Track, error: Exception) -> None:
        place = self.order.index(track)
        self.order[place] = Failure(track.question.index, track.question.name, error)

    def _ready(self) -> Iterator[Answer | Failure]:
        while self.order:
            first = self.order[0]
            if isinstance(first, Failure):
                self.order.popleft()
                yield first
            elif first.outcome is not None:
                self.order.popleft()
                yield first.outcome
            else:
                return

    def _stop(self) -> Iterator[Answer | Failure]:
        """Finish what runs, then give out every answer that is complete."""
        wait(self.jobs)
        for future, batch in self.jobs.items():
            if batch.kind == "finish" and future.exception() is None:
                batch.parts[0][0].outcome = cast(Answer, future.result())
        for item in self.order:
            if isinstance(item, Failure):
                yield item
            elif item.outcome is not None:
                yield item.outcome
