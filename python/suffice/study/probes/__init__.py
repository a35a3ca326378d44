"""Probes: what is measured with the models after the jobs of a study (docs/studies.md)."""

from __future__ import annotations

from typing import cast

from suffice.errors import SettingsError
from suffice.study.probes.base import Asking, Look, Probe, Scene, Seen, Task, with_settings
from suffice.study.probes.curves import CurvesProbe
from suffice.study.probes.robustness import RobustnessProbe
from suffice.study.probes.subsets import SubsetsProbe
from suffice.study.probes.transfer import TransferProbe
from suffice.types import JsonObject

__all__ = ["PROBES", "Asking", "Look", "Probe", "Scene", "Seen", "Task", "make_probe"]

PROBES: dict[str, type[Probe]] = {
    probe.name: probe for probe in (TransferProbe, SubsetsProbe, CurvesProbe, RobustnessProbe)
}
"""By name; the analysis of that name needs it."""


def make_probe(name: str, settings: JsonObject | None = None) -> Probe:
    """Make a probe with settings, the others as they are by default.

    Raises
    ------
    SettingsError
        If there is no such probe or setting, or a value is not what was expected.
    """
    if name not in PROBES:
        raise SettingsError(f"there is no probe {name!r}; there are {', '.join(PROBES)}")
    probe = PROBES[name]()
    given, known = settings or {}, probe.settings()
    for key in given:
        if key not in known:
            has = f"it has {', '.join(known)}" if known else "it has none"
            raise SettingsError(f"probe {name} has no setting {key!r}; {has}")
    return cast(Probe, with_settings(probe, given))
