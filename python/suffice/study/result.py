"""Results of a study: the table, the masks, and what they are exported to."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self, cast

import numpy as np
import numpy.typing as npt

from suffice.errors import InputError, StoreError
from suffice.explanation import Explanation
from suffice.reading import parse_json
from suffice.statistics.frame import import_pandas
from suffice.study import export
from suffice.study.blobs import COMPOSITE, decode, explanation_from
from suffice.study.images import Item
from suffice.study.probes import table
from suffice.study.store import Store
from suffice.types import FloatImage, JsonObject

COLUMNS = (
    *("model", "architecture", "image", "image_sha256", "label", "method", "criterion"),
    *("baseline", "grain", "seed", "status", "certified", "target", "correct", "correct_top5"),
    *("confidence", "entropy", "lead", "pixels", "area", "sets", "set_confidence"),
    *("evaluations", "seconds", "irreducible_at", "reason", "error", "key"),
)
INTEGERS = (
    *("label", "grain", "seed", "target", "pixels", "sets", "evaluations", "irreducible_at"),
)
BOOLEANS = ("certified", "correct", "correct_top5")
FLOATS = ("confidence", "entropy", "lead", "area", "set_confidence", "seconds")
KINDS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(INTEGERS, (int, type(None))),
    **dict.fromkeys(("certified", "multilabel"), (int, type(None))),
    **dict.fromkeys(FLOATS, (int, float, type(None))),
    **dict.fromkeys(("model", "architecture", "image", "method", "criterion", "baseline"), (str,)),
    **dict.fromkeys(("grain", "seed"), (int,)),
}
NOT_NULL = ("grain", "seed", "certified")


class StudyResult:
    """What a store holds: one row for each explanation, and the masks.

    Parameters
    ----------
    store : path
        The file of the store. It is only read, also while a run goes on.
    keys : collection of str, optional
        The jobs it is about; all of the store by default.

    Raises
    ------
    StoreError
        If there is no such store.
    """

    def __init__(self, store: str | Path, keys: Collection[str] | None = None) -> None:
        self.path = Path(store)
        self._keys = None if keys is None else frozenset(keys)
        with Store(self.path, "read"):
            pass

    @classmethod
    def load(cls, store: str | Path) -> Self:
        """The results of a store."""
        return cls(store)

    def __len__(self) -> int:
        return len(self.rows())

    def __repr__(self) -> str:
        return f"StudyResult({str(self.path)!r})"

    @property
    def preset(self) -> str:
        """The published study that the design follows; empty if none."""
        with Store(self.path, "read") as store:
            return store.meta("preset") or ""

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """Jobs of the store by model and state (``open``, ``leased``, ``done``, ``failed``)."""
        with Store(self.path, "read") as store:
            return store.counts()

    def states(self) -> dict[str, dict[str, int]]:
        """As `counts`, of the jobs that this result is about."""
        with Store(self.path, "read") as store:
            return store.counts(self._keys)

    @property
    def failures(self) -> list[tuple[str, str]]:
        """Model, method and image of what failed, and why; of probes also which, and who was asked."""
        with Store(self.path, "read") as store:
            return store.failures(self._keys) + table.failures(store, self._keys)

    def probes(self, name: str) -> list[JsonObject]:
        """What a probe measured: ``key``, ``model`` (the one that was asked) and its values.

        Tasks that failed or had nothing to ask are not in it.
        """
        with Store(self.path, "read") as store:
            return [
                {"key": key, "model": model, **value}
                for key, model, value in table.values(store, name, self._keys)
            ]

    def probe_states(self) -> dict[str, dict[str, dict[str, int]]]:
        """By probe and model asked: how many tasks are done, skipped, failed and open."""
        with Store(self.path, "read") as store:
            return table.counts(store, self._keys)

    @property
    def analyses(self) -> list[str]:
        """What the design wants the report to show."""
        return [str(name) for name in self._listed("analyses", "[]")]

    @property
    def sources(self) -> dict[str, Item]:
        """Images that came from files, by name; whether the files are still there is not known.

        Raises
        ------
        StoreError
            If the store's list of them is damaged.
        """
        found = self._listed("sources", "{}")
        try:
            return {
                name: Item(name, path, None, row, *corruption)
                for name, (path, row, *corruption) in found.items()
            }
        except (AttributeError, TypeError, ValueError) as error:
            raise self._damaged("sources", error) from None

    def _listed(self, name: str, empty: str) -> Any:
        """What a run put into the store's meta as JSON."""
        with Store(self.path, "read") as store:
            text = store.meta(name) or empty
        try:
            found = parse_json(text)
            return found if isinstance(found, (list, dict)) else list(found)
        except (TypeError, ValueError) as error:
            raise self._damaged(name, error) from None

    def _damaged(self, name: str, error: Exception) -> StoreError:
        return StoreError(f"store {self.path}: its list of {name} is damaged: {error}")

    def rows(self) -> list[JsonObject]:
        """The table as dicts with `COLUMNS`; what is not known is None.

        Finished and failed jobs are in it, in the order of the design.

        Raises
        ------
        StoreError
            If a row of the store is damaged.
        """
        with Store(self.path, "read") as store:
            found = store.rows()
        wanted = self._keys
        rows = (row for row in found if wanted is None or row["key"] in wanted)
        try:
            return [_row(row) for row in rows]
        except (TypeError, ValueError) as error:
            raise StoreError(f"store {self.path} is damaged: {error}") from None

    def to_pandas(self) -> Any:
        """The table as a pandas DataFrame.

        Integers that may be missing are ``Int64``, truth values ``boolean``, and the rest floats
        and text; docs/studies.md says what each column means.

        Raises
        ------
        MissingDependencyError
            If pandas is not installed.
        """
        pd = import_pandas("to_pandas")
        rows = self.rows()
        columns: dict[str, Any] = {}
        for name in COLUMNS:
            values = [row[name] for row in rows]
            if name in NOT_NULL:
                columns[name] = pd.array(values, dtype=bool if name in BOOLEANS else "int64")
            elif name in INTEGERS or name in BOOLEANS:
                columns[name] = pd.array(
                    [pd.NA if v is None else v for v in values],
                    dtype="Int64" if name in INTEGERS else "boolean",
                )
            elif name in FLOATS:
                columns[name] = np.array([math.nan if v is None else v for v in values], float)
            else:
                columns[name] = pd.array(values, dtype=object)
        return pd.DataFrame(columns, columns=list(COLUMNS))

    def masks(self, rows: Any = None) -> npt.NDArray[np.bool_]:
        """The best sets of rows.

        Parameters
        ----------
        rows : DataFrame with a column ``key``, sequence of keys, or None
            None: all rows.

        Returns
        -------
        bool [n, H, W]
            All false where a row has no set.

        Raises
        ------
        InputError
            If the images of the rows have different sizes; take the models one by one.
        """
        keys = self._keys_of(rows)
        found: dict[int, npt.NDArray[np.bool_]] = {}
        shapes = set()
        with Store(self.path, "read") as store:
            for at, key in enumerate(keys):
                blobs = store.blobs(key, "set:0")
                if blobs:
                    found[at] = cast("npt.NDArray[np.bool_]", decode(blobs[0]))
                    shapes.add(found[at].shape)
                elif (shape := store.shape(key)) is not None:
                    shapes.add(shape)
        if len(shapes) > 1:
            raise InputError(
                f"the masks have several sizes: {sorted(shapes)}; take the models one by one"
            )
        masks = np.zeros((len(keys), *(shapes.pop() if shapes else (0, 0))), np.bool_)
        for at, mask in found.items():
            masks[at] = mask
        return masks

    def each_mask(self, rows: Any = None) -> Iterator[npt.NDArray[np.bool_]]:
        """As `masks`, one after the other, each of its own size: all would fill the memory.

        Parameters
        ----------
        rows
            As of `masks`.

        Yields
        ------
        bool [H, W]
            All false where a row has no set; of no pixels where it has no result.
        """
        with Store(self.path, "read") as store:
            for key in self._keys_of(rows):
                blobs = store.blobs(key, "set:0")
                if blobs:
                    yield cast("npt.NDArray[np.bool_]", decode(blobs[0]))
                else:
                    yield np.zeros(store.shape(key) or (0, 0), np.bool_)

    def composites(self) -> Iterator[tuple[str, FloatImage]]:
        """What models were shown when their scores were no scores, one after the other.

        Yields
        ------
        key : str
            Of a failed job; the first 100 of a store are kept.
        composite : float32 [C, H, W]
            In the model's input space.
        """
        with Store(self.path, "read") as store:
            rows = store.query("SELECT key FROM jobs WHERE state = 'failed' ORDER BY position")
            for (key,) in rows:
                if self._keys is None or key in self._keys:
                    for blob in store.blobs(key, COMPOSITE):
                        yield key, decode(blob)

    def explanations(self, rows: Any = None) -> Iterator[Explanation]:
        """The explanations of rows, one after the other; failed rows have none.

        Responsibility kept as ranks comes back as their numbers.
        """
        for _, explanation in self.keyed_explanations(self._keys_of(rows)):
            yield explanation

    def keyed_explanations(self, keys: Iterable[str]) -> Iterator[tuple[str, Explanation]]:
        """The explanations of keys that have one, each with its key."""
        with Store(self.path, "read") as store:
            for key in keys:
                if store.shape(key) is not None:
                    yield key, explanation_from(store.record(key), store.blobs(key))

    def _keys_of(self, rows: Any) -> Sequence[str]:
        if rows is None:
            return [row["key"] for row in self.rows()]
        return list(rows["key"].to_numpy(object) if hasattr(rows, "columns") else rows)

    def export(self, path: str | Path, kind: str | None = None) -> Path:
        """Write the table or the masks to a file.

        Parameters
        ----------
        path : path
        kind : {"csv", "parquet", "coco"}, optional
            By default what the suffix says; ``.json`` is COCO.

        Raises
        ------
        InputError
            If the kind is unknown.
        MissingDependencyError
            If Parquet is asked for and pyarrow is not installed.
        """
        return export.write(self, Path(path), kind)


def _row(row: JsonObject) -> JsonObject:
    """One row of the store as the table has it."""
    failed = row["state"] == "failed"
    top5 = parse_json(row["top5"] or "[]")
    for name, kinds in KINDS.items():
        if type(row[name]) not in kinds:
            raise ValueError(f"{name} of {row['key']} is {row[name]!r:.40}")
    known = row["label"] is not None and not failed and not row["multilabel"]
    made = {
        **row,
        "status": "failed" if failed else row["status"],
        "certified": bool(row["certified"]),
        "correct": row["top1"] == row["label"] if known else None,
        "correct_top5": row["label"] in top5 if known else None,
        "error": row["error"] if failed else None,
    }
    return {name: made[name] for name in COLUMNS}
