"""Who is asked about when everybody is: many requests, in an order that stays, part by part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import numpy as np
import pyarrow as pa


class Part(Protocol):
    """Some of the requests that follow each other, small enough to be held.

    Attributes:
        ids: who is asked about, a row a request, in the type that the answers keep.
        lengths: of the histories, [requests]; requests of like length are asked together.
    """

    ids: pa.Array
    lengths: np.ndarray

    def batch(self, rows: np.ndarray) -> tuple[Mapping[str, Any], Any]:
        """What these rows ask: raw features, and the raw item ids to leave out, or None.

        Filters that requests have stand among the features, by the names in the retriever's
        `filter_inputs`.
        """


class Requests(Protocol):
    """All requests of a run.

    Attributes:
        subject: the name that the ids have in the answers: "user_id" or "item_id".
        id_type: their type, also where there is no request.
        source: plain values that are the same only if the requests are, so that a run is never
            taken up with others.
    """

    subject: str
    id_type: pa.DataType
    source: dict[str, Any]

    def __len__(self) -> int:
        """How many there are."""

    def parts(self, size: int) -> Iterator[Part]:
        """All of them in parts of this size, the last one what is left; the same each time."""
