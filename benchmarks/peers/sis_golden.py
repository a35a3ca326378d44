"""Record what the authors' sis.py finds on toy classifiers, for tests/parity/test_sis.py.

    python benchmarks/peers/sis_golden.py --peer-path sis.py

The toys answer in whole numbers, so probabilities are one correctly rounded division each and
equal on every machine. Half of the cases round them to few levels: most masks then tie.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from sis_run import flat, load_peer

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "tests" / "golden" / "sis.json"
SHAPES = ((1, 7), (3, 4), (4, 5), (6, 6))
LEVELS = (0, 4)  # 0: as they are


def toys() -> Any:
    """The module of toy classifiers, loaded by path."""
    path = ROOT / "tests" / "reference" / "rex_toys.py"
    spec = importlib.util.spec_from_file_location("rex_toys", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer-path", required=True)
    args = parser.parse_args()
    peer = load_peer(args.peer_path)
    make = toys().Toy
    cases = []
    for shape in SHAPES:
        for levels in LEVELS:
            cases += [case(peer, make(seed, *shape), seed, levels) for seed in range(4)]
    golden = {
        "sis_sha256": hashlib.sha256(Path(args.peer_path).read_bytes()).hexdigest(),
        "cases": [c for c in cases if c["sets"]],
    }
    TARGET.write_text(json.dumps(golden, indent=None, separators=(",", ":")) + "\n")
    print(f"{len(golden['cases'])} of {len(cases)} cases have sets: {TARGET}")
    return 0


def case(peer: Any, toy: Any, seed: int, levels: int) -> dict[str, Any]:
    """All sets of one toy; tau halves the way from the baseline to the image."""
    shape = toy.shape
    whole, empty = np.ones((1, *shape), bool), np.zeros((1, *shape), bool)
    target = int(toy.probabilities(whole)[0].argmax())
    asked = []

    def f(batch: np.ndarray) -> np.ndarray:
        asked.append(len(batch))
        return rounded(toy.probabilities(batch[:, 0] > 0)[:, target], levels)

    high, low = float(f(whole[:, None])[0]), float(f(empty[:, None])[0])
    asked.clear()
    tau = (2 * high + low) / 3
    found = []
    if low < tau < high:
        image, baseline = np.ones((1, *shape), np.float32), np.zeros((1, *shape), np.float32)
        found = peer.sis_collection(f, tau, image, baseline)
    return {
        "seed": seed,
        "shape": shape,
        "levels": levels,
        "toy_sha256": toy.fingerprint(),
        "target": target,
        "tau": tau,
        "evaluations": sum(asked),
        "sets": [flat(s.sis, shape[1]) for s in found],
        "orders": [flat(s.ordering_over_entire_backselect, shape[1]) for s in found],
        "values": [s.values_over_entire_backselect.tolist() for s in found],
    }


def rounded(p: np.ndarray, levels: int) -> np.ndarray:
    """Probabilities cut to multiples of 1 / levels, kept off 0 and 1."""
    if not levels:
        return p
    return np.floor(p * levels) / levels * 0.5 + 0.25


if __name__ == "__main__":
    sys.exit(main())
