"""Running studies: in this process and in others, stopped in every way, and going on."""

from __future__ import annotations

import os
import random
import signal
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import suffice
from reference.studies import (
    answers,
    done,
    kill,
    query,
    start,
    wait_until,
    write_study,
)
from suffice.errors import (
    ExistingResultError,
    MissingDependencyError,
    SettingsError,
    StoreError,
)
from suffice.study import Study, StudyResult, child, merge, plan

POSIX = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple]]:
    """A design of 96 jobs and what an uninterrupted run finds."""
    folder = tmp_path_factory.mktemp("whole")
    design = write_study(folder, seeds=6, iterations=10)
    Study.from_toml(design).run(folder / "whole.db", workers=0)
    found = answers(folder / "whole.db")
    assert len(query(folder / "whole.db", "SELECT * FROM explanations")) == 96
    return design, found


def quadrants(x):
    """Four classes; the logit of class q is the brightness of quadrant q."""
    half = x.shape[2] // 2
    parts = [x[:, :, i : i + half, j : j + half] for i in (0, half) for j in (0, half)]
    return 8 * np.stack([p.mean((1, 2, 3)) for p in parts], 1)


def photo(quadrant: int) -> np.ndarray:
    x = np.zeros((1, 16, 16), np.float32)
    row, column = divmod(quadrant, 2)
    x[:, 8 * row : 8 * row + 8, 8 * column : 8 * column + 8] = 1.0
    return x


def objects(images, fn=quadrants, **settings) -> Study:
    clf = suffice.as_classifier(fn, input_shape=(1, 16, 16), fingerprint="quadrants")
    settings = {"baselines": "constant:-1", "grains": 4, "budget": 50, **settings}
    return Study({"quadrants": clf}, images, {"short": suffice.Rex(iterations=2)}, **settings)


def test_python_objects_run_in_this_process(tmp_path: Path) -> None:
    study = objects([(photo(k), k % 3) for k in range(4)], responsibility="float32")
    result = study.run(tmp_path / "s.db")
    rows = result.rows()
    assert [r["image"] for r in rows] == [f"image-{k}" for k in range(4)]
    assert [r["target"] for r in rows] == [0, 1, 2, 3]
    assert [r["correct"] for r in rows] == [True, True, True, False]
    assert [r["correct_top5"] for r in rows] == [True] * 4
    assert rows[0]["status"] == "empty"  # the flat baseline ties, and class 0 wins ties
    assert rows[0]["area"] == 0.0
    assert {r["status"] for r in rows[1:]} <= {"found", "budget"}
    assert all(r["certified"] for r in rows)
    masks = result.masks()
    assert masks.shape == (4, 16, 16)
    assert masks.sum((1, 2)).tolist() == [r["pixels"] for r in rows]
    direct = suffice.explain(
        study.design.models[0].source,
        [photo(k) for k in range(4)],
        method=suffice.Rex(iterations=2),
        baseline="constant:-1",
        grain=4,
        budget=50,
    )
    for kept, exp in zip(result.explanations(), direct, strict=True):
        np.testing.assert_array_equal(kept.masks, exp.masks)
        np.testing.assert_array_equal(kept.responsibility, exp.responsibility)
        differ = {"seconds", "image", "model_calls"}
        assert {k: v for k, v in kept.record.items() if k not in differ} == {
            k: v for k, v in exp.record.items() if k not in differ
        }
    with pytest.raises(SettingsError, match="workers=0"):
        study.run(tmp_path / "s.db", workers=1)


def test_what_the_whole_image_says() -> None:
    exp = suffice.explain(
        quadrants, photo(2), input_shape=(1, 16, 16), baseline="constant:-1", grain=4, budget=20
    )
    z = quadrants(photo(2)[None])[0].astype(float)
    p = np.exp(z) / np.exp(z).sum()
    reference = exp.record["reference"]
    assert reference["top5"] == [2, 0, 1, 3]
    assert reference["lead"] == pytest.approx(8.0)
    assert reference["entropy"] == pytest.approx(-(p * np.log(p)).sum())


