"""Every reader with its seeds, its corpus and mutations of both, the same at every run."""

from __future__ import annotations

import os
import random
import signal
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fuzz import seeds
from fuzz.mutate import mutated
from fuzz.readers import READERS, outcome

CORPUS = Path(__file__).parent / "corpus"
MUTATIONS = int(os.environ.get("SUFFICE_FUZZ_MUTATIONS", "150"))
SECONDS = 30
"""What one input may take at most; a guard against hangs, not a measurement."""
PEAK = 100 * 2**20


@contextmanager
def guard() -> Iterator[None]:
    """End what hangs."""
    if not hasattr(signal, "setitimer"):
        yield
        return

    def hung(*_: object) -> None:
        raise AssertionError(f"no answer in {SECONDS} seconds")

    before = signal.signal(signal.SIGALRM, hung)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def kept(name: str) -> list[Path]:
    return sorted((CORPUS / name).glob("*"))


@pytest.mark.parametrize("name", READERS)
def test_seeds_are_read(name: str, tmp_path: Path) -> None:
    for data in READERS[name].seeds():
        assert outcome(READERS[name], data, tmp_path) == "read"


@pytest.mark.parametrize("name", READERS)
def test_what_was_found_once_is_refused(name: str, tmp_path: Path) -> None:
    """The corpus: ``refused-...`` each raised something else, hung or took the memory once."""
    assert kept(name)
    for path in kept(name):
        tracemalloc.start()
        try:
            with guard():
                said = outcome(READERS[name], path.read_bytes(), tmp_path)
            assert tracemalloc.get_traced_memory()[1] < PEAK, path.name
        finally:
            tracemalloc.stop()
        assert (said == "read") == path.name.startswith("read-"), (path.name, said)


@pytest.mark.parametrize("name", READERS)
def test_mutations_are_read_or_refused(name: str, tmp_path: Path) -> None:
    reader = READERS[name]
    pool = [*reader.seeds(), *(path.read_bytes() for path in kept(name))]
    draw = random.Random(name)
    said = set()
    count = MUTATIONS // 5 if name == "store" else MUTATIONS
    for k in range(count):
        data = mutated(draw.choice(pool), draw, reader.words, pool)
        try:
            with guard():
                said.add(outcome(reader, data, tmp_path))
        except Exception as error:
            path = tmp_path.parent / f"{name}-{k}"
            path.write_bytes(data)
            raise AssertionError(f"{name}: {error!r} of mutation {k}, kept as {path}") from error
    assert len(said) > 1, "all mutations end alike: they do not reach into the reader"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("npz", seeds.bomb("images.npy", (3 << 30,), 3 << 30)),
        ("npz", seeds.bomb("images.npy", (2**20, 2**20), 2**20)),
        ("array", seeds.bomb("ranking.npy", (2**40,), 2**20)),
        ("explanation", b"{}\n--8<--\n" + seeds.bomb("mask.npy", (3 << 30,), 3 << 30)),
    ],
    ids=["npz that unpacks", "npz that claims", "array that claims", "mask that unpacks"],
)
def test_bombs_are_refused_before_they_go_off(name: str, data: bytes, tmp_path: Path) -> None:
    tracemalloc.start()
    try:
        assert outcome(READERS[name], data, tmp_path) != "read"
        assert tracemalloc.get_traced_memory()[1] < PEAK
    finally:
        tracemalloc.stop()
