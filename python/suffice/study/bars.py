"""Bars of a study on stderr: all jobs, and those of each model."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from suffice.study.store import Store

REFRESH_SECONDS = 0.5


class Bars:
    """A bar for the study with evaluations per second, and one below it for each model.

    Parameters
    ----------
    shown : bool or None
        None shows them where stderr is a terminal.
    models : list of str
    """

    def __init__(self, shown: bool | None, models: Sequence[str]) -> None:
        self._shown = sys.stderr.isatty() if shown is None else shown
        self._names = list(models)
        self._bars: dict[str, Any] = {}
        self._first = 0
        self._started = self._seen = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for bar in self._bars.values():
            bar.close()

    def show(self, store: Store) -> None:
        """Look into the store, at most twice a second."""
        now = time.monotonic()
        if not self._shown or now - self._seen < REFRESH_SECONDS:
            return
        self._seen = now
        counts = store.counts()
        through = {
            model: (sum(s.values()), s.get("done", 0) + s.get("failed", 0))
            for model, s in counts.items()
            if model in self._names
        }
        through[""] = tuple(map(sum, zip(*through.values(), strict=True)))  # type: ignore[assignment]
        evaluations = store.evaluations()
        if not self._bars:
            self._make(through)
            self._first, self._started = evaluations, now
        for model, (_, done) in through.items():
            bar = self._bars[model]
            bar.n = done
            if not model:
                rate = (evaluations - self._first) / max(now - self._started, 1e-9)
                bar.set_postfix_str(f"{rate:,.0f} evaluations/s", refresh=False)
            bar.refresh()

    def _make(self, through: dict[str, tuple[int, int]]) -> None:
        from tqdm import tqdm

        for at, model in enumerate(["", *(m for m in through if m)]):
            total, done = through[model]
            self._bars[model] = tqdm(
                total=total,
                initial=done,
                unit="job",
                desc=model or "study",
                position=at,
                file=sys.stderr,
                dynamic_ncols=True,
            )
