"""Deciding behind an ONNX graph: a few numbers a row leave the device instead of all scores.

The arithmetic of `suffice.models.scores.to_scores` and ``csrc/ops/scores`` in ONNX operators, all of
which ONNX Runtime has CUDA kernels of for these types. Sums may run in another order, and the
device has its own logarithm and exponential, so floating-point results may differ in the last bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from suffice.models.onnx_file import require
from suffice.models.onnx_graph import Builder
from suffice.models.scores import FLOOR, SLACK, Ending, count_classes
from suffice.types import OutputKind

TARGETS, DECISIONS = "suffice_targets", "suffice_decisions"
_MOST = float(np.finfo(np.float32).max)
_LOG2 = 0.6931471805599453
# Stands for minus infinity, below every float32: no reduction needs to know infinities.
_LEAST = -1e300


def add_decisions(
    proto: Any, scores: str, columns: int, output: OutputKind, ending: Ending
) -> None:
    """Add the input ``suffice_targets`` and the output ``suffice_decisions`` to a model.

    Parameters
    ----------
    proto : ModelProto
        Opset 13 or later; changed in place. Its own outputs stay.
    scores : str
        The output to decide about: float ``[N, columns]``, perhaps with further dimensions of 1.
    columns : int
    output : {"logits", "probabilities", "multilabel"}
        What it is.
    ending : {"softmax", "sigmoid"}, optional
        The activation the graph ends with.

    Notes
    -----
    ``suffice_targets`` is int64 ``[N]``; ``suffice_decisions`` is float64 ``[N, 8]``, what
    `suffice._native.decisions` reads. Rows of scores that are no numbers, and targets that are no
    classes, have 0 in the last column and NaN in the others. TensorRT may compute float64 in float32,
    which is enough for what it does: propose.
    """
    types = require("onnx").TensorProto
    add = Builder(proto, "suffice_decision")
    add.input(TARGETS, types.INT64, ["N"])
    raw = add.node("Reshape", [scores, add.constant([-1, columns])])
    z = _Conversion(add, columns).scores(raw, output, ending)
    made = _Decision(add, z, count_classes(output, columns)).columns(output)
    add.graph.node.append(require("onnx").helper.make_node("Identity", [made], [DECISIONS]))
    add.output(DECISIONS, types.DOUBLE, ["N", 8])


@dataclass(slots=True)
class _Arithmetic:
    """Operators on float64 tensors of ``[N, K]`` and ``[N, 1]``."""

    add: Builder

    def number(self, value: float) -> str:
        return self.add.constant([value], require("onnx").TensorProto.DOUBLE, ())

    def double(self, value: str) -> str:
        return self.add.node("Cast", [value], to=require("onnx").TensorProto.DOUBLE)

    def of(self, operator: str, *inputs: str | float) -> str:
        names = [i if isinstance(i, str) else self.number(i) for i in inputs]
        return self.add.node(operator, names)


@dataclass(slots=True)
class _Conversion(_Arithmetic):
    """`suffice.models.scores.to_scores`; values that are no probabilities become NaN."""

    n_columns: int

    def scores(self, raw: str, output: OutputKind, ending: Ending) -> str:
        """Float64 ``[N, K]`` of values that are rounded to float32."""
        if output == "logits":
            z = self.rounded(raw)
            if self.n_columns > 1:
                return z
            return self.add.node("Concat", [self.of("Sub", z, z), z], axis=1)
        if output == "multilabel" and ending != "sigmoid":
            return self.rounded(raw)
        p = self.double(raw)
        log_p = self.logarithm(p)
        fine = self.of(
            "And", self.of("GreaterOrEqual", p, 0.0), self.of("LessOrEqual", p, 1.0 + SLACK)
        )
        if output == "probabilities" and self.n_columns > 1:
            return self.of("Where", fine, self.rounded(log_p), np.nan)
        log_rest = self.logarithm(self.of("Sub", 1.0, p))
        if output == "multilabel":
            return self.of("Where", fine, self.rounded(self.of("Sub", log_p, log_rest)), np.nan)
        both = self.add.node("Concat", [self.rounded(log_rest), self.rounded(log_p)], axis=1)
        return self.of("Where", fine, both, np.nan)

    def logarithm(self, p: str) -> str:
        return self.of("Log", self.of("Max", p, FLOOR))

    def rounded(self, values: str) -> str:
        to = require("onnx").TensorProto.FLOAT
        return self.double(self.add.node("Cast", [values], to=to))


@dataclass(slots=True)
class _Decision(_Arithmetic):
    """``decide`` of ``csrc/ops/scores``, of scores z float64 ``[N, K]`` and the targets."""

    z: str
    n_classes: int

    def columns(self, output: OutputKind) -> str:
        """Float64 ``[N, 8]``."""
        add = self.add
        last = self.n_classes - 1
        targets = add.node("Reshape", [TARGETS, add.constant([-1, 1])])
        # An index out of range would be an error or worse: it is refused below.
        scalar = require("onnx").TensorProto.INT64, ()
        low, high = add.constant([0], *scalar), add.constant([last], *scalar)
        target = add.node("Clip", [targets, low, high])
        own = add.node("GatherElements", [self.z, target], axis=1)
        finite = self.of("LessOrEqual", self.of("Abs", self.z), _MOST)  # false for NaN
        finite = add.reduce("ReduceMin", self.double(finite))
        usable = self.of("And", self.of("Greater", finite, 0.5), self.of("Equal", targets, target))
        if output == "multilabel":
            made = self.of_own_logit(own, self.double(target), self.double(usable))
        else:
            made = self.among_others(own, target, output)
        figures = self.of("Where", usable, add.node("Concat", made, axis=1), np.nan)
        return add.node("Concat", [figures, self.double(usable)], axis=1)

    def of_own_logit(self, own: str, target: str, one: str) -> list[str]:
        there = self.of("GreaterOrEqual", own, 0.0)
        confidence = self.sigmoid(own)
        top1_confidence = self.of("Where", there, confidence, self.of("Sub", 1.0, confidence))
        top1 = self.of("Where", there, target, -1.0)
        return [top1, top1_confidence, confidence, own, own, one, own]

    def among_others(self, own: str, target: str, output: OutputKind) -> list[str]:
        add, count = self.add, self.n_classes
        types = require("onnx").TensorProto
        is_target = self.of("Equal", add.constant(list(range(count)), shape=(1, count)), target)
        others = self.of("Where", is_target, _LEAST, self.z)
        other = add.reduce("ReduceMax", others)
        highest = self.of("Max", own, other)
        # The lowest index of the maximum, which ArgMax does not promise on every device.
        classes = add.constant([float(k) for k in range(count)], types.DOUBLE, (1, count))
        at_top = self.of("Where", self.of("Equal", self.z, highest), classes, float(count))
        top1 = add.reduce("ReduceMin", at_top)
        wins = self.of("Equal", top1, self.double(target))
        # Not the difference of 0 and -0, which may be -0.
        tied = self.of("Equal", own, other)
        lead = self.of("Where", tied, 0.0, self.of("Sub", own, other))
        if output == "logits":
            total = add.reduce("ReduceSum", self.of("Exp", self.of("Sub", others, other)))
            log_odds = self.of("Sub", own, self.of("Add", other, self.of("Log", total)))
            weight = self.of("Exp", self.of("Sub", own, other))
            whole = self.of("Add", total, weight)
            alone = self.sigmoid(log_odds)
            confidence = self.of("Where", wins, alone, self.of("Div", weight, whole))
            top1_confidence = self.of("Where", wins, alone, self.of("Div", 1.0, whole))
        else:
            confidence, top1_confidence = self.of("Exp", own), self.of("Exp", highest)
            rest = self.of("Sub", own, self.log_complement(own))
            log_odds = self.of("Where", self.of("GreaterOrEqual", own, 0.0), np.inf, rest)
        wins_tie = self.double(self.of("Or", wins, self.of("Less", own, highest)))
        return [top1, top1_confidence, confidence, lead, log_odds, wins_tie, own]

    def sigmoid(self, z: str) -> str:
        """Keep the digits on both sides, which the operator of this name need not do."""
        small = self.of("Exp", self.of("Neg", self.of("Abs", z)))
        large = self.of("Where", self.of("GreaterOrEqual", z, 0.0), 1.0, small)
        return self.of("Div", large, self.of("Add", 1.0, small))

    def log_complement(self, z: str) -> str:
        """Make log(1 - exp(z)) of z < 0 by whichever form keeps its digits."""
        near = self.of("Log", self.of("Neg", self.expm1(z)))
        far = self.log1p(self.of("Neg", self.of("Exp", z)))
        return self.of("Where", self.of("Greater", z, -_LOG2), near, far)

    # There are no operators for these two. Kahan's way: the error that rounding made in u is
    # made again in the divisor, and goes away.
    def expm1(self, x: str) -> str:
        u = self.of("Exp", x)
        made = self.of("Div", self.of("Mul", self.of("Sub", u, 1.0), x), self.of("Log", u))
        return self.of("Where", self.of("Equal", u, 1.0), x, made)

    def log1p(self, x: str) -> str:
        u = self.of("Add", 1.0, x)
        made = self.of("Div", self.of("Mul", self.of("Log", u), x), self.of("Sub", u, 1.0))
        return self.of("Where", self.of("Equal", u, 1.0), x, made)
