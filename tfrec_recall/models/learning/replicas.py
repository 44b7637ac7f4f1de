"""What a training step knows of the other replicas of a `tf.distribute` strategy.

With one replica, and outside of a step, everything here is as if there were no others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from tfrec_recall._replicas import gather_rows, own_first, rows_before, total
from tfrec_recall.layers.tables import is_far

__all__ = [
    "may_wait",
    "number",
    "own_first",
    "replicas",
    "rows_before",
    "run_if_any",
    "share",
    "together",
    "total",
    "whole_batch",
]


def replicas() -> int:
    """How many replicas make this step together."""
    context = tf.distribute.get_replica_context()
    return 1 if context is None else context.num_replicas_in_sync


def number() -> tf.Tensor | int:
    """Which of them this is, from 0."""
    return tf.distribute.get_replica_context().replica_id_in_sync_group if replicas() > 1 else 0


def may_wait() -> bool:
    """Whether a condition may hold a step: there are no others, who would wait for it."""
    return replicas() == 1 and not is_far()


def run_if_any(examples: tf.Tensor, run: Callable[[Any], None], given: Any) -> None:
    """Runs what changes weights if a replica has examples: by momentum they would move without.

    Where it may stand within a condition, its caller asks, and it runs in any case.

    Args:
        given: what `run` takes, of this replica.
    """
    if may_wait():
        run(given)
        return
    some = total(examples) > 0

    def across(strategy, given, some):  # where a condition may hold what changes weights
        def run_all():
            strategy.extended.call_for_each_replica(run, args=(given,))
            return 0

        tf.cond(strategy.experimental_local_results(some)[0], run_all, lambda: 0)

    tf.distribute.get_replica_context().merge_call(across, args=(given, some))


def share(examples: tf.Tensor) -> tf.Tensor | float:
    """The part that this replica's examples are of those of all; 0 where there are none."""
    if replicas() == 1:
        return 1.0
    examples = tf.cast(examples, tf.float32)
    return tf.math.divide_no_nan(examples, total(examples))


def together(values: tf.Tensor) -> tf.Tensor:
    """The rows of all replicas in their order, [rows of all, ...]; they may have different numbers.

    What a strategy has split along the first axis is whole again.
    """
    return gather_rows(values)


def whole_batch(batch: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """The columns of all replicas' batches."""
    return {name: together(values) for name, values in batch.items()}
