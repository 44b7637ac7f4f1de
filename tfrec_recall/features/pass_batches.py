"""Training batches in which a session is gone through once for all of its targets."""

from __future__ import annotations

import tensorflow as tf

from tfrec_recall.data import Examples, Interactions, batches, passes
from tfrec_recall.features.batches import known_targets, query_features
from tfrec_recall.features.specification import Features


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
) -> tf.data.Dataset:
    """Batches of the examples that `example_batches` gives, put together as `passes` says.

    Each batch is a dictionary: every user feature by its name, [passes] or [passes, length]; and
    `places` [passes, places], where in its history a pass is asked, -1 for nowhere. Of all targets,
    flat: `item_id` [targets], `sample_weight`, and `place`, the row of [passes * places] that asks.
    A `TimeOf` is the first target's.

    Args:
        batch_size: targets in a batch, on average.
        gap, most, by: of a session; see `passes`.
        seed, first_epoch: of the order; see `batches`.
    """
    examples, item = known_targets(features, examples)
    found = passes(examples, gap, most, by)
    query = query_features(features, interactions, found.histories)
    places, width = tf.constant(found.places, tf.int32), found.places.shape[1]
    splits = tf.constant(found.splits)
    targets = {
        "item_id": tf.constant(item[found.target]),
        "sample_weight": tf.constant(found.weight),
        "place": tf.constant(found.place, tf.int32),
    }
    ragged = {
        name: tf.RaggedTensor.from_row_splits(values, splits, validate=False)
        for name, values in targets.items()
    }

    def fetch(rows: tf.Tensor) -> dict[str, tf.Tensor]:
        of_rows = {name: tf.gather(values, rows) for name, values in ragged.items()}
        batch = query(rows) | {name: values.flat_values for name, values in of_rows.items()}
        batch["places"] = tf.gather(places, rows)
        batch["place"] += width * tf.cast(of_rows["place"].value_rowids(), tf.int32)
        return batch

    rows = max(1, round(batch_size * len(found) / len(found.target)))
    return batches(len(found), rows, fetch, seed=seed, first_epoch=first_epoch)
