"""What fills short lists, beside the graph, for a retriever of other items."""

from __future__ import annotations

import pathlib

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tfrec_recall.data.columns.arrow_frames import without_nullable
from tfrec_recall.data.columns.column_types import with_nullable
from tfrec_recall.retrieval import Popularity

FILE = "popularity.parquet"
BY, HALF_LIFE, NEWEST = b"by", b"half_life_days", b"newest"


def write_popularity(folder: pathlib.Path, popularity: Popularity | None) -> None:
    """Writes a row an item, and one for each segment that took it; nothing where there is none."""
    if popularity is None:
        return
    overall = pd.DataFrame({"item_id": popularity.item_ids, "score": popularity.scores})
    parts = [overall.assign(overall=True)]
    if popularity.in_segments is not None:
        within = with_nullable(popularity.in_segments[["segment"]])  # beside the gaps of `overall`
        parts.append(popularity.in_segments.assign(overall=False, segment=within["segment"]))
    table = pa.Table.from_pandas(pd.concat(parts, ignore_index=True), preserve_index=False)
    told = {BY: popularity.by, HALF_LIFE: popularity.half_life_days, NEWEST: popularity.newest}
    own = {name: str(value).encode() for name, value in told.items() if value is not None}
    pq.write_table(
        table.replace_schema_metadata({**(table.schema.metadata or {}), **own}), folder / FILE
    )


def read_popularity(folder: pathlib.Path) -> Popularity | None:
    """What was written; None where nothing was."""
    path = folder / FILE
    if not path.exists():
        return None
    read = pq.read_table(path)
    told = read.schema.metadata or {}
    by = told.get(BY)
    days, newest = (float(told[name]) if name in told else None for name in (HALF_LIFE, NEWEST))
    overall = read.filter(pc.field("overall")).to_pandas()
    ids, scores = overall["item_id"].to_numpy(), overall["score"].to_numpy()
    if by is None:
        return Popularity(ids, scores, half_life_days=days, newest=newest)
    within = read.filter(~pc.field("overall")).select(["segment", "item_id", "score"]).to_pandas()
    if pd.api.types.is_float_dtype(within["segment"]):  # as earlier exports wrote whole numbers
        within = within.astype({"segment": "int64"})
    within = without_nullable(within)
    return Popularity(ids, scores, by.decode(), within, days, newest)
