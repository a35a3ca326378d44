"""The store and its leases."""

from __future__ import annotations

import os
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from suffice.errors import StoreError
from suffice.study import owner as owners
from suffice.study.blobs import Blob, decode, encode_mask, encode_responsibility
from suffice.study.keys import Job
from suffice.study.leases import SECONDS, Leases, retry_failed
from suffice.study.place import file_system
from suffice.study.store import RESULT_COLUMNS, Store

ROW = dict.fromkeys(RESULT_COLUMNS, 0) | {"record": "{}", "top5": "[]", "status": "found"}


def job(k: int, model: str = "m", group: str = "g") -> Job:
    return Job(
        f"key{k}", "{}", group, model, "a", f"i{k}", "s", None, "rex", "top1", "zero", 8, 0, None
    )


@pytest.fixture
def clock():
    class Clock:
        now = 1000.0

        def __call__(self) -> float:
            return self.now

    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock):
    with Store(tmp_path / "s.db", "create", clock) as made:
        made.set_jobs([job(k) for k in range(4)])
        yield made


def keys(jobs: list[Job]) -> list[str]:
    return [j.key for j in jobs]


def states(store: Store) -> dict[str, int]:
    return store.counts()["m"]


def test_leases_are_not_shared(store: Store) -> None:
    a, b = Leases(store, "a"), Leases(store, "b")
    assert keys(a.take(2)) == ["key0", "key1"]
    assert keys(b.take(9)) == ["key2", "key3"]
    assert a.take(1) == []
    assert a.remaining() == 4
    b.release()
    assert keys(a.take(9)) == ["key2", "key3"]


def test_a_result_is_kept_once(store: Store) -> None:
    first = Blob("set:0", "bits", 1, 1, b"1")
    assert store.put("key0", ROW | {"pixels": 1}, [first])
    assert not store.put("key0", ROW | {"pixels": 2}, [Blob("set:0", "bits", 1, 1, b"2")])
    assert [r["pixels"] for r in store.rows()] == [1]
    assert store.blobs("key0") == [first]
    assert states(store) == {"done": 1, "open": 3}
    assert "key0" not in keys(Leases(store, "a").take(9))


def test_a_silent_worker_loses_its_leases(store: Store, clock) -> None:
    a, b = Leases(store, "a"), Leases(store, "b")
    a.take(4)
    clock.now += SECONDS - 1
    assert b.take(4) == []
    a.renew()
    clock.now += SECONDS - 1
    assert b.take(4) == []
    clock.now += 1
    assert len(b.take(4)) == 4
    a.release()  # they are no longer a's
    assert states(store) == {"leased": 4}


@pytest.mark.parametrize("jump", [-1e9, -3 * SECONDS, -SECONDS / 2, SECONDS / 2, 1e9])
def test_a_clock_that_jumps_loses_and_repeats_nothing(store: Store, clock, jump: float) -> None:
    a, b = Leases(store, "a"), Leases(store, "b")
    mine = a.take(2)
    store.put(mine[0].key, ROW | {"pixels": 1}, [])
    clock.now += jump
    others = b.take(9) + b.take(9)
    assert mine[0].key not in keys(others)
    for found in [*others, mine[1]]:
        store.put(found.key, ROW | {"pixels": 2}, [])
    clock.now += 2.5 * SECONDS  # nothing hangs on leases set before
    assert Leases(store, "c").take(9) == []
    assert states(store) == {"done": 4}
    assert [r["pixels"] for r in store.rows()] == [1, 2, 2, 2]


def test_leases_of_the_dead_are_open_at_once(store: Store) -> None:
    mine = owners.new_owner()
    assert not owners.is_dead(mine)
    place, pid, start, number = mine.split(":")
    assert int(pid) == os.getpid()
    gone = f"{place}:{pid}:{int(start or 0) + 1}:{number}"  # the number was given out again
    if not start:
        pytest.skip("this system doesn't tell when a process started")
    assert owners.is_dead(gone)
    assert not owners.is_dead(f"elsewhere:{pid}:1:0")
    Leases(store, gone).take(3)
    assert len(Leases(store, mine).take(9)) == 4


