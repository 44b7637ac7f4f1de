"""How likely an item is to be in a batch, learnt from the batches as they come."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfrec_recall._arguments import number, refuse, whole
from tfrec_recall._axes import flat
from tfrec_recall._replicas import gather_rows
from tfrec_recall.layers.phase import is_training
from tfrec_recall.layers.tables import is_divided, rows_of

# The mixing function of SplitMix64: odd factors and shifts that spread each bit over all others.
STRIDE = 0x9E3779B97F4A7C15
FACTORS = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
SHIFTS = (30, 27, 31)
LARGEST = 2**63 - 1


@tf.keras.utils.register_keras_serializable(package="tfrec_recall")
class StreamingFrequencyEstimator(tf.keras.layers.Layer):
    """The probability that an item is in a batch, from the mean gap between the steps that had it.

    For each hash, an array A holds the step at which a bucket was last met and B the moving mean of
    the gaps. At step t, once for each bucket however often its items are in the batch:

        B ← (1 - α) B + α (t - A),   A ← t,   and the estimate is 1 / max_i B_i over the hashes,

    as a collision makes gaps shorter, never longer. No vocabulary is needed.

    Source: "Sampling-Bias-Corrected Neural Modeling for Large Corpus Item Recommendations", RecSys
    2019: Algorithm 2 and, for several hashes, Algorithm 3.
    Departs: by default the first gap, from the start to the first meeting, is taken whole. This is
    unbiased from the start, as is the paper's ideal initial value (Proposition 4.1), which needs
    the very probability that is sought. An item not met in t steps has the estimate 1 / (t + 1). An
    item that is known to be new may begin at a later step than the first (`go_on_from`).

    Args:
        buckets: the length H of the arrays; memory is 12 bytes a bucket and hash.
        hashes: how many independent hashes, m.
        rate: α: the share of the newest gap in the mean. Large adapts soon, small is accurate.
        initial_gap: what B is before an item is met, 0 in Algorithm 2; None as above. Estimates are
            never above 1, whatever the gap.

    Input: ids [...], integers or strings; with a mask of their shape, the others are not counted.
    Output: [...] float32, above 0 and at most 1. Only with `training=True` the step counts, unless
        there is no id in it, or the layer is frozen, `trainable=False`; then the estimates are
        those after it. Under `tf.distribute` the replicas' batches are one step.
    Raises: ValueError for settings out of range or a mask of another shape, TypeError for ids that
        are numbers with fractions.

    >>> estimator = StreamingFrequencyEstimator(buckets=1000)
    >>> for batch in (["a", "b"], ["a", "a"], ["a", "b"]):
    ...     probability = estimator(tf.constant(batch), training=True)
    >>> probability.numpy().round(2)  # b: a gap of 1 to the first meeting, then one of 2
    array([1.  , 0.95], dtype=float32)
    """

    def __init__(
        self,
        buckets: int = 2**17,
        hashes: int = 1,
        rate: float = 0.05,
        initial_gap: float | None = None,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)  # gaps of thousands of steps are no halves
        owner = "StreamingFrequencyEstimator"
        whole(owner, buckets, "buckets")
        whole(owner, hashes, "hashes")
        number(owner, rate, "rate", above=0, most=1)
        number(owner, initial_gap, "initial_gap", least=0, optional=True)
        if initial_gap and initial_gap < 1:
            refuse(owner, initial_gap, "initial_gap", "0 or at least 1 step", optional=True)
        self.bucket_count = buckets
        self.hashes = hashes
        self.rate = rate
        self.initial_gap = initial_gap
        self.step = self._state("step", (), "int64", "zeros")
        self.last_step = self._state("last_step", (hashes * buckets,), "int64", "zeros")
        start = tf.keras.initializers.Constant(0.0 if initial_gap is None else initial_gap)
        self.mean_gap = self._state("mean_gap", (hashes * buckets,), "float32", start)

    def _state(self, name, shape, dtype, initializer):
        first = tf.VariableAggregation.ONLY_FIRST_REPLICA  # all come to the same new state
        exact = {"aggregation": first, "experimental_autocast": False}
        if hasattr(tf.keras, "Variable"):  # Keras 3
            exact = {"aggregation": "only_first_replica", "autocast": False}
        return self.add_weight(
            name=name, shape=shape, dtype=dtype, initializer=initializer, trainable=False, **exact
        )

    def call(self, ids, training=False, mask=None):
        training = is_training("StreamingFrequencyEstimator", training) and self.trainable
        ids = tf.convert_to_tensor(ids)
        asked = self.places(ids)  # [ids, hashes]
        met = asked[:0]
        if training:
            if mask is not None:
                mask = flat("StreamingFrequencyEstimator", "mask", mask, ids, len(ids.shape))
                mask = tf.reshape(tf.cast(mask, tf.bool), [-1])
            met = asked if mask is None else tf.boolean_mask(asked, mask)
            met = gather_rows(met)  # the step is that of all replicas

        # Each place once, those that were met before those that are asked for alone.
        both = tf.concat([tf.reshape(met, [-1]), tf.reshape(asked, [-1])], axis=0)
        place, position = tf.unique(both)
        count = tf.size(tf.unique(tf.reshape(met, [-1])).y)
        is_met = tf.range(tf.size(place)) < count

        now = _variable(self.step) + tf.cast(count > 0, tf.int64)
        last = rows_of(_variable(self.last_step), place)
        gap = rows_of(_variable(self.mean_gap), place)
        newest = tf.cast(now - last, tf.float32)
        mean = gap + self.rate * (newest - gap)
        if self.initial_gap is None:
            begun = gap > 0  # a gap is a step or more
            mean = tf.where(begun, mean, newest)
            gap = tf.where(begun, gap, newest + 1)
        gap = tf.where(is_met, mean, gap)
        if training:
            self._write(place[:count], gap[:count], now, count)

        gap = tf.reshape(tf.gather(gap, position[tf.size(met) :]), tf.shape(asked))
        longest = tf.maximum(tf.reduce_max(gap, axis=-1), 1.0)  # rounding may fall short of a step
        return tf.reshape(1.0 / longest, tf.shape(ids))

    def _write(self, place, gap, now, count):
        """What was read above is read before this: nothing is read again."""
        with tf.control_dependencies([gap, now]):
            _variable(self.mean_gap).scatter_update(tf.IndexedSlices(gap, place))
            when = tf.fill(tf.shape(place), now)
            _variable(self.last_step).scatter_update(tf.IndexedSlices(when, place))
            # Added: workers that step on their own, each from what it read, count every step.
            _variable(self.step).assign_add(tf.cast(count > 0, tf.int64))

    def places(self, ids):
        """Where ids lie in the arrays, [ids, hashes] int64: each hash has a part of its own."""
        if ids.dtype == tf.string:
            ids = tf.strings.to_hash_bucket_fast(ids, LARGEST)
        elif not ids.dtype.is_integer:
            raise TypeError(
                "StreamingFrequencyEstimator takes ids that are integers or strings: give "
                "tf.keras.Input(..., dtype='int64'), or convert the ids where they are read. "
                f"Received: ids of {ids.dtype.name}."
            )
        number = tf.cast(tf.reshape(ids, [-1]), tf.int64)[:, tf.newaxis]
        start = [_signed((position + 1) * STRIDE) for position in range(self.hashes)]
        number = _mixed(_mixed(number) + tf.constant(start, tf.int64))  # [ids, hashes]
        bucket = (number & LARGEST) % self.bucket_count
        return bucket + tf.range(self.hashes, dtype=tf.int64) * self.bucket_count

    def go_on_from(self, before: StreamingFrequencyEstimator, is_known: np.ndarray) -> None:
        """Takes over what another estimator has learnt of known ids; all others begin at its step.

        The buckets of an id that begins are as those of a stream that starts now, whoever shares
        them: by the gap of another one, or by that from the beginning of the stream, a new item
        would be taken for a rare one. Between as many buckets all others stay as they are. Between
        others each known id brings the earliest step and the longest gap of its hashes, as a
        collision makes gaps shorter, and those that come to share a bucket are met as often as all
        of them together: 1 / Σ 1 / B.

        Args:
            before: of as many hashes.
            is_known: bool [ids], whether the ids 0, 1, … are what they were for the other one.
        """
        last, gap = np.array(before.last_step), np.array(before.mean_gap)
        start = self.initial_gap or 0.0
        if self.bucket_count != before.bucket_count:
            ids = tf.constant(np.flatnonzero(is_known))
            there, here = before.places(ids).numpy(), self.places(ids).numpy()  # [ids, hashes]
            each = gap[there].max(axis=1, keepdims=True)
            often = np.divide(1, each, out=np.zeros(each.shape), where=each > 0)
            size = self.hashes * self.bucket_count
            met = np.bincount(here.ravel(), np.broadcast_to(often, here.shape).ravel(), size)
            gap = np.divide(1, met, out=np.full(size, start), where=met > 0)
            earliest = np.broadcast_to(last[there].min(axis=1, keepdims=True), here.shape)
            last = np.zeros(size, np.int64)
            np.maximum.at(last, here, earliest)
        new = self.places(tf.constant(np.flatnonzero(~is_known))).numpy()
        last[new], gap[new] = int(before.step), start
        self.step.assign(before.step)
        self.last_step.assign(last)
        self.mean_gap.assign(gap.astype("float32"))

    def compute_mask(self, inputs, mask=None):
        return None

    def compute_output_shape(self, input_shape):
        return input_shape

    def compute_output_spec(self, ids, training=False, mask=None):
        return tf.keras.KerasTensor(ids.shape, dtype="float32")

    def get_config(self):
        return {
            **super().get_config(),
            "buckets": self.bucket_count,
            "hashes": self.hashes,
            "rate": self.rate,
            "initial_gap": self.initial_gap,
        }


def _mixed(number):
    """SplitMix64's mixing: a change of any bit changes each of the others with probability 1/2.

    In int64, whose products wrap around as those of uint64 do, and whose shifts drag the sign along
    until it is masked.
    """
    for shift, factor in zip(SHIFTS, (*FACTORS, 1), strict=True):
        shifted = tf.bitwise.right_shift(number, tf.constant(shift, tf.int64))
        number = tf.bitwise.bitwise_xor(number, shifted & (2 ** (64 - shift) - 1))
        number *= tf.constant(_signed(factor), tf.int64)
    return number


def _signed(number: int) -> int:
    """The int64 of the same lowest 64 bits."""
    return (number + 2**63) % 2**64 - 2**63


def _variable(weight) -> tf.Variable:
    """TensorFlow's own variable, which Keras 3 wraps; a table in parts is none, but acts as one."""
    return weight if isinstance(weight, tf.Variable) or is_divided(weight) else weight.value
