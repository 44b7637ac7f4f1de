"""What is different between two versions of an export, as files that are small where they agree."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import shutil
import tempfile
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tfrec_recall.export import LoadedRetriever, load
from tfrec_recall.export.place import refuse_among_versions
from tfrec_recall.export.version_files import fingerprint, newest_version
from tfrec_recall.health.asked import item_vectors
from tfrec_recall.operations import delta_files as files
from tfrec_recall.operations.row_sources import NEW, row_sources

MOVED = 1e-5  # of a vector's length: less is what rounding makes of it


@dataclasses.dataclass(frozen=True)
class Delta:
    """What a delta holds.

    Args:
        folder: where it is.
        old, new: the directories of the versions.
        items: how many of them were "added", "removed" or "changed".
        size, whole: bytes of the delta, and of the new version.
    """

    folder: pathlib.Path
    old: pathlib.Path
    new: pathlib.Path
    items: dict[str, int]
    size: int
    whole: int


def write_delta(
    old: str | os.PathLike[str], new: str | os.PathLike[str], out: str | os.PathLike[str]
) -> Delta:
    """Writes a folder with all that a server of the old version needs to have the new one.

    `items.parquet` is for tables of vectors elsewhere: item_id, change (added, removed or changed)
    and the vector that it has now. The rest is for `apply_delta`: of each variable, the rows that
    were nowhere in the old one, and where the others were; other files that differ, whole;
    `manifest.json`, with the fingerprints of both versions and the sums of all files. The folder
    appears whole or not at all.

    Args:
        old, new: directories of versions, of which the newest is taken, or those of one version.
        out: a folder that is not there.

    Raises: FileNotFoundError if there is no export; ValueError where ids are of two types, or `out`
        lies within an export;
        FileExistsError if there is something at `out`.
    """
    before, after = (newest_version(pathlib.Path(path)) for path in (old, new))
    target = pathlib.Path(out)
    refuse_among_versions(target, "out (--out)")
    if target.exists():
        raise FileExistsError(f"A delta is written to a new folder. Received: {target}.")
    target.parent.mkdir(parents=True, exist_ok=True)
    items = changed_items(load(before), load(after))
    draft = pathlib.Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        pq.write_table(items, draft / files.ITEMS, compression="zstd")
        manifest = {
            "format": files.FORMAT,
            "old": {"version": before.name, "fingerprint": fingerprint(before)},
            "new": {"version": after.name, "fingerprint": fingerprint(after)},
            "items": _counts(items),
            "files": _write_files(before, after, draft),
            "tensors": _write_tensors(before, after, draft),
        }
        manifest["parts"] = files.parts_of(draft)
        text = json.dumps(manifest, indent=1, ensure_ascii=False)
        (draft / files.MANIFEST).write_text(text + "\n", encoding="utf-8")
        draft.chmod(0o755)
        draft.rename(target)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    sizes = [sum(one.stat().st_size for one in path.rglob("*")) for path in (target, after)]
    return Delta(target, before, after, _counts(items), *sizes)


def changed_items(old: LoadedRetriever, new: LoadedRetriever) -> pa.Table:
    """A row an item that came, went or has another vector: item_id, change, vector.

    The vector is null for removed items, and for all of an export that has no vectors.

    Raises: ValueError where ids are of two types.
    """
    if old.id_dtype != new.id_dtype:
        raise ValueError(
            "Versions are compared by item ids, which are of one type in both. Received: "
            f"{old.id_dtype.name} in {old.path}, {new.id_dtype.name} in {new.path}."
        )
    before, after = pd.Index(old.item_ids), pd.Index(new.item_ids)
    place = before.get_indexer(after)
    change = np.where(place < 0, "added", "").astype(object)
    vectors = None
    if "embed_item" in new.signatures:
        vectors = item_vectors(new, new.item_ids)
        change[(place >= 0) & _moved(old, vectors, place)] = "changed"
    there = change != ""
    removed = before.difference(after, sort=False)
    dim = 0 if vectors is None else vectors.shape[1]
    told = None if vectors is None else list(vectors[there])
    kind = pa.int64() if new.id_dtype.is_integer else pa.string()
    return pa.table(
        {
            "item_id": pa.array([*after[there], *removed], kind),
            "change": pa.array([*change[there], *["removed"] * len(removed)], pa.string()),
            "vector": pa.array(
                [*(told or [None] * int(there.sum())), *[None] * len(removed)],
                pa.list_(pa.float32(), dim) if dim else pa.list_(pa.float32()),
            ),
        }
    )


def _moved(old: LoadedRetriever, vectors: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Whether an item that was there has another vector now, bool [items]."""
    if "embed_item" not in old.signatures:
        return np.ones(len(place), bool)
    before = item_vectors(old, old.item_ids)
    if before.shape[1] != vectors.shape[1]:
        return np.ones(len(place), bool)
    away = np.linalg.norm(before[np.maximum(place, 0)] - vectors, axis=1)
    return np.asarray(away > MOVED * np.linalg.norm(vectors, axis=1))


def _counts(items: pa.Table) -> dict[str, int]:
    change = items["change"].to_pandas()
    return {name: int((change == name).sum()) for name in ("added", "removed", "changed")}


def _write_files(
    before: pathlib.Path, after: pathlib.Path, draft: pathlib.Path
) -> list[dict[str, Any]]:
    """The files that are no variables: those that differ are written, packed."""
    found = []
    for number, name in enumerate(files.files_of(after)):
        total = files.sum_of(after / name)
        kept = (before / name).is_file() and files.sum_of(before / name) == total
        if not kept:
            (draft / files.FILES).mkdir(exist_ok=True)
            raw = (after / name).read_bytes()
            packed = pa.compress(raw, codec="zstd", asbytes=True)
            (draft / files.FILES / f"{number}.zst").write_bytes(packed)
        size = (after / name).stat().st_size
        found.append({"path": name, "sha256": total, "size": size, "kept": kept})
    for name in files.files_of(after, variables=True):
        found.append({"path": name, "sha256": files.sum_of(after / name), "made": True})
    return found


def _write_tensors(
    before: pathlib.Path, after: pathlib.Path, draft: pathlib.Path
) -> list[dict[str, Any]]:
    """Of each variable, the rows that the old one of this name lacks, and where the others are."""
    old, new = files.tensors_of(before), files.tensors_of(after)
    there = set(files.names_of(old))
    told: dict[bytes, int] = {}  # where rows were -> the first tensor whose rows were there
    (draft / files.TENSORS).mkdir()
    found = []
    for number, name in enumerate(files.names_of(new)):
        value = files.value_of(new, name)
        one: dict[str, Any] = {"name": name, "dtype": value.dtype.str.lstrip("|")}
        one["shape"] = list(value.shape)
        rows = value.reshape(1) if value.ndim == 0 else value
        empty = rows[:0]
        known = files.value_of(old, name) if name in there else empty
        known = known.reshape(1) if known.ndim == 0 else known
        if rows.dtype == object and rows.ndim > 1:
            known = empty  # text in tables is written whole
        source = row_sources(known, rows) if len(known) else np.full(len(rows), NEW, np.int32)
        same = told.setdefault(source.tobytes(), number)
        path = draft / files.TENSORS / f"{number}.parquet"
        files.write_rows(path, source if same == number else None, rows[source == NEW])
        found.append({**one, "source": same, "new": int((source == NEW).sum())})
    return found
