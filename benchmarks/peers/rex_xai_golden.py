"""Record golden traces of rex-xai 0.4.1 on toy classifiers, for tests/parity/test_rex_compat.py.

Runs in an environment with rex-xai 0.4.1 and NumPy 1.26, without suffice:

    python benchmarks/peers/rex_xai_golden.py

Everything random or unordered there is written down, so that suffice can be made to draw the
same: split positions, the order of the ``dc`` queue, places of spotlights. What must then come
out equal is written down too: queues, mutants, float32 maps, rankings and sets.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import logging
import platform
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import rex_xai.explanation.multi_explanation as multi
import rex_xai.explanation.rex as peer
import torch
from rex_xai.explanation.explanation import Explanation
from rex_xai.input.config import CausalArgs
from rex_xai.input.input_data import Data
from rex_xai.mutants import box
from rex_xai.mutants.distributions import str2distribution
from rex_xai.responsibility import responsibility
from rex_xai.responsibility.prediction import Prediction
from rex_xai.utils._utils import (
    Queue,
    ResponsibilityStyle,
    Strategy,
    get_map_locations,
)

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "tests" / "golden" / "rex_xai_0.4.1"


SECONDS_A_CASE = 10  # its spotlights walk on for ever when every place in reach was tried


def give_up(*_: Any) -> None:
    raise TimeoutError


def toys() -> Any:
    """The module of toy classifiers, loaded by path."""
    path = ROOT / "tests" / "reference" / "rex_toys.py"
    spec = importlib.util.spec_from_file_location("rex_toys", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Recorder:
    """Listens to rex-xai while it explains one toy."""

    def __init__(self) -> None:
        self.splits: list[tuple[int, int, int]] = []  # iteration, path, position
        self.levels: list[list[dict[str, Any]]] = []  # iteration -> level -> queue, digest, n
        self.places: list[list[tuple[str, int, int]]] = []  # spotlight -> draws
        self.searching = False

    def mask(self, packed: bytes) -> None:
        if self.searching:
            level = self.levels[-1][-1]
            level["sha256"].update(packed)
            level["n"] += 1


def install(recorder: Recorder) -> None:
    """Wrap rex-xai's functions; each keeps doing what it did."""
    original = {
        "deque": responsibility.deque,
        "causal": responsibility.causal_explanation,
        "split": box.Box.add_children_to_tree,
        "spotlight": multi.MultiExplanation.spotlight_search,
        "location": multi.MultiExplanation._MultiExplanation__random_location,
        "step": multi.MultiExplanation._MultiExplanation__random_step_from,
    }

    def deque(jobs: Any) -> Any:
        recorder.levels[-1].append({"queue": list(jobs), "sha256": hashlib.sha256(), "n": 0})
        return original["deque"](jobs)

    def causal_explanation(*args: Any, **kwargs: Any) -> Any:
        recorder.levels.append([])
        recorder.searching = True
        result = original["causal"](*args, **kwargs)
        recorder.searching = False
        return result

    def add_children_to_tree(self: Any, *args: Any) -> None:
        original["split"](self, *args)
        if self.children:
            first = self.children[0]
            width = self.col_stop - self.col_start
            row, column = first.row_stop - self.row_start, first.col_stop - self.col_start
            path = 1
            for digit in self.name.split(":")[1:]:
                path = path * 4 + int(digit)
            recorder.splits.append((len(recorder.levels) - 1, path, row * width + column))

    def spotlight_search(self: Any, origin: Any = None) -> Any:
        recorder.places.append([])
        return original["spotlight"](self, origin)

    def random_location(self: Any) -> Any:
        place = original["location"](self)
        recorder.places[-1].append(("random", int(place[0]), int(place[1])))
        return place

    def random_step_from(self: Any, *args: Any, **kwargs: Any) -> Any:
        place = original["step"](self, *args, **kwargs)
        recorder.places[-1].append(("step", int(place[0]), int(place[1])))
        return place

    responsibility.deque = deque
    peer.causal_explanation = causal_explanation
    box.Box.add_children_to_tree = add_children_to_tree
    multi.MultiExplanation.spotlight_search = spotlight_search
    multi.MultiExplanation._MultiExplanation__random_location = random_location
    multi.MultiExplanation._MultiExplanation__random_step_from = random_step_from


