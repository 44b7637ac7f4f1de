"""How near a candidate is to what a user clicked, booked, skipped or wished for."""

from __future__ import annotations

import tensorflow as tf

from tfrec_recall._axes import check_axes, check_ids, check_no_mask
from tfrec_recall.layers.l2_normalization import in_full, unit
from tfrec_recall.layers.masks import mask_among
from tfrec_recall.layers.precision import full

LEAST = 1e-12  # the squared length up to which a vector has no direction


@tf.keras.utils.register_keras_serializable(package="tfrec_recall")
class SessionSimilarity(tf.keras.layers.Layer):
    """Cosine of candidates to the centroid of a list of items; with groups, to the nearest one.

    One feature of the search ranker: call it once a list (clicked, long-clicked, skipped,
    wish-listed, contacted, booked). In every list, the items of one market have a centroid of their
    own, so that a user who looks at two cities is not taken for one in between.

    Source: "Real-time Personalization using Embeddings for Search Ranking at Airbnb", KDD 2018,
    section 4.3 (EmbClickSim and its siblings, Table 6).

    Input: a tuple of candidate [batch, candidates, dim] and history [batch, history, dim]; by
        keyword `groups`, integers or strings [batch, history], the market of each item, and `mask`,
        bool [batch, history] (or as Keras gives it, one for each input).
    Output: [batch, candidates] from -1 to 1; 0 where the list is empty.
    Raises: ValueError unless both inputs have three axes, and what comes by keyword fits.

    >>> candidate = tf.constant([[[0.0, 2.0]]])
    >>> clicked = tf.constant([[[1.0, 0.0], [0.0, 1.0]]])
    >>> SessionSimilarity()((candidate, clicked)).numpy().round(3)
    array([[0.707]], dtype=float32)
    >>> SessionSimilarity()((candidate, clicked), groups=[[1, 2]]).numpy()
    array([[1.]], dtype=float32)
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape):
        shapes = [tuple(shape) for shape in input_shape]
        if len(shapes) != 2 or any(len(shape) != 3 for shape in shapes):
            raise ValueError(
                "SessionSimilarity takes a tuple of candidate [batch, candidates, dim] and history "
                f"[batch, history, dim]. Received: shapes {shapes}."
            )
        super().build(input_shape)

    def call(self, vectors, groups=None, mask=None, vectors_mask=None):
        mask = vectors_mask if mask is None else mask  # Keras 3 names it so beside other tensors
        candidate, history = (in_full(part, full(self)) for part in vectors)
        mask = mask_among("SessionSimilarity", mask, 1, 2)
        check_no_mask("SessionSimilarity", groups=groups)
        check_ids("SessionSimilarity", groups=groups)
        check_axes(
            "SessionSimilarity",
            candidate=(candidate, "batch candidates dim"),
            history=(history, "batch history dim"),
            groups=(groups, "batch history"),
            mask=(mask, "batch history"),
        )
        present = (
            tf.ones(tf.shape(history)[:2], tf.bool) if mask is None else tf.cast(mask, tf.bool)
        )
        history = tf.where(present[:, :, tf.newaxis], history, 0.0)

        # The centroid of each event's group, one for every event: [batch, history, dim]. A cosine
        # takes the direction alone, so the sum does for the mean.
        alike = present[:, tf.newaxis] & present[:, :, tf.newaxis]  # [batch, history, history]
        if groups is not None:
            groups = tf.convert_to_tensor(groups)
            alike &= groups[:, tf.newaxis] == groups[:, :, tf.newaxis]
        centroids = tf.matmul(tf.cast(alike, full(self)), history)
        candidate, centroids = (
            unit(part, LEAST, dtype=full(self)) for part in (candidate, centroids)
        )
        cosines = tf.matmul(candidate, centroids, transpose_b=True)  # [batch, candidates, history]
        cosines = tf.where(present[:, tf.newaxis], cosines, cosines.dtype.min)
        nearest = tf.reduce_max(tf.pad(cosines, [[0, 0], [0, 0], [0, 1]], constant_values=-2.0), -1)
        some = tf.reduce_any(present, axis=1, keepdims=True)
        return tf.cast(tf.where(some, nearest, 0.0), self.compute_dtype)

    def compute_mask(self, inputs, mask=None):
        return None

    def compute_output_shape(self, input_shape):
        return tuple(input_shape[0])[:2]

    def get_config(self):
        return {**super().get_config()}  # without a method here, Keras knows plain arguments alone
