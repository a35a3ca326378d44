"""From what a model gives to the scores the engine decides on.

Scores are logits z. Where a model ends in a softmax they are log p, which decides the same way
(softmax of log p is p again); where it ends in a sigmoid per class they are log(p / (1 - p)).
Logarithms are taken in float64 and rounded once, with p and 1 - p no smaller than the smallest
normal float32: a probability that underflowed to 0 gives -87.3 instead of minus infinity.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from suffice.errors import ModelError, ScoresError, SettingsError
from suffice.types import OutputKind, Scores

Ending = Literal["softmax", "sigmoid"] | None
"""The activation a model ends with, as far as it can be read from its graph."""

OUTPUT_KINDS: tuple[OutputKind, ...] = ("logits", "probabilities", "multilabel")
FLOOR = float(np.finfo(np.float32).tiny)
SLACK = 1e-3  # how far rounding may take a probability past 1


def choose_output(declared: str | None, ending: Ending, columns: int) -> OutputKind:
    """Take the output kind the user declared, else what the graph's end says.

    Raises
    ------
    SettingsError
        If the declared kind is unknown.
    """
    if declared is not None:
        for kind in OUTPUT_KINDS:
            if declared == kind:
                return kind
        raise SettingsError(f"output {declared!r} is unknown; use {', '.join(OUTPUT_KINDS)}")
    if ending is None:
        return "logits"
    return "multilabel" if ending == "sigmoid" and columns > 1 else "probabilities"


def count_classes(output: OutputKind, columns: int) -> int:
    """Classes of a model that gives so many columns; one column says yes or no."""
    return 2 if columns == 1 and output != "multilabel" else columns


def to_scores(raw: npt.NDArray[np.generic], output: OutputKind, ending: Ending = None) -> Scores:
    """Convert a model's output to scores.

    Parameters
    ----------
    raw : float [N, K]
        As the model gave it. With ``K == 1`` the column is the second of two classes: logits z
        become ``[0, z]``, probabilities p become ``[log(1 - p), log p]``.
    output : {"logits", "probabilities", "multilabel"}
        What it is.
    ending : {"softmax", "sigmoid"}, optional
        A sigmoid that the graph has applied already; undone for ``multilabel``.

    Returns
    -------
    float32 [N, K], or [N, 2] where K is 1 and the output is not multilabel

    Raises
    ------
    ScoresError
        If values that should be probabilities lie outside 0..1. NaN passes: the decision names it.
    """
    if output == "logits":
        z = raw.astype(np.float32, copy=False)
        return np.concatenate([np.zeros_like(z), z], axis=1) if z.shape[1] == 1 else z
    if output == "multilabel" and ending != "sigmoid":
        return raw.astype(np.float32, copy=False)
    p = raw.astype(np.float64)
    if p.size and (np.nanmin(p, initial=0.0) < 0.0 or np.nanmax(p, initial=1.0) > 1.0 + SLACK):
        raise ScoresError(
            f"expected probabilities from 0 to 1, got {np.nanmin(p):g} to {np.nanmax(p):g}; "
            "give output='logits' if the model ends without softmax"
        )
    log_p = np.log(np.maximum(p, FLOOR))
    if output == "probabilities" and p.shape[1] > 1:
        return log_p.astype(np.float32)
    log_rest = np.log(np.maximum(1.0 - p, FLOOR))
    if output == "multilabel":
        return (log_p - log_rest).astype(np.float32)
    return np.concatenate([log_rest, log_p], axis=1).astype(np.float32)


def refuse_hidden_softmax(raw: npt.NDArray[np.generic], name: str, what: str) -> None:
    """Refuse to guess where all rows of a trial look like probabilities that nothing declared.

    Raises
    ------
    ModelError
        If no value is negative and each row sums to 1.
    """
    rows = raw.astype(np.float64)
    sums_to_one = np.abs(rows.sum(axis=1) - 1.0).max() < 1e-4
    if rows.shape[1] > 1 and rows.min() >= 0.0 and sums_to_one:
        raise ModelError(
            f"{name} gives rows that sum to 1, though {what}; give "
            "output='probabilities', or output='logits' if they are logits all the same"
        )
