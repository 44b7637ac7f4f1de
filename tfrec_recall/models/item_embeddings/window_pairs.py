"""The weights of a block's pairs: who is a positive of whom, and how much noise each expects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import tensorflow as tf

from tfrec_recall.data.feeding.windows import Block


def window_weights(block: Block, window: int, seed: tf.Tensor, fixed: bool = False) -> tf.Tensor:
    """1 where a context stands in a centre's window, float32 [lanes, block, contexts].

    Each centre draws how far it looks, from 1 to `window`, so that near contexts count more, as in
    word2vec; `fixed` windows all reach as far as they can.
    """
    own = tf.fill(tf.shape(block.centre["item_id"]), window)
    if not fixed:
        own = tf.random.stateless_uniform(tf.shape(own), seed, 1, window + 1, dtype=tf.int32)
    near = block.together & (block.distance <= own[:, :, tf.newaxis])
    return tf.cast(near, tf.float32)


def set_weights(block: Block) -> tf.Tensor:
    """What each context of a centre's set stands for, float32 [lanes, block, contexts].

    The block is of `sets_by_length`: 1, or more where a long set is sampled.
    """
    centres, contexts = tf.unstack(tf.shape(block.distance))
    reach = (contexts - centres) // 2  # to each side of every centre
    near = tf.cast(block.together & (block.distance <= reach), tf.float32)
    return near * block.centre["of_all"][:, :, tf.newaxis]


class Proposal(Protocol):
    """Where noise comes from, such as `PopularityNegatives`."""

    def sample(self, shape, seed: tf.Tensor) -> tf.Tensor: ...


class Noise:
    """Negatives of a block's pairs, by their ids and weights.

    Args:
        proposal: what they are drawn from.
        negatives: that each pair has, or expects.
        shared: draws that the centres of a lane share, weighted so that each pair expects
            `negatives`: far fewer vectors to read. None draws for each pair by itself, as the
            papers do.
    """

    def __init__(self, proposal: Proposal, negatives: int, shared: int | None):
        self.proposal, self.negatives, self.shared = proposal, negatives, shared

    def __call__(self, centre: tf.Tensor, positive: tf.Tensor, seed: tf.Tensor):
        """Ids [lanes, noise] and weights [lanes, block, noise].

        Args:
            centre: ids [lanes, block].
            positive: the weight of each pair, [lanes, block, pairs].
        """
        lanes = tf.shape(positive)[0]
        if self.shared is not None:
            noise = self.proposal.sample([lanes, self.shared], seed)
            return noise, noise_weights(
                noise, centre, tf.reduce_sum(positive, axis=2), self.negatives
            )
        return own_noise(
            lambda shape: self.proposal.sample(shape, seed), centre, positive, self.negatives
        )


def own_noise(
    draw: Callable[[list[tf.Tensor]], tf.Tensor],
    centre: tf.Tensor,
    positive: tf.Tensor,
    negatives: int,
) -> tuple[tf.Tensor, tf.Tensor]:
    """As `Noise`, each pair with `negatives` of its own, of its weight.

    Args:
        draw: ids of a shape [lanes, block, draws]; 0 is none.
    """
    lanes, block, _ = tf.unstack(tf.shape(positive))
    # Most contexts are no pairs: as many draws a centre as the one with the most pairs has.
    pairs = tf.reduce_max(tf.math.count_nonzero(positive, axis=2, dtype=tf.int32))
    weight, _ = tf.math.top_k(positive, pairs)
    weight = tf.repeat(weight, negatives, axis=2)  # [lanes, block, draws]
    noise = draw([lanes, block, pairs * negatives])
    weight = tf.where((noise == centre[:, :, tf.newaxis]) | (noise == 0), 0.0, weight)
    of_centre = tf.eye(block)[:, :, tf.newaxis] * weight[:, :, tf.newaxis]  # and no other's
    return tf.reshape(noise, [lanes, -1]), tf.reshape(of_centre, [lanes, block, -1])


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