def arguments(case: dict[str, Any]) -> CausalArgs:
    """rex-xai's arguments for one case."""
    args = CausalArgs()
    args.progress_bar = False
    args.gpu = False
    args.seed = case["seed"]
    args.iters = case.get("iterations", 5)
    args.tree_depth = case.get("tree_depth", 10)
    args.min_box_size = case.get("min_box_size", 10)
    args.distribution = str2distribution(case.get("distribution", "uniform"))
    args.distribution_args = [case.get("alpha", 1.0), case.get("beta", 1.0)]
    queues = {"area": Queue.Area, "intersection": Queue.Intersection}
    args.queue_style = {**queues, "all": Queue.All, "dc": Queue.DC}[case.get("queue", "area")]
    args.queue_len = case.get("queue_len", 1)
    args.search_limit = case.get("search_limit")
    args.confidence_filter = case.get("confidence_filter", 0.0)
    args.weighted = case.get("weighted", False)
    args.concentrate = case.get("concentrate", False)
    args.negative_responsibility = case.get("negative", False)
    merges = {
        "additive": ResponsibilityStyle.Additive,
        "multiplicative": ResponsibilityStyle.Multiplicative,
    }
    args.responsibility_style = merges[case.get("merge", "multiplicative")]
    args.chunk_size = case.get("chunk_size", 10)
    args.minimum_confidence_threshold = case.get("ratio", 0.0)
    extraction = case.get("extraction", "global")
    args.strategy = {
        "global": Strategy.Global,
        "spatial": Strategy.Spatial,
        "spotlight": Strategy.MultiSpotlight,
        "contrastive": Strategy.Contrastive,
        "complete": Strategy.Contrastive,
    }[extraction]
    args.complete = extraction == "complete"
    args.spatial_initial_radius = case.get("radius", 25)
    args.spatial_radius_eta = case.get("radius_eta", 0.2)
    args.spotlights = case.get("spotlights", 10)
    args.no_expansions = case.get("expansions", 4)
    args.max_spotlight_budget = case.get("spotlight_moves", 40)
    args.spotlight_step = case.get("spotlight_step", 5)
    args.spotlight_objective_function = case.get("spotlight_objective", "none")
    args.permitted_overlap = case.get("permitted_overlap", 0.0)
    return args


def explain(case: dict[str, Any], toy: Any, recorder: Recorder) -> dict[str, Any]:
    """Run rex-xai on one case; return what suffice must reproduce."""
    height, width = case["shape"]
    args = arguments(case)

    def predict(composites: torch.Tensor, target: Any = None) -> list[Prediction]:
        masks = composites.numpy().reshape(-1, height, width) > 0
        for mask in masks:
            recorder.mask(np.packbits(mask).tobytes())
        return [Prediction(k, p, target=target) for k, p in toy.predict(masks)]

    data = Data(None, (1, 1, height, width), mode="RGB")
    data.data = torch.ones((1, 1, height, width))
    data.mask_value = 0
    data.target = predict(data.data)[0]
    maps, _ = peer.calculate_responsibility(data, args, predict)
    if args.negative_responsibility:
        maps.negative_responsibility(data.target.classification)
    found: dict[str, Any] = {"map": maps.get(data.target.classification)}
    if found["map"] is None:
        return {}
    found["map"] = found["map"].copy()
    order = [int(r) * width + int(c) for _, (r, c) in get_map_locations(found["map"])]
    found["order_sha256"] = hashlib.sha256(np.array(order, "<i4").tobytes()).hexdigest()

    def flat(mask: Any) -> Any:
        return mask.numpy().reshape(height, width)

    if args.strategy == Strategy.MultiSpotlight:
        exp = multi.MultiExplanation(maps, predict, data, args, {})
        exp.extract()
        found["sets"] = np.array([flat(m) for m in exp.explanations])
        found["chosen"] = np.array(exp.separate_by(args.permitted_overlap)[0], np.int64)
        return found
    exp = Explanation(maps, predict, data, args, {})
    exp.extract()
    found["sets"] = flat(exp.sufficiency_mask)[None]
    for name in ("necessity_mask", "complete_mask"):
        mask = getattr(exp, name)
        if mask is not None:
            found[name] = flat(mask)
    return found


