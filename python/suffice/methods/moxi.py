"""MoXI: pixels picked by self-context Shapley values and pairwise interactions.

The method of Sumiyasu, Kawamoto and Kera (2024). ``docs/methods/moxi.md`` says how it works.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

import numpy as np
import numpy.typing as npt

from suffice import _native
from suffice.errors import SettingsError
from suffice.methods._arrays import described, identity
from suffice.methods._regions import Regions, checked, regions_of
from suffice.methods._rounds import Coroutine, counted
from suffice.methods._walk import REWARDS, Reward, Walk, rewards
from suffice.methods.base import Method, Rounds, RoundSearch, SearchResult, register
from suffice.subject import Subject
from suffice.types import JsonObject, PackedMasks, Responsibility

Order = Literal["insertion", "deletion", "both"]


@register
@dataclass(frozen=True, eq=False)
class Moxi(Method):
    """Patches inserted or deleted by their interactions (METHODS.md "moxi").

    Insertion puts in the patch with the greatest self-context Shapley value plus interaction with
    those that are in, ``argmax_b v(A + b)``, until the criterion holds. Deletion takes out
    ``argmin_b v(N - A - b)`` until it fails; where the whole image doesn't give the class asked
    for, it first takes out what opposes it, ``argmax_b v(N - A - b)``, until the criterion holds.

    Attributes
    ----------
    order : {"insertion", "deletion", "both"}
        Insertion ends with a sufficient set. Deletion ends with the removed patches, the extra mask
        ``removed``; its sufficient set is what was left before the last of them.
    grid : int
        Players are the cells of such a grid; boundaries at ``floor(i * H / grid)``.
    feature_mask : int array [H, W], path, callable or None
        Players are the regions of this label map instead, on the model's grid; also a .npy file,
        a .npz file with ``feature_mask``, or a function that is called with a
        `suffice.subject.Subject`, possibly from several threads, and returns the array.
    reward : {"log_odds", "log_probability", "logit", "confidence"}
        v of the target: ``log(p / (1 - p))``, log p, its score, p.
    interactions : bool
        False: by self-context Shapley values only, called MoXI(-).
    full : bool
        Whether orders go over all players, or end where the criterion first holds or fails.

    Raises
    ------
    SettingsError
        If a setting is out of range.

    Source
    ------
    Sumiyasu, Kawamoto, Kera: Identifying important group of pixels using interactions (CVPR 2024).

    Examples
    --------
    >>> Moxi(order="both", grid=7).settings()["grid"]
    7
    """

    name: ClassVar[str] = "moxi"
    version: ClassVar[str] = "1"

    order: Order = "insertion"
    grid: int = 14
    feature_mask: Any | None = None
    reward: Reward = "log_odds"
    interactions: bool = True
    full: bool = False

    def __post_init__(self) -> None:
        for name, known in (("order", get_args(Order)), ("reward", REWARDS)):
            value = getattr(self, name)
            if value not in known:
                raise SettingsError(
                    f"method moxi: setting {name} should be one of {', '.join(known)}; "
                    f"got {value!r}"
                )
        if type(self.grid) is not int or self.grid < 1:
            raise SettingsError(
                f"method moxi: setting grid should be a whole number from 1; got {self.grid!r}"
            )
        for name in ("interactions", "full"):
            if type(getattr(self, name)) is not bool:
                raise SettingsError(
                    f"method moxi: setting {name} should be true or false; "
                    f"got {getattr(self, name)!r}"
                )
        mask = checked(self.feature_mask, self.name)
        object.__setattr__(self, "feature_mask", mask)

    def __eq__(self, other: object) -> bool:
        """Whether all settings agree; label maps by what they hold."""
        return isinstance(other, Moxi) and self._identity() == other._identity()

    def __hash__(self) -> int:
        """Equal for equal methods."""
        return hash(self._identity())

    def _identity(self) -> tuple[Any, ...]:
        return (*(self.settings() | {"feature_mask": identity(self.feature_mask)}).values(),)

    def settings(self) -> JsonObject:
        """All settings; a label map as its digest and shape."""
        return {
            "order": self.order,
            "grid": self.grid,
            "feature_mask": described(self.feature_mask),
            "reward": self.reward,
            "interactions": self.interactions,
            "full": self.full,
        }

    def make_search(self, subject: Subject) -> RoundSearch:
        """Start a search for one subject.

        Raises
        ------
        SettingsError
            If a label map doesn't fit the image.
        InputError
            If a file holds no label map.
        """
        players = regions_of(self.feature_mask, self.grid, subject, self.name)
        search = _Moxi(self, subject, players)
        return RoundSearch(search.run(), search.standing)


class _Moxi:
    """One search: the orders as far as they have come.

    Parameters
    ----------
    method : Moxi
    subject : Subject
    players : Regions
    """

    def __init__(self, method: Moxi, subject: Subject, players: Regions) -> None:
        self.method, self.subject, self.players = method, subject, players
        self.insertion: Walk | None = None
        self.deletion: Walk | None = None

    def run(self) -> Rounds:
        """Insert, then delete, as far as asked for."""
        _, rounds = yield from counted(self._orders())
        return self._result(rounds)

    def standing(self) -> SearchResult:
        """What the orders gave so far."""
        return self._result(None)

    def _orders(self) -> Coroutine[None]:
        full, order = self.method.full, self.method.order
        if order != "deletion":
            self.insertion = self._walk(removes=False)
            yield from self.insertion.go(True, None if full else True)
        if order == "insertion":
            return
        walk = self.deletion = self._walk(removes=True)
        if not self.subject.reference.passes[0]:
            brought = yield from walk.go(True, True)
            if not brought:
                return
        yield from walk.go(False, None if full else False)

    def _walk(self, removes: bool) -> Walk:
        before = self.subject.reference if removes else self.subject.empty
        start = float(rewards(before, self.method.reward)[0])
        return Walk(self.players, self.method.reward, self.method.interactions, removes, start)

    def _result(self, rounds: int | None) -> SearchResult:
        masks = self._sufficient()
        details: JsonObject = {"players": self.players.count}
        if self.method.feature_mask is not None:
            details["labels"] = self.players.given.tolist()
        if self.insertion is not None:
            details["insertion"] = self.insertion.details()
        if self.deletion is not None:
            details["deletion"] = self.deletion.details() | {"opposing": self.opposing}
        if rounds is not None:
            details["rounds"] = rounds
        ranked = self._ranked()
        return SearchResult(
            masks,
            responsibility=None if ranked is None else self._drawn(ranked),
            reason="" if len(masks) else self._reason(),
            details=details,
            extra_masks=self._removed(),
        )

    def _sufficient(self) -> PackedMasks:
        """The shortest passing prefix of the insertion, else what the deletion last left passing."""
        if self.insertion is not None and True in self.insertion.passes:
            return self.insertion.mask(self.insertion.passes.index(True) + 1)
        walk = self.deletion
        if walk is not None and self._began():
            return walk.mask([*walk.passes, False].index(False, self.opposing))
        height, width = self.subject.shape
        return np.zeros((0, _native.words_for(height * width)), np.uint64)

    @property
    def opposing(self) -> int:
        """How many players the deletion first took out to bring the class about."""
        walk = self.deletion
        if walk is None or self.subject.reference.passes[0]:
            return 0
        return [*walk.passes, True].index(True) + (True in walk.passes)

    def _began(self) -> bool:
        """Whether the deletion starts from an image that passes, or has brought the class about."""
        walk = self.deletion
        whole = bool(self.subject.reference.passes[0])
        return whole or (walk is not None and True in walk.passes)

    def _removed(self) -> dict[str, PackedMasks] | None:
        """The patches taken out until the class was brought about, and from there until it fell."""
        walk = self.deletion
        if walk is None:
            return None
        extra = {}
        if self.opposing:
            extra["opposing"] = self._union(walk.order[: self.opposing])
        fallen = walk.passes[self.opposing :]
        if self._began() and False in fallen:
            stop = self.opposing + fallen.index(False) + 1
            extra["removed"] = self._union(walk.order[self.opposing : stop])
        return extra or None

    def _union(self, players: list[int]) -> PackedMasks:
        chosen = np.zeros((1, self.players.count), np.bool_)
        chosen[0, players] = True
        masks: PackedMasks = self.players.masks(chosen)[0]
        return masks

    def _ranked(self) -> list[int] | None:
        """Players from the most to the least important; those in no order by the last look."""
        if self.insertion is not None:
            walk, first, last = self.insertion, self.insertion.order, []
        elif self.deletion is not None:
            walk = self.deletion
            # What opposed the class comes last, the first to go at the very end.
            first, last = walk.order[self.opposing :], walk.order[: self.opposing][::-1]
        else:
            return None
        others = np.flatnonzero(walk.left())
        looks = walk.last[others] * (1.0 if walk.removes else -1.0)
        return [*first, *others[np.argsort(looks, kind="stable")].tolist(), *last]

    def _drawn(self, ranked: list[int]) -> Responsibility:
        """A map of ranks: as many as there are players for the first, 1 for the last."""
        value = np.empty(self.players.count, np.float32)
        value[ranked] = np.arange(len(ranked), 0, -1)
        drawn: npt.NDArray[np.float32] = value[self.players.labels]
        return drawn

    def _reason(self) -> str:
        target = self.subject.target
        if self.insertion is not None and not self.insertion.left().any():
            return f"no prefix of the order passes for class {target}, not even all patches"
        if self.deletion is not None and not self.deletion.left().any():
            return f"class {target} did not come about by taking out patches"
        return ""
