"""The GIL is released, and threads change no bit."""

from __future__ import annotations

import multiprocessing
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from suffice import _native


def composing(seed: int, threads: int) -> bytes:
    rng = np.random.default_rng(seed)
    image = rng.normal(size=(3, 61, 67)).astype(np.float32)
    masks = _native.pack(rng.random((9, 61, 67)) < 0.5)
    return _native.compose(image, image + 1, masks, threads=threads).tobytes()


def test_other_threads_run_during_a_native_call() -> None:
    go, ran = threading.Event(), threading.Event()

    def wait_and_run() -> None:
        go.wait()
        ran.set()

    # With a switch interval this long no thread is ever made to give the GIL up: the other one can
    # only run while this one has released it. It may take a few calls until it is scheduled.
    interval = sys.getswitchinterval()
    values = np.random.default_rng(0).random((1, 300_000), np.float32)
    other = threading.Thread(target=wait_and_run)
    other.start()
    sys.setswitchinterval(1000)
    try:
        go.set()
        for _ in range(100):
            _native.rank(values)
            if ran.is_set():
                break
        ran_during_a_call = ran.is_set()
    finally:
        sys.setswitchinterval(interval)
        other.join()
    assert ran_during_a_call


@pytest.mark.parametrize("threads", [2, 3, 8, 1000])
def test_threads_change_no_bit(threads: int) -> None:
    assert composing(0, threads) == composing(0, 1)


def test_many_callers_share_the_pool() -> None:
    with ThreadPoolExecutor(6) as callers:
        results = list(callers.map(lambda seed: composing(seed, 4), range(60)))
    assert results == [composing(seed, 1) for seed in range(60)]


@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="this platform has no fork"
)
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_makes_its_own_workers() -> None:
    expected = composing(1, 4)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply_async(composing, (1, 4)).get(timeout=60) == expected
