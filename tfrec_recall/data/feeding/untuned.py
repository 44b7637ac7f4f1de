"""Datasets that TensorFlow does not tune while they run."""

from __future__ import annotations

import tensorflow as tf


def untuned(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """The dataset, whose iterators end at once.

    The thread that tunes an iterator sleeps twice as long each time, up to a minute, and may miss
    that the iterator ends: whoever lets go of it waits for the thread, up to as long as it has run.
    On a single core that is every time. What is AUTOTUNE has as many threads as there are cores.

    >>> untuned(tf.data.Dataset.range(3)).options().autotune.enabled
    False
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)
