"""The libraries behind the comparators: importing them, and their random numbers."""

from __future__ import annotations

import contextlib
import importlib
import threading
import warnings
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from suffice.errors import MissingDependencyError
from suffice.models.torch_module import import_torch

# captum and shap draw from generators of the whole process.
_TURN = threading.RLock()
_IMPORT_TURN = threading.Lock()


def require(package: str, comparator: str) -> Any:
    """Import a library, or say how to install it.

    Raises
    ------
    MissingDependencyError
        If it, or torch, is missing or can't be imported.
    """
    import_torch()
    try:
        # What these warn of at import is their use of other libraries, and nothing to act on.
        with _IMPORT_TURN, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(package)
    except ImportError as error:
        first = next(iter(str(error).splitlines()), package)
        raise MissingDependencyError(
            f"the comparator {comparator} needs {package.partition('.')[0]} ({first}); "
            "run `pip install suffice[compare]`"
        ) from None


def named(package: str) -> str:
    """Name and version of an installed library, such as ``captum 0.9.0``."""
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return package


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed the generators that the libraries draw from, and put them back; one thread at a time."""
    torch = import_torch()
    with _TURN:
        numpy_state, torch_state = np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
        try:
            np.random.seed(seed % 2**32)  # noqa: NPY002
            torch.default_generator.manual_seed(seed % 2**63)
            yield
        finally:
            np.random.set_state(numpy_state)  # noqa: NPY002
            torch.set_rng_state(torch_state)
