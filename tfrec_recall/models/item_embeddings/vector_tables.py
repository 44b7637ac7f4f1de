"""The two tables of skip-gram models, and how they learn: sparse steps in closed form."""

from __future__ import annotations

import tensorflow as tf

from tfrec_recall._keras import saved_by_config
from tfrec_recall.data.memory import check_table
from tfrec_recall.losses.skip_gram import skip_gram_gradients
from tfrec_recall.models.item_embeddings.adaptive_rows import AdaptiveRows


@saved_by_config
class VectorTables(tf.keras.layers.Layer):
    """An input and an output vector for each encoded id, changed row by row.

    A dense optimiser would touch the whole table at every step; word2vec's rule changes the rows
    of a block alone, `row -= rate * gradient`, and needs no tape.

    Args:
        size: of the vocabulary, padding and unknown included.
        dim: of the vectors.
        longest_step: the most that one occurrence moves its row; what is longer is shortened. None
            shortens nothing.
        adaptive: rows have rates of their own, by `AdaptiveRows`, and a row moves no farther than
            `longest_step` for all of its occurrences in a block: where rows are few, a block holds
            each of them many times.
        both: what is given of an id is the sum of its two vectors. That of an item which few took
            is then near those beside it, as well as near those that stand beside the same.

    Attributes:
        learnt: 1 for ids whose input vector has been learnt from something, else 0, float32 [size].

    Input: encoded ids.  Output: their input vectors, or with `both` the sums.
    """

    def __init__(
        self,
        size: int,
        dim: int,
        longest_step: float | None,
        adaptive: bool = False,
        both: bool = False,
        **kwargs,
    ):
        super().__init__(**{"dtype": "float32", **kwargs})  # steps are too small for halves
        self.size, self.dim = size, dim
        self.longest_step, self.both = longest_step, both
        check_table(
            *("input and output vectors", size, dim),
            "take a smaller dim, or the frequent values alone (Categorical(…, min_count=…)). "
            f"Received: dim={dim}.",
            tables=2,
        )
        small = tf.keras.initializers.RandomUniform(-0.5 / dim, 0.5 / dim)
        self.input_vectors = self.add_weight("input_vectors", (size, dim), initializer=small)
        self.output_vectors = self.add_weight("output_vectors", (size, dim), initializer="zeros")
        self.learnt = self.add_weight("learnt", (size,), trainable=False, initializer="zeros")
        self.rows = None
        if adaptive:
            self.rows = [AdaptiveRows(size, longest_step) for _ in range(2)]

    def call(self, ids):
        vectors = tf.gather(self.input_vectors, ids)
        return vectors + tf.gather(self.output_vectors, ids) if self.both else vectors

    def get_config(self):
        own = {"size": self.size, "dim": self.dim, "longest_step": self.longest_step}
        own |= {"adaptive": self.rows is not None, "both": self.both}
        return {**super().get_config(), **own}

    def learn(
        self,
        centre: tf.Tensor,
        context: tf.Tensor,
        positive: tf.Tensor,
        noise: tf.Tensor,
        negative: tf.Tensor,
        rate: tf.Tensor,
        refused: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """One step on a block: skip-gram, centre from the input table, the rest from the output's.

        Args:
            centre: ids [lanes, block].
            context: ids [lanes, contexts].
            positive: weights [lanes, block, contexts].
            noise: ids [lanes, noise].
            negative: weights [lanes, block, noise].
            refused: weights of contexts as negatives, [lanes, block, contexts].

        Returns: the loss of the first lane, a sample of it, summed.
        """
        u = tf.gather(self.input_vectors, centre)
        columns = tf.concat([context, noise], axis=1)
        v = tf.gather(self.output_vectors, columns)
        wanted, unwanted = beside(positive, negative, refused)
        by_centre, by_column, scores = skip_gram_gradients(u, v, wanted, unwanted)
        self._descend(centre, by_centre, columns, by_column, rate)
        mark(self.learnt, centre, tf.reduce_sum(wanted + unwanted, axis=2), rate)
        return first_loss(scores, wanted, unwanted)

    def learn_from_mean(
        self,
        centre: tf.Tensor,
        context: tf.Tensor,
        window: tf.Tensor,
        noise: tf.Tensor,
        negative: tf.Tensor,
        rate: tf.Tensor,
    ) -> tf.Tensor:
        """One step of CBOW: the mean of the window's input vectors foretells the centre.

        Each vector of the mean moves by the whole gradient, as in word2vec.

        Args:
            window: [lanes, block, contexts], 1 where a context is in the centre's window.
            The others are as in `learn`.
        """
        contexts = tf.gather(self.input_vectors, context)
        count = tf.reduce_sum(window, axis=2, keepdims=True)  # [lanes, block, 1]
        mean = tf.math.divide_no_nan(tf.matmul(window, contexts), count)
        columns = tf.concat([centre, noise], axis=1)
        v = tf.gather(self.output_vectors, columns)
        own = tf.eye(tf.shape(centre)[1]) * tf.cast(count > 0, tf.float32)
        wanted, unwanted = beside(own, negative)
        by_mean, by_column, scores = skip_gram_gradients(mean, v, wanted, unwanted)
        by_context = tf.matmul(window, by_mean, transpose_a=True)
        self._descend(context, by_context, columns, by_column, rate)
        mark(self.learnt, context, tf.reduce_sum(window, axis=1), rate)
        return first_loss(scores, wanted, unwanted)

    def _descend(self, inputs, by_input, outputs, by_output, rate):
        if self.rows is None:
            descend(self.input_vectors, inputs, by_input, rate, self.longest_step)
            descend(self.output_vectors, outputs, by_output, rate, self.longest_step)
        else:
            self.rows[0].descend(self.input_vectors, inputs, by_input, rate)
            self.rows[1].descend(self.output_vectors, outputs, by_output, rate)


def mark(learnt: tf.Variable, ids: tf.Tensor, weight: tf.Tensor, rate: tf.Tensor) -> None:
    """Sets `learnt` to 1 for ids [...] that a step at this rate moves: their weight is above 0."""
    moved = tf.cast((weight > 0) & (tf.convert_to_tensor(rate) > 0), tf.float32)
    learnt.scatter_max(tf.IndexedSlices(tf.reshape(moved, [-1]), tf.reshape(ids, [-1])))


def descend(
    table: tf.Variable,
    ids: tf.Tensor,
    gradient: tf.Tensor,
    rate: tf.Tensor,
    longest_step: float | None,
) -> None:
    """Moves the rows of the ids against their gradients, by `longest_step` at most a time.

    Args:
        ids: [...], where one that comes twice moves twice.
        gradient: [..., dim]
    """
    step = rate * gradient
    if longest_step is not None:
        step = tf.clip_by_norm(step, longest_step, axes=[-1])
    rows = tf.reshape(step, [-1, table.shape[1]])
    table.scatter_sub(tf.IndexedSlices(rows, tf.reshape(ids, [-1])))


def beside(
    positive: tf.Tensor, negative: tf.Tensor, refused: tf.Tensor | None = None
) -> tuple[tf.Tensor, tf.Tensor]:
    """Weights of contexts and of noise as those of all columns, contexts first."""
    refused = tf.zeros_like(positive) if refused is None else refused
    wanted = tf.concat([positive, tf.zeros_like(negative)], axis=2)
    return wanted, tf.concat([refused, negative], axis=2)


def first_loss(scores: tf.Tensor, positive: tf.Tensor, negative: tf.Tensor) -> tf.Tensor:
    """The summed loss of the first lane: a logarithm for every score would slow all steps down."""
    scores, positive, negative = scores[0], positive[0], negative[0]
    return tf.reduce_sum((positive + negative) * tf.nn.softplus(scores) - positive * scores)