def test_arrays_of_a_method_are_kept(tmp_path: Path) -> None:
    clf = suffice.as_classifier(quadrants, input_shape=(1, 16, 16), fingerprint="quadrants")
    study = Study(
        {"quadrants": clf},
        [np.pad(photo(2)[:, 7:9, 7:9], ((0, 0), (7, 7), (7, 7)))],
        {"half": suffice.Sis(keep=0.5)},
        baselines="constant:-1",
        grains=1,
    )
    kept = next(study.run(tmp_path / "s.db").explanations())
    (direct,) = suffice.explain(
        clf,
        [study.design.images[0].source],
        method=suffice.Sis(keep=0.5),
        baseline="constant:-1",
        grain=1,
    )
    assert kept.arrays.keys() == direct.arrays.keys() >= {"order", "values"}
    for name, array in direct.arrays.items():
        np.testing.assert_array_equal(kept.arrays[name], array)
        assert kept.arrays[name].dtype == array.dtype


@pytest.mark.skipif(find_spec("captum") is None, reason="captum is not installed")
def test_a_comparator_is_given_the_model(tmp_path: Path) -> None:
    design = write_study(tmp_path)
    text = design.read_text().replace('method = "rex"', 'method = "from_ranking"')
    design.write_text(
        text.replace("iterations = 2", 'ranking = "comparator:occlusion:side=8,stride=8"')
    )
    result = Study.from_toml(design).run(tmp_path / "s.db", workers=0)
    assert result.counts == {"soft": {"done": 8}, "hard": {"done": 8}}, result.failures
    settings = next(result.explanations()).method["settings"]
    assert "occlusion" in str(settings["ranking"])


def test_methods_that_need_gradients_are_given_them(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(256, 4, bias=False))
    unit = np.eye(256, dtype=np.float32).reshape(256, 1, 16, 16)
    with torch.no_grad():
        net[1].weight.copy_(torch.from_numpy(quadrants(unit).T.astype(np.float32)))
    study = Study(
        {"net": suffice.as_classifier(net, input_shape=(1, 16, 16))},
        [photo(1), photo(2)],
        ["gradient-sis"],
        criteria="confidence:0.5",
        baselines="constant:-1",
        budget=600,
    )
    result = study.run(tmp_path / "s.db")
    assert result.counts == {"net": {"done": 2}}, result.failures
    assert [e.gradients > 0 for e in result.explanations()] == [True, True]


def test_labels_as_targets(tmp_path: Path) -> None:
    result = objects([(photo(0), 0), (photo(1), 3)], target="label").run(tmp_path / "s.db")
    assert [r["target"] for r in result.rows()] == [0, 3]


def test_going_on_does_only_what_is_missing(tmp_path: Path) -> None:
    calls = []

    def counted(x):
        calls.append(len(x))
        return quadrants(x)

    store = tmp_path / "s.db"
    objects([photo(0)], counted).run(store)
    first = query(store, "SELECT key, finished FROM explanations")
    calls.clear()
    objects([photo(0)], counted).run(store)
    assert sum(calls) <= 1  # the call that finds the number of classes
    result = objects([photo(0), photo(1)], counted).run(store)
    assert len(result) == 2
    assert set(first) <= set(query(store, "SELECT key, finished FROM explanations"))
    assert len(objects([photo(1)], counted).run(store)) == 1  # of this design's jobs
    assert len(StudyResult(store)) == 2
    with pytest.raises(ExistingResultError):
        objects([photo(0)], counted).run(store, resume=False)


def test_one_image_that_fails_is_recorded_and_the_others_are_done(tmp_path: Path) -> None:
    shown = []

    def picky(x):
        scores = quadrants(x)
        bad = x[:, 0, 12, 12] == 7.0
        shown.append(int(bad.sum()))
        scores[bad] = np.nan
        return scores

    bad = photo(3) * 7
    study = objects([photo(0), bad, photo(1)], picky, attempts=2)
    result = study.run(tmp_path / "s.db")
    assert [r["status"] == "failed" for r in result.rows()] == [False, True, False]
    row = result.rows()[1]
    assert row["error"].startswith("ScoresError")
    assert row["area"] is None
    assert not row["certified"]
    assert result.masks().shape == (2 + 1, 16, 16)
    assert query(tmp_path / "s.db", "SELECT attempts FROM jobs WHERE state = 'failed'") == [(2,)]
    before = sum(shown)
    study.run(tmp_path / "s.db")
    assert sum(shown) == before
    study.run(tmp_path / "s.db", retry=True)
    assert sum(shown) > before


