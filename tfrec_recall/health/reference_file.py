"""The reference of an export as files beside its model card: at most a few MiB, and no id."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tfrec_recall.health.bins import Bins
from tfrec_recall.health.check import Check
from tfrec_recall.health.event_times import EventTimes
from tfrec_recall.health.gaps import Gaps
from tfrec_recall.health.history_lengths import HistoryLengths
from tfrec_recall.health.index_recall import IndexRecall
from tfrec_recall.health.known import Known
from tfrec_recall.health.list_lengths import ListLengths
from tfrec_recall.health.popularity_of_events import PopularityOfEvents
from tfrec_recall.health.popularity_of_lists import PopularityOfLists
from tfrec_recall.health.reference import Reference
from tfrec_recall.health.unknown_items import UnknownItems
from tfrec_recall.health.unknown_users import UnknownUsers
from tfrec_recall.health.unknown_values import UnknownValues
from tfrec_recall.health.values import Values
from tfrec_recall.health.vector_directions import VectorDirections
from tfrec_recall.health.vector_nearness import VectorNearness
from tfrec_recall.health.vector_norms import VectorNorms

FOLDER = "health"
ABOUT, COUNTS, USERS = "reference.json", "counts.parquet", "known_users.parquet"
POPULARITY, LISTS, ITEMS = "popularity.parquet", "lists.parquet", "item_vectors.parquet"
KINDS: dict[str, type] = {
    kind.__name__: kind
    for kind in (
        *(UnknownUsers, UnknownItems, UnknownValues, Values, ListLengths, HistoryLengths),
        *(EventTimes, Gaps, PopularityOfEvents, VectorNorms, VectorDirections),
        VectorNearness,
        *(IndexRecall, PopularityOfLists),
    )
}
Counted = list[tuple[Check, np.ndarray]]


def write_reference(extra: pathlib.Path, reference: Reference) -> None:
    """Writes `health/` into the folder beside the model card."""
    folder = extra / FOLDER
    folder.mkdir()
    both = [*reference.checks, *reference.of_items]
    about = {
        "about": dict(reference.about),
        "unmeasured": list(reference.unmeasured),
        "checks": [_told(check, counts) for check, counts in reference.checks],
        "of_items": [_told(check, counts) for check, counts in reference.of_items],
        "limit": reference.known.limit,
    }
    (folder / ABOUT).write_text(json.dumps(about, ensure_ascii=False), encoding="utf-8")
    pq.write_table(_sparse([counts for _, counts in both]), folder / COUNTS, compression="zstd")
    _write(folder / USERS, {"hash": reference.known.hashes})
    _write(folder / POPULARITY, {"events": reference.popularity})
    if reference.lists is not None:
        _write(folder / LISTS, {"rows": _rows(reference.lists.astype(np.int32))})
    if reference.items is not None:
        rows, vectors = reference.items
        _write(folder / ITEMS, {"row": rows.astype(np.int32), "vector": _rows(vectors)})


def read_reference(extra: pathlib.Path) -> Reference | None:
    """What was written; None where nothing was.

    Raises: ValueError for files that cannot be read.
    """
    folder = extra / FOLDER
    if not (folder / ABOUT).exists():
        return None
    try:
        return _read(folder)
    except (OSError, KeyError, TypeError, ValueError, pa.ArrowException) as error:
        raise ValueError(
            f"The reference of the export cannot be read; export again. Received: {folder}: {error}"
        ) from error


def _read(folder: pathlib.Path) -> Reference:
    about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    counts = pq.read_table(folder / COUNTS)
    told = [*about["checks"], *about["of_items"]]
    both = list(zip(map(_check, told), _dense(counts, told), strict=True))
    lists = items = None
    if (folder / LISTS).exists():
        lists = _matrix(pq.read_table(folder / LISTS)["rows"]).astype(np.int64)
    if (folder / ITEMS).exists():
        table = pq.read_table(folder / ITEMS)
        items = table["row"].to_numpy().astype(np.int64), _matrix(table["vector"])
    return Reference(
        about=about["about"],
        checks=both[: len(about["checks"])],
        of_items=both[len(about["checks"]) :],
        known=Known(pq.read_table(folder / USERS)["hash"].to_numpy(), about["limit"]),
        popularity=pq.read_table(folder / POPULARITY)["events"].to_numpy(),
        lists=lists,
        items=items,
        unmeasured=tuple(about["unmeasured"]),
    )


def _told(check: Check, counts: np.ndarray) -> dict[str, Any]:
    fields = dataclasses.asdict(check)  # type: ignore[call-overload]
    return {"check": type(check).__name__, "fields": fields, "shape": list(counts.shape)}


def _check(told: dict[str, Any]) -> Check:
    fields = dict(told["fields"])
    if "bins" in fields:
        fields["bins"] = Bins(**fields["bins"])
    check: Check = KINDS[told["check"]](**fields)
    return check


def _sparse(matrices: list[np.ndarray]) -> pa.Table:
    """The cells that are not 0, of all matrices."""
    parts: dict[str, list[np.ndarray]] = {"check": [], "unit": [], "bin": [], "count": []}
    for number, matrix in enumerate(matrices):
        unit, bin = np.nonzero(matrix)
        parts["check"].append(np.full(len(unit), number, np.int16))
        parts["unit"].append(unit.astype(np.int32))
        parts["bin"].append(bin.astype(np.int16))
        parts["count"].append(matrix[unit, bin].astype(np.float32))
    empty = np.zeros(0, np.int16)
    return pa.table({name: np.concatenate([empty[:0], *found]) for name, found in parts.items()})


def _dense(table: pa.Table, told: list[dict[str, Any]]) -> list[np.ndarray]:
    check, unit, bin, count = (table[name].to_numpy() for name in ("check", "unit", "bin", "count"))
    found = []
    for number, one in enumerate(told):
        matrix = np.zeros(one["shape"], np.float32)
        mine = check == number
        matrix[unit[mine], bin[mine]] = count[mine]
        found.append(matrix)
    return found


def _rows(matrix: np.ndarray) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(np.ravel(matrix), matrix.shape[1])


def _matrix(column: pa.ChunkedArray) -> np.ndarray:
    flat = column.combine_chunks().flatten().to_numpy()
    return flat.reshape(len(column), column.type.list_size)


def _write(path: pathlib.Path, columns: dict[str, Any]) -> None:
    pq.write_table(pa.table(columns), path, compression="zstd")
