"""Pairs of a query item and a positive one, and the steps that learn from them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import tensorflow as tf

from tfrec_recall.data import Interactions, chronological, sessions
from tfrec_recall.data.examples import NoExample
from tfrec_recall.data.order import changes
from tfrec_recall.data.sequences import sequences
from tfrec_recall.data.streaming import batches
from tfrec_recall.data.vocabulary import FIRST_KNOWN
from tfrec_recall.features import Features
from tfrec_recall.graph.importance import Walks
from tfrec_recall.models.fitting.run import Run

QUERIES_AT_A_TIME = 2**16


def boards(train: Interactions, by_session: bool, run: int | None) -> tuple[np.ndarray, pd.Series]:
    """What joins items, as users' boards do: a number for each event, and the event's item.

    Boards are numbered by their users and times, so that the order of rows means nothing.

    Args:
        by_session: a board is a session (`session_id`).
        run: a board is a run of so many neighbouring events of a user; as neighbours are divided
            where a run ends, a second set of runs begins half a run later. None, or events without
            time: a board is all that a user did.

    >>> events = pd.DataFrame({"user_id": [7] * 5, "item_id": list("abcde"), "timestamp": range(5)})
    >>> board, item = boards(Interactions(events), by_session=False, run=4)
    >>> item.groupby(board).agg("".join).tolist()
    ['abcd', 'e', 'ab', 'cde']
    """
    events = train.events
    if by_session:
        return sessions(events, by="session_id"), events["item_id"]
    if run is None or not train.has_time:
        return pd.factorize(events["user_id"], sort=True)[0], events["item_id"]
    events = events.iloc[chronological(events)]
    place = events.groupby("user_id", observed=True, sort=False).cumcount().to_numpy()
    user = pd.factorize(events["user_id"])[0]  # in their order
    # Neighbours are of one run, so that a board begins where the user or the run changes.
    sets = [np.cumsum(changes(user, (place + shift) // run)) for shift in sorted({0, run // 2})]
    board = np.concatenate([numbers + n * len(events) for n, numbers in enumerate(sets)])
    item = pd.concat([events["item_id"]] * len(sets), ignore_index=True)
    return pd.factorize(board)[0], item


def board_weights(board: np.ndarray, power: float) -> np.ndarray:
    """What each event counts: the size of its board to a power, float32 [events]."""
    return (np.bincount(board)[board].astype("float64") ** power).astype("float32")


def walked_to(walks: Walks, query: np.ndarray, draws: int, steps: int, seed: int = 0) -> np.ndarray:
    """Where walks from each query are after 1 to `steps` steps, evenly: int32 [pairs, draws].

    It is -1 where a walk was over.
    """
    found = np.empty((len(query), draws), dtype="int32")
    starts = range(0, len(query), QUERIES_AT_A_TIME)
    seeds = np.random.SeedSequence(seed).generate_state(len(starts)).tolist()
    for begin, own in zip(starts, seeds, strict=True):
        rows = slice(begin, begin + QUERIES_AT_A_TIME)
        walked = walks.walk(np.repeat(query[rows], draws), steps, seed=own)
        step = np.random.default_rng(own).integers(1, steps + 1, len(walked))
        found[rows] = walked[np.arange(len(walked)), step].reshape(-1, draws)
    return found


def taken_next(train: Interactions, features: Features) -> tuple[np.ndarray, np.ndarray]:
    """Items, and the one that their user took right after each: encoded, int32 [pairs] and
    [pairs, 1].

    It is of the same session where there are any; items that the features do not know are passed
    over. Raises NoExample where no item is followed by another one.
    """
    events, sequence = sequences(train)
    code = features.ids("item_id").encode(events["item_id"])
    known = code >= FIRST_KNOWN
    code, sequence = code[known], sequence[known]
    pair = ~changes(sequence)[1:] & changes(code)[1:]
    if not pair.any():
        raise NoExample(
            "No example is left to learn from: in no sequence, a user's or a session, is a known "
            "item followed by another one. Pairs of any two items of a board (next_item=False) "
            f"need no order. Received: {len(events):,} events, {np.count_nonzero(known):,} of "
            f"known items, in {len(np.unique(sequence)):,} sequences."
        )
    return code[:-1][pair], code[1:][pair, np.newaxis]


def pair_batches(
    query: np.ndarray,
    positives: np.ndarray,
    batch_size: int,
    seed: int | None = 0,
    first_epoch: int = 0,
    **by_item: np.ndarray,
) -> tf.data.Dataset:
    """Batches of `query_id` and `item_id`, all encoded; each epoch another positive of each query.

    Args:
        query: int32 [pairs].
        positives: int32 [pairs, draws], 0 or -1 where a walk went nowhere else.
        by_item: tables [ids, ...] of which the batch has the queries' rows.
    """
    # What is missing or the query itself gives way to another draw of the row.
    good = (positives > 1) & (positives != query[:, np.newaxis])
    some = good.any(axis=1)
    if not some.any():
        raise NoExample(
            "No example is left to learn from: no item stands together with another one, so that "
            f"every walk ends where it began. Received: walks from {len(np.unique(query)):,} items."
        )
    query, positives, good = query[some], positives[some], good[some]  # copies
    best = positives[np.arange(len(query)), good.argmax(axis=1)]
    np.copyto(positives, best[:, np.newaxis], where=~good)
    positives, queries = tf.constant(positives, tf.int32), tf.constant(query, tf.int32)
    tables = {name: tf.constant(values) for name, values in by_item.items()}

    def fetch(rows: tf.Tensor) -> dict[str, tf.Tensor]:
        order = tf.reduce_sum(rows * (1 + tf.range(tf.size(rows, tf.int64))))
        draw = tf.random.stateless_uniform(
            tf.shape(rows), tf.stack([seed or 0, order]), 0, positives.shape[1], tf.int32
        )
        batch = {"query_id": tf.gather(queries, rows)}
        batch["item_id"] = tf.gather(tf.gather(positives, rows), draw, batch_dims=1)
        return batch | {n: tf.gather(table, batch["query_id"]) for n, table in tables.items()}

    return batches(len(query), batch_size, fetch, seed=seed, first_epoch=first_epoch)


class Steps(tf.keras.layers.Layer):
    """Counts the steps of training in a weight, and gives each its own seed.

    A run that goes on from a checkpoint draws what it would have drawn.
    """

    def __init__(self, seed: int, **kwargs):
        super().__init__(trainable=False, **kwargs)
        self.seed = seed
        count = {"shape": (), "dtype": tf.int64, "trainable": False, "initializer": "zeros"}
        self.seen = self.add_weight("steps_seen", **count)
        self.done = self.add_weight("steps_done", **count)  # as if all epochs had been
        self.an_epoch = self.add_weight("steps_an_epoch", **count)  # as long as this
        self.built = True  # it is never called

    def begin(self, run: Run, whose: str) -> None:
        """Takes from a call of `fit` how many steps an epoch has, and which one it begins with:
        those of earlier calls count, whatever their lengths were.

        Args:
            whose: what follows the epochs, for the error where their length is not known.
        """
        steps, done = run.steps_of(whose), int(self.done.numpy())
        over = done // max(int(self.an_epoch.numpy()) or steps, 1)
        self.an_epoch.assign(steps)
        self.done.assign(max(run.done(whose), over * steps + run.step))

    @property
    def epoch(self) -> tf.Tensor:
        """Whole epochs that are over, of all calls of `fit`."""
        return self.done // tf.maximum(self.an_epoch, 1)

    def next(self, training: bool) -> tf.Tensor:
        """The seed of this step, int32 [2]; in training, another one the next time."""
        step = tf.cast(self.seen, tf.int32)
        if training:
            self.seen.assign_add(1)
            self.done.assign_add(1)
        return tf.stack([tf.constant(self.seed, tf.int32), step])
