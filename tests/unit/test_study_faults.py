"""Studies and what goes wrong in them: models that hang, lie or take all memory; disks; clocks."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

import suffice
from reference.onnx_models import quadrant_weights
from reference.photos import write_photo
from reference.studies import SHAPE, answers, done, kill, query, start, wait_until, write_study
from suffice.errors import SettingsError
from suffice.study import Study, StudyResult, merge
from suffice.study import owner as owners
from suffice.study.keys import Job
from suffice.study.leases import Leases
from suffice.study.store import RESULT_COLUMNS, Store
from suffice.study.watch import LOOK_SECONDS, Watch
from suffice.study.work import describe

POSIX = pytest.mark.skipif(os.name != "posix", reason="signals and limits of POSIX")
ROW = dict.fromkeys(RESULT_COLUMNS, 0) | {"record": "{}", "top5": "[]", "status": "found"}
DESIGN = """
[study]
baselines = ["black"]
grains = [8]
budget = 30
attempts = 2
timeout = {timeout}
[[models]]
source = "hangs.onnx"
size = 32
mean = [0, 0, 0]
std = [1, 1, 1]
[[images]]
folder = "photos"
[[methods]]
method = "rex"
settings = {{ iterations = 2 }}
"""


def hanging_model(path: Path) -> None:
    """Brightness of quadrants; counts to 10^15 first where the first pixel is white."""
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go_on"], ["goes_on"]),
            helper.make_node("Add", ["carried", "one"], ["added"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("step", TensorProto.INT64, []),
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("carried", TensorProto.FLOAT, []),
        ],
        [
            helper.make_tensor_value_info("goes_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("added", TensorProto.FLOAT, []),
        ],
    )
    constants = {
        "weights": quadrant_weights(SHAPE),
        "start": np.zeros(4, np.int64),
        "end": np.array([10**6, 1, 1, 1], np.int64),
        "near": np.array(0.999, np.float32),
        "far": np.array(10**15, np.int64),
        "one": np.array(1, np.float32),
        "none": np.array(0, np.float32),
        "true": np.array(True),
    }
    nodes = [
        helper.make_node("Slice", ["x", "start", "end"], ["corner"]),
        helper.make_node("ReduceMax", ["corner"], ["brightest"], keepdims=0),
        helper.make_node("Greater", ["brightest", "near"], ["white"]),
        helper.make_node("Cast", ["white"], ["bit"], to=TensorProto.INT64),
        helper.make_node("Mul", ["bit", "far"], ["steps"]),
        helper.make_node("Loop", ["steps", "true", "none"], ["counted"], body=body),
        helper.make_node("Mul", ["counted", "none"], ["nothing"]),
        helper.make_node("Flatten", ["x"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["scores"]),
        helper.make_node("Add", ["scores", "nothing"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "hangs",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", *SHAPE])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 4])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)


@pytest.fixture
def hanging(tmp_path: Path) -> Path:
    """A design of four photos, of which the model hangs on the second."""
    hanging_model(tmp_path / "hangs.onnx")
    for quadrant in range(4):
        path = write_photo(tmp_path / "photos" / f"{quadrant}.png", quadrant)
        if quadrant == 1:
            pixels = np.array(Image.open(path))
            pixels[0, 0] = 255
            Image.fromarray(pixels).save(path)
    design = tmp_path / "design.toml"
    design.write_text(DESIGN.format(timeout=3))
    return design


def job(k: int) -> Job:
    return Job(f"k{k}", "{}", "g", "m", "a", f"i{k}", "s", None, "rex", "top1", "zero", 8, 0, None)


def test_a_worker_that_finishes_nothing_is_late(tmp_path: Path) -> None:
    now = [0.0]
    watch = Watch(10.0, lambda: now[0])
    with Store(tmp_path / "s.db", "create") as store:
        store.set_jobs([job(k) for k in range(5)])
        a, b = Leases(store, "a"), Leases(store, "b")
        a.take(2)
        b.take(1)
        assert watch.late(store) == {}
        now[0] = 6.0
        store.put("k2", ROW, [])
        b.take(1)
        a.take(1)  # more to do is nothing done
        assert watch.late(store) == {}
        now[0] = 10.0
        assert list(watch.late(store)) == ["a"]
        assert "any of the 3 images" in Watch(1.0)._words(3)
        now[0] += LOOK_SECONDS / 2
        assert watch.late(store) == {}  # it does not look again so soon
        now[0] = 11.0
        a.fail("k0", "no")
        assert watch.late(store) == {}
        now[0] = 16.0
        assert "timeout" in watch.late(store)["b"]
        assert Watch(None).late(store) == {}


@POSIX
def test_a_model_that_hangs_costs_one_image(hanging: Path, tmp_path: Path) -> None:
    result = Study.from_toml(hanging).run(tmp_path / "s.db", workers=1)
    states = {row["image"]: row["status"] for row in result.rows()}
    assert states.pop("1.png") == "failed"
    assert set(states) == {"0.png", "2.png", "3.png"}
    assert not {"failed"} & set(states.values())
    ((name, error),) = result.failures
    assert name.endswith("1.png")
    assert "in 3 seconds, the timeout of the study" in error
    assert query(tmp_path / "s.db", "SELECT attempts FROM jobs WHERE state = 'failed'") == [(2,)]


@POSIX
def test_a_worker_that_hangs_ends_after_its_driver(hanging: Path, tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    process = start(hanging, store, "--workers", "1", "--timeout", "1")
    held = "SELECT DISTINCT owner FROM jobs WHERE state = 'leased'"
    assert wait_until(lambda: bool(query(store, held)), process)
    ((owner,),) = query(store, held)
    kill(process)
    pid = int(owner.split(":")[1])
    waiter = f"import os, time\nwhile os.path.exists('/proc/{pid}/stat') and open('/proc/{pid}/stat').read().rpartition(')')[2].split()[0] not in 'ZX':\n time.sleep(0.05)"
    subprocess.run([sys.executable, "-c", waiter], timeout=60, check=True)
    assert owners.is_dead(owner)


def test_a_timeout_needs_workers(hanging: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="needs worker processes"):
        Study.from_toml(hanging).run(tmp_path / "s.db", workers=0)
    for wrong in ("0", "-1", '"x"', "true", "nan"):
        hanging.write_text(DESIGN.format(timeout=wrong))
        with pytest.raises(SettingsError, match=r"line 7: timeout should be a number of seconds"):
            Study.from_toml(hanging)
    with pytest.raises(SettingsError, match="timeout should be"):
        Study({"m": quadrants}, [photo(0)], timeout=0)


def quadrants(x):
    half = x.shape[2] // 2
    parts = [x[:, :, i : i + half, j : j + half] for i in (0, half) for j in (0, half)]
    return 8 * np.stack([p.mean((1, 2, 3)) for p in parts], 1)


def photo(quadrant: int) -> np.ndarray:
    x = np.zeros((1, 16, 16), np.float32)
    row, column = divmod(quadrant, 2)
    x[:, 8 * row : 8 * row + 8, 8 * column : 8 * column + 8] = 1.0
    return x


def objects(fn, **settings) -> Study:
    clf = suffice.as_classifier(fn, input_shape=(1, 16, 16), n_classes=4, fingerprint="quadrants")
    given = {"baselines": "constant:-1", "grains": 4, "budget": 60, **settings}
    images = [photo(k) * np.float32(1 + n / 8) for n in range(4) for k in range(4)]
    return Study({"quadrants": clf}, images, {"short": suffice.Rex(iterations=4)}, **given)


def not_a_number(scores):
    scores[len(scores) // 2] = np.nan
    return scores


@pytest.mark.parametrize(
    "spoilt",
    [not_a_number, lambda s: s[:, :3], lambda s: s[:-1], lambda s: s.astype(str), lambda _: None],
    ids=["nan", "columns", "rows", "text", "nothing"],
)
def test_what_a_model_gets_wrong_now_and_then_is_asked_again(tmp_path: Path, spoilt) -> None:
    calls = [0]

    def moody(x):
        calls[0] += 1
        return spoilt(quadrants(x)) if calls[0] % 40 == 30 else quadrants(x)

    study = objects(moody, attempts=6)
    result = study.run(tmp_path / "moody.db")
    assert calls[0] > 40
    assert result.counts == {"quadrants": {"done": 16}}, result.failures
    assert query(tmp_path / "moody.db", "SELECT max(attempts) FROM jobs") > [(0,)]
    objects(quadrants).run(tmp_path / "good.db")
    assert answers(tmp_path / "moody.db") == answers(tmp_path / "good.db")


def test_what_a_model_was_shown_when_it_failed_is_kept(tmp_path: Path) -> None:
    def broken(x):
        scores = quadrants(x)
        scores[(x.max((1, 2, 3)) > 1.36) & (x == -1).any((1, 2, 3))] = np.nan
        return scores

    path = tmp_path / "s.db"
    result = objects(broken, attempts=2).run(path)
    failed = query(path, "SELECT key FROM jobs WHERE state = 'failed'")
    assert 0 < len(failed) < 16
    found = dict(result.composites())
    assert sorted(found) == sorted(key for (key,) in failed)
    for composite in found.values():
        assert np.isnan(broken(composite[None])).all()
        assert np.isfinite(quadrants(composite[None])).all()
    assert len(list(result.explanations())) == 16 - len(failed)
    merge(tmp_path / "joined.db", [path])
    joined = dict(StudyResult(tmp_path / "joined.db").composites())
    assert joined.keys() == found.keys()
    # Other questions: failed jobs go with what was kept of them. A model that is mended: it goes too.
    objects(quadrants, grains=8).run(tmp_path / "joined.db")
    assert not list(StudyResult(tmp_path / "joined.db").composites())
    mended = objects(quadrants, attempts=2).run(path, retry=True)
    assert mended.counts == {"quadrants": {"done": 16}}
    assert not list(mended.composites())


def test_a_model_that_always_fails_does_not_fill_the_store(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("suffice.study.leases.COMPOSITES", 3)
    result = objects(lambda x: quadrants(x) * np.nan, attempts=1).run(tmp_path / "s.db")
    assert result.counts == {"quadrants": {"failed": 16}}
    assert len(list(result.composites())) == 3


def test_memory_that_runs_out_fails_one_image_with_advice(tmp_path: Path) -> None:
    def greedy(x):
        if (x.max((1, 2, 3)) > 1.36).any():
            np.empty(1 << 50, np.uint8)
        return quadrants(x)

    result = objects(greedy, attempts=2).run(tmp_path / "s.db")
    assert result.counts == {"quadrants": {"done": 12, "failed": 4}}
    for _, error in result.failures:
        assert "smaller batch_size, or use fewer workers" in error
    assert describe(RuntimeError("CUDA out of memory. Tried")).endswith("fewer workers")
    assert describe(ValueError("other")) == "ValueError: other"


@pytest.mark.filterwarnings("ignore:.*going on with")
def test_a_batch_that_does_not_fit_is_made_smaller(tmp_path: Path) -> None:
    def narrow(x):
        if len(x) > 3:
            np.empty(1 << 50, np.uint8)
        return quadrants(x)

    result = objects(narrow, attempts=1).run(tmp_path / "narrow.db")
    assert result.counts == {"quadrants": {"done": 16}}, result.failures
    objects(quadrants).run(tmp_path / "wide.db")
    assert answers(tmp_path / "narrow.db") == answers(tmp_path / "wide.db")


@POSIX
def test_a_limit_on_the_file_ends_the_run_with_advice(tmp_path: Path) -> None:
    design = write_study(tmp_path, seeds=3)
    Study.from_toml(design).run(tmp_path / "whole.db", workers=0)
    store = tmp_path / "s.db"
    blocks = 500  # of 1,024 bytes; the whole takes more
    words = [sys.executable, "-m", "suffice", "study", "run", design, "--store", store]
    shell = f'ulimit -f {blocks}; exec "$@"'
    ended = subprocess.run(
        ["bash", "-c", shell, "run", *words, "--workers", "1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1, ended.stderr
    assert re.search(r"s\.db: .*what was finished is kept", ended.stderr), ended.stderr
    kept = set(query(store, "SELECT key, finished FROM explanations"))
    assert 0 < len(kept) < 48
    Study.from_toml(design).run(store, workers=0)
    assert kept <= set(query(store, "SELECT key, finished FROM explanations"))
    assert answers(store) == answers(tmp_path / "whole.db")
    assert done(store) == 48
