"""Classifiers, photos, preprocessing and baselines."""

from __future__ import annotations
