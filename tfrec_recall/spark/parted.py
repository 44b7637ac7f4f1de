"""Events in parts by user, in the folder that `tfrec_recall.data.PartedInteractions` opens."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterator

import pandas as pd
from pyspark.sql import DataFrame, DataFrameWriter
from pyspark.sql import functions as F

from tfrec_recall.data.files import whole_folder
from tfrec_recall.data.parted import ABOUT, ROWS_A_PART, PartedInteractions
from tfrec_recall.data.reading.parquet import parquet_rows
from tfrec_recall.spark.folders import Folder, for_spark, shared_path
from tfrec_recall.spark.interactions import SparkInteractions
from tfrec_recall.spark.names import own

_PART = own("part")


def write_parts(
    interactions: SparkInteractions, folder: Folder, parts: int | None = None
) -> PartedInteractions:
    """Writes the events in parts by user, as `tfrec_recall.data.part_events` does, on all workers.

    Models that learn from more than memory holds take what this gives.

    Args:
        folder: that does not exist yet, in a file system that the workers, which write, share with
            this machine; `file://` may stand before it.
        parts: each of which is held when it is read; None makes them of a million events.

    Raises: ValueError for a folder on another file system; FileNotFoundError for one that is not
        shared.
    """
    place = shared_path("write_parts", folder)
    rows = interactions.events.count()
    if not rows:
        raise ValueError(f"There is no event to write. Received: {interactions!r}.")
    if parts is not None and parts < 1:
        raise ValueError(f"There is one part at least. Received: parts={parts}.")
    parts = parts or max(1, -(-rows // ROWS_A_PART))
    with whole_folder(place) as sibling:
        written = _scatter(interactions.events, sibling / "events", parts)
        found = sum(parquet_rows(sibling / "events" / _name(part)) for part in written)
        if found != rows:
            raise FileNotFoundError(
                f"The workers have written {rows:,} events, and {found:,} of them are here: "
                f"write_parts needs a folder that they share with this machine. Received: {place}."
            )
        # Users without events go to the first part that has any, as all users do.
        _scatter(interactions.users, sibling / "users", parts, written)
        _one_file(interactions.items.coalesce(1)).parquet(for_spark(sibling / "items"))
        _only_file(sibling / "items").rename(sibling / "items.parquet")
        _remove(sibling / "items")
        about = {
            "name": interactions.name,
            "events": rows,
            "parts": [_name(part) for part in written],
            "time_unit": interactions.time_unit,
            "mend_ids": False,  # they were checked, or taken as they are, with all others
        }
        (sibling / ABOUT).write_text(json.dumps(about), encoding="utf-8")
    return PartedInteractions(place)


def _scatter(
    frame: DataFrame, folder: pathlib.Path, parts: int, among: list[int] | None = None
) -> list[int]:
    """Writes rows to the files of their users' parts; returns the parts that have any."""

    def of_users(ids: Iterator[pd.Series]) -> Iterator[pd.Series]:
        from tfrec_recall.data.parted import part_of

        for some in ids:
            yield pd.Series(part_of(some, parts))

    part = F.pandas_udf(of_users, "int")(F.col("user_id"))  # type: ignore[call-overload]
    placed = frame.withColumn(_PART, part)
    if among is not None:
        there = F.col(_PART).isin(among)
        placed = placed.withColumn(_PART, F.when(there, F.col(_PART)).otherwise(F.lit(among[0])))
    _one_file(placed.repartition(parts, _PART)).partitionBy(_PART).parquet(for_spark(folder))
    written = []
    for place in folder.glob(f"{_PART}=*"):
        number = int(place.name.removeprefix(f"{_PART}="))
        _only_file(place).rename(folder / _name(number))
        _remove(place)
        written.append(number)
    for left in folder.iterdir():  # Spark's marks
        if left.name[0] in "._":
            left.unlink()
    return sorted(written)


def _one_file(frame: DataFrame) -> DataFrameWriter:
    """Writes a file of each partition, however many rows the session gives a file."""
    return frame.write.option("maxRecordsPerFile", 0)


def _name(part: int) -> str:
    return f"part-{part:05}.parquet"


def _only_file(folder: pathlib.Path) -> pathlib.Path:
    (file,) = folder.glob("*.parquet")
    return file


def _remove(folder: pathlib.Path) -> None:
    for left in folder.iterdir():
        left.unlink()
    folder.rmdir()
