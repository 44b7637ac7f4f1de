"""Training batches in which a session is gone through once for all of its targets."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfrec_recall.data import Examples, Interactions, batches, passes
from tfrec_recall.data.kinds import of_kinds
from tfrec_recall.features.batches import known_targets, query_features, request_columns
from tfrec_recall.features.own_items import OwnItems
from tfrec_recall.features.specification import Features

SHORT = 0.8  # of all passes: where these have half of the events of the longest at most


@of_kinds
def pass_batches(
    features: Features,
    interactions: Interactions,
    examples: Examples,
    batch_size: int,
    gap: float | None,
    most: int,
    by: str | None = None,
    seed: int | None = 0,
    first_epoch: int = 0,
    alone: bool = False,
    own: OwnItems | None = None,
) -> tf.data.Dataset:
    """Batches of the examples that `example_batches` gives, put together as `passes` says.

    Each batch is a dictionary: every user feature by its name, [passes] or [passes, length]; and
    `places` [passes, places], where in its history a pass is asked, -1 for nowhere. Of all targets,
    flat: `item_id` [targets], `sample_weight`, and `place`, the row of [passes * places] that asks.
    The time and the context of a request are those of each place's own targets, [passes, places]
    with a further axis for lists. Where most histories are far shorter than the longest that is
    read, `pass_events` [passes] has how many events each of them has.

    Args:
        batch_size: targets in a batch, on average.
        gap, most, by: of a session; see `passes`.
        alone: see `passes`.
        seed, first_epoch: of the order; see `batches`.
        own: as of `example_batches`; `own_items` are [passes, any].
    """
    examples, item = known_targets(features, examples)
    requests = request_columns(features, interactions, examples.events)
    apart = _numbers(list(requests.values()))
    found = passes(examples, gap, most, by, apart, alone)
    query = query_features(features, interactions, found.histories, own)
    places, width = tf.constant(found.places, tf.int32), found.places.shape[1]
    events = found.histories.history_end - found.histories.history_start
    differ = len(events) > 0 and 2 * np.quantile(events, SHORT) <= events.max()
    pass_events = tf.constant(events, tf.int32)
    splits = tf.constant(found.splits)
    targets = {
        "item_id": tf.constant(item[found.target]),
        "sample_weight": tf.constant(found.weight),
        "place": tf.constant(found.place, tf.int32),
    }
    number = np.repeat(np.arange(len(found)), np.diff(found.splits))  # of each target's pass
    asking = np.zeros_like(found.places)  # an event that each place asks for; row 0 for nowhere
    asking[number, found.place] = found.target
    events_asked = tf.constant(asking)
    ragged = {
        name: tf.RaggedTensor.from_row_splits(values, splits, validate=False)
        for name, values in targets.items()
    }

    def fetch(rows: tf.Tensor) -> dict[str, tf.Tensor]:
        of_rows = {name: tf.gather(values, rows) for name, values in ragged.items()}
        batch = query(rows) | {name: values.flat_values for name, values in of_rows.items()}
        event = tf.gather(events_asked, rows)  # [passes, places]
        batch |= {name: tf.gather(column, event) for name, column in requests.items()}
        batch["places"] = tf.gather(places, rows)
        if differ:
            batch["pass_events"] = tf.gather(pass_events, rows)
        batch["place"] += width * tf.cast(of_rows["place"].value_rowids(), tf.int32)
        return batch

    rows = max(1, round(batch_size * len(found) / len(found.target)))
    return batches(len(found), rows, fetch, seed=seed, first_epoch=first_epoch)


def _numbers(columns: list[tf.Tensor]) -> np.ndarray | None:
    """A number for each event, the same where all of these columns are; None without columns."""
    if not columns:
        return None
    wide = np.column_stack([column.numpy().reshape(len(column), -1) for column in columns])
    return np.unique(wide, axis=0, return_inverse=True)[1].reshape(-1)
