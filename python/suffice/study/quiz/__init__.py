"""The quiz: parts of photos, shown to people as they suffice for a model (docs/quiz.md)."""

from __future__ import annotations
