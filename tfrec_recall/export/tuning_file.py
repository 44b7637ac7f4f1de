"""The vectors that an index was tuned with, beside the graph, for the index over other items."""

from __future__ import annotations

import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tfrec_recall.retrieval.tuning_vectors import TuningVectors

FILE = "tuning_queries.parquet"


def write_tuning(folder: pathlib.Path, tuned_with: TuningVectors | None) -> None:
    """Writes a row an interest: query, interest, present, vector; nothing where there is none."""
    if tuned_with is None:
        return
    vectors = np.asarray(tuned_with.queries, np.float32)
    several = vectors.ndim == 3
    vectors = vectors if several else vectors[:, np.newaxis]
    queries, interests, dim = vectors.shape
    present = tuned_with.present
    present = np.ones((queries, interests), bool) if present is None else present
    offsets = np.arange(0, vectors.size + 1, dim, dtype=np.int32)
    table = pa.table(
        {
            "query": np.repeat(np.arange(queries, dtype=np.int32), interests),
            "interest": np.tile(np.arange(interests, dtype=np.int32), queries),
            "present": present.reshape(-1),
            "vector": pa.ListArray.from_arrays(offsets, vectors.reshape(-1)),
        }
    )
    table = table.replace_schema_metadata({"interests": str(interests if several else 0)})
    pq.write_table(table, folder / FILE)


def read_tuning(folder: pathlib.Path) -> TuningVectors | None:
    """What was written; None where nothing was, or no vector."""
    path = folder / FILE
    if not path.exists():
        return None
    table = pq.read_table(path)
    if not len(table):
        return None
    interests = int((table.schema.metadata or {}).get(b"interests", b"0"))
    values = table["vector"].combine_chunks().flatten().to_numpy()
    vectors = values.reshape(len(table), -1)
    if not interests:
        return TuningVectors(vectors)
    present = table["present"].to_numpy().reshape(-1, interests)
    return TuningVectors(vectors.reshape(len(present), interests, -1), present)
