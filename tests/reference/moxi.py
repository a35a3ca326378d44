"""MoXI as METHODS.md states it: players are numbers, sums are exact.

Written to be read beside the paper's definitions and without looking at the package. Deletion takes
self-context Shapley values and interactions with the full context in the place of nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

Set = frozenset[int]
Value = Callable[[Set], Fraction]
Passes = Callable[[Set], bool]


def shapley(v: Value, i: int) -> Fraction:
    """Self-context Shapley value: what a player gives alone."""
    return v(frozenset({i})) - v(frozenset())


def interaction(v: Value, group: Set, b: int) -> Fraction:
    """What a group, taken as one player, and another give together beyond what each gives."""
    return v(group | {b}) - v(group) - v(frozenset({b})) + v(frozenset())


def insertion(
    n: int, v: Value, passes: Passes, interactions: bool = True, full: bool = False
) -> list[int]:
    """Players in the order they are put in; ends with the first passing set unless `full`."""
    order: list[int] = []
    while len(order) < n and (full or not order or not passes(frozenset(order))):
        group = frozenset(order)
        gain = {
            b: shapley(v, b) + (interaction(v, group, b) if interactions and order else 0)
            for b in range(n)
            if b not in group
        }
        order.append(first_of_best(gain))
    return order


def deletion(
    n: int, v: Value, passes: Passes, interactions: bool = True, full: bool = False
) -> tuple[list[int], int]:
    """Players in the order they are taken out, and how many went to bring the class about."""
    everything = frozenset(range(n))

    def without(group: Set) -> Fraction:  # the loss is a game of the removed players
        return -v(everything - group)

    order: list[int] = []
    opposing = 0
    brought = passes(everything)
    while len(order) < n:
        group = frozenset(order)
        left = everything - group
        if not brought and order and passes(left):
            brought, opposing = True, len(order)
        elif brought and len(order) > opposing and not passes(left) and not full:
            break
        gain = {
            b: shapley(without, b)
            + (interaction(without, group, b) if interactions and order else 0)
            for b in sorted(left)
        }
        if not brought:
            gain = {b: -g for b, g in gain.items()}
        order.append(first_of_best(gain))
    if not brought:
        opposing = len(order)
    return order, opposing


def first_of_best(gain: dict[int, Fraction]) -> int:
    """The player with the highest gain, the lowest number of equals."""
    best = max(gain.values())
    return min(b for b, g in gain.items() if g == best)
