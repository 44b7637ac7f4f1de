"""Every user of the data as a request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
import pyarrow as pa
import tensorflow as tf

from tfrec_recall.data import Interactions, chronological
from tfrec_recall.data.fingerprint import fingerprint
from tfrec_recall.data.ids import places
from tfrec_recall.evaluation import Queries
from tfrec_recall.operations.requests import Part


class EveryUser:
    """Every user of the data, with all events, asked at the time of the newest event.

    The users are in the order of their ids. A run that is taken up again asks the same: the time of
    the requests is the data's, not the clock's.

    Args:
        interactions: the events that count, and the users.
        inputs: the raw features that are asked for, as `retriever.inputs`.
        context: what all requests tell of themselves, a row; a missing value is left empty.
        repeats: list the items of the histories like all others.
        now: the time of the requests; by default that of the newest of these events.
    """

    subject = "user_id"

    def __init__(
        self,
        interactions: Interactions,
        inputs: Mapping[str, tf.TensorSpec],
        context: pd.DataFrame | None = None,
        repeats: bool = False,
        now: float | None = None,
    ):
        table = interactions.users.sort_values("user_id", ignore_index=True)
        events = interactions.events
        if interactions.has_time:
            events = events.iloc[chronological(events)]
        self.known = pd.Index(table["user_id"])
        code = places(self.known, events["user_id"])
        self._events = events.iloc[np.argsort(code, kind="stable")]
        lengths = np.bincount(code, minlength=len(table))
        self.id_type = pa.int64() if self.known.dtype.kind in "iu" else pa.string()
        self._offsets = np.concatenate([[0], np.cumsum(lengths)])
        self._table, self._inputs, self._context = table, dict(inputs), context
        self._now = None
        if interactions.has_time:
            newest = events["timestamp"].max() if now is None else now
            self._now = newest + 1 if interactions.time_unit == "order" else newest
        self.repeats = repeats
        told = None if context is None else context.iloc[0].astype("str").to_dict()
        self.source = {
            "users": "all",
            "data": fingerprint(interactions),
            "context": told,
            "repeats": repeats,
        }

    def __len__(self) -> int:
        return len(self.known)

    def parts(self, size: int) -> Iterator[Part]:
        everyone = self.known.to_numpy()
        for first in range(0, len(everyone), size):
            yield PartOfUsers(self, everyone[first : first + size])

    def queries(self, users: np.ndarray) -> Queries:
        """What is asked for these users, each once; of one who is not in the data nothing is known.

        Raises: ValueError where ids are text in one and numbers in the other.
        """
        self.check_kind(users.dtype.kind)
        code = self.known.get_indexer(pd.Index(users))
        known = code[code >= 0]
        first, lengths = self._offsets[known], np.diff(self._offsets)[known]
        skipped = np.repeat(np.cumsum(lengths) - lengths, lengths)
        rows = np.repeat(first, lengths) + np.arange(lengths.sum()) - skipped
        context = self._context
        return Queries(
            self._inputs,
            users,
            self._events.iloc[rows],
            table=self._table.iloc[known],
            timestamps=None if self._now is None else np.full(len(users), self._now),
            context=None if context is None else context.iloc[np.zeros(len(users), np.int64)],
        )

    def check_kind(self, kind: str) -> None:
        """Raises ValueError unless ids of this kind (of a NumPy type) can be in the data."""
        mine = "i" if self.known.dtype.kind in "iu" else "O"
        if ("i" if kind in "iu" else "O") != mine:
            names = {"i": "integers", "O": "text"}
            raise ValueError(
                f"The data has user ids that are {names[mine]}, and the users asked about have "
                "others, which would all be strangers: convert the column user_id. "
                f"Received: a column of kind {kind!r}."
            )


class PartOfUsers:
    """See `Part`.

    Args:
        users: raw ids, each once.
    """

    def __init__(self, everyone: EveryUser, users: np.ndarray):
        self.ids = pa.array(users, pa.int64() if users.dtype.kind in "iu" else pa.string())
        self._queries = everyone.queries(users)
        self.lengths = self._queries.history_length
        self._repeats = everyone.repeats

    def batch(self, rows):
        return self._queries.batch(rows), None if self._repeats else self._queries.seen(rows)
