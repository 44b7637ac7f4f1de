"""Requests that choose by attributes of items, inside the graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf

from tfrec_recall.retrieval.item_attributes import Choice, ItemNumbers, ItemValues, attributes_of
from tfrec_recall.retrieval.raw_inputs import columns_of, dense, padding

FEW = 8  # up to an eighth of the items is looked up and scored one by one, which gathers vectors


class ItemFilters(tf.Module):
    """The attributes of a catalogue's items that a request may choose by.

    By values, text or whole numbers: `where_<attribute>` and `where_not_<attribute>`, [batch, any],
    padded with "" or -1. By numbers: `min_<attribute>` and `max_<attribute>`, [batch], NaN for no
    bound. What is left out, or of width 0, asks for nothing; what is asked holds together.

    Args:
        table: a row for each item, in the order of the catalogue's rows.
        names: which columns.

    >>> table = pd.DataFrame({"market": ["de", "uk", "de"], "price": [5.0, 7.0, 9.0]})
    >>> filters = ItemFilters(table, ["market", "price"])
    >>> sorted(filters.inputs)
    ['max_price', 'min_price', 'where_market', 'where_not_market']
    """

    def __init__(self, table: pd.DataFrame, names: Sequence[str]):
        super().__init__(name="item_filters")
        missing = [name for name in names if name not in table]
        if missing or isinstance(names, str) or len(set(names)) < len(names):
            raise ValueError(
                "Filters name columns of the items, each once. "
                f"Received: {names!r}; there are {', '.join(map(str, table))}."
            )
        self.names = tuple(names)
        self.attributes = [one for name in names for one in attributes_of(name, table[name])]
        inputs: dict[str, tf.TensorSpec] = {}
        for attribute in self.attributes:
            both = sorted(set(inputs) & set(attribute.inputs))
            if both:
                raise ValueError(
                    "Two attributes would be chosen by the same name: rename a column. "
                    f"Received: {both} of {', '.join(names)}."
                )
            inputs |= attribute.inputs
        object.__setattr__(self, "inputs", inputs)
        self.listing = tf.Variable(
            np.concatenate([one.listing for one in self.attributes]),
            trainable=False,
            name="listing",
        )
        # Traced once, however often a graph asks.
        choices = [one.choice_specs for one in self.attributes]
        self.fit_alike, self.fit_each = (
            tf.function(self._fit, [choices, tf.TensorSpec(shape, tf.int32)], autograph=False)
            for shape in ([None], [None, None])
        )

    @property
    def examples(self) -> dict[str, Any]:
        """Of the names in `inputs`, a value that items have; without those that have none."""
        each = {name: one.example for one in self.attributes for name in one.inputs}
        return {name: value for name, value in each.items() if value is not None}

    def allowed(self, raw: Mapping[str, tf.Tensor]) -> Allowed:
        """What requests choose, [batch, any] and [batch] each, by the names in `inputs`."""
        return Allowed(self, [one.chosen(raw) for one in self.attributes])

    def _fit(self, choices: list[Choice], rows: tf.Tensor) -> tf.Tensor:
        both = zip(self.attributes, choices, strict=True)
        return tf.reduce_all(tf.stack([one.fits(choice, rows) for one, choice in both]), axis=0)


class Allowed:
    """Which items the filters of some queries let through.

    Slices and `take` are of queries. No array of the catalogue's size is made for a query, but the
    blocks that it is searched in.

    Args:
        choices: by each attribute, what the queries choose.
        order: the row at each place of a search that goes by other places than rows.
    """

    def __init__(
        self, filters: ItemFilters, choices: list[Choice], order: tf.Variable | None = None
    ):
        self._filters, self._choices, self._order = filters, choices, order

    def __getitem__(self, part: slice) -> Allowed:
        return self._with([{n: t[part] for n, t in c.items()} for c in self._choices])

    def take(self, queries: tf.Tensor) -> Allowed:
        """Of these queries, by their numbers [queries]."""
        return self._with([{n: tf.gather(t, queries) for n, t in c.items()} for c in self._choices])

    def in_order(self, order: tf.Variable) -> Allowed:
        """The same for a search that goes by places, each of which has this row."""
        return Allowed(self._filters, self._choices, order)

    def fit(self, rows: tf.Tensor) -> tf.Tensor:
        """Which rows are let through: [n], the same for all queries, or [batch, n], to [batch, n].

        What is said of row -1 means nothing.
        """
        if self._order is not None:
            rows = tf.gather(self._order, tf.maximum(rows, 0))
        fit = self._filters.fit_alike if rows.shape.rank == 1 else self._filters.fit_each
        return fit(self._choices, rows)

    def share(self) -> tf.Tensor:
        """About which share of the items is let through, as if attributes were independent."""
        shares = tf.stack([attribute.share(choice) for attribute, choice in self._both])
        return tf.reduce_prod(shares, axis=0)

    def few(self, items: int) -> tf.Tensor:
        """Whether few of these items are listed: they are best scored one by one; [batch]."""
        return tf.reduce_min(self._listed(), axis=0) <= items // FEW

    def runs(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Where the attribute that lists the fewest items for a query lists them.

        Returns: firsts and lengths of runs of places, int32 [batch, any]; `listed_rows` has the row
            at each place. All of length 0 where no attribute lists any.
        """
        counts = self._listed()
        which = tf.argmin(counts, axis=0, output_type=tf.int32)  # [batch]
        which = tf.where(tf.reduce_min(counts, axis=0) < tf.int32.max, which, -1)[:, tf.newaxis]
        firsts, lengths, before = [], [], 0
        for number, (attribute, choice) in enumerate(self._both):
            first, length = attribute.runs(choice)
            firsts.append(first + before)
            lengths.append(tf.where(which == number, length, 0))
            before += len(attribute.listing)
        return tf.concat(firsts, axis=1), tf.concat(lengths, axis=1)

    def listed_rows(self, places: tf.Tensor) -> tf.Tensor:
        """The rows at places of `runs`."""
        return tf.gather(self._filters.listing, places)

    @property
    def runs_repeat(self) -> bool:
        """Whether `runs` may list an item twice."""
        return any(attribute.runs_repeat for attribute in self._filters.attributes)

    def _listed(self) -> tf.Tensor:
        """How many items each attribute lists that a query may have, int32 [attributes, batch].

        The greatest int32 where the query chooses by none of its values.
        """
        counts = [
            tf.where(one.asked(choice), tf.reduce_sum(one.runs(choice)[1], axis=1), tf.int32.max)
            for one, choice in self._both
        ]
        return tf.stack(counts)

    @property
    def _both(self) -> list[tuple[ItemValues | ItemNumbers, Choice]]:
        return list(zip(self._filters.attributes, self._choices, strict=True))

    def _with(self, choices: list[dict[str, Any]]) -> Allowed:
        return Allowed(self._filters, choices, self._order)