def test_a_photo_that_can_not_be_read_fails_alone(tmp_path: Path) -> None:
    design = write_study(tmp_path)
    (tmp_path / "photos" / "class0" / "0.png").write_bytes(b"no picture")
    result = Study.from_toml(design).run(tmp_path / "s.db", workers=0)
    failed = [r for r in result.rows() if r["status"] == "failed"]
    assert len(failed) == 4
    assert {r["image"] for r in failed} == {"class0/0.png"}
    assert "no image that Pillow can read" in failed[0]["error"]
    assert len(result) == 16


def test_workers_find_the_same(whole, tmp_path: Path) -> None:
    design, found = whole
    result = Study.from_toml(design).run(tmp_path / "s.db", workers=2)
    assert answers(tmp_path / "s.db") == found
    assert result.counts == {"hard": {"done": 48}, "soft": {"done": 48}}
    with pytest.raises(SettingsError, match="workers must be"):
        Study.from_toml(design).run(tmp_path / "s.db", workers=-1)


@POSIX
def test_kill_9_at_any_moment_loses_and_repeats_nothing(whole, tmp_path: Path) -> None:
    design, found = whole
    store = tmp_path / "s.db"
    draw = random.Random(4)
    kept: set[tuple] = set()
    for _ in range(4):
        goal = done(store) + draw.randint(1, 20)
        process = start(design, store, "--workers", "0")
        if not wait_until(lambda goal=goal: done(store) >= goal, process):
            process.communicate()
            break
        kill(process)
        now = set(query(store, "SELECT key, finished FROM explanations"))
        assert kept <= now
        assert len(now) >= goal
        kept = now
    assert 0 < len(kept) < 96
    process = start(design, store, "--workers", "0")
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    assert kept <= set(query(store, "SELECT key, finished FROM explanations"))
    assert answers(store) == found
    assert query(store, "SELECT DISTINCT state FROM jobs") == [("done",)]
    assert query(store, "PRAGMA integrity_check") == [("ok",)]


@POSIX
def test_workers_and_their_driver_may_be_killed(whole, tmp_path: Path) -> None:
    design, found = whole
    store = tmp_path / "s.db"

    def workers() -> list[int]:
        owners = query(store, "SELECT DISTINCT owner FROM jobs WHERE state = 'leased'")
        return [int(owner.split(":")[1]) for (owner,) in owners]

    process = start(design, store, "--workers", "1")
    assert wait_until(lambda: done(store) >= 5 and bool(workers()), process)
    victims = workers()
    os.kill(victims[0], signal.SIGKILL)
    assert wait_until(lambda: done(store) >= 40, process)  # another has taken its place
    kill(process)
    process = start(design, store, "--workers", "2")
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    assert answers(store) == found


@POSIX
def test_two_runs_share_a_store(whole, tmp_path: Path) -> None:
    design, found = whole
    runs = [start(design, tmp_path / "s.db", "--workers", "0") for _ in range(2)]
    for process in runs:
        _, errors = process.communicate()
        assert process.returncode == 0, errors
    assert answers(tmp_path / "s.db") == found


def test_a_full_disk_ends_the_run_and_keeps_what_is_done(whole, tmp_path: Path) -> None:
    design, found = whole
    store = tmp_path / "s.db"

    def shrink(opened) -> None:
        pages = opened.db.execute("PRAGMA page_count").fetchone()[0]
        opened.db.execute(f"PRAGMA max_page_count = {pages + 8}")
        seen.append(pages)

    seen: list[int] = []
    with pytest.raises(StoreError, match="the disk is full"):
        Study.from_toml(design).run(
            store, workers=0, on_progress=lambda s: None if seen else shrink(s)
        )
    kept = set(query(store, "SELECT key, finished FROM explanations"))
    assert 0 < len(kept) < 96
    Study.from_toml(design).run(store, workers=0)
    assert kept <= set(query(store, "SELECT key, finished FROM explanations"))
    assert answers(store) == found


