"""Several classifiers as one: the mean of their scores."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from suffice.errors import ModelError, SettingsError
from suffice.models.base import Classifier
from suffice.models.factory import as_classifier
from suffice.models.preprocess import Preprocess
from suffice.models.torch_model import TorchClassifier
from suffice.types import Batch, OutputKind, Scores

Renormalisation = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]
"""Scale and offset ``[C, 1, 1]`` from the ensemble's input to a member's."""


class Ensemble:
    """The mean of the scores of several classifiers, one vote each.

    It is the mean of the logits, and of log p for members that give probabilities. Both come to the
    same, the geometric mean of the members' probabilities made to sum to 1, so they may be mixed;
    the ensemble's own ``output`` is ``logits``. Of ``multilabel`` members, which can't be mixed with
    others, it is the mean of the logits. The mean is taken in float64, in the order of the members.

    The members take the same photos, and all or none of them drop tokens (`suffice.drop_tokens`).
    Where their `Preprocess` differ only in ``mean`` and ``std``, the ensemble has the first one's,
    and the input of another member is renormalised: ``x_m = x * (std / std_m) + (mean - mean_m) /
    std_m`` per channel, in float64 and then rounded to float32, so that it may differ in the last
    bits from what its own preprocessing makes.

    It gives gradients, of its own value, where all members are `TorchClassifier` on one device; its
    ``gradient`` and ``scores_and_gradient`` are then those of `TorchClassifier`.

    Parameters
    ----------
    members : sequence of Classifier
        Or of anything `as_classifier` takes without options.
    name : str, optional
        For records; the members' names by default.
    labels : sequence of str, optional
        Class names; the first member's by default, if it has any.

    Raises
    ------
    ModelError
        If members differ in input shape, number of classes or preprocessing, or only some are
        multilabel or drop tokens.
    SettingsError
        If there are no members.

    Examples
    --------
    >>> import numpy as np
    >>> import suffice
    >>> from suffice.models.callable import CallableClassifier
    >>> one = CallableClassifier(lambda x: x[:, 0, 0, :2], (1, 2, 2))
    >>> two = CallableClassifier(lambda x: x[:, 0, 1, :2], (1, 2, 2))
    >>> suffice.Ensemble([one, two])(np.float32([[[[1, 2], [3, 6]]]]))
    array([[2., 4.]], dtype=float32)
    """

    def __init__(
        self,
        members: Sequence[Any],
        *,
        name: str | None = None,
        labels: Sequence[str] | None = None,
    ) -> None:
        self.members = _members(members)
        first = self.members[0]
        for member in self.members[1:]:
            _check_alike(first, member)
        self.input_shape, self.n_classes = first.input_shape, first.n_classes
        self.output: OutputKind = "multilabel" if first.output == "multilabel" else "logits"
        self.preprocess: Preprocess | None = first.preprocess
        self.keep_channel = _keeps(first)
        self._maps = [_renormalisation(first, member) for member in self.members]
        self.name = name or " + ".join(m.name for m in self.members)
        self.fingerprint = _fingerprint(self.members)
        # Members with a fixed batch take any number of rows; one size that suits all is wanted.
        fixed = {m.fixed_batch for m in self.members if m.fixed_batch is not None}
        self.fixed_batch: int | None = max(fixed) if fixed else None
        self.batch_size = self.fixed_batch or min(m.batch_size for m in self.members)
        self.workers = min(m.workers for m in self.members)
        self.device = ", ".join(dict.fromkeys(m.device for m in self.members))
        self.backend = "; ".join(dict.fromkeys(m.backend for m in self.members))
        given = getattr(first, "labels", None) if labels is None else labels
        self.labels: list[str] | None = None if given is None else list(given)
        if self.labels is not None and len(self.labels) != self.n_classes:
            raise ModelError(
                f"{self.name} has {self.n_classes} classes, got {len(self.labels)} labels"
            )
        torches = [m for m in self.members if isinstance(m, TorchClassifier)]
        if len(torches) == len(self.members) and len({m.device for m in torches}) == 1:
            joint = self._joint(torches)
            self.gradient = joint.gradient
            self.scores_and_gradient = joint.scores_and_gradient

    def __call__(self, batch: Batch) -> Scores:
        """Scores ``float32 [N, K]``: the mean over the members.

        Raises
        ------
        ScoresError
            If a member raises it.
        """
        total = np.zeros((len(batch), self.n_classes), np.float64)
        for number, member in enumerate(self.members):
            total += member(self._input(number, batch))
        return cast(Scores, (total / len(self.members)).astype(np.float32))

    def _input(self, number: int, batch: Batch) -> Batch:
        """What a member is shown."""
        renormalised = self._maps[number]
        if renormalised is None:
            return batch
        scale, offset = renormalised
        return cast(Batch, (batch * scale + offset).astype(np.float32))

    def _joint(self, members: list[TorchClassifier]) -> TorchClassifier:
        """One torch classifier of all members, so that torch differentiates their mean."""
        from suffice.models.torch_ensemble import mean_module

        return TorchClassifier(
            mean_module(members, self._maps),
            output=self.output,
            device=self.device,
            threads=members[0]._runner.threads,
            input_shape=self.input_shape,
            batch_size=self.batch_size,
            fingerprint=self.fingerprint,
            name=self.name,
        )


def _members(given: Sequence[Any]) -> list[Classifier]:
    if not isinstance(given, (list, tuple)) or not given:
        raise SettingsError(
            f"an ensemble is made of a list of at least one classifier, got {given!r}"
        )
    return [as_classifier(member) for member in given]


def _check_alike(first: Classifier, other: Classifier) -> None:
    kinds = [m.output == "multilabel" for m in (first, other)]
    for what, one, two in (
        ("input shape [C, H, W]", list(first.input_shape), list(other.input_shape)),
        ("number of classes", first.n_classes, other.n_classes),
        ("dropping of tokens", _keeps(first), _keeps(other)),
        ("output", first.output, other.output if kinds[0] != kinds[1] else first.output),
    ):
        if one != two:
            raise ModelError(
                f"the members of an ensemble need the same {what}: {first.name} has {one}, "
                f"{other.name} has {two}"
            )


def _renormalisation(first: Classifier, member: Classifier) -> Renormalisation | None:
    """How a member's input is made from the first one's; None where it is the same."""
    one, two = first.preprocess, member.preprocess
    if one == two:
        return None
    if one is None or two is None:
        lacking, other = (first, member) if one is None else (member, first)
        raise ModelError(
            f"{lacking.name} states no preprocessing and {other.name} does: give every member of an "
            "ensemble one, or none"
        )
    ours, theirs = ({**p.to_dict(), "mean": 0, "std": 0} for p in (one, two))
    differing = [key for key in ours if ours[key] != theirs[key]]
    if differing:
        shown = ", ".join(f"{key} {ours[key]} and {theirs[key]}" for key in differing)
        raise ModelError(
            f"{first.name} and {member.name} preprocess differently ({shown}): members of an "
            "ensemble may differ in mean and std only; give them the same preprocess="
        )
    kept = int(_keeps(first))  # the keep channel is no colour
    colours = first.input_shape[0] - kept
    mean, std, own_mean, own_std = (
        np.broadcast_to(np.asarray(v, np.float64), (colours,))
        for v in (one.mean, one.std, two.mean, two.std)
    )
    scale = np.concatenate([std / own_std, np.ones(kept)])
    offset = np.concatenate([(mean - own_mean) / own_std, np.zeros(kept)])
    return scale[:, None, None], offset[:, None, None]


def _keeps(classifier: Classifier) -> bool:
    """Whether its last input channel says which pixels are kept."""
    return bool(getattr(classifier, "keep_channel", False))


def _fingerprint(members: list[Classifier]) -> str:
    """SHA-256 over the members' own, what they give and see; empty where one is unknown."""
    if not all(m.fingerprint for m in members):
        return ""
    digest = hashlib.sha256(b"suffice.Ensemble")
    for m in members:
        seen = None if m.preprocess is None else m.preprocess.to_dict()
        digest.update(json.dumps([m.fingerprint, m.output, seen]).encode())
    return digest.hexdigest()
