"""Adapter: runs the authors' sis.py on prepared inputs and prints one JSON line per photo.

sis.py is google-research/sufficient_input_subsets/sis.py, given by ``--peer-path`` and never
vendored. It needs NumPy alone and takes any function f, so it runs in our environment and f is the
very function our side asks: the same ONNX Runtime session, composites in batches of the same size
on as many threads, probabilities by the same reduction in float64. What differs is the search.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import importlib.util
import json
import sys
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

import suffice
from suffice import _native


class Function:
    """f(batch [N, C, H, W]) -> the target's probability float64 [N], with its costs."""

    def __init__(self, classifier: Any, target: int, batch_size: int, threads: int) -> None:
        self.classifier, self.target = classifier, target
        self.batch_size, self.threads = batch_size, threads
        self.evaluations, self.model_seconds = 0, 0.0
        self._pool = ThreadPoolExecutor(threads)

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        batch = np.ascontiguousarray(batch, np.float32)
        self.evaluations += len(batch)
        if self.threads == 1:
            parts = [self._part(batch)]
        else:
            parts = list(self._pool.map(self._part, np.array_split(batch, self.threads)))
        self.model_seconds += sum(seconds for _, seconds in parts)
        scores = np.concatenate([s for s, _ in parts])
        targets = np.full(len(scores), self.target, np.int32)
        return _native.decide(scores, targets, self.classifier.output).confidence

    def _part(self, batch: np.ndarray) -> tuple[np.ndarray, float]:
        scores = [np.empty((0, self.classifier.n_classes), np.float32)]
        seconds = 0.0
        for start in range(0, len(batch), self.batch_size):
            rows = batch[start : start + self.batch_size]
            began = time.perf_counter()
            scores.append(self.classifier(rows))
            seconds += time.perf_counter() - began
        return np.concatenate(scores), seconds


def load_peer(path: str) -> ModuleType:
    """The authors' module. It names a type that NumPy 2 no longer has."""
    np.__dict__.setdefault("float_", np.float64)
    spec = importlib.util.spec_from_file_location("sis", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def explain(
    peer: ModuleType, f: Function, x: np.ndarray, baseline: np.ndarray, tau: float, every: bool
) -> dict[str, Any]:
    """One photo: the first set, or all of its collection."""
    mask = peer.make_empty_boolean_mask_broadcast_over_axis(x.shape, 0)
    began = time.perf_counter()
    if every:
        found = peer.sis_collection(f, tau, x, baseline, mask)
    else:
        first = peer.find_sis(f, tau, x, mask, baseline)
        found = [] if first is None else [first]
    seconds = time.perf_counter() - began
    width = x.shape[2]
    return {
        "evaluations": f.evaluations,
        "seconds": seconds,
        "model_seconds": f.model_seconds,
        "sets": [sorted(flat(s.sis, width)) for s in found],
        "orders": [packed(flat(s.ordering_over_entire_backselect, width), "<i4") for s in found],
        "values": [packed(s.values_over_entire_backselect, "<f8") for s in found],
    }


def flat(indices: np.ndarray, width: int) -> list[int]:
    """Indices (0, row, column) as flat pixels."""
    return [int(r) * width + int(c) for _, r, c in indices]


def packed(values: Any, dtype: str) -> str:
    """An array as text, bit for bit."""
    return base64.b64encode(zlib.compress(np.asarray(values, dtype).tobytes(), 9)).decode()


def unpacked(text: str, dtype: str) -> np.ndarray:
    """What `packed` made text of."""
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), dtype)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer-path", required=True, help="the authors' sis.py")
    parser.add_argument("--model", required=True)
    parser.add_argument("--inputs", required=True, help="npz of float32 [C, H, W] arrays by name")
    parser.add_argument("--tau", type=float, default=0.99)
    parser.add_argument("--batch-size", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--collection", action="store_true", help="all disjoint sets")
    args = parser.parse_args()

    import onnxruntime

    peer = load_peer(args.peer_path)
    clf = suffice.as_classifier(args.model, threads=args.threads)
    with np.load(args.inputs) as arrays:
        inputs = {name: arrays[name] for name in arrays.files}
    for name, x in inputs.items():
        target = int(clf(x[None])[0].argmax())
        f = Function(clf, target, args.batch_size, args.threads)
        row = {
            "name": name,
            "target": target,
            **explain(peer, f, x, np.zeros_like(x), args.tau, args.collection),
            "onnxruntime": onnxruntime.__version__,
            "numpy": np.__version__,
            "sis_sha256": hashlib.sha256(Path(args.peer_path).read_bytes()).hexdigest(),
        }
        print(json.dumps(row), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
