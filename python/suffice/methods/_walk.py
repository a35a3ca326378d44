"""Orders of players built one by one: insertion into nothing, deletion from everything."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from suffice.criterion import MAX_LOG_ODDS
from suffice.methods._regions import Regions
from suffice.methods._rounds import Coroutine
from suffice.types import JsonObject, Outcomes, PackedMasks

Reward = Literal["log_odds", "log_probability", "logit", "confidence"]
REWARDS: tuple[Reward, ...] = get_args(Reward)

PREFIXES = 16
"""Prefixes of a round where the order is known beforehand."""

Values = npt.NDArray[np.float64]


def rewards(outcomes: Outcomes, reward: Reward) -> Values:
    """The reward of every outcome, float64 [M], finite."""
    if reward == "confidence":
        return outcomes.confidence
    if reward == "log_probability":  # log p, from the log-odds without loss where p is near 1
        value = -np.logaddexp(0.0, -outcomes.log_odds)
    else:
        value = outcomes.score if reward == "logit" else outcomes.log_odds
    return np.clip(value, -MAX_LOG_ODDS, MAX_LOG_ODDS)


@dataclass
class Walk:
    """An order of players as far as it has come.

    Attributes
    ----------
    players : Regions
    reward : str
    interactions : bool
        Whether each step looks at every player left; otherwise the first look decides all.
    removes : bool
        Whether the order's players are taken out of the image or put into nothing.
    start : float
        Reward before the first step.
    order : list of int
    values : list of float
        Reward after each step.
    passes : list of bool
        Whether the criterion holds after each step.
    alone : float64 [count]
        Reward with only this player put in or taken out; NaN before the first round.
    last : float64 [count]
        Reward of the last look at putting in or taking out each player.
    """

    players: Regions
    reward: Reward
    interactions: bool
    removes: bool
    start: float
    order: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    passes: list[bool] = field(default_factory=list)
    alone: Values = field(init=False)
    last: Values = field(init=False)

    def __post_init__(self) -> None:
        self.alone = np.full(self.players.count, np.nan)
        self.last = self.alone.copy()

    def go(self, highest: bool, until: bool | None) -> Coroutine[bool]:
        """Go on until the criterion holds or fails as `until` says, or over all players.

        Parameters
        ----------
        highest : bool
            Whether each step is to the highest reward, or to the lowest. The lowest label of
            equals is taken.
        until : bool or None
            None: over all players.

        Returns
        -------
        bool
            Whether the last step was what was wanted.
        """
        sign = -1.0 if highest else 1.0
        if self.interactions:
            while self.left().any():
                values, passes = yield from self._look()
                player = int(np.argmin(np.where(self.left(), sign * values, np.inf)))
                self._step(player, values[player], passes[player])
                if self.passes[-1] == until:
                    return True
            return False
        if np.isnan(self.alone).any():
            yield from self._look()
        ranked = np.argsort(sign * self.alone, kind="stable")
        ranked = ranked[self.left()[ranked]]
        for begin in range(0, len(ranked), PREFIXES):
            some = ranked[begin : begin + PREFIXES]
            outcomes = yield self._masks(np.tril(np.ones((len(some), len(some)), bool)), some)
            found = rewards(outcomes, self.reward)
            for player, value, passes in zip(some, found, outcomes.passes, strict=True):
                self._step(int(player), value, passes)
                if self.passes[-1] == until:
                    return True
        return False

    def left(self) -> npt.NDArray[np.bool_]:
        """Players that are not in the order yet, bool [count]."""
        left = np.ones(self.players.count, np.bool_)
        left[self.order] = False
        return left

    def mask(self, steps: int) -> PackedMasks:
        """What is shown after so many steps, [1, words]."""
        chosen = np.zeros((1, self.players.count), np.bool_)
        chosen[0, self.order[:steps]] = True
        return self.players.masks(~chosen if self.removes else chosen)

    def _look(self) -> Coroutine[tuple[Values, npt.NDArray[np.bool_]]]:
        """Rewards of taking each player that is left as the next; NaN of the others."""
        candidates = np.flatnonzero(self.left())
        outcomes = yield self._masks(np.eye(len(candidates), dtype=np.bool_), candidates)
        values = np.full(self.players.count, np.nan)
        passes = np.zeros(self.players.count, np.bool_)
        values[candidates] = rewards(outcomes, self.reward)
        passes[candidates] = outcomes.passes
        self.last[candidates] = values[candidates]
        if not self.order:
            self.alone = values.copy()
        return values, passes

    def _masks(self, rows: npt.NDArray[np.bool_], players: npt.NDArray[np.intp]) -> PackedMasks:
        """Masks after the order and, for each row, the players it names."""
        chosen = np.zeros((len(rows), self.players.count), np.bool_)
        chosen[:, self.order] = True
        chosen[:, players] |= rows
        return self.players.masks(~chosen if self.removes else chosen)

    def _step(self, player: int, value: float, passes: np.bool_) -> None:
        self.order.append(player)
        self.values.append(float(value))
        self.passes.append(bool(passes))

    def self_context(self) -> Values:
        """Self-context Shapley value of each player: what it alone adds, or its removal takes."""
        return self.start - self.alone if self.removes else self.alone - self.start

    def details(self) -> JsonObject:
        """The order as JSON types; players go by their number."""
        record: JsonObject = {
            "order": self.order,
            "rewards": self.values,
            "passes": self.passes,
            "start": self.start,
        }
        if self.order or not np.isnan(self.alone).any():
            record["self_context"] = self.self_context().tolist()
        if self.interactions:
            record["interactions"] = self._chosen_interactions()
        return record

    def _chosen_interactions(self) -> list[float]:
        """Interaction of each player with those before it: its gain above what it gives alone."""
        levels = np.array([self.start, *self.values])
        gains = np.diff(levels) * (-1.0 if self.removes else 1.0)
        found: list[Any] = (gains - self.self_context()[self.order]).tolist()
        return found
