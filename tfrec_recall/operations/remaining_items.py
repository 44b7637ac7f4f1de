"""An export that knows items by what training saw of them, over those that are left of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf

from tfrec_recall.export import LoadedRetriever
from tfrec_recall.export.serving_module import UNFILTERED, ServingModule
from tfrec_recall.operations.saved_function import needed_by
from tfrec_recall.retrieval import Catalogue, Retriever
from tfrec_recall.retrieval.filters import Allowed, chosen
from tfrec_recall.retrieval.query_blocks import by_query_blocks
from tfrec_recall.retrieval.request_rows import as_often
from tfrec_recall.retrieval.selection import NO_ROW

KINDS = ("neighbours", "user neighbours", "ratings by neighbours", "scoring")
ANSWERS = ("recommend", "similar_items", "predict_rating")
CELLS_AT_A_TIME = 4_000_000  # ids of items that filters leave out


class WholeLists(tf.Module):
    """The functions of a retriever before any item was taken out, with what they need.

    They stay beside the graph of each version without some of the items: the next one, which may
    list these again, is made of them, and never of one another.

    Args:
        retriever: of one of `KINDS`, in this process or loaded, of such a version too.

    Attributes:
        item_ids: the raw ids of all items, a variable.
    """

    item_ids: tf.Variable

    def __init__(self, retriever: Retriever):
        super().__init__(name="whole")
        saved: Any = getattr(retriever, "saved", None)
        module: Any = ServingModule(retriever) if saved is None else saved
        before = getattr(module, "whole", module)
        self.item_ids = before.item_ids
        functions = []
        for name in ANSWERS:
            if hasattr(before, name):
                functions.append(getattr(before, name + UNFILTERED, getattr(before, name)))
                setattr(self, name, functions[-1])
        self._needed = module.state if saved is None else needed_by(saved, functions)

    def lists(
        self, name: str, what: Any, exclude: tf.Tensor, k: tf.Tensor
    ) -> tuple[tf.Tensor, ...]:
        """What a function of lists answers, with no filter: those of its graph are of before."""
        function = getattr(self, name)
        restored = getattr(function, "concrete_functions", None)
        concrete = restored[0] if restored else function.get_concrete_function()
        *_, filters = concrete.structured_input_signature[0]  # earlier exports have no other
        found: tuple[tf.Tensor, ...] = function(what, exclude, k, chosen({}, filters))
        return found


class RemainingItems(Retriever):
    """The lists of a retriever without the items that were taken out.

    Nothing is embedded and nothing learnt: inside the graph every request leaves these items out.
    In histories they go on telling of users, and where they come back, they are as they were. What
    requests choose by is of the new table of items; popular items fill lists as before.

    Args:
        retriever: the whole, of one of `KINDS`: an export, or a retriever of this process.
        item_ids: raw ids of items that are left, all of which it has, or had.
        k: the length of a list where a call does not say.

    Raises: ValueError for lists that are longer than the shortlist that was exported.
    """

    def __init__(self, retriever: Retriever, item_ids: np.ndarray, k: int):
        shortlist = retriever.report.get("shortlist")
        if shortlist is not None and k > shortlist:
            raise ValueError(
                f"This export scores a shortlist of {shortlist} items: lists are no longer. "
                f"Received: {k=}."
            )
        catalogue = Catalogue(item_ids)
        super().__init__(
            item_ids=catalogue.ids,
            inputs=retriever.inputs,
            k=k,
            signatures=retriever.signatures,
            report={**retriever.report, "items": len(catalogue)},
            name="remaining_items",
        )
        object.__setattr__(self, "rating_inputs", retriever.rating_inputs)
        self.catalogue, self.whole = catalogue, WholeLists(retriever)
        every = _raw(self.whole.item_ids)
        gone = every[~pd.Index(every).isin(pd.Index(catalogue.ids))]
        self._gone = tf.Variable(tf.constant(gone, self.id_dtype), trainable=False, name="gone")
        self.tuned_with = retriever.tuned_with

    def recommend(self, queries, exclude, k, allowed):
        names = [*self._own_inputs]  # a segment may be asked for since, by what fills lists

        def of_some(exclude, allowed, *features):
            some = dict(zip(names, features, strict=True))
            ids, score, *evident = self.whole.lists(
                "recommend", some, self._left_out(exclude, allowed), k
            )
            rows = self.catalogue.rows(ids)
            if evident:  # earlier exports do not tell what only fills their lists
                there = tf.range(k) < evident[0][:, tf.newaxis]
                rows = tf.where(there, rows, NO_ROW)
            return rows, tf.where(rows == NO_ROW, float("-inf"), score)

        return self._in_blocks(of_some, exclude, k, allowed, *(queries[name] for name in names))

    def similar(self, row, exclude, k, allowed):
        def of_some(exclude, allowed, row):
            ids, score = self.whole.lists(
                "similar_items", self.catalogue.raw(row), self._left_out(exclude, allowed), k
            )
            return self.catalogue.rows(ids), score

        return self._in_blocks(of_some, exclude, k, allowed, row)

    def ratings(self, queries, item_id):
        return self.whole.predict_rating(queries, item_id)

    def _in_blocks(
        self,
        of_some: Callable[..., tuple[tf.Tensor, tf.Tensor]],
        exclude: tf.Tensor,
        k: tf.Tensor,
        allowed: Allowed | None,
        *what: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """All at once, unless filters leave out so many items of each query that memory counts."""
        if allowed is None:
            return of_some(exclude, None, *what)
        at_a_time = max(1, CELLS_AT_A_TIME // len(self.catalogue))
        return by_query_blocks(of_some, (exclude, allowed, *what), k, at_a_time)

    def _left_out(self, exclude: tf.Tensor, allowed: Allowed | None) -> tf.Tensor:
        """The raw ids that the whole export is to leave out, [batch, any]."""
        gone = as_often(self._gone[tf.newaxis], exclude)
        parts = [self.catalogue.raw(exclude), gone]
        if allowed is not None:
            rows = tf.range(len(self.catalogue))
            unfit = tf.where(allowed.fit(rows), NO_ROW, rows)  # [batch, items]
            parts.append(self.catalogue.raw(unfit))
        return tf.concat(parts, axis=1)


def known_ids(retriever: LoadedRetriever) -> np.ndarray:
    """The raw ids of all items that an export of `KINDS` may list, also of those taken out."""
    whole = getattr(retriever.saved, "whole", None)
    return retriever.item_ids if whole is None else _raw(whole.item_ids)


def _raw(ids: tf.Variable) -> np.ndarray:
    """As an array of numbers, or of texts."""
    found = ids.numpy()
    return np.array([one.decode() for one in found], object) if found.dtype == object else found
