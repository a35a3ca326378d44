"""`Study`: a design and what it takes to run it."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from suffice import __version__
from suffice.errors import ExistingResultError, InputError, SettingsError, StoreError
from suffice.methods.base import Method
from suffice.study import keys
from suffice.study.bars import Bars
from suffice.study.design import Design, MethodSpec, ModelSpec, check_baseline, check_criterion
from suffice.study.executors import Pool, run_here
from suffice.study.images import Item, from_objects
from suffice.study.keys import Job, ModelFacts
from suffice.study.leases import retry_failed
from suffice.study.parse import read_design
from suffice.study.preset import check_preset
from suffice.study.probes import PROBES
from suffice.study.result import StudyResult
from suffice.study.store import Store
from suffice.study.watch import check_timeout
from suffice.study.work import Bench

Shard = tuple[int, int]
EXECUTORS = ("local", "ray")


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A design whose models were loaded once and whose images were read once.

    Attributes
    ----------
    jobs : list of Job
    items : dict of str to Item
        Images by their SHA-256.
    notes : list of str
        What a user should know before the run.
    facts : list of ModelFacts
    """

    jobs: list[Job]
    items: dict[str, Item]
    notes: list[str]
    facts: list[ModelFacts]

    @property
    def digest(self) -> str:
        """Says which jobs these are."""
        return hashlib.sha256("".join(sorted(j.key for j in self.jobs)).encode()).hexdigest()


