"""Processes that a study starts for its work."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from typing import IO

LINEAR_ALGEBRA = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Variables that say how many threads NumPy's linear algebra has; it reads them when loaded."""


def start(module: str, answers: bool, threads: int) -> tuple[subprocess.Popen[str], IO[str]]:
    """Start a module of this package in a process of its own.

    It has a session of its own too: Ctrl-C is for us, who ask it to finish.

    Parameters
    ----------
    module : str
    answers : bool
        Whether its output is read; otherwise it is thrown away.
    threads : int
        For linear algebra, unless the environment says how many. By itself it takes one for every
        core of the machine, and on the few that a worker keeps to they wait for each other busily.

    Returns
    -------
    Popen
        With a pipe for what it is told.
    file
        Its errors.
    """
    errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
    process = subprocess.Popen(
        [sys.executable, "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE if answers else subprocess.DEVNULL,
        stderr=errors,
        text=True,
        encoding="utf-8",
        start_new_session=True,
        env={**dict.fromkeys(LINEAR_ALGEBRA, str(threads)), **os.environ},
    )
    return process, errors