def test_failures_are_tried_again_alone_and_then_recorded(store: Store) -> None:
    a = Leases(store, "a", attempts=2)
    a.take(4)
    assert not a.fail("key1", "first")
    a.release()
    assert keys(a.take(9)) == ["key0", "key2", "key3"]
    for key in ("key0", "key2", "key3"):
        store.put(key, ROW, [])
    assert keys(a.take(9)) == ["key1"]
    assert a.is_retry("key1")
    assert a.fail("key1", "second")
    assert a.take(9) == []
    assert a.remaining() == 0
    assert store.failures() == [("m rex i1", "second")]
    assert [r["state"] for r in store.rows()] == ["done", "failed", "done", "done"]
    assert retry_failed(store) == 1
    assert keys(a.take(9)) == ["key1"]


def test_a_failure_of_a_lost_lease_is_not_counted(store: Store, clock) -> None:
    a, b = Leases(store, "a", attempts=1), Leases(store, "b")
    a.take(1)
    clock.now += SECONDS
    b.take(1)
    assert not a.fail("key0", "late")
    assert states(store) == {"leased": 1, "open": 3}


def test_what_crashes_workers_is_found_and_its_company_spared(store: Store) -> None:
    for key in ("key2", "key3"):
        store.put(key, ROW, [])
    taken = []
    for n in range(9):
        worker = Leases(store, f"w{n}")
        mine = keys(worker.take(9))
        if not mine:
            break
        taken.append(mine)
        if "key0" in mine:
            worker.crashed("out of memory")
        else:
            store.put(mine[0], ROW, [])
    assert taken == [["key0", "key1"], ["key0"], ["key1"], ["key0"]]
    assert store.failures() == [("m rex i0", "out of memory")]
    assert states(store) == {"done": 3, "failed": 1}


def test_workers_prefer_their_model_and_then_an_idle_one(tmp_path: Path) -> None:
    with Store(tmp_path / "s.db", "create") as store:
        store.set_jobs([job(k, model, model) for k, model in enumerate("xxyyzz")])
        a, b = Leases(store, "a"), Leases(store, "b")
        assert a.take(1)[0].model == "x"
        assert b.take(1)[0].model == "y"
        assert a.take(1, "x")[0].model == "x"
        assert a.take(1, "x")[0].model == "z"
        assert a.take(5, None, "x") == []


def test_a_design_that_shrinks_keeps_results(store: Store) -> None:
    store.put("key0", ROW, [])
    assert store.set_jobs([job(1), job(9)]) == 1
    assert {r["key"] for r in store.db.execute("SELECT key FROM jobs")} == {"key0", "key1", "key9"}
    assert store.set_jobs([job(0), job(1)]) == 0
    assert states(store) == {"done": 1, "open": 1}


def test_what_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no store"):
        Store(tmp_path / "a.db")
    (tmp_path / "text.db").write_text("hello " * 1000)
    with pytest.raises(StoreError, match="no SQLite file"):
        Store(tmp_path / "text.db")
    db = sqlite3.connect(tmp_path / "other.db")
    db.execute("CREATE TABLE x (y)")
    db.close()
    with pytest.raises(StoreError, match="is no store of a study"):
        Store(tmp_path / "other.db", "read")
    with Store(tmp_path / "new.db", "create") as store:
        store.set_meta(format="2")
    with pytest.raises(StoreError, match="format 2, this version reads 1"):
        Store(tmp_path / "new.db", "read")


def test_a_store_open_for_reading_is_not_written(store: Store) -> None:
    with Store(store.path, "read") as other:
        assert other.total() == 4
        with pytest.raises(StoreError, match="read-only"):
            other.put("key0", ROW, [])
    assert states(store) == {"open": 4}


