"""Use an installed suffice as someone would who has nothing but its run-time dependencies.

A function is explained, saved, loaded and verified, and the command line answers. Wheels are tested
with this on every platform they are built for; it must not need a model runtime.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import suffice


def scores(batch: np.ndarray) -> np.ndarray:
    """Class 1 where the square in the middle is bright: float32 ``[N, 1, 16, 16] -> [N, 2]``."""
    bright = batch[:, 0, 4:12, 4:12].mean(axis=(1, 2))
    return np.stack([np.full_like(bright, 0.4), bright], axis=1)


def main() -> None:
    """Run all of it; any fault raises."""
    if Path(__file__).resolve().parents[1] / "python" in Path(suffice.__file__).resolve().parents:
        sys.exit(f"{suffice.__file__} is the source tree; install the wheel and run it from there")
    clf = suffice.as_classifier(scores, input_shape=(1, 16, 16))
    image = np.ones((1, 16, 16), np.float32)
    found = suffice.explain(clf, image, grain=4)
    if found.status != "found" or found.pixels >= 64 or found.certificate.verdict != "holds":
        sys.exit(f"expected a proved set of fewer than 64 pixels, got {found!r}")
    with tempfile.TemporaryDirectory() as folder:
        found.save(Path(folder) / "one")
        again = suffice.load(Path(folder) / "one")
        if suffice.verify(again, clf, image).verdict != "holds":
            sys.exit("the saved set is not proved again")
    subprocess.run([sys.executable, "-m", "suffice", "info"], check=True)
    print(
        f"suffice {suffice.__version__} on Python {sys.version.split()[0]}: {found.pixels} pixels"
    )


if __name__ == "__main__":
    main()
