"""Which of the learnt events stay in a state that lets the oldest go."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

DAY = 24 * 3600
SHARE = 0.25  # of the events that has to go before the others are written again


def kept_events(
    parts: Sequence[pathlib.Path], new: pd.DataFrame, days: float, length: int | None
) -> pc.Expression | None:
    """The events that stay, as a filter of the parts; None where too few would go to write anew.

    Users without an event in the newest days go with all of their events. Of a user who has as many
    as the model takes in these days, what is older goes as well: no history reaches it. Memory is
    that of the users of these days.

    Args:
        parts: files of events that were learnt, with timestamps in seconds.
        new: the events that come to them.
        days: before the newest event.
        length: of the history that the model needs; None: all of a user's events.
    """
    newest = pc.field("timestamp") >= int(new["timestamp"].max() - days * DAY)
    events = ds.dataset([str(part) for part in parts])
    kind = events.schema.field("user_id").type
    counts = pa.concat_tables(
        [
            events.to_table(columns=["user_id"], filter=newest),
            pa.table({"user_id": pa.array(new["user_id"].tolist(), kind)}),
        ]
    )
    counts = counts.group_by("user_id").aggregate([([], "count_all")])
    user = pc.field("user_id")
    stay = user.isin(counts["user_id"].combine_chunks())
    if length is not None:
        full = counts.filter(pc.greater_equal(counts["count_all"], length))
        stay &= newest | ~user.isin(full["user_id"].combine_chunks())
    size = events.count_rows()
    if size - events.count_rows(filter=stay) < SHARE * size:
        return None
    return stay