def test_shards_join_to_the_whole(whole, tmp_path: Path) -> None:
    design, found = whole
    study = Study.from_toml(design)
    parts = [tmp_path / f"{k}.db" for k in (1, 2, 3)]
    sizes = [len(study.run(part, workers=0, shard=(k, 3))) for k, part in enumerate(parts, start=1)]
    assert sum(sizes) == 96
    assert min(sizes) > 15
    joined = tmp_path / "joined.db"
    assert merge(joined, parts[:2]) == sizes[0] + sizes[1]
    assert merge(joined, parts) == sizes[2]
    assert merge(joined, parts) == 0
    assert answers(joined) == found
    assert query(joined, "SELECT DISTINCT state FROM jobs") == [("done",)]
    assert study.run(joined, workers=0).counts == {"hard": {"done": 48}, "soft": {"done": 48}}
    with pytest.raises(StoreError, match=r"belongs to shard 1/3, not to shard 2/3"):
        study.run(parts[0], workers=0, shard=(2, 3))
    with pytest.raises(SettingsError, match="into itself"):
        merge(joined, [joined])
    with pytest.raises(SettingsError, match="shard should be"):
        study.run(tmp_path / "x.db", shard=(4, 3))


def test_a_failure_elsewhere_does_not_hide_a_result(tmp_path: Path) -> None:
    broken = [False]

    def moody(x):
        return quadrants(x) * (np.nan if broken[0] else 1)

    study = objects([photo(0), photo(1)], moody, attempts=1)
    study.run(tmp_path / "good.db", shard=None)
    broken[0] = True
    study.run(tmp_path / "bad.db")
    assert merge(tmp_path / "bad.db", [tmp_path / "good.db"]) == 2
    assert merge(tmp_path / "good.db", [tmp_path / "bad.db"]) == 0
    for name in ("good", "bad"):
        assert StudyResult(tmp_path / f"{name}.db").counts == {"quadrants": {"done": 2}}


def test_a_plan_counts_and_measures(whole) -> None:
    design, _ = whole
    costs = plan(Study.from_toml(design), probe=2)
    assert [(c.model, c.method, c.jobs, c.probed) for c in costs] == [
        ("soft", "short", 48, 2),
        ("hard", "short", 48, 2),
    ]
    for cost in costs:
        assert 2 * 48 <= cost.evaluations <= 60 * 48
        assert cost.seconds > 0
        assert cost.bytes > 48 * 1000
    assert plan(Study.from_toml(design), probe=0)[0].jobs == 48


def test_the_run_stops_when_it_is_wished(whole, tmp_path: Path) -> None:
    design, found = whole
    store = tmp_path / "s.db"
    study = Study.from_toml(design)
    study.run(store, workers=0, should_stop=lambda: done(store) >= 10)
    assert 10 <= done(store) < 40
    assert query(store, "SELECT count(*) FROM jobs WHERE state = 'leased'") == [(0,)]
    study.run(store, workers=0)
    assert answers(store) == found


def test_zero_across_preprocessings_is_warned_about(tmp_path: Path) -> None:
    design = write_study(tmp_path)
    text = (
        design.read_text()
        .replace('["black"]', '["zero"]')
        .replace("{ size = 32, mean = [0,", "{ size = 32, mean = [1,")
    )
    design.write_text(text)
    with pytest.warns(UserWarning, match="zero is another colour"):
        Study.from_toml(design).run(tmp_path / "s.db", workers=0, should_stop=lambda: True)


def test_ray_finds_the_same(tmp_path: Path) -> None:
    """In a process of its own: ray leaves threads and sockets behind."""
    design = write_study(tmp_path)
    try:
        import ray  # noqa: F401
    except ImportError:
        with pytest.raises(MissingDependencyError, match=r"suffice\[ray\]"):
            Study.from_toml(design).run(tmp_path / "r.db", executor="ray")
        return
    Study.from_toml(design).run(tmp_path / "s.db", workers=0)
    process = start(design, tmp_path / "r.db", "--executor", "ray", "--workers", "1")
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    assert answers(tmp_path / "r.db") == answers(tmp_path / "s.db")


@pytest.mark.parametrize(("said", "expected"), [(None, "2"), ("7", "7")])
def test_linear_algebra_of_a_worker_keeps_to_its_cores(
    said: str | None, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tells.py").write_text("import os; print(os.environ['OPENBLAS_NUM_THREADS'])")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    if said is None:
        monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    else:
        monkeypatch.setenv("OPENBLAS_NUM_THREADS", said)
    process, errors = child.start("tells", answers=True, threads=2)
    told, _ = process.communicate(timeout=60)
    errors.close()
    assert told.strip() == expected
