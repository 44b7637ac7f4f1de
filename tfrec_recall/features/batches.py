"""Training batches: encoded features of examples, gathered in slices by tf.data."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import tensorflow as tf

from tfrec_recall.data import Examples, Interactions, batches, gather_histories, gather_others
from tfrec_recall.data.examples import NoExample
from tfrec_recall.data.ids import places
from tfrec_recall.data.kinds import of_kinds
from tfrec_recall.features.own_items import OWN_ITEMS, OwnItems
from tfrec_recall.features.specification import Features


@of_kinds
def example_batches(
    features: Features,
    interactions: Interactions,
    examples: Examples,
    batch_size: int,
    seed: int | None = 0,
    first_epoch: int = 0,
    columns: Sequence[str] = (),
    own: OwnItems | None = None,
) -> tf.data.Dataset:
    """Batches of encoded examples, another order each epoch.

    Each batch is a dictionary: every user feature by its name, histories as [batch, length] padded
    on the right with 0, `item_id` the encoded target, `user_row` the row of the users' table,
    `sample_weight` and `example_age` (seconds).
    The item's other features are looked up by the model. Examples whose target is unknown are left
    out.

    Args:
        seed: of the order; None keeps the order of the examples.
        first_epoch: where the sequence of permutations begins, to go on with a resumed run.
        columns: event columns of the target, such as labels, that a batch holds as they are.
        own: what a batch holds beside, as `own_items`, of the items of each target's user.
    """
    examples, item = known_targets(features, examples)
    events = examples.events
    query = query_features(features, interactions, examples, own)
    by_event = {"item_id": tf.constant(item)}
    by_event |= {name: tf.constant(events[name].to_numpy()) for name in columns}
    target_row = tf.constant(examples.target)
    weight, age = tf.constant(examples.weight), tf.constant(examples.age, tf.float32)

    def fetch(rows: tf.Tensor) -> dict[str, tf.Tensor]:
        event = tf.gather(target_row, rows)
        batch = query(rows)
        batch |= {name: tf.gather(column, event) for name, column in by_event.items()}
        batch["sample_weight"] = tf.gather(weight, rows)
        batch["example_age"] = tf.gather(age, rows)
        return batch

    return batches(
        len(examples), batch_size, fetch, seed=seed, first_epoch=first_epoch, by_row=True
    )


def known_targets(features: Features, examples: Examples) -> tuple[Examples, np.ndarray]:
    """The examples whose target is a known item, and the encoded item of every event.

    Raises: ValueError if there is none.
    """
    features.require_adapted()
    item = features.encodings["item_id"].encode(examples.events["item_id"])
    examples = examples.take(np.flatnonzero(item[examples.target] > 1))
    if not len(examples):
        raise NoExample(
            "No example is left to learn from: no target is a known item, or no user has enough "
            "events. Check minimum_history, min_count, and that the features saw these events."
        )
    return examples, item


def query_features(
    features: Features, interactions: Interactions, examples: Examples, own: OwnItems | None = None
) -> Callable[[tf.Tensor], dict[str, tf.Tensor]]:
    """From rows of examples, int64 [batch], to their user features, in TensorFlow operations.

    The time and the context of the request are those of the target's event; histories are [batch,
    length], padded on the right with 0; `user_row` is the row of the users' table, and `own_items`
    [batch, any] what that user has an event with, without `own` none.
    """
    events, users = examples.events, interactions.users
    by_user = {n: tf.constant(v) for n, v in features.encode_users(users).items()}
    by_event = request_columns(features, interactions, events)
    histories = {
        h.name: (tf.constant(features.encodings[h.name].encode(events[h.column])), h.length)
        for h in features.histories
    }
    row = places(pd.Index(users["user_id"]), events["user_id"])
    user_row = tf.constant(row[examples.target].astype("int32"))
    target_row = tf.constant(examples.target)
    start, end = tf.constant(examples.history_start), tf.constant(examples.history_end)
    as_sets = examples.as_sets  # alone: `fetch` would keep the events as long as the batches

    def fetch(rows: tf.Tensor) -> dict[str, tf.Tensor]:
        user, event = tf.gather(user_row, rows), tf.gather(target_row, rows)
        first, last = tf.gather(start, rows), tf.gather(end, rows)
        batch = {name: tf.gather(table, user) for name, table in by_user.items()}
        batch |= {name: tf.gather(column, event) for name, column in by_event.items()}
        # Others in each epoch, as its batches are others; a worker's part may be empty.
        drawn = tf.stack([tf.reduce_sum(rows[:1]), tf.reduce_sum(rows[-1:])])
        for name, (codes, length) in histories.items():
            if as_sets:
                batch[name] = gather_others(codes, first, last, event, length, seed=drawn)
            else:
                batch[name] = gather_histories(codes, first, last, length)
        if own is not None:
            batch[OWN_ITEMS] = own(user, seed=drawn)
        batch["user_row"] = user
        return batch

    return fetch


def request_columns(
    features: Features, interactions: Interactions, events: pd.DataFrame
) -> dict[str, tf.Tensor]:
    """The encoded time and context of a request at each of these events, [events, ...] by name."""
    for feature in features.request_fields:
        if feature.derived:
            interactions.require_time(f"The feature {feature.name!r}")
    return {n: tf.constant(v) for n, v in features.encode_requests(events).items()}
