"""The one seam between models and everything after them."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
import tensorflow as tf

from tfrec_recall.retrieval.catalogue import Catalogue
from tfrec_recall.retrieval.filters import Allowed, ItemFilters, check_names, chosen, filter_table
from tfrec_recall.retrieval.popularity import Fallback, Popularity
from tfrec_recall.retrieval.rater import Rater
from tfrec_recall.retrieval.raw_inputs import columns_of, dense, tensors
from tfrec_recall.retrieval.request_rows import check_length, check_rows, excluded, listing
from tfrec_recall.retrieval.selection import NO_ROW
from tfrec_recall.retrieval.tuning_vectors import TuningVectors

Lists = tuple[tf.Tensor, tf.Tensor]
ListsAndMore = tuple[tf.Tensor, tf.Tensor, tf.Tensor]
COLUMNS = "item_columns"  # in the report


class Retriever(tf.Module):
    """Maps raw query features to the best items: evaluated, exported and served as one thing.

    A kind of retriever has a `catalogue`, writes `recommend`, and of the following what makes sense
    for it: `left_out`, `knows`, `query_vectors`, `item_vectors`, `similar`,
    `recommend_by_interest`, whose names `signatures` then lists. They see dense tensors of the
    right type, items as rows of the catalogue; what a caller may pass is settled here, and so are
    lists that are too short: popular items fill them (`with_fallback`).

    Attributes:
        inputs: the raw query features, name -> `tf.TensorSpec`, the first axis the batch.
        filter_inputs: what a request may choose items by, as `ItemFilters.inputs`.
        item_inputs: the raw item features that `embed_item` takes.
        rating_inputs: the raw query features that `predict_rating` takes.
        complete: whether all items have a score, so that lists are short only where nothing else is
            left, or nothing is known of the query.
        item_ids: the raw ids of the catalogue, an array, in the order of the index's rows.
        k: the length of a list where a call does not say.
        signatures: which of "embed_query", "embed_item", "similar_items",
            "recommend_with_interest", "recommend_with_channel" and "predict_rating" there are.
        report: plain values: what the retriever is, and what was measured when it was built.
        id_dtype: the type of raw item ids in the graph, tf.string or tf.int64.
        of_items: what else is known of the items, by name, variables in the order of `item_ids`: a
            retriever of other items is made with it.
        searchers: what the searchers of ScaNN hold, by name and part, of retrievers that have
            some: an index over other items is made with it.
        tuned_with: the requests that an approximate index was tuned with, as vectors; None: with
            none.
        popularity: what fills lists that are too short; None: any items.
    """

    catalogue: Catalogue
    of_items: Mapping[str, tf.Variable]
    searchers: Mapping[str, Mapping[str, tf.Variable]]
    tuned_with: TuningVectors | None = None
    popularity: Popularity | None = None
    inputs: dict[str, tf.TensorSpec]
    _own_inputs: dict[str, tf.TensorSpec]  # those that no fallback asks for
    filter_inputs: dict[str, tf.TensorSpec]
    item_inputs: dict[str, tf.TensorSpec]
    rating_inputs: dict[str, tf.TensorSpec]
    report: dict[str, Any]
    complete = False

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
        check_length(k)
        self.item_ids = item_ids
        self.k = k
        self.signatures = tuple(signatures)
        self.of_items = {}
        self.searchers = {}
        # Plain dictionaries: a module's own assignment would wrap them to track what they hold.
        object.__setattr__(self, "inputs", dict(inputs))
        object.__setattr__(self, "_own_inputs", dict(inputs))
        object.__setattr__(self, "filter_inputs", {})
        object.__setattr__(self, "item_inputs", dict(item_inputs or {}))
        object.__setattr__(self, "rating_inputs", {})
        object.__setattr__(self, "report", dict(report or {}))
        self.rater: Rater | None = None
        self.filters: ItemFilters | None = None
        self.fallback: Fallback | None = Fallback(item_ids)  # any items, until it is told
        self.id_dtype = tf.string if item_ids.dtype == object else tf.int64
        self._set_functions()

    def __call__(
        self,
        queries: Mapping[str, Any],
        k: tf.Tensor | int | None = None,
        exclude: Any = None,
        shared: Sequence[str] = (),
        filters: Mapping[str, Any] | None = None,
    ) -> Lists:
        """The best items of each query, best first, none twice.

        Where fewer than k items have a score, and for users of whom nothing is known, popular items
        follow, their scores below the others'.

        Args:
            queries: raw features by the names in `inputs`: tensors, arrays, lists, Series, ragged.
            k: the length of the lists.
            exclude: raw item ids to leave out, [batch, any], or one row for all queries, [1, any];
                padded anywhere with "" or -1; ids that are no items are harmless.
            shared: features that have one row, which all queries share: a context given once.
            filters: what to choose items by, by the names in `filter_inputs`: a row for each query,
                or one for all.

        Returns: raw item ids [batch, k] and scores float32 [batch, k]; where fewer than k items
            are left, "" or -1 with the score -inf.

        Raises: ValueError that names the feature that is missing or does not fit.
        """
        return self.recommend_with_evidence(queries, k, exclude, shared, filters)[:2]

    def recommend_with_evidence(
        self,
        queries: Mapping[str, Any],
        k: tf.Tensor | int | None = None,
        exclude: Any = None,
        shared: Sequence[str] = (),
        filters: Mapping[str, Any] | None = None,
    ) -> ListsAndMore:
        """As from `__call__`, and how long each list is without the popular items that fill it.

        Returns: raw item ids [batch, k], scores [batch, k], and int32 [batch], for how many of the
            first items there is evidence.
        """
        return self._answered(self._recommend, queries, k, exclude, shared, filters)

    def recommend_with_interest(
        self,
        queries: Mapping[str, Any],
        k: tf.Tensor | int | None = None,
        exclude: Any = None,
        shared: Sequence[str] = (),
        filters: Mapping[str, Any] | None = None,
    ) -> ListsAndMore:
        """As from `__call__`, and which of a query's interests brought each item.

        Returns: raw item ids [batch, k], scores [batch, k], and int32 [batch, k], the interest
            with the item's highest score, from 0; -1 beside padding and items that fill a list.
        """
        self._require("recommend_with_interest")
        return self._answered(self._by_interest, queries, k, exclude, shared, filters)

    def recommend_with_channel(
        self,
        queries: Mapping[str, Any],
        k: tf.Tensor | int | None = None,
        exclude: Any = None,
        shared: Sequence[str] = (),
        filters: Mapping[str, Any] | None = None,
    ) -> ListsAndMore:
        """As from `__call__`, and which channel of a blend gave each item most.

        Returns: raw item ids [batch, k], scores [batch, k], and the channels' names, text
            [batch, k]; "" beside padding and items that fill a list.
        """
        self._require("recommend_with_channel")
        return self._answered(self._by_channel, queries, k, exclude, shared, filters)

    @property
    def item_columns(self) -> Mapping[str, str]:
        """Of `item_inputs`, those that a table of items has under another name: its column."""
        return self.report.get(COLUMNS, {})

    def embed_query(self, queries: Mapping[str, Any], shared: Sequence[str] = ()) -> tf.Tensor:
        """The vectors of queries, [batch, dim] or [batch, interests, dim]; as from `__call__`."""
        self._require("embed_query")
        return self.query_vectors(tensors(queries, self.inputs, "retriever", shared))

    def embed_item(self, items: Mapping[str, Any]) -> tf.Tensor:
        """The vectors of items, [batch, dim], by the raw features in `item_inputs`.

        Of items in the catalogue, `item_id` alone will do where the catalogue's vectors are kept.
        """
        self._require("embed_item")
        if columns_of(items) == {"item_id"} != set(self.item_inputs):
            item_id = dense(items["item_id"], tf.TensorSpec([None], self.id_dtype), "item_id")
            found = self.known_vectors(item_id)  # no `:=`, of which AutoGraph warns
            if found is not None:
                return found
        return self.item_vectors(tensors(items, self.item_inputs, "item side"))

    def similar_items(
        self,
        item_id: Any,
        k: tf.Tensor | int | None = None,
        exclude: Any = None,
        filters: Mapping[str, Any] | None = None,
    ) -> Lists:
        """The items most similar to each item, itself left out; as from `__call__`.

        Where there is `embed_item`, scores are the cosines of its vectors, less by the lengths of
        `shortened` ones; else the similarities that the items' neighbours were chosen by.

        An item that the catalogue lacks has an empty list: padding and -inf.
        """
        self._require("similar_items")
        item = dense(item_id, tf.TensorSpec([None], self.id_dtype), "item_id")
        return self._listed(self._similar, item, k, exclude, filters, item)

    def with_filters(self, items: pd.DataFrame, names: Sequence[str]) -> Self:
        """Itself, and from now on requests may choose items by these columns.

        Args:
            items: item_id, and the columns; each item of the catalogue once.
            names: columns of text, numbers, yes and no, or lists of text or whole numbers.
        """
        filters = ItemFilters(filter_table(items, self.item_ids), names)
        check_names(filters.inputs, self.inputs)
        self.filters = filters
        object.__setattr__(self, "filter_inputs", filters.inputs)
        self.report["filters"] = list(names)
        self._set_functions()
        return self

    def with_fallback(self, popularity: Popularity) -> Self:
        """Itself, and from now on these popular items fill the lists that are too short.

        They are all that users get of whom nothing is known. Where it is of segments of users,
        requests say which one is theirs by the feature of this name.
        """
        fallback = Fallback(self.item_ids, popularity)
        inputs = fallback.beside(self._own_inputs)  # without what one before asked for
        check_names(self.filter_inputs, inputs)
        self.fallback, self.popularity = fallback, popularity
        object.__setattr__(self, "inputs", inputs)
        self.report["fallback"] = self.fallback.report
        self._set_functions()
        return self

    def with_ratings(self, rater: Rater) -> Self:
        """Itself, and from now on with `predict_rating`."""
        self.rater = rater
        object.__setattr__(self, "rating_inputs", dict(rater.inputs))
        self.signatures = tuple(dict.fromkeys((*self.signatures, "predict_rating")))
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
        self,
        queries: Mapping[str, tf.Tensor],
        exclude: tf.Tensor,
        k: tf.Tensor,
        allowed: Allowed | None,
    ) -> Lists:
        """`__call__` on tensors, items as rows of the catalogue: int32, -1 for none.

        Args:
            exclude: rows [batch, any], among them those of `left_out`.
            k: a scalar int32.
            allowed: what the filters of the queries let through; None lets all.

        Returns: rows int32 [batch, k] and scores [batch, k] of what there is evidence for.
        """
        raise NotImplementedError

    def recommend_by_interest(
        self,
        queries: Mapping[str, tf.Tensor],
        exclude: tf.Tensor,
        k: tf.Tensor,
        allowed: Allowed | None,
    ) -> ListsAndMore:
        """`recommend_with_interest`, in the form of `recommend`."""
        raise NotImplementedError

    def interests(self, queries: Mapping[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor | None]:
        """`query_vectors`, and which interests are there, bool [batch, interests]; None: all."""
        return self.query_vectors(queries), None

    def left_out(self, queries: Mapping[str, tf.Tensor], exclude: tf.Tensor) -> tf.Tensor:
        """The rows that lists of these queries never hold, [batch, any]: at least `exclude`."""
        return exclude

    def knows(self, queries: Mapping[str, tf.Tensor]) -> tf.Tensor | None:
        """Of which queries anything is known, bool [batch]; None: of all."""
        return None

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
        self, row: tf.Tensor, exclude: tf.Tensor, k: tf.Tensor, allowed: Allowed | None
    ) -> Lists:
        """`similar_items` of rows [batch], in the form of `recommend`."""
        raise NotImplementedError

    def lists(
        self,
        queries: Mapping[str, tf.Tensor],
        exclude: tf.Tensor,
        k: tf.Tensor,
        filters: Mapping[str, tf.Tensor],
    ) -> ListsAndMore:
        """`recommend_with_evidence` on tensors: exclude raw ids [batch or 1, any], k a scalar."""
        return self._lists_by(self.recommend, queries, exclude, k, filters)

    def _lists_by(self, recommend, queries, exclude, k, filters) -> ListsAndMore:
        """`lists` by such a function as `recommend`."""
        exclude, allowed = self._wanted(queries, exclude, filters)
        exclude = self.left_out(queries, exclude)
        rows, score = recommend(queries, exclude, k, allowed)
        rows, score, evident = self._filled(queries, rows, score, exclude, k, allowed)
        return self.catalogue.raw(rows), score, evident

    def lists_by_interest(
        self,
        queries: Mapping[str, tf.Tensor],
        exclude: tf.Tensor,
        k: tf.Tensor,
        filters: Mapping[str, tf.Tensor],
    ) -> ListsAndMore:
        """`recommend_with_interest` in the form of `lists`."""
        exclude, allowed = self._wanted(queries, exclude, filters)
        exclude = self.left_out(queries, exclude)
        found, score, interest = self.recommend_by_interest(queries, exclude, k, allowed)
        rows, score, evident = self._filled(queries, found, score, exclude, k, allowed)
        interest = tf.where(tf.range(k) < evident[:, tf.newaxis], interest, -1)
        return self.catalogue.raw(rows), score, interest

    def lists_by_channel(
        self,
        queries: Mapping[str, tf.Tensor],
        exclude: tf.Tensor,
        k: tf.Tensor,
        filters: Mapping[str, tf.Tensor],
    ) -> ListsAndMore:
        """`recommend_with_channel` in the form of `lists`."""
        raise NotImplementedError

    def similar_lists(
        self,
        item_id: tf.Tensor,
        exclude: tf.Tensor,
        k: tf.Tensor,
        filters: Mapping[str, tf.Tensor],
    ) -> Lists:
        """`similar_items` in the form of `lists`."""
        exclude, allowed = self._wanted(item_id, exclude, filters)
        rows, score = self.similar(self.catalogue.rows(item_id), exclude, k, allowed)
        return self.catalogue.raw(rows), score

    def _wanted(self, queries, exclude, filters) -> tuple[tf.Tensor, Allowed | None]:
        allowed = self.filters.allowed(filters) if filters and self.filters else None
        return self.catalogue.rows(excluded(exclude, queries)), allowed

    def _filled(self, queries, rows, score, exclude, k, allowed) -> ListsAndMore:
        """The lists, filled up with popular items, and how many of their items are not of these.

        Where nothing is known of a user, all are.
        """
        known = self.knows(queries)
        if known is not None:
            known = known[:, tf.newaxis]
            rows, score = tf.where(known, rows, NO_ROW), tf.where(known, score, float("-inf"))
        evident = tf.reduce_sum(tf.cast(rows != NO_ROW, tf.int32), axis=1)
        if self.fallback is None:
            return rows, score, evident
        place = 0 if self.complete else -1
        lacking = rows[:, place] == NO_ROW
        filled = self.fallback.filled(lacking, queries, rows, score, exclude, k, allowed)
        return *filled, evident

    def _set_functions(self) -> None:
        """Makes the functions that answer, for the inputs as they are now."""
        item_id = tf.TensorSpec([None], self.id_dtype, "item_id")
        exclude = tf.TensorSpec([None, None], self.id_dtype, "exclude")
        length = tf.TensorSpec([], tf.int32, "k")
        rest = [exclude, length, self.filter_inputs]
        query, item = [self.inputs, *rest], [item_id, *rest]
        self._recommend = listing(self.lists, query)
        self._by_interest = listing(self.lists_by_interest, query)
        self._by_channel = listing(self.lists_by_channel, query)
        self._similar = listing(self.similar_lists, item)

    def _answered(self, function, queries, k, exclude, shared, filters) -> tuple[tf.Tensor, ...]:
        features = tensors(queries, self.inputs, "retriever", shared)
        return self._listed(function, features, k, exclude, filters, next(iter(features.values())))

    def _listed(self, function, what, k, exclude, filters, rows) -> tuple[tf.Tensor, ...]:
        k = self._length(k)
        if exclude is None:
            exclude = tf.fill([tf.shape(rows)[0], 0], tf.zeros([], self.id_dtype))
        else:
            exclude = dense(exclude, tf.TensorSpec([None, None], self.id_dtype), "exclude")
            check_rows("exclude", exclude, rows)
        wanted = chosen(filters, self.filter_inputs) if filters else {}
        for name, value in wanted.items():
            check_rows(name, value, rows)
        listed = function(what, exclude, tf.cast(k, tf.int32), wanted)
        if tf.is_tensor(k):
            return tuple(listed)
        return tuple(
            part if part.shape.rank == 1 else tf.ensure_shape(part, [None, k]) for part in listed
        )

    def _length(self, k) -> tf.Tensor | int:
        if tf.is_tensor(k):
            return k
        k = self.k if k is None else k
        check_length(k)
        return int(k)

    def _require(self, signature: str) -> None:
        if signature not in self.signatures:
            there_are = ", ".join(self.signatures) or "none"
            raise ValueError(f"This retriever has no {signature}. There are: {there_are}.")