class Study:
    """Many models, images, methods and settings: every combination once, resumable.

    Parameters
    ----------
    models : dict of str to model, or sequence of `ModelSpec`
        Names and what `suffice.as_classifier` takes. A function needs ``fingerprint=``.
    images : path, iterable of images or of (image, label), or of `Item`
    methods : sequence of str, Method or MethodSpec, or dict of names to them
    **settings
        The other fields of `suffice.study.design.Design`: ``criteria``, ``baselines``, ``seeds``,
        ``grains``, ``target``, ``count``, ``overlap``, ``budget``, ``contrastive``,
        ``responsibility``, ``attempts``, ``timeout``, ``name``, ``analyses``,
        ``preset``, ``probes``.

    Raises
    ------
    SettingsError
        If a value is not what was expected.

    Examples
    --------
    >>> import numpy as np, suffice
    >>> bright = lambda x: np.stack([x.mean((1, 2, 3)), -x.mean((1, 2, 3))], 1)
    >>> model = suffice.as_classifier(bright, input_shape=(1, 8, 8), fingerprint="bright 1")
    >>> study = Study({"bright": model}, [np.ones((1, 8, 8), np.float32)], seeds=[0, 1])
    >>> study.prepare().jobs[1].seed
    1
    """

    def __init__(
        self,
        models: Mapping[str, Any] | Iterable[ModelSpec],
        images: Any,
        methods: Mapping[str, str | Method] | Iterable[str | Method | MethodSpec] = ("minimal",),
        **settings: Any,
    ) -> None:
        unknown = [key for key in settings if key not in _SETTINGS]
        if unknown:
            raise SettingsError(
                f"a study has no setting {unknown[0]!r}; it has {', '.join(_SETTINGS)}"
            )
        for key in ("criteria", "seeds", "grains", "analyses", "baselines"):
            if key in settings:
                value = settings[key]
                single = isinstance(value, (str, int))
                settings[key] = (value,) if single else tuple(value)
        check_timeout(settings.get("timeout"))
        if "criteria" in settings:
            settings["criteria"] = tuple(check_criterion(c) for c in settings["criteria"])
        if "baselines" in settings:
            settings["baselines"] = tuple(_baseline(b) for b in settings["baselines"])
        if settings.get("preset"):
            check_preset(settings["preset"])
        self.design = Design(
            _models(models), tuple(from_objects(images)), _methods(methods), **settings
        ).checked()
        self._prepared: Prepared | None = None

    @classmethod
    def from_design(cls, design: Design) -> Self:
        """A study of a complete design."""
        study = cls.__new__(cls)
        study.design, study._prepared = design.checked(), None
        return study

    @classmethod
    def from_toml(cls, path: str | Path) -> Self:
        """Read a design file (docs/studies.md).

        Raises
        ------
        SettingsError
            If something in it is not what was expected; the message names the line.
        """
        return cls.from_design(read_design(path))

    def prepare(self) -> Prepared:
        """Load every model once and read every image once, for the keys of the jobs.

        Raises
        ------
        InputError
            If a model can't be loaded, an image can't be read, or two things are the same.
        """
        if self._prepared is None:
            images, notes = keys.distinct(self.design.images)
            facts = [keys.model_facts(spec, self.design) for spec in self.design.models]
            self._prepared = Prepared(
                keys.expand(self.design, facts, images),
                {sha256: item for item, sha256 in images},
                [*keys.cautions(self.design, facts), *notes],
                facts,
            )
        return self._prepared

    def run(
        self,
        store: str | Path,
        *,
        resume: bool = True,
        workers: int | None = None,
        executor: Literal["local", "ray"] = "local",
        shard: Shard | None = None,
        devices: Sequence[str] = (),
        retry: bool = False,
        timeout: float | None = None,
        should_stop: Callable[[], bool] | None = None,
        on_progress: Callable[[Store], None] | None = None,
        show_progress: bool | None = False,
        warn: bool = True,
    ) -> StudyResult:
        """Do all jobs that the store doesn't have yet, and then the probes of the analyses.

        Every finished image is in the store at once, so a run may be stopped by any means at any
        moment; the same call goes on.

        Parameters
        ----------
        store : path
            A file on a local disk, made where there is none.
        resume : bool
            Whether a store that exists is taken.
        workers : int or None
            Processes; 0: this one. None: 0 where the design holds Python objects, else 1.
        executor : {"local", "ray"}
        shard : (int, int), optional
            Part i of n (from 1) of the jobs, each with a store of its own for `suffice.study.merge`.
        devices : sequence of str
            Such as ``("cuda:0", "cuda:1")``; worker k takes the k-th, again from the start after
            the last.
        retry : bool
            Whether failed jobs are tried again.
        timeout : float, optional
            Seconds, instead of the design's: a worker process that finishes none of its images in
            this time is killed, and they count as tried.
        should_stop : callable, optional
            Once it returns true, what runs is finished and the run ends.
        on_progress : callable, optional
            Called with the open store now and then.
        show_progress : bool or None
            Bars on stderr, one for each model; None: where it is a terminal.
        warn : bool
            Whether what speaks against the design is a warning.

        Returns
        -------
        StudyResult
            Of this design's jobs, failed ones too.

        Raises
        ------
        InputError
            If models, images or settings are not what was expected.
        StoreError
            If the store can't be written, or belongs to another shard.
        ExistingResultError
            If there is a store and `resume` is false.
        """
        if executor not in EXECUTORS:
            raise SettingsError(f"executor: use {' or '.join(EXECUTORS)}, got {executor!r}")
        if workers is not None and workers < 0:
            raise SettingsError(f"workers must be 0 or more, got {workers}")
        _check_shard(shard)
        path = Path(store)
        if path.exists() and not resume:
            raise ExistingResultError(f"{path} exists; give resume=True to go on, or another name")
        count = self._workers(workers)
        limit = self.design.timeout if timeout is None else check_timeout(timeout)
        if limit is not None and (executor != "local" or count == 0):
            raise SettingsError(
                "a timeout needs worker processes on this machine, which can be killed: run with "
                "workers=1 or more (on the command line --workers), or without a timeout"
            )
        prepared = self.prepare()
        for note in prepared.notes if warn else ():
            warnings.warn(note, UserWarning, stacklevel=2)
        jobs = [job for job in prepared.jobs if keys.in_shard(job.key, shard)]
        stop = should_stop or (lambda: False)
        models = [model.name for model in self.design.models]
        with Store(path, "create") as opened, Bars(show_progress, models) as bars:
            self._begin(opened, jobs, prepared.digest, shard)
            if retry:
                retry_failed(opened)

            def tick() -> None:
                bars.show(opened)
                if on_progress is not None:
                    on_progress(opened)

            bench = Bench(self.design, prepared.items, devices[0] if devices else None)
            if executor == "ray":
                from suffice.study.on_ray import run_on_ray

                run_on_ray(bench, opened, max(count, 1), stop, tick)
            elif count == 0:
                run_here(bench, opened, stop, tick)
            else:
                Pool(bench, opened, count, list(devices), limit).run(stop, tick)
            names = [name for name in self.design.analyses if name in PROBES]
            if names and not stop():
                # Ray's actors answer jobs only.
                processes = 0 if executor == "ray" else count
                self._probe(bench, opened, names, jobs, processes, devices, stop, tick, retry)
        return StudyResult(path, {job.key for job in jobs})

    def probe(
        self,
        store: str | Path,
        names: Sequence[str] = (),
        *,
        workers: int | None = 0,
        devices: Sequence[str] = (),
        retry: bool = False,
        should_stop: Callable[[], bool] | None = None,
    ) -> StudyResult:
        """Measure with the models what the store doesn't have yet, for its finished jobs.

        Parameters
        ----------
        store : path
            Of a run of this study, or of several that were merged.
        names : sequence of str
            Of `suffice.study.probes.PROBES`; by default those that the design's analyses need.
        workers, devices
            As of `run`; a process asks one model.
        retry : bool
            Whether what failed is tried again.
        should_stop : callable, optional
            Once it returns true, the image in work is finished and the call ends.

        Returns
        -------
        StudyResult

        Raises
        ------
        SettingsError
            If there is no such probe.
        StoreError
            If there is no such store, or it can't be written.
        """
        wanted = names or [name for name in self.design.analyses if name in PROBES]
        count = self._workers(workers)
        prepared = self.prepare()
        with Store(store) as opened:
            bench = Bench(self.design, prepared.items, devices[0] if devices else None)
            stop = should_stop or (lambda: False)
            self._probe(
                bench, opened, wanted, prepared.jobs, count, devices, stop, lambda: None, retry
            )
        return StudyResult(store, {job.key for job in prepared.jobs})

    def _probe(
        self,
        bench: Bench,
        store: Store,
        names: Sequence[str],
        jobs: Sequence[Job],
        workers: int,
        devices: Sequence[str],
        stop: Callable[[], bool],
        tick: Callable[[], None],
        retry: bool,
    ) -> None:
        """Run probes model by model, in this process or in others."""
        from suffice.study.probes.pool import ProbePool
        from suffice.study.probes.running import begin, run_model

        probes = [self.design.probe(name) for name in names]
        wants, finished = begin(bench, store, probes, jobs, self.prepare().facts)
        if workers:
            ProbePool(bench, store, probes, finished, workers, devices, retry).run(
                wants, stop, tick
            )
            return
        for want in wants:
            run_model(
                bench, store, probes, want, finished, should_stop=stop, tick=tick, retry=retry
            )

    def _workers(self, workers: int | None) -> int:
        """How many processes; checks that the design can be told to them."""
        try:
            self.design.to_dict()
        except SettingsError:
            if workers:
                raise
            return 0
        return 1 if workers is None else workers

    def _begin(self, store: Store, jobs: Sequence[Job], digest: str, shard: Shard | None) -> None:
        """Put the jobs into the store, unless it is another's."""
        part = "" if shard is None else f"{shard[0]}/{shard[1]}"
        before = store.meta("shard")
        if before is not None and before != part:
            raise StoreError(
                f"{store.path} belongs to {f'shard {before}' if before else 'a run without shards'}"
                f", not to {f'shard {part}' if part else 'one'}: give each its own store"
            )
        leased = sum(states.get("leased", 0) for states in store.counts().values())
        if store.meta("digest") not in (None, digest) and leased:
            raise StoreError(
                f"{store.path} is in use for another design; wait for its end, or give another "
                "store"
            )
        store.set_jobs(jobs)
        store.set_meta(
            shard=part,
            digest=digest,
            design=self.design.text,
            name=self.design.name,
            analyses=json.dumps(list(self.design.analyses)),
            preset=self.design.preset,
            suffice=__version__,
            sources=json.dumps(_sources(self.design.images)),
        )


