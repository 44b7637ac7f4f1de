"""Windows over sessions, made inside TensorFlow: sessions in one flat row, cut into blocks.

A batch is a dictionary of flat columns, all [events]: `item_id` (encoded), `session` (a number that
tells neighbouring sessions apart) and any others. No pair of items is ever written down: a block of
neighbouring events, and who stands in whose window, is a small matrix.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfrec_recall.data.streaming import batches

Columns = Mapping[str, tf.Tensor]
SAMPLED = 128  # contexts to each side, of sets too long for all of their pairs
SETS = (65, 2 * SAMPLED + 1)  # events of sets whose blocks are apart


def session_batches(
    columns: Mapping[str, np.ndarray],
    session: np.ndarray,
    batch_size: int,
    seed: int | None = 0,
    first_epoch: int = 0,
    shuffle: bool = False,
) -> tf.data.Dataset:
    """Batches of whole sessions as flat columns, the sessions in another order each epoch.

    Args:
        columns: arrays [events], the events of a session side by side and in their order.
        session: int [events], a number for each session.
        batch_size: sessions in a batch.
        seed, first_epoch: of the order, as in `batches`.
        shuffle: put each session's events in another order each epoch, as baskets have none.

    >>> items = {"item_id": np.array([5, 6, 7])}
    >>> batch = next(iter(session_batches(items, np.array([0, 0, 1]), batch_size=2, seed=None)))
    >>> batch["item_id"].numpy(), batch["session"].numpy()
    (array([5, 6, 7]), array([0, 0, 1], dtype=int32))
    """
    session = np.asarray(session)
    starts = np.flatnonzero(np.diff(session, prepend=session[:1] - 1))
    if len(np.unique(session)) != len(starts):
        raise ValueError(
            "The events of a session stand side by side: sort by session first. "
            f"Received: {len(np.unique(session)):,} sessions in {len(starts):,} pieces."
        )
    splits = tf.constant(np.append(starts, len(session)), tf.int64)
    ragged = {
        name: tf.RaggedTensor.from_row_splits(tf.constant(values), splits, validate=False)
        for name, values in columns.items()
    }

    def fetch(rows: tf.Tensor) -> dict[str, tf.Tensor]:
        found = {name: tf.gather(values, rows) for name, values in ragged.items()}
        any_of_them = next(iter(found.values()))
        batch = {name: values.flat_values for name, values in found.items()}
        batch |= {"session": tf.cast(any_of_them.value_rowids(), tf.int32)}
        if shuffle:  # by a seed that these sessions in this order have for themselves
            order = tf.reduce_sum(rows * (1 + tf.range(tf.size(rows, tf.int64))))
            batch = shuffle_within(batch, tf.stack([seed or 0, order]))
        return batch

    return batches(len(starts), batch_size, fetch, seed=seed, first_epoch=first_epoch)


def flatten_sessions(padded: Columns) -> dict[str, tf.Tensor]:
    """Sessions as rows padded with 0, as `parquet` streams lists, to flat columns.

    Args:
        padded: `item_id` [batch, length] encoded, and others of the same shape.

    >>> flatten_sessions({"item_id": tf.constant([[5, 6], [7, 0]])})["session"].numpy()
    array([0, 0, 1], dtype=int32)
    """
    present = padded["item_id"] != 0
    flat = {name: tf.boolean_mask(values, present) for name, values in padded.items()}
    flat["item_id"] = tf.cast(flat["item_id"], tf.int32)  # Parquet's integers are int64
    return flat | {"session": tf.cast(tf.where(present)[:, 0], tf.int32)}


def thin_out(batch: Columns, keep: tf.Tensor, seed: tf.Tensor) -> dict[str, tf.Tensor]:
    """Leaves each event out with the probability 1 - keep[item]; windows then reach farther.

    Args:
        keep: float32 [ids], as `keep_probability` gives it.
    """
    lot = tf.random.stateless_uniform(tf.shape(batch["item_id"]), seed)
    kept = lot < tf.gather(keep, batch["item_id"])
    return {name: tf.boolean_mask(values, kept) for name, values in batch.items()}


def keep_probability(counts: np.ndarray, threshold: float | None) -> np.ndarray:
    """sqrt(t / f) at most 1, for each id: frequent items are kept less often.

    Source: "Distributed Representations of Words and Phrases and their Compositionality", NIPS
    2013, Eq. 5.

    Args:
        counts: training events of each encoded id.
        threshold: t, a frequency; None keeps everything.

    >>> keep_probability([0, 75, 25], threshold=0.1875)
    array([1.       , 0.5      , 0.8660254])
    """
    counts = np.asarray(counts, dtype="float64")
    if threshold is None:
        return np.ones(len(counts))
    if not threshold > 0:
        raise ValueError(f"The threshold is a frequency above 0, or None. Received: {threshold}.")
    frequency = counts / counts.sum()
    ratio = np.divide(threshold, frequency, out=np.ones(len(counts)), where=frequency > 0)
    return np.sqrt(np.minimum(ratio, 1.0))


def shuffle_within(batch: Columns, seed: tf.Tensor) -> dict[str, tf.Tensor]:
    """Puts the events of each session in a random order, for sets that have none."""
    lot = tf.random.stateless_uniform(tf.shape(batch["session"]), seed, dtype=tf.float64)
    order = tf.argsort(tf.cast(batch["session"], tf.float64) + lot)
    return {name: tf.gather(values, order) for name, values in batch.items()}


def sets_by_length(
    batch: Columns, seed: tf.Tensor, all_pairs: bool = False
) -> list[tuple[Columns, int | tf.Tensor]]:
    """A batch of whole sets in three parts, each with how far its contexts reach: up to 65 events,
    up to 257, and more.

    Blocks are as wide as the reach of their longest set: apart, a long one leaves those of the
    others as they are. Of a set of more than 257 events, in random order, each has the 128 before
    and behind it as contexts, and a column `of_all` says what one of them stands for: cost grows
    with the events, and not with their square.

    Args:
        seed: of the orders.
        all_pairs: of those sets too, each event has all others as contexts.
    """
    begins = tf.concat([[True], batch["session"][1:] != batch["session"][:-1]], axis=0)
    begins = begins[: tf.size(batch["session"])]  # there may be no event
    run = tf.cumsum(tf.cast(begins, tf.int32)) - 1
    length = tf.gather(tf.math.segment_sum(tf.ones_like(run), run), run)
    batch = {**batch, "session": run, "of_all": tf.ones_like(run, tf.float32)}
    parts: list[tuple[Columns, int | tf.Tensor]] = []
    least = 0
    for most in SETS:
        here = (length > least) & (length <= most)
        longest = tf.reduce_max(tf.concat([[2], tf.boolean_mask(length, here)], axis=0))
        part = {name: tf.boolean_mask(values, here) for name, values in batch.items()}
        parts.append((part, longest - 1))
        least = most
    here = length > least
    part = {name: tf.boolean_mask(values, here) for name, values in batch.items()}
    size = tf.boolean_mask(length, here)
    if all_pairs:
        return [*parts, (part, tf.reduce_max(tf.concat([[2], size], axis=0)) - 1)]
    part = shuffle_within(part, seed)
    first = tf.boolean_mask(begins, here)  # of each set, as shuffling leaves sets where they are
    number = tf.cumsum(tf.cast(first, tf.int32)) - 1
    place = tf.range(tf.size(size)) - tf.gather(tf.cast(tf.where(first)[:, 0], tf.int32), number)
    contexts = tf.minimum(place, SAMPLED) + tf.minimum(size - 1 - place, SAMPLED)
    return [*parts, ({**part, "of_all": tf.cast((size - 1) / contexts, tf.float32)}, SAMPLED)]


class Block(NamedTuple):
    """Some neighbouring events, `block` of them in each of `lanes` places of the batch.

    Attributes:
        centre: the batch's columns at the block's own events, [lanes, block] each.
        context: the same at these and at the `window` before and behind, [lanes, contexts].
        distance: places between each centre and each context, int32 [block, contexts].
        together: bool [lanes, block, contexts], both are events of one session, and not the same
            event or item.
    """

    centre: dict[str, tf.Tensor]
    context: dict[str, tf.Tensor]
    distance: tf.Tensor
    together: tf.Tensor


class Blocks:
    """The blocks of a batch of sessions; `at(step)` is traced into a loop.

    The batch is laid out in as many lanes as a step takes, far from each other, so that a step
    sees several sessions.

    Args:
        batch: flat columns.
        window: the farthest context, an integer or a scalar tensor.
        block: events of a lane in one step.
        lanes: blocks in one step.
    """

    def __init__(self, batch: Columns, window: int | tf.Tensor, block: int, lanes: int):
        events = tf.shape(batch["item_id"])[0]
        self.steps = -(-events // (block * lanes))
        self._block, self._window = block, window
        padding = [[window, self.steps * block * lanes - events + window]]
        self._batch = {name: tf.pad(values, padding) for name, values in batch.items()}
        self._lane = (tf.range(lanes) * self.steps * block)[:, tf.newaxis]  # [lanes, 1]
        column = tf.range(block + 2 * window)
        self._distance = tf.abs(tf.range(block)[:, tf.newaxis] + window - column)

    def at(self, step: tf.Tensor) -> Block:
        window, block = self._window, self._block
        rows = self._lane + step * block + tf.range(block + 2 * window)  # [lanes, contexts]
        context = {name: tf.gather(values, rows) for name, values in self._batch.items()}
        centre = {name: values[:, window : window + block] for name, values in context.items()}
        items, others = centre["item_id"][:, :, tf.newaxis], context["item_id"][:, tf.newaxis]
        same_session = centre["session"][:, :, tf.newaxis] == context["session"][:, tf.newaxis]
        # Padding is item 0 of session 0: it is nobody's context, and has none.
        together = same_session & (items != others) & (items != 0) & (others != 0)
        return Block(centre, context, self._distance, together)
