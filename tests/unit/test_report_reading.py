"""Studies read for reports: questions, rows of the first seed, masks on one grid."""

from __future__ import annotations

import hashlib
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reference.stored import block, sha, write_store
from suffice.errors import InputError
from suffice.metrics import dice, hausdorff
from suffice.report.grids import Grid, common_grid, onto
from suffice.report.reading import PLAIN_GREY, Reading
from suffice.statistics import overlap
from suffice.study.result import StudyResult


def read(tmp_path: Path, rows, **meta: str) -> Reading:
    return Reading(StudyResult(write_store(tmp_path / "s.db", rows, **meta)))


def drawn(grid: Grid, left: float, top: float, right: float, bottom: float) -> np.ndarray:
    """The pixels of a grid whose centres lie in a rectangle of the photo, one by one."""
    mask = np.zeros(grid.shape, bool)
    height, width = grid.spacing
    for i, j in itertools.product(*map(range, grid.shape)):
        x, y = grid.box[0] + (j + 0.5) * width, grid.box[1] + (i + 0.5) * height
        mask[i, j] = left <= x < right and top <= y < bottom
    return mask


def test_onto_takes_the_pixel_under_each_centre() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        shape = tuple(int(n) for n in rng.integers(1, 9, 2))
        grid = Grid((*rng.uniform(0, 5, 2), *rng.uniform(6, 20, 2)), shape)
        target = Grid((*rng.uniform(0, 5, 2), *rng.uniform(6, 20, 2)), (11, 13))
        mask = rng.random(shape) < 0.5
        found = onto(mask, grid, target)
        left, top, right, bottom = grid.box
        for i, j in itertools.product(range(11), range(13)):
            y = target.box[1] + (i + 0.5) * target.spacing[0]
            x = target.box[0] + (j + 0.5) * target.spacing[1]
            inside = left <= x < right and top <= y < bottom
            row, column = int((y - top) // grid.spacing[0]), int((x - left) // grid.spacing[1])
            assert found[i, j] == (inside and mask[row, column])


def test_a_grid_of_its_own_changes_nothing() -> None:
    grid = Grid((31.25, 0.1, 468.75, 333.3), (128, 96))
    assert common_grid([grid, grid]) == grid
    mask = np.random.default_rng(1).random((128, 96)) < 0.3
    again = Grid(grid.box, (128, 96))
    np.testing.assert_array_equal(onto(mask, grid, again), mask)
    # The long way round, too: twice the pixels over the same box.
    double = Grid(grid.box, (256, 192))
    np.testing.assert_array_equal(onto(mask, grid, double), np.kron(mask, np.ones((2, 2), bool)))


def test_models_of_other_sizes_and_crops_agree_on_one_object(tmp_path: Path) -> None:
    small = Grid((0.0, 0.0, 500.0, 375.0), (128, 128))  # the whole photo, squeezed
    large = Grid((62.5 + 23.4, 23.4, 437.5 - 23.4, 375.0 - 23.4), (224, 224))  # its centre
    wanted = (200.0, 100.0, 320.0, 260.0)
    masks = [drawn(grid, *wanted) for grid in (small, large)]
    rows = [
        {"model": name, "image": "p", "mask": mask, "box": list(grid.box), "size": [500, 375]}
        for name, mask, grid in zip("ab", masks, (small, large), strict=True)
    ]
    question = read(tmp_path, rows).questions[0]
    (both,) = question.photos()
    target = common_grid([small, large])
    assert both[0].shape == both[1].shape == target.shape
    assert target.spacing == pytest.approx(large.spacing, rel=0.01)
    truth = drawn(target, *wanted)
    assert dice(both[0], truth) > 0.97
    assert dice(both[1], truth) > 0.97
    found = overlap(question.photos(), question.models)
    assert found.dice[0, 1] > 0.97
    assert found.hausdorff[0, 1] < 5
    # Two sets in opposite corners of their own inputs are not where the inputs say.
    assert dice(*(m[:128, :128] for m in masks)) < 0.8


def test_a_finer_model_with_the_same_set_overlaps_fully(tmp_path: Path) -> None:
    mask = np.random.default_rng(2).random((8, 8)) < 0.4
    fine = np.kron(mask, np.ones((4, 4), bool))
    box = {"box": [10.0, 20.0, 90.0, 80.0], "size": [100, 100]}
    rows = [{"model": "a", "mask": mask, **box}, {"model": "b", "mask": fine, **box}]
    (both,) = read(tmp_path, rows).questions[0].photos()
    assert dice(*both) == 1.0
    assert hausdorff(*both) == 0.0


def test_questions_and_their_rows(tmp_path: Path) -> None:
    rows = [
        {
            "model": model, "image": str(image), "seed": seed, "criterion": criterion,
            "baseline": baseline, "mask": block(0.1 * (image + 1) + 0.1 * (3 - seed)),
        }
        for criterion in ("top1", "relative:0.9")
        for baseline in ("grey", "blur:10")
        for seed in (3, 1)
        for model in ("z", "a")
        for image in range(2)
    ]  # fmt: skip
    reading = read(tmp_path, rows, name="four")
    assert [q.label for q in reading.questions] == [
        "minimal, top1, grey",
        "minimal, top1, blur:10",
        "minimal, relative:0.9, grey",
        "minimal, relative:0.9, blur:10",
    ]
    slugs = [q.slug for q in reading.questions]
    assert slugs[3] == "minimal-relative-0-9-blur-10"
    assert len(set(slugs)) == 4
    question = reading.questions[0]
    assert question.models == ("z", "a")
    assert question.seeds == (3, 1)
    assert set(question.first["seed"]) == {3}
    assert len(question.first) == 4
    np.testing.assert_array_equal(question.masks("a"), [block(0.1), block(0.2)])


def test_slugs_are_unique(tmp_path: Path) -> None:
    rows = [{"method": name, "mask": block(0.5)} for name in ("a b", "a-b", "A B")]
    slugs = [q.slug for q in read(tmp_path, rows).questions]
    assert slugs == ["a-b-top1", "a-b-top1-2", "a-b-top1-3"]


def test_a_missing_set_is_no_empty_set(tmp_path: Path) -> None:
    rows = [
        {"model": "a", "image": "1", "mask": block(0.5)},
        {"model": "b", "image": "1", "mask": block(0.0)},
        {"model": "c", "image": "1"},
        {"model": "c", "image": "2", "error": "ImageError: gone"},
    ]
    question = read(tmp_path, rows).questions[0]
    (only,) = question.photos()
    assert only[2] is None
    assert not only[1].any()
    assert only[0].sum() == 32
    found = overlap(question.photos(), question.models)
    assert found.n[0, 1] == found.n_infinite[0, 1] == 1
    assert found.n_missing[0, 2] == 1


def test_a_stopped_search_without_a_set_is_unattained(tmp_path: Path) -> None:
    rows = [
        {"image": "1", "mask": block(0.5), "status": "budget"},
        {"image": "2", "status": "budget"},
    ]
    question = read(tmp_path, rows).questions[0]
    assert question.sizes().area.tolist() == [0.5, 1.0]
    assert question.sizes(("unattained",)).area.tolist() == [0.5]
    assert question.rows["status"].tolist() == ["budget", "budget"]


def test_the_photo_of_a_row(tmp_path: Path) -> None:
    pixels = np.random.default_rng(3).integers(0, 255, (8, 8, 3), np.uint8)
    path = tmp_path / "p.png"
    Image.fromarray(pixels).save(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    preprocess = {"size": [8, 8], "mean": [0, 0, 0], "std": [1, 1, 1]}
    row = {"image": "p", "mask": block(0.5), "preprocess": preprocess, "sha256": digest}
    reading = read(tmp_path, [row], sources=json.dumps({"p": [str(path), None]}))
    picture, there = reading.picture(next(reading.frame.itertuples()))
    assert there
    np.testing.assert_array_equal(picture, pixels)
    Image.fromarray(255 - pixels).save(path)
    picture, there = reading.picture(next(reading.frame.itertuples()))
    assert not there
    assert (picture == PLAIN_GREY).all()
    path.unlink()
    assert not reading.picture(next(reading.frame.itertuples()))[1]


def test_nothing_to_report(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no finished job"):
        read(tmp_path, [])


def test_digests_tell_photos_of_one_name_apart(tmp_path: Path) -> None:
    rows = [{"image": "p", "sha256": sha(k), "mask": block(0.5)} for k in "xy"]
    question = read(tmp_path, rows).questions[0]
    assert len(question.first) == 2
    assert len(list(question.photos())) == 2
