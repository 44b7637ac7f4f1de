"""The weights of a block's pairs: who is a positive of whom, and how much noise each expects."""

from __future__ import annotations

import tensorflow as tf

from tfrec_recall.data.windows import Block


def window_weights(block: Block, window: int | None, seed: tf.Tensor) -> tf.Tensor:
    """1 where a context stands in a centre's window, float32 [lanes, block, contexts].

    Each centre draws how far it looks, from 1 to `window`, so that near contexts count more, as in
    word2vec. None looks at the whole session.
    """
    near = block.together
    if window is not None:
        shape = tf.shape(block.centre["item_id"])
        own = tf.random.stateless_uniform(shape, seed, 1, window + 1, dtype=tf.int32)
        near &= block.distance <= own[:, :, tf.newaxis]
    return tf.cast(near, tf.float32)


def noise_weights(
    noise: tf.Tensor, centre: tf.Tensor, pairs: tf.Tensor, negatives: float
) -> tf.Tensor:
    """Weights with which each centre expects `negatives` a pair, float32 [lanes, block, noise].

    Noise that is the centre itself does not count.

    Args:
        noise: ids [lanes, noise], shared by the lane's centres.
        centre: ids [lanes, block].
        pairs: how many each centre has, [lanes, block].
    """
    hit = noise[:, tf.newaxis] == centre[:, :, tf.newaxis]
    share = negatives / tf.cast(tf.shape(noise)[1], tf.float32)
    return pairs[:, :, tf.newaxis] * tf.where(hit, 0.0, share)


def group_noise_weights(
    noise: tf.Tensor,
    noise_group: tf.Tensor,
    centre: tf.Tensor,
    centre_group: tf.Tensor,
    pairs: tf.Tensor,
    negatives: float,
) -> tf.Tensor:
    """As `noise_weights`, from the noise of a centre's own group alone.

    Args:
        noise, noise_group: ids [lanes, noise] and their groups; 0 and a negative group are none.
        centre, centre_group: ids [lanes, block] and their groups.
    """
    of_group = noise_group[:, tf.newaxis] == centre_group[:, :, tf.newaxis]
    of_group &= (centre_group >= 0)[:, :, tf.newaxis] & (noise != 0)[:, tf.newaxis]
    of_group &= noise[:, tf.newaxis] != centre[:, :, tf.newaxis]
    of_group = tf.cast(of_group, tf.float32)  # [lanes, block, noise]
    count = tf.reduce_sum(of_group, axis=2, keepdims=True)
    return pairs[:, :, tf.newaxis] * negatives * tf.math.divide_no_nan(of_group, count)
