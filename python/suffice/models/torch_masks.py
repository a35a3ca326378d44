"""From masks to decisions without leaving the device of a torch module (DESIGN.md 8)."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from suffice import _native
from suffice.errors import SettingsError
from suffice.models.base import MaskPart
from suffice.models.torch_compose import Composer
from suffice.models.torch_decisions import device_scores, figures, figures_by
from suffice.models.torch_module import import_torch
from suffice.models.torch_runner import Runner
from suffice.types import Decisions, OutputKind

PRECISIONS = ("float32", "bfloat16", "float16")
_WARM_UPS = 3  # runs before a graph is captured, in which libraries choose and allocate


@dataclass(frozen=True, slots=True)
class MaskOptions:
    """How masks are decided on.

    Attributes
    ----------
    precision : {"float32", "bfloat16", "float16"}
        Lower ones run under autocast; narrow decisions are then settled in float32.
    channels_last : bool
    compile : bool
        Whether the module goes through ``torch.compile``.
    cuda_graphs : bool
        Whether each batch size is captured once as a CUDA graph and replayed.
    """

    precision: str = "float32"
    channels_last: bool = False
    compile: bool = False
    cuda_graphs: bool = False

    def check(self, device: str) -> None:
        """Raise SettingsError where a value is unknown or the device can't do it."""
        if self.precision not in PRECISIONS:
            raise SettingsError(
                f"precision {self.precision!r} is unknown; use {', '.join(PRECISIONS)}"
            )
        if self.cuda_graphs and not device.startswith("cuda"):
            raise SettingsError(f"cuda_graphs needs a CUDA device, the module is on {device}")


class MaskRunner:
    """Composes, runs a module and decides; a caller waits only for its own few numbers.

    Calls may come from several threads: they take turns to queue their work, and wait apart, so
    that the device has the next batch while the one before is read.

    Parameters
    ----------
    runner : Runner
    shape : (C, H, W)
    output : {"logits", "probabilities", "multilabel"}
    options : MaskOptions
    """

    def __init__(
        self,
        runner: Runner,
        shape: tuple[int, int, int],
        output: OutputKind,
        options: MaskOptions,
    ) -> None:
        torch = import_torch()
        options.check(runner.device)
        self.options, self.output = options, output
        self.runner = runner.compiled() if options.compile else runner
        self.device = runner.device
        self._composer = Composer(runner.device, shape, options.channels_last)
        self._type = getattr(torch, options.precision)
        self._graphs: dict[int, _Graph] = {}
        self._turn = threading.Lock()

    def decide(self, parts: Sequence[MaskPart], rows: int, fixed_batch: int | None) -> Decisions:
        """Decide about the composites of parts; see `suffice.models.base.Composing`."""
        torch = import_torch()
        count = sum(map(len, parts))
        targets = np.concatenate([np.full(len(p), p.target, np.int64) for p in parts])
        with self._turn, self.runner.settings(), torch.inference_mode(), self._on_stream():
            if self.options.cuda_graphs and fixed_batch is None:
                found = self._graph(rows).replay(self._composer, parts, targets)
            else:
                x = self._composer.buffer(rows)
                self._composer.compose(parts, x)
                found = self._forward(x, self._padded(targets, rows), fixed_batch)
            arrived = self._fetch(found[:count])
        return _native.decisions(np.ascontiguousarray(arrived()))

    def forget(self) -> None:
        """Give back what is kept on the device, after it ran out of memory."""
        with self._turn:
            self._graphs.clear()
            if self.device.startswith("cuda"):
                import_torch().cuda.empty_cache()

    def _forward(self, x: Any, targets: Any, fixed_batch: int | None) -> Any:
        torch = import_torch()
        low = self.options.precision != "float32"
        kind = self.device.partition(":")[0]
        # Without its cache of converted weights, which a captured graph would read when it is gone.
        cast: contextlib.AbstractContextManager[Any] = (
            torch.autocast(kind, self._type, cache_enabled=not self.options.cuda_graphs)
            if low
            else contextlib.nullcontext()
        )
        with cast:
            raw = self.runner.run(x, fixed_batch)
        if kind not in ("cpu", "cuda"):  # others lack float64
            raw, targets = raw.cpu(), targets.cpu()
        scores = device_scores(raw, self.output)
        if self._composer.kernels is not None:
            return figures_by(self._composer.kernels, scores, targets, self.output)
        return figures(scores, targets, self.output)

    def _padded(self, targets: Any, rows: int) -> Any:
        torch = import_torch()
        every = np.concatenate([targets, np.full(rows - len(targets), targets[-1])])
        tensor = torch.from_numpy(every)
        if self.device.startswith("cuda"):
            return tensor.pin_memory().to(self.device, non_blocking=True)
        return tensor.to(self.device)

    def _fetch(self, found: Any) -> Any:
        """Start to copy results to the host; what is given waits for them."""
        torch = import_torch()
        if found.device.type != "cuda":
            return found.numpy
        host = torch.empty(found.shape, dtype=found.dtype, pin_memory=True)
        host.copy_(found, non_blocking=True)
        done = torch.cuda.Event()
        done.record()

        def arrived() -> Any:
            done.synchronize()  # without the GIL
            return host.numpy()

        return arrived

    def _on_stream(self) -> contextlib.AbstractContextManager[Any]:
        torch = import_torch()
        if not self.device.startswith("cuda"):
            return contextlib.nullcontext()
        manager: contextlib.AbstractContextManager[Any] = torch.cuda.device(self.device)
        return manager

    def _graph(self, rows: int) -> _Graph:
        if rows not in self._graphs:
            self._graphs[rows] = _Graph(self, self._composer.buffer(rows))
        return self._graphs[rows]


class _Graph:
    """One batch size of a module as a captured CUDA graph: input and output stay where they are."""

    def __init__(self, owner: MaskRunner, x: Any) -> None:
        torch = import_torch()
        self.owner, self.x = owner, x.zero_()
        self.targets = torch.zeros(len(x), dtype=torch.int64, device=x.device)
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(_WARM_UPS):
                owner._forward(self.x, self.targets, None)
        torch.cuda.current_stream().wait_stream(aside)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.found = owner._forward(self.x, self.targets, None)

    def replay(self, composer: Composer, parts: Sequence[MaskPart], targets: Any) -> Any:
        """Run it on other composites; work of one stream, so nothing is overwritten too early."""
        composer.compose(parts, self.x)
        self.targets.copy_(self.owner._padded(targets, len(self.x)), non_blocking=True)
        self.graph.replay()
        return self.found.clone()
