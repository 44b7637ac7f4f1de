"""Softmax over all items, estimated from the positive and a sample of the others."""

from __future__ import annotations

import tensorflow as tf

from tfrec_recall._arguments import flag, number
from tfrec_recall._axes import check_axes, check_beside, flat
from tfrec_recall.losses.excluded import alike, marked, places


@tf.keras.utils.register_keras_serializable(package="tfrec_recall")
class SampledSoftmax(tf.keras.layers.Layer):
    """Cross-entropy of each query's positive among negatives that all queries share.

    The logit of query i and candidate j is `score / temperature - log_probability[j]`, the score
    their inner product and the probability that of the sampler which drew the negatives. Unlike
    `InBatchSoftmax`, the positives of the other queries are no negatives.

    Source: "On Using Very Large Target Vocabulary for Neural Machine Translation", ACL 2015, Eq. 6
    to 9; "Deep Neural Networks for YouTube Recommendations", RecSys 2016, section 3.1.

    Args:
        temperature: what divides the scores.
        remove_accidental_hits: a negative with the id of a query's positive does not count for it.
        reduction: "sum" over the batch, or "mean", which divides it by the number of queries.

    Input: a tuple of query [batch, dim], positive [batch, dim] and negatives [samples, dim].
    Call arguments; what is of one axis may also be a column, as [batch, 1] for [batch]:
        positive_ids, negative_ids: [batch] and [samples], integers or strings; needed to find
            accidental hits.
        positive_log_probability, negative_log_probability: [batch] and [samples], both or neither.
        sample_weight: [batch], what each example's loss is multiplied with.
        score_mask: [batch, samples], False for what is no negative of this query.
        own_negatives, own_negative_ids, own_negative_log_probability: [batch, any, dim] and twice
            [batch, any], negatives of one query alone, hard ones for instance; 0 pads the ids.
        excluded_ids: [batch, any], ids that are no negatives of this query, such as the user's
            other positives; pad with an id that no candidate has.

    Output: a scalar in float32 under every policy: cast to it what is added. It is 0 for an
        empty batch.
    Raises: ValueError for an argument that needs another, contradicts it, or has another shape, and
        for ids of another type.

    >>> query, positive = tf.constant([[1.0, 0.0]]), tf.constant([[2.0, 0.0]])
    >>> negatives = tf.constant([[2.0, 1.0], [0.0, 3.0]])
    >>> loss = SampledSoftmax(remove_accidental_hits=False)
    >>> round(float(loss((query, positive, negatives))), 4)  # log(2 exp 2 + exp 0) - 2
    0.7586
    """

    def __init__(
        self,
        temperature: float = 1.0,
        remove_accidental_hits: bool = True,
        reduction: str = "mean",
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)  # a half is too coarse for what enters here
        number("SampledSoftmax", temperature, "temperature", above=0)
        flag("SampledSoftmax", remove_accidental_hits, "remove_accidental_hits")
        if reduction not in ("sum", "mean"):
            raise ValueError(
                f"SampledSoftmax takes reduction 'sum' or 'mean'. Received: {reduction!r}."
            )
        self.temperature = temperature
        self.remove_accidental_hits = remove_accidental_hits
        self.reduction = reduction

    def build(self, input_shape):
        shapes = [tuple(shape) for shape in input_shape]
        if len(shapes) != 3 or any(len(shape) != 2 for shape in shapes):
            raise ValueError(
                "SampledSoftmax takes a tuple of query [batch, dim], positive [batch, dim] and "
                f"negatives [samples, dim]. Received: shapes {shapes}."
            )
        super().build(input_shape)

    def call(
        self,
        vectors,
        positive_ids=None,
        negative_ids=None,
        positive_log_probability=None,
        negative_log_probability=None,
        sample_weight=None,
        excluded_ids=None,
        score_mask=None,
        own_negatives=None,
        own_negative_ids=None,
        own_negative_log_probability=None,
    ):
        query, positive, negatives = (tf.cast(part, tf.float32) for part in vectors)
        check_axes(
            "SampledSoftmax",
            query=(query, "batch dim"),
            positive=(positive, "batch dim"),
            negatives=(negatives, "samples dim"),
            score_mask=(score_mask, "batch samples"),
            own_negatives=(own_negatives, "batch own dim"),
            own_negative_ids=(own_negative_ids, "batch own"),
            own_negative_log_probability=(own_negative_log_probability, "batch own"),
            excluded_ids=(excluded_ids, "batch any"),
        )
        own_log = own_negative_log_probability
        check_beside(
            "SampledSoftmax",
            own_negative_ids=(own_negative_ids, "own_negatives", own_negatives),
            own_negative_log_probability=(own_log, "own_negatives", own_negatives),
        )
        if own_log is not None and positive_log_probability is None:
            raise ValueError(
                "SampledSoftmax corrects positives and negatives alike: pass "
                "positive_log_probability beside own_negative_log_probability, or neither. "
                "Received: positive_log_probability=None."
            )
        positive_ids = _flat("positive_ids", positive_ids, query)
        negative_ids = _flat("negative_ids", negative_ids, negatives)
        positive_ids, negative_ids, excluded_ids, own_negative_ids = alike(
            "SampledSoftmax",
            positive_ids=positive_ids,
            negative_ids=negative_ids,
            excluded_ids=excluded_ids,
            own_negative_ids=own_negative_ids,
        )
        wanted = tf.reduce_sum(query * positive, axis=1, keepdims=True) / self.temperature
        others = tf.matmul(query, negatives, transpose_b=True) / self.temperature
        if (positive_log_probability is None) != (negative_log_probability is None):
            raise ValueError(
                "SampledSoftmax corrects positives and negatives alike: pass both "
                "positive_log_probability and negative_log_probability, or neither."
            )
        if positive_log_probability is not None:
            of_positive = _flat("positive_log_probability", positive_log_probability, query)
            of_negative = _flat("negative_log_probability", negative_log_probability, negatives)
            wanted -= tf.cast(of_positive, tf.float32)[:, tf.newaxis]
            others -= tf.cast(of_negative, tf.float32)
        no_negatives = self._not_negative(positive_ids, negative_ids, excluded_ids)
        for ids in no_negatives:
            hit = self._hits(negative_ids, ids)  # [batch, samples]
            others = tf.where(hit, others.dtype.min, others)
        if score_mask is not None:
            others = tf.where(tf.cast(score_mask, tf.bool), others, others.dtype.min)
        own = []
        if own_negatives is not None:
            own = [self._own(query, own_negatives, own_negative_ids, own_log, no_negatives)]
        logits = tf.concat([wanted, others, *own], axis=1)  # [batch, 1 + samples + own]
        losses = tf.reduce_logsumexp(logits, axis=1) - wanted[:, 0]
        if sample_weight is not None:
            losses *= tf.cast(_flat("sample_weight", sample_weight, query), tf.float32)
        total = tf.reduce_sum(losses)
        if self.reduction == "sum":
            return total
        return tf.math.divide_no_nan(total, tf.cast(tf.size(losses), tf.float32))

    def _hits(self, negative_ids, ids) -> tf.Tensor:
        """Which negatives are among each query's ids [batch, any]."""
        if ids.shape[1] == 1:
            return ids == negative_ids
        numbers, left_out = places(negative_ids, ids)
        return marked(numbers, left_out)

    def _own(self, query, negatives, ids, log_probability, no_negatives) -> tf.Tensor:
        """Logits of the negatives that belong to one query each, [batch, any]."""
        logits = tf.linalg.matvec(tf.cast(negatives, tf.float32), query) / self.temperature
        if log_probability is not None:
            logits -= tf.cast(log_probability, tf.float32)
        if ids is None:
            if no_negatives:
                raise ValueError(
                    "SampledSoftmax needs own_negative_ids to leave accidental hits and "
                    "excluded_ids out of own_negatives. Pass them, or set "
                    "remove_accidental_hits=False without excluded_ids. Received: "
                    "own_negative_ids=None."
                )
            return logits
        left_out = ids == tf.zeros([], ids.dtype)
        for others in no_negatives:
            same = ids[:, :, tf.newaxis] == others[:, tf.newaxis]
            left_out |= tf.reduce_any(same, axis=2)
        return tf.where(left_out, logits.dtype.min, logits)

    def _not_negative(self, positive_ids, negative_ids, excluded_ids) -> list[tf.Tensor]:
        """Ids [batch, any] that are no negatives of their query."""
        if negative_ids is None or (self.remove_accidental_hits and positive_ids is None):
            if self.remove_accidental_hits or excluded_ids is not None:
                raise ValueError(
                    "SampledSoftmax needs positive_ids and negative_ids to leave out accidental "
                    "hits, and negative_ids for excluded_ids. Pass them, or set "
                    "remove_accidental_hits=False."
                )
            return []
        found = []
        if self.remove_accidental_hits:
            found.append(positive_ids[:, tf.newaxis])
        if excluded_ids is not None:
            found.append(excluded_ids)
        return found

    def compute_output_shape(self, input_shape):
        return ()

    def get_config(self):
        return {
            **super().get_config(),
            "temperature": self.temperature,
            "remove_accidental_hits": self.remove_accidental_hits,
            "reduction": self.reduction,
        }


def _flat(name, values, like):
    return None if values is None else flat("SampledSoftmax", name, values, like)
