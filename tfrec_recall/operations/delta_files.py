"""The parts of a delta on disk, and how the values of a version are read and written."""

from __future__ import annotations

import hashlib
import json
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow as tf
from tensorflow.core.protobuf import trackable_object_graph_pb2

from tfrec_recall.data.files import check_name

MANIFEST, ITEMS, FILES, TENSORS = "manifest.json", "items.parquet", "files", "tensors"
FORMAT = 1
KEYS = {"old", "new", "files", "tensors"}  # of the manifest
VARIABLES = "variables/variables"
OF_VARIABLES = "variables"
GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"  # TensorFlow's name of it among the variables
SOURCE, VALUE = "source", "bytes"


def read_manifest(folder: pathlib.Path) -> dict[str, Any]:
    """What a delta says of itself.

    Raises: FileNotFoundError if there is none; ValueError for one that cannot be read.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise FileNotFoundError(f"There is no delta at {folder}: it has no {MANIFEST}.")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"The manifest of a delta is JSON. Received: {path}: {error}.") from error
    told = found.get("format") if isinstance(found, dict) else found
    if told != FORMAT:
        raise ValueError(
            f"This version of tfrec_recall reads deltas of format {FORMAT}. "
            f"Received: {told!r} in {path}."
        )
    lacking = sorted(KEYS - set(found))
    if lacking:
        raise ValueError(
            f"The manifest of a delta has {', '.join(sorted(KEYS))}: fetch it again. "
            f"Received: {path} without {', '.join(lacking)}."
        )
    return dict(found)


def parts_of(folder: pathlib.Path) -> list[dict[str, Any]]:
    """The files of a delta beside its manifest: path, sha256 and size of each."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return [
        {
            "path": path.relative_to(folder).as_posix(),
            "sha256": sum_of(path),
            "size": path.stat().st_size,
        }
        for path in paths
    ]


def check_parts(folder: pathlib.Path, manifest: Mapping[str, Any]) -> None:
    """Raises ValueError for a file of a delta that is not there or not as it was written.

    Those of deltas that earlier versions of tfrec_recall wrote are not known.
    """
    for one in manifest.get("parts", ()):
        path = folder / one["path"]
        found = f"{path.stat().st_size:,} bytes" if path.is_file() else "no such file"
        if not path.is_file() or path.stat().st_size != one["size"]:
            told = f"{found}, where {one['size']:,} bytes were written"
        elif sum_of(path) != one["sha256"]:
            told = f"{found}, with another sum (sha256) than those that were written"
        else:
            continue
        raise ValueError(
            f"A file of the delta is damaged: fetch it again. Received: {path}, {told}."
        )


def files_of(version: pathlib.Path, variables: bool = False) -> list[str]:
    """The files of a version, by their paths within it, in order; or those of its variables."""
    found = (path.relative_to(version) for path in version.rglob("*") if path.is_file())
    return sorted(str(one) for one in found if (one.parts[0] == OF_VARIABLES) == variables)


def sum_of(path: pathlib.Path) -> str:
    """A text that only a file of the same bytes has."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def tensors_of(version: pathlib.Path) -> Mapping[str, Any]:
    """The reader of a version's variables.

    Raises: ValueError for a path that TensorFlow reads as a pattern.
    """
    check_name(version)
    return tf.train.load_checkpoint(str(version / VARIABLES))


def names_of(reader: Any) -> list[str]:
    return sorted(reader.get_variable_to_shape_map())


def value_of(reader: Any, name: str) -> np.ndarray:
    """A variable; text as bytes."""
    value = reader.get_tensor(name)
    return np.array(value, object) if isinstance(value, bytes) else np.asarray(value)


def sum_of_values(value: np.ndarray) -> str:
    """As `sum_of`, of an array with its type and shape."""
    digest = hashlib.sha256(f"{value.dtype.str} {value.shape}".encode())
    for part in _raw(value):
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()


def write_rows(path: pathlib.Path, source: np.ndarray | None, value: np.ndarray) -> None:
    """Writes the rows that are new; and where the others were, unless another tensor says so.

    Args:
        source: of all rows, int32; None: it is that of a tensor before.
        value: the new rows.
    """
    raw = pa.array(list(_raw(value)), pa.large_binary())
    table = {VALUE: raw}
    pq.write_table(pa.table(table), path, compression="zstd", use_dictionary=False)
    if source is not None:
        told = pa.table({SOURCE: source})
        pq.write_table(told, path.with_suffix(".rows.parquet"), compression="zstd")


def read_new_rows(path: pathlib.Path, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    """The new rows, [rows, ...], each of this shape."""
    raw = pq.read_table(path)[VALUE].to_pylist()
    if dtype == "O":
        return np.array([*raw, None], object)[:-1]
    return np.frombuffer(b"".join(raw), np.dtype(dtype)).reshape(len(raw), *shape)


def read_source(path: pathlib.Path) -> np.ndarray:
    return pq.read_table(path.with_suffix(".rows.parquet"))[SOURCE].to_numpy()


def write_variables(folder: pathlib.Path, values: Mapping[str, np.ndarray]) -> None:
    """Writes the variables of a version as TensorFlow does, byte for byte.

    It writes them in the order of the graph of objects, and the graph behind them.
    """
    graph = trackable_object_graph_pb2.TrackableObjectGraph()
    graph.ParseFromString(values[GRAPH].item())
    names = [one.checkpoint_key for node in graph.nodes for one in node.attributes]
    names.append(GRAPH)
    (folder / OF_VARIABLES).mkdir()
    tf.raw_ops.SaveV2(
        prefix=str(folder / VARIABLES),
        tensor_names=names,
        shape_and_slices=[""] * len(names),
        tensors=[tf.constant(values[name]) for name in names],
    )


def _raw(value: np.ndarray) -> Iterator[bytes]:
    """The rows as bytes; of a scalar, itself."""
    rows = value.reshape(1) if value.ndim == 0 else value
    if value.dtype == object:
        yield from rows.reshape(-1)
    else:
        yield from (row.tobytes() for row in rows)
