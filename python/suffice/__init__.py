"""suffice: which pixels of an image suffice for a classifier's decision."""

from __future__ import annotations

__version__ = "0.1.0"
