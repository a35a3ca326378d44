"""suffice study preset."""

from __future__ import annotations

from pathlib import Path

import pytest

from reference.zoos import write_zoo
from suffice.study.preset import PRESETS


def test_presets_are_listed(suffice) -> None:
    ran = suffice("study", "preset")
    assert (ran.code, ran.err) == (0, "")
    for name, preset in PRESETS.items():
        assert name in ran.out
        assert preset.paper in ran.out


def test_a_preset_is_written_planned_and_run(
    suffice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUFFICE_ZOO", str(write_zoo(tmp_path / "zoo")))
    ran = suffice("study", "preset", "concentration", "--out", tmp_path / "out", "--limit", 3)
    assert ran.code == 0, ran
    design = Path(ran.out.strip())
    ran = suffice("study", "plan", design, "--probe", 0)
    assert ran.code == 0, ran
    # 6 models x 2 seeds, and for 4 of them rex, views, two confidences, three baselines.
    assert ran.out.splitlines()[-1].split()[:2] == ["all", f"{3 * (6 * 2 + 4 * 7)}"]
    text = design.read_text().replace("limit = 30", "limit = 1").replace("limit = 40", "limit = 1")
    text = text.replace('name = "rex"', 'name = "rex"\nbudget = 50').replace("2000", "200")
    design.write_text(text)
    ran = suffice("study", "run", design, "--store", tmp_path / "s.db", "--workers", 0)
    assert ran.code == 0, ran


def test_wrong_usage(suffice, tmp_path: Path) -> None:
    ran = suffice("study", "preset", "concentration")
    assert (ran.code, "--out DIR" in ran.err) == (2, True)
    ran = suffice("study", "preset", "nothing", "--out", tmp_path)
    assert (ran.code, "there are concentration" in ran.err) == (2, True)
    ran = suffice("study", "preset", "concentration", "--out", tmp_path, "--zoo", tmp_path)
    assert (ran.code, "no model zoo" in ran.err) == (2, True)
