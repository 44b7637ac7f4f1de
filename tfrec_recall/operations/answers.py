"""What is asked of a retriever for everybody, and the table that the answers become."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Set
from typing import Any, Protocol

import numpy as np
import pandas as pd
import pyarrow as pa
import tensorflow as tf

from tfrec_recall.export import LoadedRetriever
from tfrec_recall.operations.arrow_tensors import arrow_ids
from tfrec_recall.retrieval import Retriever
from tfrec_recall.retrieval.filters import chosen
from tfrec_recall.retrieval.request_rows import check_rows

POSITION = "position"  # of the request in its part, until its id takes the place
NOBODY = np.zeros(0, np.int64)  # the positions of no request


class Answers(Protocol):
    """One kind of answer; its fields say all of it."""

    def check(self, retriever: Retriever) -> None:
        """Raises ValueError if the retriever does not give such answers."""

    def asked(
        self, retriever: Retriever, features: Mapping[str, Any], exclude: Any
    ) -> tuple[tf.Tensor, ...]:
        """What the retriever says to a batch.

        Args:
            features: raw features of the requests, and their filters.
            exclude: raw item ids to leave out, or None.
        """

    def table(self, said: tuple[tf.Tensor, ...], position: np.ndarray) -> pa.Table:
        """The same as a table: `POSITION`, then the columns of the answer.

        Args:
            position: of each request, int64 [batch].
        """

    def empty(self, retriever: LoadedRetriever) -> pa.Table:
        """The same table of no request."""


@dataclasses.dataclass(frozen=True)
class Recommendations:
    """The list of each query: rank (from 1), item_id, score; a row an item.

    Args:
        k: the length of the lists; where fewer items are left, a list has as many rows.
        filters: what all lists are chosen by, as in a request of one row; requests may have others
            of their own.
    """

    k: int
    filters: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def check(self, retriever: Retriever) -> None:
        _check_k(self.k)
        _check_filters(self.filters, retriever)

    def asked(self, retriever, features, exclude):
        own = {name: features[name] for name in retriever.filter_inputs if name in features}
        twice = sorted(own.keys() & self.filters.keys())
        if twice:
            raise ValueError(
                "A filter is that of all requests, or each has its own: leave one of them out. "
                f"Received: {', '.join(twice)} of both."
            )
        filters = {**own, **self.filters}
        return retriever(features, k=self.k, exclude=exclude, filters=filters)

    def table(self, said, position):
        return _lists(said[0], said[1], position, "item_id")

    def empty(self, retriever):
        return self.table(_no_lists(retriever), NOBODY)


@dataclasses.dataclass(frozen=True)
class SimilarItems:
    """The items most similar to each item: rank (from 1), similar_item_id, score; a row an item.

    Args:
        k, filters: as of `Recommendations`.
    """

    k: int
    filters: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def check(self, retriever: Retriever) -> None:
        _check_k(self.k)
        _check_offered(retriever, "similar_items")
        _check_filters(self.filters, retriever)

    def asked(self, retriever, features, exclude):
        return retriever.similar_items(features["item_id"], self.k, exclude, self.filters)

    def table(self, said, position):
        return _lists(said[0], said[1], position, "similar_item_id")

    def empty(self, retriever):
        return self.table(_no_lists(retriever), NOBODY)


@dataclasses.dataclass(frozen=True)
class QueryVectors:
    """The vector of each query, a list of numbers in a row; of several interests, a row each, with
    `interest` from 0."""

    def check(self, retriever: Retriever) -> None:
        _check_offered(retriever, "embed_query")

    def asked(self, retriever, features, exclude):
        return (retriever.embed_query(features),)

    def table(self, said, position):
        return _vectors(said[0], position)

    def empty(self, retriever):
        return self.table((_no_vectors(retriever, "embed_query"),), NOBODY)


@dataclasses.dataclass(frozen=True)
class ItemVectors:
    """The vector of each item, a list of numbers in a row."""

    def check(self, retriever: Retriever) -> None:
        _check_offered(retriever, "embed_item")

    def asked(self, retriever, features, exclude):
        return (retriever.embed_item(features),)

    def table(self, said, position):
        return _vectors(said[0], position)

    def empty(self, retriever):
        return self.table((_no_vectors(retriever, "embed_item"),), NOBODY)


def told(answers: Answers) -> dict[str, Any]:
    """Which answers these are, in values that a manifest keeps and finds again.

    >>> told(Recommendations(np.int64(5), {"where_market": np.array([["de"]])}))
    {'kind': 'Recommendations', 'k': 5, 'filters': {'where_market': [['de']]}}
    """
    fields = {"kind": type(answers).__name__, **vars(answers)}
    return dict(json.loads(json.dumps(fields, default=_plain)))


def _plain(value: Any) -> Any:
    """What JSON does not know of all that filters may be given as, in terms that it does."""
    if isinstance(value, Mapping | pd.DataFrame):
        return {name: value[name] for name in value}
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, Set):
        return sorted(value, key=str)  # else in another order the next time
    if isinstance(value, tf.SparseTensor):
        value = tf.RaggedTensor.from_sparse(value)
    if isinstance(value, tf.RaggedTensor):
        return value.to_list()
    if hasattr(value, "__array__"):
        return np.asarray(value).tolist()
    return str(value)  # a date


def _lists(ids: tf.Tensor, scores: tf.Tensor, position: np.ndarray, name: str) -> pa.Table:
    """Lists one below another, without the padding behind short ones."""
    found = scores.numpy()
    batch, k = found.shape
    scored, items = found.reshape(-1), tf.reshape(ids, [-1])
    of, rank = np.repeat(position, k), np.tile(np.arange(1, k + 1, dtype=np.int32), batch)
    there = np.flatnonzero(np.isfinite(scored))
    if len(there) < len(scored):
        scored, of, rank = scored[there], of[there], rank[there]
        items = tf.gather(items, there)
    return pa.table({POSITION: of, "rank": rank, name: arrow_ids(items), "score": scored})


def _no_lists(retriever: LoadedRetriever) -> tuple[tf.Tensor, tf.Tensor]:
    return tf.zeros([0, 1], retriever.id_dtype), tf.zeros([0, 1])


def _no_vectors(retriever: LoadedRetriever, signature: str) -> tf.Tensor:
    (spec,) = retriever.saved.signatures[signature].structured_outputs.values()
    return tf.zeros([0, *(size or 1 for size in spec.shape[1:])])


def _vectors(vectors: tf.Tensor, position: np.ndarray) -> pa.Table:
    found = vectors.numpy()
    columns: dict[str, Any] = {POSITION: position}
    if found.ndim == 3:
        batch, interests, _ = found.shape
        columns[POSITION] = np.repeat(position, interests)
        columns["interest"] = np.tile(np.arange(interests, dtype=np.int32), batch)
    dim = found.shape[-1]
    offsets = np.arange(0, found.size + 1, dim, dtype=np.int32)
    columns["vector"] = pa.ListArray.from_arrays(offsets, found.reshape(-1))
    return pa.table(columns)


def _check_k(k: int) -> None:
    if k < 1:
        raise ValueError(f"k is the length of the lists, at least 1. Received: k={k}.")


def _check_filters(filters: Mapping[str, Any], retriever: Retriever) -> None:
    """Raises ValueError for filters that the retriever lacks, and for several rows of one."""
    for name, value in chosen(filters, retriever.filter_inputs).items():
        check_rows(name, value, tf.zeros([1]))


def _check_offered(retriever: Retriever, signature: str) -> None:
    if signature not in retriever.signatures:
        there_are = ", ".join(retriever.signatures) or "none"
        raise ValueError(
            f"This export has no {signature}, and cannot be asked for it. There are: {there_are}."
        )
