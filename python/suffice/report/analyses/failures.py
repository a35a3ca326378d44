"""Rows without a set or without a proof, and why."""

from __future__ import annotations

from typing import Any

from suffice.report.analyses._common import N, Skip, caution, count, table_of
from suffice.report.document import Block, Column
from suffice.report.reading import Question

MOST = 50


def blocks(question: Question) -> list[Block]:
    """Reasons with their counts, and what failed one by one."""
    rows = question.rows
    failed = rows[rows["status"] == "failed"]
    missing = rows[rows["area"].isna() & (rows["status"] != "failed")]
    unproved = rows[rows["area"].notna() & ~rows["certified"] & (rows["status"] != "failed")]
    if not len(failed) and not len(missing) and not len(unproved):
        raise Skip("every row has a set with a certificate")
    made: list[Block] = [
        caution(
            f"Of {count(len(rows), 'row')} {len(missing)} have no set, {len(unproved)} a set "
            f"without a certificate, and {len(failed)} failed."
        )
    ]
    parts = (("no set", missing), ("no certificate", unproved))
    reasons = [(what, *r) for what, part in parts for r in _reasons(part)]
    if reasons:
        columns = (Column("What"), Column("Status"), Column("Model"), Column("Reason"), N)
        name, title = f"{question.slug}-failures-reasons", "Why there is no set, or no proof"
        made.append(table_of(name, title, columns, reasons, f"Of {count(len(rows), 'row')}."))
    if len(failed):
        cells = [
            (r.model, r.image, int(r.seed), str(r.error or ""))
            for r in failed.head(MOST).itertuples()
        ]
        each = (Column("Model"), Column("Photo"), Column("Seed", "count"), Column("Error"))
        note = f"The first {MOST} of {len(failed)}." if len(failed) > MOST else ""
        title = "What failed"
        made.append(table_of(f"{question.slug}-failures", title, each, cells, note))
    return made


def _reasons(rows: Any) -> list[tuple[Any, ...]]:
    """Status, model, reason and how many, the most frequent first."""
    if not len(rows):
        return []
    given = rows.assign(reason=rows["reason"].fillna("").replace("", "none given"))
    counts = given.groupby(["status", "model", "reason"], sort=False).size()
    return [
        (*keys, int(n)) for keys, n in counts.sort_values(ascending=False, kind="stable").items()
    ]
