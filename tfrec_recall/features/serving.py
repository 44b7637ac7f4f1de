"""The encoder's serving twin: raw feature values in, encoded ones out, in TensorFlow ops."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from tfrec_recall.data.vocabulary import FIRST_KNOWN, PADDING
from tfrec_recall.features.columns import History
from tfrec_recall.features.encodings import (
    Encoding,
    NumberEncoding,
    VectorEncoding,
    VocabularyEncoding,
)
from tfrec_recall.features.hash_encoding import HashEncoding
from tfrec_recall.features.names import raw_inputs
from tfrec_recall.features.specification import Features

ALL = -1  # of a history is kept
Mapping = Callable[[tf.Tensor], tf.Tensor]


class RawQuery(tf.Module):
    """Raw features of the user side to encoded ones, as the training batches hold them.

    Histories may be padded anywhere and be of any length: padding is dropped, the latest
    `length` events are kept, oldest first, padded on the right. Those of a request are padded
    alike, as each place is one event: where there is no item, there is none, and where another
    column lacks a value, it stays a gap. Where the training events had no times, a history is a
    set, and all of it is kept.

    Input: a dictionary of raw tensors, as `inputs` says: by the columns that features read, and
    histories as `history` and `history_<column>`.  Output: one of encoded tensors, by feature.
    """

    def __init__(self, features: Features):
        super().__init__()
        features.require_adapted()
        self.inputs = raw_inputs(features)
        self._steps = []  # (input's name, feature's name, mapping, how much is kept or None)
        self._found: list[tuple[str, Mapping]] = []  # by input, where its values say anything
        self._items = features.history.name if features.history else ""
        for feature in features.user:
            encoding = features.encodings[feature.name]
            kept = None
            if isinstance(feature, History):
                kept = feature.length if features.has_order else ALL
            mapping = encoding.graph()
            self._steps.append((feature.source, feature.name, mapping, kept))
            found = _found(encoding, mapping)
            if found is not None:
                self._found.append((feature.source, found))

    def knows(self, raw: dict[str, tf.Tensor]) -> tf.Tensor | None:
        """Of which queries anything is known, bool [batch]: an id, a value, a number, an event.

        Times say nothing of a user. None where the query has nothing but times.
        """
        known = []
        for source, find in self._found:
            found = find(raw[source])
            rows = tf.shape(found)[0]
            known.append(tf.reduce_any(tf.reshape(found, [rows, -1]), axis=1))
        return tf.reduce_any(tf.stack(known), axis=0) if known else None

    def __call__(self, raw: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        encoded = {name: mapping(raw[source]) for source, name, mapping, _ in self._steps}
        events = self.events(encoded) if self._items else None
        for _, name, _, kept in self._steps:
            if kept is not None:
                encoded[name] = latest(encoded[name], kept, events)
        return encoded

    def events(self, encoded: dict[str, tf.Tensor]) -> tf.Tensor:
        """Which places of the histories are events, of which the latest are kept.

        Args:
            encoded: what the request has, its histories as they were sent, [batch, any].

        Returns: bool, of the shape of the items' history.
        """
        return encoded[self._items] != PADDING


class RawItem(tf.Module):
    """Raw features of items to encoded ones; cold items have an unknown id and known attributes.

    Attributes:
        inputs: the raw features by name.
        columns: of those that a table of items has under another name, its column.
    """

    def __init__(self, features: Features):
        super().__init__()
        features.require_adapted()
        self.columns = {one.name: one.column for one in features.item if one.name != one.column}
        self.inputs: dict[str, tf.TensorSpec] = {}
        self._steps = []
        for feature in features.item:
            encoding = features.encodings[feature.name]
            spec = encoding.raw_spec()
            self.inputs[feature.name] = tf.TensorSpec(spec.shape, spec.dtype, name=feature.name)
            self._steps.append((feature.name, encoding.graph()))

    def __call__(self, raw: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return {name: mapping(raw[name]) for name, mapping in self._steps}


def _found(encoding: Encoding, mapping: Mapping) -> Mapping | None:
    """Which of the raw values say anything; None of times.

    Args:
        mapping: the encoding's own, whose table is kept once.
    """
    if isinstance(encoding, VocabularyEncoding):
        return lambda raw: mapping(raw) >= FIRST_KNOWN
    if isinstance(encoding, HashEncoding):
        return lambda raw: mapping(raw) != PADDING
    if isinstance(encoding, NumberEncoding):  # which may come as texts
        return lambda raw: tf.math.is_finite(encoding.read_in_graph(raw))
    if isinstance(encoding, VectorEncoding):
        return tf.math.is_finite
    return None


def latest(ids: tf.Tensor, length: int, events: tf.Tensor | None = None) -> tf.Tensor:
    """The last `length` ids of each row that are no padding, as [batch, length] padded right.

    With `ALL` of them, [batch, any].

    Args:
        events: bool [batch, any], which places are events; None, or of another shape than `ids`:
            those whose id is not 0.

    >>> kinds, events = tf.constant([[0, 4, 0, 5]]), tf.constant([[False, True, True, True]])
    >>> latest(kinds, 4, events).numpy()
    array([[4, 0, 5, 0]], dtype=int32)
    """
    there = ids != 0
    if events is not None:
        alike = tf.reduce_all(tf.shape(ids) == tf.shape(events))
        there = tf.cond(alike, lambda: events, lambda: there)
    present = tf.ragged.boolean_mask(ids, there)
    if length == ALL:
        return present.to_tensor()
    return present[:, -length:].to_tensor(shape=[None, length])