_SETTINGS = (
    *("criteria", "baselines", "seeds", "grains", "target", "count", "overlap", "budget"),
    *(
        "contrastive",
        "responsibility",
        "attempts",
        "timeout",
        "name",
        "analyses",
        "preset",
        "probes",
    ),
)


def _sources(images: Iterable[Item]) -> dict[str, list[Any]]:
    """File, row and corruption of images of files, by name: reports show examples on their photos."""
    return {
        item.name: [
            str(Path(item.source).resolve()),
            item.row,
            *([item.corruption, item.severity] if item.corruption else []),
        ]
        for item in images
        if isinstance(item.source, (str, Path))
    }


def _check_shard(shard: Shard | None) -> None:
    if shard is not None and not 1 <= shard[0] <= shard[1]:
        raise SettingsError(f"shard should be (i, n) with i from 1 to n, got {shard!r}")


def _models(models: Mapping[str, Any] | Iterable[ModelSpec]) -> tuple[ModelSpec, ...]:
    if isinstance(models, Mapping):
        return tuple(
            m if isinstance(m, ModelSpec) else ModelSpec(name, m, name)
            for name, m in models.items()
        )
    made = tuple(models)
    if not all(isinstance(m, ModelSpec) for m in made):
        raise SettingsError("models should be a dict of names to models, or a list of ModelSpec")
    return made


def _methods(
    methods: Mapping[str, str | Method] | Iterable[str | Method | MethodSpec],
) -> tuple[MethodSpec, ...]:
    if isinstance(methods, str):
        methods = (methods,)
    if isinstance(methods, Mapping):
        made = tuple(MethodSpec(name, method) for name, method in methods.items())
    else:
        made = tuple(
            m if isinstance(m, MethodSpec) else MethodSpec(getattr(m, "name", m), m)  # type: ignore[arg-type]
            for m in methods
        )
    for spec in made:
        spec.check()
    return made


def _baseline(specs: Any) -> tuple[str, ...]:
    texts = (specs,) if isinstance(specs, str) else tuple(specs)
    if not texts or not all(isinstance(spec, str) for spec in texts):
        raise InputError(f"baselines of a study are named by text or files, got {specs!r}")
    return tuple(check_baseline(spec) for spec in texts)
