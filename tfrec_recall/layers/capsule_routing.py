"""A history's behaviours, routed to a few interests."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfrec_recall._arguments import flags, number, whole
from tfrec_recall._axes import check_axes
from tfrec_recall.layers import draws
from tfrec_recall.layers.precision import full

LOWEST = -1e30  # a logit without a share, whatever the routing adds to it


@tf.keras.utils.register_keras_serializable(package="tfrec_recall")
class CapsuleRouting(tf.keras.layers.Layer):
    """Behaviour-to-interest dynamic routing: clusters a history into up to `interests` vectors.

    Each iteration shares every behaviour out over the interests, by a softmax of its logits, sums
    `z_j = Σ_i w_ij S e_i`, squashes `u_j = squash(z_j)`, and adds `u_j · S e_i` to the logits. A
    user of n behaviours has `max(1, min(interests, ⌊log2 n⌋))` interests; the others take no part,
    are zeros, and are False in the output's mask. The logits start as Gaussian noise: drawn anew
    for each example while training; else one fixed draw for each recency (the number of present
    events after an event), so that a user's vectors are the same each time, in any batch, and
    however the history is padded.

    Source: "Multi-Interest Network with Dynamic Routing for Recommendation at Tmall", CIKM 2019:
    section 3.3, Algorithm 1 and Eq. 5 to 9; "Dynamic Routing Between Capsules", NIPS 2017, Eq. 1
    (squash).
    Departs: gradients pass through the last iteration alone, in which the logits are constants,
    unless `stop_gradient=False`. `recency` is ours.

    Args:
        interests: at most, K.
        dim: of the interests; None keeps that of the input.
        iterations: r.
        deviation: of the noise that the logits start as.
        adaptive: give short histories fewer interests; otherwise every user has all of them.
        recency: learn a factor for each recency, all 1 at first, that multiplies what an event
            adds to the sums.
        positions: how many recencies have a factor and a fixed draw of their own; still older
            events share the last factor, and repeat the draws.
        identity: let S start as the identity, so that interests start in the space of the input.
        stop_gradient: take the logits of the last iteration as constants; otherwise gradients pass
            through all iterations.
        seed: of the fixed draw.

    Input: [batch, history, dim], oldest first; a mask [batch, history], as `Embedding` gives it.
    Call arguments:
        draw: [batch, history, interests], the noise of deviation 1 that the logits start as,
            instead of the layer's own: where XLA compiles a step, random numbers need a seed.
    Output: [batch, interests, dim], no longer than 1 each; the mask says which interests there are.
    Raises: ValueError unless the input has three axes, with others that fit, and the numbers are
        positive.

    >>> history = tf.constant([[[2.0, 0.0], [2.0, 0.0], [0.0, 9.0]]])
    >>> routing = CapsuleRouting(interests=4, identity=True)
    >>> routing(history, mask=[[True, True, False]]).numpy().round(2)  # 16 / (1 + 16) in length
    array([[[0.94, 0.  ],
            [0.  , 0.  ],
            [0.  , 0.  ],
            [0.  , 0.  ]]], dtype=float32)
    """

    def __init__(
        self,
        interests: int = 4,
        dim: int | None = None,
        iterations: int = 3,
        deviation: float = 1.0,
        adaptive: bool = True,
        recency: bool = False,
        positions: int = 64,
        identity: bool = False,
        stop_gradient: bool = True,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        owner = "CapsuleRouting"
        whole(owner, interests, "interests")
        whole(owner, dim, "dim", optional=True)
        whole(owner, iterations, "iterations")
        number(owner, deviation, "deviation", least=0)
        whole(owner, positions, "positions")
        whole(owner, seed, "seed", least=0)
        flags(owner, adaptive=adaptive, recency=recency, identity=identity)
        flags(owner, stop_gradient=stop_gradient)
        self.interests = interests
        self.dim = dim
        self.iterations = iterations
        self.deviation = deviation
        self.adaptive = adaptive
        self.recency = recency
        self.positions = positions
        self.identity = identity
        self.stop_gradient = stop_gradient
        self.seed = seed
        self.supports_masking = True
        draw = np.random.default_rng(seed).normal(size=(positions, interests))
        self._fixed = draw.astype("float32")

    def build(self, input_shape):
        if len(input_shape) != 3:
            raise ValueError(
                "CapsuleRouting takes [batch, history, dim]: one vector a behaviour. "
                f"Received: input of shape {tuple(input_shape)}."
            )
        width = input_shape[-1]
        self.bilinear = self.add_weight(
            name="bilinear",
            shape=(width, self.dim or width),
            initializer="identity" if self.identity else "glorot_uniform",
        )
        if self.recency:
            self.log_factors = self.add_weight(  # no half, as the sums are none
                name="log_factors", shape=(self.positions,), initializer="zeros", autocast=False
            )
        super().build(input_shape)

    def call(self, history, mask=None, training=None, draw=None, history_mask=None):
        mask = history_mask if mask is None else mask  # Keras 3 names it so beside other tensors
        check_axes(
            "CapsuleRouting",
            history=(history, "batch history dim"),
            mask=(mask, "batch history"),
            draw=(draw, f"batch history {self.interests}"),
        )
        present = _present(history, mask)
        history = tf.cast(history, self.compute_dtype)  # Keras leaves whole numbers as they are
        history = tf.where(present[:, :, tf.newaxis], history, tf.zeros([], history.dtype))
        bilinear = tf.cast(self.bilinear, history.dtype)
        mapped = tf.matmul(history, bilinear)  # S e_i
        mapped = tf.cast(mapped, full(self))

        age = events_after(present)
        if draw is None:
            logits = tf.cast(self._first_logits(age, training), full(self))
        else:
            logits = self.deviation * tf.cast(draw, full(self))  # [batch, history, interests]
        # Of what is not there, a share is exactly 0, as exp of the difference with the first is.
        there = self._interests_of(present)  # [batch, interests]
        logits = tf.where(there[:, tf.newaxis], logits, LOWEST)
        counts = tf.cast(present, full(self))  # what a behaviour counts in the sums
        if self.recency:
            factors = tf.exp(tf.cast(self.log_factors, full(self)))
            counts *= tf.gather(factors, tf.minimum(age, self.positions - 1))

        known = tf.stop_gradient if self.stop_gradient else tf.identity
        before, counts_before = known(mapped), known(counts)  # the last iteration
        for _ in range(self.iterations - 1):
            capsules = _capsules(logits, before, counts_before)
            logits += tf.matmul(before, capsules, transpose_b=True)
        capsules = _capsules(known(logits), mapped, counts)
        return tf.cast(capsules, self.compute_dtype)

    def _first_logits(self, age, training):
        def drawn():
            shape = tf.concat([tf.shape(age), [self.interests]], axis=0)
            return self.deviation * draws.normal(shape)

        if tf.is_tensor(training):
            training = tf.cast(training, tf.bool)
            return tf.cond(training, drawn, lambda: self.deviation * self.fixed_draw(age))
        return drawn() if training else self.deviation * self.fixed_draw(age)

    def fixed_draw(self, number):
        """The `draw` of serving, [batch, history, interests].

        Args:
            number: of each event, integers [batch, history]: how many present ones come after it,
                or in a set, which has no order, the id of its item.
        """
        return tf.gather(tf.constant(self._fixed), number % self.positions)

    def _interests_of(self, present):
        """Which interests there are: the j-th from 2^j behaviours on, the first for everybody."""
        number = np.arange(1, self.interests + 1)
        least = np.where((number == 1) | (not self.adaptive), 0.0, 2.0**number)
        behaviours = tf.reduce_sum(tf.cast(present, tf.float32), axis=1, keepdims=True)
        return behaviours >= tf.constant(least, tf.float32)

    def compute_mask(self, inputs, mask=None):
        if not tf.is_tensor(inputs):  # symbolic in Keras 3, which asks again with numbers
            return None
        return self._interests_of(_present(inputs, mask))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.interests, self.dim or input_shape[2])

    def get_config(self):
        return {
            **super().get_config(),
            "interests": self.interests,
            "dim": self.dim,
            "iterations": self.iterations,
            "deviation": self.deviation,
            "adaptive": self.adaptive,
            "recency": self.recency,
            "positions": self.positions,
            "identity": self.identity,
            "stop_gradient": self.stop_gradient,
            "seed": self.seed,
        }


def _present(history, mask):
    """Which events there are, bool [batch, history]; all without a mask."""
    return tf.ones(tf.shape(history)[:2], tf.bool) if mask is None else tf.cast(mask, tf.bool)


def events_after(present):
    """How many present events come after each, [batch, history]."""
    return tf.cumsum(tf.cast(present, tf.int32), axis=1, reverse=True, exclusive=True)


def _capsules(logits, mapped, counts):
    """One iteration's interests, [batch, interests, dim]."""
    # Of each behaviour over the interests.
    shares = tf.nn.softmax(logits, axis=-1) * counts[:, :, tf.newaxis]
    return _squash(tf.matmul(shares, mapped, transpose_a=True))


def _squash(sums):
    """|z|² / (1 + |z|²) in length, in the direction of z; zeros stay zeros and keep a gradient."""
    squared = tf.reduce_sum(tf.square(sums), axis=-1, keepdims=True)
    return sums * tf.sqrt(squared + 1e-9) / (1.0 + squared)
