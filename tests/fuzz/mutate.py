"""Deterministic mutations of bytes: the same seed gives the same inputs on every machine."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

LARGEST = 200_000
_EDGES = (0, 1, 0x7F, 0x80, 0xFF)


def mutated(data: bytes, draw: random.Random, words: Sequence[bytes], others: Sequence[bytes]):
    """One to four changes.

    Parameters
    ----------
    data : bytes
    draw : random.Random
    words : sequence of bytes
        Put in now and then.
    others : sequence of bytes
        Whose parts are taken over now and then.
    """
    made = bytearray(data)
    for _ in range(draw.randint(1, 4)):
        draw.choice(_CHANGES)(made, draw, words, others)
    return bytes(made[:LARGEST])


def _at(made: bytearray, draw: random.Random) -> int:
    return draw.randint(0, len(made))


def _flip(made: bytearray, draw: random.Random, *_: Sequence[bytes]) -> None:
    if made:
        made[draw.randrange(len(made))] ^= 1 << draw.randrange(8)


def _edge(made: bytearray, draw: random.Random, *_: Sequence[bytes]) -> None:
    if made:
        at, count = _at(made, draw), draw.choice((1, 2, 4, 8))
        made[at : at + count] = bytes([draw.choice(_EDGES)]) * count


def _cut(made: bytearray, draw: random.Random, *_: Sequence[bytes]) -> None:
    at = _at(made, draw)
    del made[at : at + draw.choice((1, 2, 8, 64, len(made)))]


def _again(made: bytearray, draw: random.Random, *_: Sequence[bytes]) -> None:
    at = _at(made, draw)
    made[at:at] = made[at : at + draw.randint(1, 64)] * draw.choice((1, 2, 50))


def _word(made: bytearray, draw: random.Random, words: Sequence[bytes], _: Sequence[bytes]) -> None:
    if words:
        at, word = _at(made, draw), draw.choice(words)
        made[at : at + draw.choice((0, len(word)))] = word


def _splice(
    made: bytearray, draw: random.Random, _: Sequence[bytes], others: Sequence[bytes]
) -> None:
    other = draw.choice(others)
    at, start = _at(made, draw), draw.randint(0, len(other))
    made[at : at + draw.randint(0, 64)] = other[start : start + draw.randint(1, 256)]


def _value(made: bytearray, draw: random.Random, *_: Sequence[bytes]) -> None:
    """Swap what stands between two marks of a text for what stands between two others."""
    marks = [k for k, byte in enumerate(made) if byte in b'=:,[]{}\n"']
    if len(marks) > 2:
        a, b = (draw.randrange(len(marks) - 1) for _ in range(2))
        made[marks[a] + 1 : marks[a + 1]] = made[marks[b] + 1 : marks[b + 1]]


_CHANGES: tuple[Callable[..., None], ...] = (
    *(_flip, _edge, _cut, _again, _word, _word, _splice, _value, _value),
)
