"""The items that can be recalled: raw ids and rows, in an order that means nothing."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import tensorflow as tf

from tfrec_recall.data.ids import id_column, padding_of
from tfrec_recall.retrieval.selection import NO_ROW


class Catalogue(tf.Module):
    """The raw ids of the items, and the way from an id to its row and back, inside the graph.

    The rows are a permutation of the given ids, fixed by the seed: an index prefers the earlier
    row among equal scores, and ids often follow popularity.

    Args:
        item_ids: strings or integers, each once; the padding ids "" and -1 are no items.
        seed: of the permutation.
        by_id: two ids stand in one order whatever others there are, where equal scores are common
            and the ids grow.

    Attributes:
        ids: the raw ids in the order of the rows, an array.
        order: which of the given ids each row is; permutes whatever goes with the ids.
        padding: the raw id that stands for "none": "" or -1.
        dtype: the type of raw ids in the graph: tf.string or tf.int64.

    >>> catalogue = Catalogue(["a", "b", "c"])
    >>> rows = catalogue.rows(tf.constant(["c", "new", ""]))
    >>> catalogue.raw(rows).numpy()
    array([b'c', b'', b''], dtype=object)
    """

    def __init__(
        self,
        item_ids: Sequence[str] | Sequence[int] | np.ndarray,
        seed: int = 0,
        by_id: bool = False,
    ):
        super().__init__(name="catalogue")
        given = _checked(item_ids)
        if by_id:
            self.order = np.argsort(_lots(given, seed), kind="stable")
        else:
            self.order = np.random.default_rng(seed).permutation(len(given))
        self.ids = given[self.order]
        self.padding = padding_of(given)
        # Behind padding, which is that of row -1.
        raw = np.concatenate([np.array([self.padding], self.ids.dtype), self.ids])
        self._raw = tf.Variable(raw, trainable=False, name="item_ids")
        self.dtype = self._raw.dtype
        rows = tf.range(len(given), dtype=tf.int64)
        self._table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(tf.constant(self.ids), rows), default_value=NO_ROW
        )

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, raw: tf.Tensor) -> tf.Tensor:
        """The rows of raw ids, int32 of the same shape; -1 for padding and ids not known."""
        return tf.cast(self._table.lookup(raw), tf.int32)

    def raw(self, rows: tf.Tensor) -> tf.Tensor:
        """The raw ids of rows; padding for row -1."""
        return tf.gather(self._raw, rows + 1)


def _lots(ids: np.ndarray, seed: int) -> np.ndarray:
    """A number of each id that says nothing of it, uint64."""
    if ids.dtype == object:
        return pd.util.hash_array(ids, hash_key=f"{seed:016d}"[-16:], categorize=False)
    return pd.util.hash_array(ids.astype("uint64") + pd.util.hash_array(np.array([seed]))[0])


def _checked(item_ids: Sequence[str] | Sequence[int] | np.ndarray) -> np.ndarray:
    """The ids as int64, or as an object array of strings; ValueError if they are no catalogue."""
    table = pd.DataFrame({"item_id": item_ids})
    if table.empty:
        raise ValueError("A catalogue needs at least one item. Received: no item ids.")
    ids = id_column(table, "items", "item_id")
    repeated = ids[ids.duplicated()].unique()
    if len(repeated):
        raise ValueError(
            "Every item id is listed once: drop the duplicates, and their vectors. "
            f"Received: {len(repeated)} repeated ids, the first are {list(repeated[:5])}."
        )
    return ids.to_numpy() if pd.api.types.is_integer_dtype(ids) else ids.to_numpy(dtype=object)
