"""The one seam between models and everything after them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, Self

import numpy as np
import tensorflow as tf

from tfrec_recall.retrieval.raw_inputs import dense, tensors
from tfrec_recall.retrieval.tuning_vectors import TuningVectors


class Rater(Protocol):
    """What foretells ratings, a `tf.Module`.

    `inputs` are the raw query features, name -> `tf.TensorSpec`.
    """

    inputs: Mapping[str, tf.TensorSpec]

    def __call__(self, queries: Mapping[str, tf.Tensor], item_id: tf.Tensor) -> tf.Tensor:
        """The ratings float32 [batch, any] of raw items [batch, any]; finite for any item."""


class Retriever(tf.Module):
    """Maps raw query features to the best items: evaluated, exported and served as one thing.

    A kind of retriever writes `recommend`, and of the following what makes sense for it:
    `query_vectors`, `item_vectors`, `similar`, `recommend_by_interest`, whose names `signatures`
    then lists. They see dense tensors of the right type; what a caller may pass is settled here.

    Attributes:
        inputs: the raw query features, name -> `tf.TensorSpec`, the first axis the batch.
        item_inputs: the raw item features that `embed_item` takes.
        rating_inputs: the raw query features that `predict_rating` takes.
        item_ids: the raw ids of the catalogue, an array, in the order of the index's rows.
        k: the length of a list where a call does not say.
        signatures: which of "embed_query", "embed_item", "similar_items",
            "recommend_with_interest" and "predict_rating" there are.
        report: plain values: what the retriever is, and what was measured when it was built.
        id_dtype: the type of raw item ids in the graph, tf.string or tf.int64.
        of_items: what else is known of the items, by name, variables in the order of `item_ids`: a
            retriever of other items is made with it.
        tuned_with: the requests that an approximate index was tuned with, as vectors; None: with
            none.
    """

    of_items: Mapping[str, tf.Variable]
    tuned_with: TuningVectors | None = None

    inputs: dict[str, tf.TensorSpec]
    item_inputs: dict[str, tf.TensorSpec]
    rating_inputs: dict[str, tf.TensorSpec]
    report: dict[str, Any]

    def __init__(
        self,
        item_ids: np.ndarray,
        inputs: Mapping[str, tf.TensorSpec],
        k: int,
        signatures: tuple[str, ...] = (),
        item_inputs: Mapping[str, tf.TensorSpec] | None = None,
        report: Mapping[str, Any] | None = None,
        name: str | None = None,
    ):
        super().__init__(name=name)
        if k < 1:
            raise ValueError(f"k is the length of the lists, at least 1. Received: k={k}.")
        self.item_ids = item_ids
        self.k = k
        self.signatures = tuple(signatures)
        self.of_items = {}
        # Plain dictionaries: a module's own assignment would wrap them to track what they hold.
        object.__setattr__(self, "inputs", dict(inputs))
        object.__setattr__(self, "item_inputs", dict(item_inputs or {}))
        object.__setattr__(self, "rating_inputs", {})
        object.__setattr__(self, "report", dict(report or {}))
        self.rater: Rater | None = None
        self.id_dtype = tf.string if item_ids.dtype == object else tf.int64

        item_id = tf.TensorSpec([None], self.id_dtype, "item_id")
        exclude = tf.TensorSpec([None, None], self.id_dtype, "exclude")
        length = tf.TensorSpec([], tf.int32, "k")
        query = [self.inputs, exclude, length]
        self._recommend = tf.function(_row_by_row(self.recommend), input_signature=query)
        self._by_interest = tf.function(
            _row_by_row(self.recommend_by_interest), input_signature=query
        )
        self._similar = tf.function(
            _row_by_row(self.similar), input_signature=[item_id, exclude, length]
        )

    def __call__(
        self,
        queries: Mapping[str, Any],
        k: tf.Tensor | int | None = None,
        exclude: Any = None,
        shared: Sequence[str] = (),
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The best items of each query, best first, none twice.

        Args:
            queries: raw features by the names in `inputs`: tensors, arrays, lists, Series, ragged.
            k: the length of the lists.
            exclude: raw item ids to leave out, [batch, any], or one row for all queries, [1, any];
                padded anywhere with "" or -1; ids that are no items are harmless.
            shared: features that have one row, which all queries share: a context given once.

        Returns: raw item ids [batch, k] and scores float32 [batch, k]; where fewer than k items
            are left, "" or -1 with the score -inf.

        Raises: ValueError that names the feature that is missing or does not fit.
        """
        return self._answered(self._recommend, queries, k, exclude, shared)

    def recommend_with_interest(
        self,
        queries: Mapping[str, Any],
        k: tf.Tensor | int | None = None,
        exclude: Any = None,
        shared: Sequence[str] = (),
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """As from `__call__`, and which of a query's interests brought each item.

        Returns: raw item ids [batch, k], scores [batch, k], and int32 [batch, k], the interest
            with the item's highest score, from 0; -1 beside padding.
        """
        self._require("recommend_with_interest")
        return self._answered(self._by_interest, queries, k, exclude, shared)

    def embed_query(self, queries: Mapping[str, Any], shared: Sequence[str] = ()) -> tf.Tensor:
        """The vectors of queries, [batch, dim] or [batch, interests, dim]; as from `__call__`."""
        self._require("embed_query")
        return self.query_vectors(tensors(queries, self.inputs, "retriever", shared))

    def embed_item(self, items: Mapping[str, Any]) -> tf.Tensor:
        """The vectors of items, [batch, dim], by the raw features in `item_inputs`.

        Of items in the catalogue, `item_id` alone will do where the catalogue's vectors are kept.
        """
        self._require("embed_item")
        if set(items) == {"item_id"} != set(self.item_inputs):
            item_id = dense(items["item_id"], tf.TensorSpec([None], self.id_dtype), "item_id")
            if (found := self.known_vectors(item_id)) is not None:
                return found
        return self.item_vectors(tensors(items, self.item_inputs, "item side"))

    def similar_items(
        self, item_id: Any, k: tf.Tensor | int | None = None, exclude: Any = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The items most similar to each item, itself left out; as from `__call__`.

        Where there is `embed_item`, scores are the cosines of its vectors; else the similarities
        that the items' neighbours were chosen by.

        An item that the catalogue lacks has an empty list: padding and -inf.
        """
        self._require("similar_items")
        item = dense(item_id, tf.TensorSpec([None], self.id_dtype), "item_id")
        return self._listed(self._similar, item, k, exclude, item)

    def with_ratings(self, rater: Rater) -> Self:
        """Itself, and from now on with `predict_rating`."""
        self.rater = rater
        object.__setattr__(self, "rating_inputs", dict(rater.inputs))
        self.signatures = (*self.signatures, "predict_rating")
        return self

    def predict_rating(self, queries: Mapping[str, Any], item_id: Any) -> tf.Tensor:
        """The ratings that each query's user would give to items, float32 [batch, any].

        Args:
            queries: raw features by the names in `rating_inputs`.
            item_id: raw ids [batch, any], padded behind; what stands at padding means nothing.
        """
        self._require("predict_rating")
        items = {"item_id": tf.TensorSpec([None, None], self.id_dtype)}
        given = {**queries, "item_id": item_id}
        features = tensors(given, {**self.rating_inputs, **items}, "rating")
        return self.ratings(features, features.pop("item_id"))

    def ratings(self, queries: Mapping[str, tf.Tensor], item_id: tf.Tensor) -> tf.Tensor:
        """`predict_rating` on tensors."""
        if self.rater is None:
            raise NotImplementedError
        return self.rater(queries, item_id)

    def recommend(
        self, queries: Mapping[str, tf.Tensor], exclude: tf.Tensor, k: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """`__call__` on tensors: exclude raw ids [batch, any], k a scalar int32."""
        raise NotImplementedError

    def recommend_by_interest(
        self, queries: Mapping[str, tf.Tensor], exclude: tf.Tensor, k: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """`recommend_with_interest` on tensors."""
        raise NotImplementedError

    def interests(self, queries: Mapping[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        """`query_vectors` of several interests, and which of them are there, bool [batch,
        interests]; of a retriever that has `recommend_with_interest`."""
        raise NotImplementedError

    def query_vectors(self, queries: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """`embed_query` on tensors."""
        raise NotImplementedError

    def item_vectors(self, items: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """`embed_item` on tensors."""
        raise NotImplementedError

    def known_vectors(self, item_id: tf.Tensor) -> tf.Tensor | None:
        """The catalogue's own vectors of all of these items; None where it lacks one of them."""
        return None

    def similar(
        self, item_id: tf.Tensor, exclude: tf.Tensor, k: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """`similar_items` on tensors: exclude raw ids [batch, any], k a scalar int32."""
        raise NotImplementedError

    def _answered(self, function, queries, k, exclude, shared) -> tuple[tf.Tensor, ...]:
        features = tensors(queries, self.inputs, "retriever", shared)
        return self._listed(function, features, k, exclude, next(iter(features.values())))

    def _listed(self, function, what, k, exclude, rows) -> tuple[tf.Tensor, ...]:
        k = self._length(k)
        if exclude is None:
            exclude = tf.fill([tf.shape(rows)[0], 0], tf.zeros([], self.id_dtype))
        else:
            exclude = dense(exclude, tf.TensorSpec([None, None], self.id_dtype), "exclude")
            given, wanted = exclude.shape[0], rows.shape[0]
            if None not in (given, wanted) and given not in (1, wanted):
                raise ValueError(
                    "exclude has a row of ids for each query, [batch, any], or one for all, "
                    f"[1, any]. Received: {given} rows for {wanted} queries."
                )
        listed = function(what, exclude, tf.cast(k, tf.int32))
        if not tf.is_tensor(k):
            listed = tuple(tf.ensure_shape(part, [None, k]) for part in listed)
        return tuple(listed)

    def _length(self, k) -> tf.Tensor | int:
        if tf.is_tensor(k):
            return k
        k = self.k if k is None else k
        if not isinstance(k, int | np.integer) or isinstance(k, bool) or k < 1:
            raise ValueError(f"k is the length of the lists, at least 1. Received: k={k!r}.")
        return int(k)

    def _require(self, signature: str) -> None:
        if signature not in self.signatures:
            there_are = ", ".join(self.signatures) or "none"
            raise ValueError(f"This retriever has no {signature}. There are: {there_are}.")


def _row_by_row(function: Callable) -> Callable:
    """The function of queries, exclude and k, where one row of `exclude` is that of all queries.

    A served graph meets requests that no Python has seen: other numbers of rows are an error.
    """

    def of_rows(queries, exclude, k):
        features = queries if isinstance(queries, dict) else {"item_id": queries}
        rows = {name: tf.shape(value)[0] for name, value in features.items()}
        first, batch = next(iter(rows.items()))
        checks = [
            tf.debugging.assert_equal(size, batch, f"{name!r} has other rows than {first!r}.")
            for name, size in rows.items()
            if name != first
        ]
        given = tf.shape(exclude)[0]
        exclude = tf.repeat(exclude, tf.where(given == 1, batch, 1), axis=0)
        rule = "exclude has a row of ids for each query, or one for all."
        checks.append(tf.debugging.assert_equal(tf.shape(exclude)[0], batch, rule))
        with tf.control_dependencies(checks):
            return function(queries, tf.identity(exclude), k)

    return of_rows