@pytest.mark.skipif(
    os.name != "posix" or os.geteuid() == 0, reason="whoever is root may write everywhere"
)
def test_a_store_that_may_not_be_written_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    with Store(folder / "s.db", "create") as made:
        made.set_jobs([job(0)])
    (folder / "s.db").chmod(0o444)
    folder.chmod(0o555)
    try:
        with Store(folder / "s.db", "read") as store:
            assert store.total() == 1
        with pytest.raises(StoreError, match="read-only"):
            Store(folder / "s.db", "create")
    finally:
        folder.chmod(0o755)


def test_a_full_disk_loses_only_the_result_that_did_not_fit(store: Store) -> None:
    store.put("key0", ROW, [])
    pages = store.db.execute("PRAGMA page_count").fetchone()[0]
    store.db.execute(f"PRAGMA max_page_count = {pages + 1}")
    big = Blob("set:0", "bits", 1, 1, bytes(100_000))
    with pytest.raises(StoreError, match="the disk is full"):
        store.put("key1", ROW, [big])
    assert states(store) == {"done": 1, "open": 3}
    store.db.execute(f"PRAGMA max_page_count = {pages + 1000}")
    assert store.put("key1", ROW, [big])
    assert states(store) == {"done": 2, "open": 2}


MOUNTS = """\
22 1 8:1 / / rw - ext4 /dev/sda1 rw
30 22 0:40 / /home rw - nfs4 server:/home rw
31 30 8:2 / /home/me/my\\040disk rw - xfs /dev/sdb rw
32 22 0:50 / /mnt rw - autofs auto rw
33 22 0:51 / /mnt rw - cifs //server/share rw
"""


def test_file_systems_are_told_by_their_mounts() -> None:
    def kind(path: str) -> str:
        return file_system(Path(path), MOUNTS)

    assert kind("/tmp/a") == "ext4"
    assert kind("/home/you") == "nfs4"
    assert kind("/homes") == "ext4"
    assert kind("/home/me/my disk/x") == "xfs"
    assert kind("/mnt/a") == "cifs"
    assert file_system(Path("/a"), "") == ""


def test_a_network_file_system_is_refused(tmp_path: Path, monkeypatch) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"22 1 0:1 / {tmp_path} rw - nfs4 server:/x rw\n")
    monkeypatch.setattr("suffice.study.place._MOUNTS", mounts)
    with pytest.raises(StoreError, match=r"is on nfs4.*--shard"):
        Store(tmp_path / "s.db", "create")
    assert not (tmp_path / "s.db").exists()


def test_masks_and_maps_come_back() -> None:
    rng = np.random.default_rng(0)
    mask = rng.random((7, 13)) < 0.3
    np.testing.assert_array_equal(decode(encode_mask("set:0", mask)), mask)
    values = rng.random((300, 300)).astype(np.float32)
    np.testing.assert_array_equal(decode(encode_responsibility(values, "float32")), values)
    ranks = decode(encode_responsibility(values, "ranks"))
    order = np.argsort(values.ravel(), kind="stable")
    assert (np.diff(ranks.ravel()[order]) >= 0).all()
    few = np.round(values * 50) / 50
    ranks = decode(encode_responsibility(few, "ranks"))
    np.testing.assert_array_equal(ranks, np.unique(few, return_inverse=True)[1].reshape(few.shape))


def test_many_may_make_a_store_at_once(tmp_path: Path) -> None:
    def make(path: Path, barrier: threading.Barrier) -> None:
        barrier.wait()
        Store(path, "create").close()

    with ThreadPoolExecutor(6) as pool:
        for k in range(30):
            barrier = threading.Barrier(6)
            made = [pool.submit(make, tmp_path / f"{k}.db", barrier) for _ in range(6)]
            assert [m.result() for m in made] == [None] * 6
