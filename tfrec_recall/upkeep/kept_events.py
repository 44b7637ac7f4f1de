"""Which of the learnt events stay in a state that lets the oldest go."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

DAY = 24 * 3600
ROWS = 2**16  # read at once
SHARE = 0.25  # of the events that has to go before the others are written again


def kept_events(
    parts: Sequence[pathlib.Path],
    new: pd.DataFrame,
    days: float,
    length: int | None,
    reads: Callable[[pd.DataFrame], np.ndarray] | None = None,
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
        reads: which events count in a history, bool [events], by their column `event_type`; None:
            all of them.
    """
    begin = int(new["timestamp"].max() - days * DAY)
    newest = pc.field("timestamp") >= begin
    events = ds.dataset([str(part) for part in parts])
    kind = events.schema.field("user_id").type
    columns = [name for name in ("user_id", "event_type") if name in events.schema.names]
    before = events.to_table(columns=columns, filter=newest).to_pandas()
    came = new.loc[new["timestamp"] >= begin, columns]  # what waited may be as old as any
    came = pd.concat([before, came], ignore_index=True)
    users = pd.Index(came["user_id"].unique())
    user = pc.field("user_id")
    stay = user.isin(pa.array(users.tolist(), kind))
    if length is not None:
        read = came if reads is None else came[reads(came)]
        number = read["user_id"].value_counts().reindex(users, fill_value=0)
        full = users[(number >= length).to_numpy()]
        stay &= newest | ~user.isin(pa.array(full.tolist(), kind))
    size = events.count_rows()
    if size - events.count_rows(filter=stay) < SHARE * size:
        return None
    return stay


def kept_rows(
    users: pd.DataFrame,
    items: pd.DataFrame,
    part: pathlib.Path,
    new: pd.DataFrame,
    given_up: np.ndarray,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of users and items that stay with the events that do.

    Who has no event left begins anew, and so does an item that is not listed and has none.

    Args:
        part: file of the events that stay.
        new: those that come to them.
        given_up: items that are not listed, as nothing is known of them but ids without a number.
    """
    user, item = (_ids(part, column, new) for column in ("user_id", "item_id"))
    stays = ~items["item_id"].isin(given_up) | items["item_id"].isin(item)
    return users[users["user_id"].isin(user)], items[stays]


def _ids(part: pathlib.Path, column: str, new: pd.DataFrame) -> set[object]:
    batches = ds.dataset(str(part)).to_batches(columns=[column], batch_size=ROWS)
    found = {one for batch in batches for one in pc.unique(batch.column(0)).to_pylist()}
    return found | set(new[column])


def let_go(events: int, users: int, items: int) -> str:
    """What is told of how many rows of the training state went."""
    if not events:
        return "No event was let go by keep_days: less than a quarter of them would have to."
    return (
        f"{events:,} events of before were let go from the training state by keep_days, and the "
        f"rows of {users:,} users and {items:,} items that had others no more."
    )
