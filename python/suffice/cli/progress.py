"""Progress on stderr that leaves the lines of results whole, and a polite Ctrl-C."""

from __future__ import annotations

import signal
import sys
import threading
import time
from types import FrameType, TracebackType
from typing import Any, Self

REFRESH_SECONDS = 0.5


class Progress:
    """A bar on stderr: images done, evaluations per second, time left.

    Parameters
    ----------
    total : int
        Images to do.
    shown : bool or None
        None shows it where stderr is a terminal.
    """

    def __init__(self, total: int, shown: bool | None) -> None:
        from tqdm import tqdm

        self._start = time.monotonic()
        self._ticked = self._start
        self._evaluations = 0
        self._tqdm: Any = tqdm
        self._bar: Any = tqdm(
            total=total,
            unit="image",
            disable=not (sys.stderr.isatty() if shown is None else shown),
            file=sys.stderr,
            dynamic_ncols=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.close()

    def tick(self) -> None:
        """Keep the clock of the bar running."""
        if not self._bar.disable and time.monotonic() - self._ticked > REFRESH_SECONDS:
            self._ticked = time.monotonic()
            self._bar.refresh()

    def evaluations(self, count: int) -> None:
        """Count evaluations as they are done."""
        self._evaluations += count
        rate = self._evaluations / max(time.monotonic() - self._start, 1e-9)
        self._bar.set_postfix_str(f"{rate:,.0f} evaluations/s", refresh=False)

    def image(self) -> None:
        """Count one image that is through, written or failed."""
        self._bar.update(1)

    def say(self, text: str) -> None:
        """Print to stderr above the bar."""
        self._print(text, sys.stderr)

    def result(self, text: str) -> None:
        """Print to stdout, at once, so that readers of a pipe see results as they come."""
        self._print(text, sys.stdout)

    def _print(self, text: str, stream: Any) -> None:
        with self._tqdm.external_write_mode(file=stream):
            print(text, file=stream, flush=True)


class Interrupt:
    """Turns the first Ctrl-C into a wish to stop; the second one interrupts as usual.

    Outside the main thread, where signals can't be caught, it does nothing.
    """

    def __init__(self) -> None:
        self.wished = False
        self._before: Any = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._on_signal)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if self.wished:
            raise KeyboardInterrupt
        self.wished = True
        print("\nstopping after the running batch (Ctrl-C again: at once)", file=sys.stderr)
