"""The three tables of a data set as a folder of Parquet files, there whole or not at all."""

from __future__ import annotations

import pathlib
import secrets
import shutil
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.parquet as pq

from tfrec_recall.data.interactions import Interactions
from tfrec_recall.data.reading import TABLES


def write_tables(
    interactions: Interactions,
    folder: pathlib.Path,
    notes: Mapping[str, str] | None = None,
    level: int = 3,
) -> None:
    """Writes events, users and items; another process that writes the same may win, and is kept.

    Args:
        interactions: the data set.
        folder: made by this call, with its parents.
        notes: text that goes into the metadata of the events.
        level: of the zstd compression, 1 (fast) to 22 (small).
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    sibling = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    try:
        sibling.mkdir()
        for name in TABLES:
            table = pa.Table.from_pandas(getattr(interactions, name), preserve_index=False)
            metadata = dict(notes or {}) if name == "events" else {}
            # Without pandas' own metadata, which names the version that wrote it.
            pq.write_table(
                table.replace_schema_metadata(metadata),
                sibling / f"{name}.parquet",
                compression="zstd",
                compression_level=level,
            )
        try:
            sibling.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(sibling, ignore_errors=True)
