"""suffice study run, status, export, plan and merge."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from reference.studies import done, query, start, wait_until, write_study


@pytest.fixture
def design(tmp_path: Path) -> Path:
    return write_study(tmp_path)


def test_run_status_export(suffice, design: Path, tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    ran = suffice("study", "run", design, "--store", store, "--workers", 0)
    assert ran.code == 0, ran
    assert ran.out == ""
    assert [line.split() for line in ran.err.splitlines()] == [
        ["model", "done", "failed", "open", "leased"],
        ["soft", "8", "0", "0", "0"],
        ["hard", "8", "0", "0", "0"],
        ["all", "16", "0", "0", "0"],
    ]
    ran = suffice("study", "status", store)
    assert (ran.code, ran.out.splitlines()[-1].split()) == (0, ["all", "16", "0", "0", "0"])
    ran = suffice("study", "status", store, "--json")
    assert json.loads(ran.out) == {
        "models": {"hard": {"done": 8}, "soft": {"done": 8}},
        "failures": [],
        "probes": {},
    }
    ran = suffice("study", "export", store, "--out", tmp_path / "t.csv")
    assert ran.code == 0, ran
    assert len((tmp_path / "t.csv").read_text().splitlines()) == 17
    ran = suffice("study", "export", store, "--out", tmp_path / "x", "--format", "coco")
    assert ran.code == 0, ran
    assert len(json.loads((tmp_path / "x").read_text())["annotations"]) == 16
    ran = suffice("study", "export", store, "--out", tmp_path / "t.xlsx")
    assert ran.code == 2
    assert "suffice study export: error: " in ran.err


def test_a_bar_for_each_model(suffice, design: Path, tmp_path: Path) -> None:
    words = ("study", "run", design, "--store", tmp_path / "s.db", "--workers", 0, "--progress")
    ran = suffice(*words)
    assert ran.code == 0, ran
    for name in ("study:", "soft:", "hard:", "evaluations/s"):
        assert name in ran.err


def test_failures_are_listed_and_the_exit_code_is_1(suffice, design: Path, tmp_path: Path) -> None:
    (tmp_path / "photos" / "class0" / "0.png").write_bytes(b"no picture")
    words = ("study", "run", design, "--store", tmp_path / "s.db", "--workers", 0)
    ran = suffice(*words)
    assert ran.code == 1
    assert "failed: soft short class0/0.png: ImageError: " in ran.err
    assert suffice(*words).code == 1
    assert "failed: hard" in suffice("study", "status", tmp_path / "s.db").out


def test_shards_are_merged(suffice, design: Path, tmp_path: Path) -> None:
    parts = [tmp_path / "1.db", tmp_path / "2.db"]
    for k, part in enumerate(parts, 1):
        words = ("study", "run", design, "--store", part, "--workers", 0, "--shard", f"{k}/2")
        assert suffice(*words).code == 0
    ran = suffice("study", "merge", tmp_path / "all.db", *parts)
    assert (ran.code, ran.err.split()[0]) == (0, "16")
    ran = suffice("study", "merge", tmp_path / "all.db", *parts)
    assert (ran.code, ran.err.split()[0]) == (0, "0")
    ran = suffice("study", "run", design, "--store", parts[0], "--workers", 0, "--shard", "2/2")
    assert ran.code == 2
    assert "belongs to shard 1/2" in ran.err


def test_a_plan(suffice, design: Path) -> None:
    ran = suffice("study", "plan", design, "--probe", 1, "--workers", 2)
    assert ran.code == 0, ran
    lines = [line.split() for line in ran.out.splitlines()]
    assert lines[0] == ["model", "method", "jobs", "evaluations", "time", "storage", "tried"]
    assert lines[1][:3] == ["soft", "short", "8"]
    assert lines[3][:2] == ["all", "16"]
    assert "with 2 worker(s)" in ran.out
    ran = suffice("study", "plan", design, "--probe", 0, "--json")
    assert [c["evaluations"] for c in json.loads(ran.out)["costs"]] == [None, None]


def test_wrong_usage(suffice, design: Path, tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    design.write_text(design.read_text().replace("seeds", "sedes"))
    ran = suffice("study", "run", design, "--store", store)
    assert ran.code == 2
    assert f"suffice study run: error: {design}, line 6: [study] has no 'sedes'" in ran.err
    assert not store.exists()
    assert suffice("study", "run", design, "--store", store, "--shard", "3/2").code == 2
    assert suffice("study").code == 2
    ran = suffice("study", "status", store)
    assert (ran.code, "there is no store" in ran.err) == (2, True)


@pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")
def test_workers_that_can_not_write_end_the_run(tmp_path: Path) -> None:
    design, store = write_study(tmp_path, seeds=6), tmp_path / "s.db"
    # The limit holds for the database and its log, and for the workers.
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, before[1]))
    try:
        process = start(design, store, "--workers", "2")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    _, errors = process.communicate()
    assert process.returncode == 1, errors
    assert f"error: store {store}: " in errors
    assert "To go on:" in errors
    kept = set(query(store, "SELECT key, finished FROM explanations"))
    assert 0 < len(kept) < 96
    process = start(design, store, "--workers", "2")
    _, errors = process.communicate()
    assert (process.returncode, done(store)) == (0, 96), errors
    assert kept <= set(query(store, "SELECT key, finished FROM explanations"))


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("workers", ["0", "2"])
def test_ctrl_c_finishes_what_runs_and_says_how_to_go_on(tmp_path: Path, workers: str) -> None:
    design, store = write_study(tmp_path, seeds=6, iterations=10), tmp_path / "s.db"
    process = start(design, store, "--workers", workers)
    assert wait_until(lambda: done(store) >= 5, process)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    assert process.returncode == 130, errors
    assert f"To go on:\n  suffice study run {design} --store {store}" in errors
    assert 5 <= done(store) < 96
    assert query(store, "SELECT count(*) FROM jobs WHERE state = 'leased'") == [(0,)]
    process = start(design, store, "--workers", workers)
    _, errors = process.communicate()
    assert (process.returncode, done(store)) == (0, 96), errors


def test_report(suffice, design: Path, tmp_path: Path) -> None:
    store, page = tmp_path / "s.db", tmp_path / "report.html"
    ran = suffice("study", "report", store, "--out", tmp_path / "report.pdf")
    assert ran.code == 2
    assert "suffice study report: error: " in ran.err
    assert "ends in .html" in ran.err
    ran = suffice("study", "report", store, "--out", page, "--format", "pdf")
    assert ran.code == 2
    ran = suffice("study", "report", store, "--out", page)
    assert ran.code == 2
    assert not page.exists()
    assert suffice("study", "run", design, "--store", store, "--workers", 0).code == 0
    ran = suffice("study", "report", store, "--out", page)
    assert (ran.code, ran.out, ran.err) == (0, "", f"written: {page}\n")
    assert "<h1>" in page.read_text()
    ran = suffice("study", "report", store, "--out", tmp_path / "all", "--format", "tables")
    assert ran.code == 0, ran
    assert " more files" in ran.err
    assert {path.suffix for path in (tmp_path / "all").rglob("*.*")} == {".csv"}
    ran = suffice("study", "report", store, "--out", page, "--only", "costs,examples")
    assert ran.code == 0, ran
    assert "What the sets cost" in page.read_text()
    assert "Examples" in page.read_text()
    assert "Sizes of sets" not in page.read_text()
    ran = suffice("study", "report", store, "--out", page, "--without", "examples")
    assert ran.code == 0, ran
    assert "Sizes of sets" in page.read_text()
    assert "Examples" not in page.read_text()
    ran = suffice("study", "report", store, "--out", page, "--only", "cost")
    assert ran.code == 2
    assert "no analysis 'cost'; there are sizes, " in ran.err
