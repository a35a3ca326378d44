"""One call of a torch module: slices, errors, threads and precision."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from suffice.errors import DeviceMemoryError, ScoresError
from suffice.models.torch_module import import_torch, set_eval
from suffice.models.torch_values import score_tensor


@dataclass(frozen=True, slots=True, eq=False)
class Runner:
    """Calls a module.

    Attributes
    ----------
    module : torch.nn.Module
    name : str
        For messages.
    device : str
        Where the module is.
    type : torch.dtype
        What its inputs are converted to.
    threads : int or None
        CPU threads of a call; None: torch's own setting.
    """

    module: Any
    name: str
    device: str
    type: Any
    threads: int | None

    def compiled(self) -> Runner:
        """The same with the module compiled by torch."""
        return replace(self, module=import_torch().compile(self.module))

    def run(self, x: Any, fixed_batch: int | None) -> Any:
        """Run any number of rows.

        Parameters
        ----------
        x : Tensor of float32 [N, C, H, W]
            On the device.
        fixed_batch : int or None
            Rows the module takes at once.

        Returns
        -------
        Tensor of float [N, columns]

        Raises
        ------
        ScoresError
            If the module fails or gives anything but scores.
        """
        torch = import_torch()
        if self.module.training:  # someone called train() since
            set_eval(self.module)
        x = x.to(self.type)
        step = fixed_batch or len(x)
        parts = []
        for start in range(0, len(x), step):
            rows = x[start : start + step]
            count = len(rows)
            if count < step:  # fill the last slice of a fixed batch with copies of its last row
                rows = torch.cat([rows, rows[-1:].expand(step - count, *rows.shape[1:])])
            parts.append(self._rows(rows)[:count])
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _rows(self, x: Any) -> Any:
        shown = ", ".join(map(str, x.shape))
        try:
            given = self.module(x)
        except import_torch().OutOfMemoryError as error:
            raise DeviceMemoryError(
                f"{self.name}: an input [{shown}] does not fit into the memory of {self.device}; "
                "use a smaller batch_size"
            ) from error
        except Exception as error:  # modules raise whatever they like
            kind = str(self.type).removeprefix("torch.")
            hint = "" if kind == "float32" else f"; its weights are {kind}: try module.float()"
            raise ScoresError(
                f"{self.name} failed on an input [{shown}]: {first_line(error)}{hint}"
            ) from error
        scores = score_tensor(given, self.name)
        received = list(scores.shape)
        if scores.ndim > 2 and scores.numel() == scores.shape[0] * scores.shape[1]:
            scores = scores.flatten(1)  # [N, K, 1, 1], from networks that end in a pooling
        if scores.ndim == 1 and len(scores) == len(x):
            scores = scores[:, None]
        if scores.ndim != 2 or len(scores) != len(x) or not scores.is_floating_point():
            kind = str(scores.dtype).removeprefix("torch.")
            raise ScoresError(
                f"{self.name} gave {kind} {received} for an input [{shown}], expected "
                f"floats [{len(x)}, K]"
            )
        return scores

    @contextlib.contextmanager
    def settings(self) -> Iterator[None]:
        """Set torch's threads and precision for a call, and put them back."""
        torch = import_torch()
        before = torch.get_num_threads()
        change = self.threads is not None and self.threads != before
        cudnn = torch.backends.cudnn
        # TF32 would round decisions to 10 bits.
        exact: contextlib.AbstractContextManager[Any] = (
            cudnn.flags(enabled=cudnn.enabled, allow_tf32=False)
            if self.device.startswith("cuda")
            else contextlib.nullcontext()
        )
        try:
            if change:
                torch.set_num_threads(self.threads)
            with exact:
                yield
        finally:
            if change:
                torch.set_num_threads(before)


def first_line(error: BaseException) -> str:
    """Give the first line of an error's message, or its class where there is none."""
    return next((line for line in str(error).splitlines() if line), type(error).__name__)
