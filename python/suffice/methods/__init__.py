"""Methods: ways to search for a small sufficient set. One file per method."""

from __future__ import annotations

import sys
import types

from suffice.errors import SettingsError
from suffice.methods import curve as _curve  # noqa: F401  # registers itself
from suffice.methods import from_ranking as _from_ranking  # noqa: F401
from suffice.methods import gradient_sis as _gradient_sis  # noqa: F401
from suffice.methods import minimal as _minimal  # noqa: F401
from suffice.methods import moxi as _moxi  # noqa: F401
from suffice.methods import msv as _msv  # noqa: F401
from suffice.methods import rex as _rex  # noqa: F401
from suffice.methods import sag as _sag  # noqa: F401
from suffice.methods import sis as _sis  # noqa: F401
from suffice.methods.base import Method, registered


def get_method(method: str | Method) -> Method:
    """A method object from its name, with default settings, or the object itself.

    Raises
    ------
    SettingsError
        If no method has that name.
    """
    if isinstance(method, Method):
        return method
    known = registered()
    if method not in known:
        raise SettingsError(f"no method {method!r}; there are {', '.join(sorted(known))}")
    return known[method]()


def all_methods() -> dict[str, type[Method]]:
    """All methods by name; also what calling this package gives."""
    return registered()


class _CallableModule(types.ModuleType):
    """Lets ``suffice.methods()`` list the methods while ``suffice.methods`` stays the package."""

    def __call__(self) -> dict[str, type[Method]]:
        return all_methods()


sys.modules[__name__].__class__ = _CallableModule