def cases() -> list[dict[str, Any]]:
    """All cases: every setting that changes what rex-xai does, on many sizes and toys."""
    shapes = [(8, 8), (8, 21), (13, 9), (16, 16), (17, 30), (24, 24), (31, 20), (40, 40)]
    variants: list[dict[str, Any]] = [
        *[{"classes": k} for k in (2, 3, 5, 10)],
        *[{"queue_len": n, "tree_depth": 3} for n in (3, 5, None)],
        *[{"queue": "intersection", "queue_len": n, "tree_depth": 3} for n in (1, 3, None)],
        *[{"queue": "all", "tree_depth": d, "iterations": 3} for d in (1, 2)],
        *[{"queue": "dc", "tree_depth": d, "iterations": 3} for d in (1, 2)],
        {"queue": "dc", "tree_depth": 3, "iterations": 2, "min_box_size": 4},
        {"queue": "all", "tree_depth": 3, "iterations": 2, "search_limit": 300},
        {"weighted": True},
        {"concentrate": True},
        {"weighted": True, "concentrate": True, "iterations": 20},
        {"merge": "additive"},
        {"merge": "additive", "weighted": True, "iterations": 20},
        {"negative": True, "classes": 6},
        {"negative": True, "classes": 6, "weighted": True, "concentrate": True},
        {"negative": True, "merge": "additive", "classes": 5},
        {"iterations": 60},
        {"confidence_filter": 0.8},
        {"confidence_filter": 0.5, "queue_len": 2},
        {"min_box_size": 1, "iterations": 8},
        {"min_box_size": 30},
        {"distribution": "betabinom", "alpha": 1.0, "beta": 1.0},
        {"distribution": "betabinom", "alpha": 2.5, "beta": 4.0, "iterations": 10},
        {"chunk_size": 1},
        {"chunk_size": 37},
        *[{"ratio": r} for r in (0.5, 0.9, 1.0)],
        {"extraction": "spatial", "radius": 5},
        {"extraction": "spatial", "radius": 2, "radius_eta": 0.6},
        {"extraction": "spatial", "radius": 3, "radius_eta": 0.5, "ratio": 0.6},
        {"extraction": "spatial", "radius": 60},
        {"extraction": "spotlight", "radius": 5, "spotlights": 6, "spotlight_moves": 6},
        {"extraction": "spotlight", "radius": 6, "chunk_size": 3, "permitted_overlap": 0.3},
        {"extraction": "spotlight", "radius": 5, "radius_eta": 0.3, "permitted_overlap": 0.8},
        *[
            {
                "extraction": "spotlight",
                "radius": radius,
                "spotlight_objective": objective,
                "spotlights": 4,
                "spotlight_step": 3,
                "permitted_overlap": 0.5,
            }
            for objective in ("mean", "max")
            for radius in (7, 8, 9)
        ],
        *[{"extraction": "contrastive", "classes": k} for k in (2, 3)],
        {"extraction": "contrastive", "ratio": 0.7, "chunk_size": 4},
        *[{"extraction": "complete", "classes": k} for k in (2, 3, 4)],
        {"extraction": "complete", "ratio": 0.9, "chunk_size": 3, "weighted": True},
    ]
    listed = []
    for i, variant in enumerate(variants):
        shape = shapes[i % len(shapes)]
        if variant.get("extraction") == "spotlight":
            shape = ((24, 24), (31, 20), (40, 40))[i % 3]  # circles must not cover the image
        listed.append({"seed": 100 + i, "toy": i, "shape": list(shape), **variant})
    for i, (shape, extraction) in enumerate(
        [((40, 40), "global"), ((33, 40), "contrastive"), ((20, 36), "complete")] * 3
    ):
        listed.append(
            {"seed": 7 + i, "toy": 500 + i, "shape": list(shape), "extraction": extraction}
        )
    return listed


def main() -> int:
    logging.disable(logging.CRITICAL)
    module = toys()
    TARGET.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, Any] = {}
    kept = []
    recorder = Recorder()
    install(recorder)
    signal.signal(signal.SIGALRM, give_up)
    for case in cases():
        recorder.__init__()  # type: ignore[misc]
        toy = module.Toy(case["toy"], *case["shape"], n_classes=case.get("classes", 3))
        try:
            signal.alarm(SECONDS_A_CASE)
            found = explain(case, toy, recorder)
            signal.alarm(0)
        except (IndexError, TypeError, KeyError, TimeoutError) as error:
            print("crashed there:", case, repr(error), file=sys.stderr)
            continue
        if not found:
            print("no map:", case, file=sys.stderr)
            continue
        name = f"{len(kept):02d}"
        for level in (level for levels in recorder.levels for level in levels):
            level["sha256"] = level["sha256"].hexdigest()[:32]
        kept.append(
            {
                **case,
                "toy_sha256": toy.fingerprint(),
                "levels": recorder.levels,
                "places": recorder.places,
                "order_sha256": found.pop("order_sha256"),
            }
        )
        arrays[f"{name}/splits"] = np.array(recorder.splits, np.int64).reshape(-1, 3)
        for key, value in found.items():
            packed = value.dtype == np.bool_
            arrays[f"{name}/{key}"] = np.packbits(value, axis=-1) if packed else value
    arrays["cases"] = np.frombuffer(json.dumps(kept, separators=(",", ":")).encode(), np.uint8)
    np.savez_compressed(TARGET / "traces.npz", **arrays)
    versions = {n: importlib.metadata.version(n) for n in ("rex-xai", "numpy", "torch", "anytree")}
    versions["python"] = platform.python_version()
    text = json.dumps(
        {"script": "benchmarks/peers/rex_xai_golden.py", "cases": len(kept), "versions": versions},
        indent=2,
    )
    (TARGET / "made_with.json").write_text(text + "\n")
    size = (TARGET / "traces.npz").stat().st_size
    print(f"{len(kept)} of {len(cases())} cases, {size / 1024:.0f} KiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