def chosen(given: Mapping[str, Any], inputs: Mapping[str, tf.TensorSpec]) -> dict[str, tf.Tensor]:
    """The filters of a request as tensors, by the names in `inputs`, as of `ItemFilters`.

    What it leaves open has one row, which asks for nothing.

    Raises: ValueError that names a filter that there is not, or whose values do not fit.
    """
    unknown = sorted(columns_of(given) - set(inputs))
    if unknown:
        there_are = ", ".join(inputs) or "none: name attributes with_filters"
        raise ValueError(
            f"Filters of this retriever are {there_are}. Received: {', '.join(unknown)}."
        )
    found = {}
    for name, spec in inputs.items():
        if name in given:
            found[name] = dense(given[name], spec, name)
        else:
            open_ = tf.constant(padding(spec.dtype), spec.dtype)
            found[name] = tf.fill([1] if spec.shape.rank == 1 else [1, 0], open_)
    return found


def check_names(filters: Mapping[str, Any], inputs: Mapping[str, Any]) -> None:
    """Raises ValueError where a filter and a feature of the query have one name."""
    taken = sorted(set(filters) & set(inputs))
    if taken:
        raise ValueError(
            "A filter and a feature of the query have one name: rename a column. "
            f"Received: {', '.join(taken)}."
        )


def filter_table(items: pd.DataFrame, item_ids: np.ndarray) -> pd.DataFrame:
    """The rows of `items` in the order of the catalogue's ids.

    Raises: ValueError unless `item_id` holds all of them once.
    """
    if "item_id" not in items:
        raise ValueError(f"The items have an item_id. Received: {', '.join(map(str, items))}.")
    table = items.set_index("item_id")
    ids = pd.Index(item_ids)
    lacking = ids[~ids.isin(table.index)]
    if len(lacking) or not table.index.is_unique:
        raise ValueError(
            "The table of items that requests choose from has each item of the catalogue once. "
            f"Received: {len(lacking)} of {len(ids)} items missing, the first "
            f"{lacking[:3].tolist()}; {int(table.index.duplicated().sum())} repeated."
        )
    return table.loc[ids].reset_index(drop=True)
