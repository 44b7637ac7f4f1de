"""Softmax over the candidates of a batch: every example's candidate is the others' negative."""

from __future__ import annotations

import functools
import math

import numpy as np
import tensorflow as tf

from tfrec_recall._arguments import flags, number
from tfrec_recall._arguments import whole as whole_number
from tfrec_recall._axes import check_axes, check_beside, flat
from tfrec_recall._replicas import own_first, total
from tfrec_recall.losses.excluded import Marker, alike, among, groups
from tfrec_recall.losses.fused_cross_entropy import fused_cross_entropy
from tfrec_recall.losses.whole_cross_entropy import whole_cross_entropy


@tf.keras.utils.register_keras_serializable(package="tfrec_recall")
class InBatchSoftmax(tf.keras.layers.Layer):
    """Cross-entropy of each query's own candidate among all candidates of the batch.

    The logit of query i and candidate j is `score / temperature - log_probability[j]`, the score
    their inner product. A drop-in for `tfrs.tasks.Retrieval` without its metrics. The logits are
    computed a few rows at a time, together with the gradients, and never exist as a whole.

    Source: "Sampling-Bias-Corrected Neural Modeling for Large Corpus Item Recommendations", RecSys
    2019, section 3 (batch softmax, its correction, rewards, temperature); "Mixed Negative Sampling
    for Learning Two-tower Neural Networks in Recommendations", WWW 2020 (extra candidates).
    Departs: sums over the batch by default, as tfrs does, where the paper has the mean.

    Args:
        temperature: what divides the scores, 1 without it; where it starts if it is learned.
        num_hard_negatives: how many negatives with the largest logits count for each query; all
            without it.
        remove_accidental_hits: leave out negatives with the id of the query's own candidate.
        learn_temperature: learn its logarithm, so that it stays positive.
        reduction: "sum" over the batch, or "mean", which divides it by the number of queries; with
            `across_replicas` by that of all replicas.
        whole: compute all logits at once, in operations that XLA compiles where ids are integers.
            The same numbers, in more memory.
        across_replicas: under a `tf.distribute` strategy, the candidates of all replicas are
            candidates of each one's queries, by their vectors, ids (strings by hash) and log q;
            `extra_candidates` stay with the replica that drew them. The sum of the replicas' losses
            and its gradients are those of the whole batch on one replica.

    Call arguments; what is of one axis may also be a column, as [batch, 1] for [batch]:
        query_embeddings: [batch, dim], or [batch, interests, dim] of which the best interest counts
            for each candidate.
        candidate_embeddings: [candidates, dim]: first each query's own, then any extra negatives.
        sample_weight: [batch], the rewards: what each example's loss is multiplied with.
        candidate_sampling_probability: [candidates], how likely each is to be in a batch.
        candidate_ids: [candidates], integers or strings.
        score_mask: [batch, candidates], False for what is not a negative of this query; or a
            function that is given the first of some rows and the one after the last, and gives
            theirs, so that the whole is never held.
        log_probability: [candidates], instead of `candidate_sampling_probability`, which loses
            precision where it is small.
        extra_candidates: [extra, dim], negatives of all queries that follow `candidate_embeddings`.
        extra_candidate_ids: [extra], their ids.
        extra_log_probability: [extra], theirs. Candidates from two sources must be corrected by
            comparable numbers: expected occurrences in the batch.
        interest_mask: [batch, interests], False for an interest that a query does not have; the
            mask that several interests bring with them, if it is not given.
        excluded_ids: [batch, any], ids that are not negatives of this query, such as the user's
            other positives; pad with an id that no candidate has.
        training: False leaves out the gradients; asked for nevertheless, they cost a second pass.

    Output: a scalar in float32 under every policy: cast to it what is added. It is 0 for an
        empty batch. A query's own candidate always counts,
        whatever else is left out.
    Raises: ValueError for an argument that needs another, contradicts it, or has another shape, and
        for ids of another type.

    >>> query, candidates = tf.eye(2), tf.constant([[2.0, 0.0], [2.0, 0.0]])  # twice one item
    >>> round(float(InBatchSoftmax()(query, candidates)), 4)  # two fair coins, 2 log 2
    1.3863
    >>> loss = InBatchSoftmax(remove_accidental_hits=True)
    >>> abs(float(loss(query, candidates, candidate_ids=tf.constant(["a", "a"]))))
    0.0
    """

    def __init__(
        self,
        temperature: float | None = None,
        num_hard_negatives: int | None = None,
        remove_accidental_hits: bool = False,
        learn_temperature: bool = False,
        reduction: str = "sum",
        whole: bool = False,
        across_replicas: bool = False,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)  # a half is too coarse for what enters here
        owner = "InBatchSoftmax"
        number(owner, temperature, "temperature", above=0, optional=True)
        whole_number(owner, num_hard_negatives, "num_hard_negatives", optional=True)
        flags(
            owner,
            remove_accidental_hits=remove_accidental_hits,
            learn_temperature=learn_temperature,
            whole=whole,
            across_replicas=across_replicas,
        )
        if reduction not in ("sum", "mean"):
            raise ValueError(
                'InBatchSoftmax takes "sum" or "mean" as its `reduction`. '
                f"Received: reduction={reduction!r}."
            )
        self.temperature = temperature
        self.num_hard_negatives = num_hard_negatives
        self.remove_accidental_hits = remove_accidental_hits
        self.learn_temperature = learn_temperature
        self.reduction = reduction
        self.whole = whole
        self.across_replicas = across_replicas
        self.supports_masking = True
        if learn_temperature:
            self.log_temperature = self.add_weight(
                name="log_temperature",
                shape=(),
                initializer=tf.keras.initializers.Constant(math.log(temperature or 1.0)),
                autocast=False,
            )

    @property
    def supports_jit(self) -> bool:
        """Whether Keras 3 may have XLA compile it: chunks of rows have no static shape."""
        return self.whole

    @supports_jit.setter
    def supports_jit(self, value: bool) -> None:
        """Keras 3 sets it for every layer."""

    def call(
        self,
        query_embeddings,
        candidate_embeddings,
        sample_weight=None,
        candidate_sampling_probability=None,
        candidate_ids=None,
        score_mask=None,
        log_probability=None,
        extra_candidates=None,
        extra_candidate_ids=None,
        extra_log_probability=None,
        interest_mask=None,
        excluded_ids=None,
        training=True,
        mask=None,
        query_embeddings_mask=None,
    ):
        query, candidates = _float(query_embeddings), _float(candidate_embeddings)
        if interest_mask is None and len(query.shape) == 3:
            interest_mask = query_embeddings_mask if mask is None else mask  # in Keras 3, and 2
        _check_shapes(query, candidates, interest_mask)
        axes = "batch dim" if len(query.shape) == 2 else "batch interests dim"
        check_axes(
            "InBatchSoftmax",
            query_embeddings=(query, axes),
            interest_mask=(interest_mask, "batch interests"),
            candidate_embeddings=(candidates, "candidates dim"),
            extra_candidates=(extra_candidates, "extra dim"),
            excluded_ids=(excluded_ids, "batch any"),
        )
        check_beside(
            "InBatchSoftmax",
            extra_candidate_ids=(extra_candidate_ids, "extra_candidates", extra_candidates),
            extra_log_probability=(extra_log_probability, "extra_candidates", extra_candidates),
        )
        one = {
            "candidate_ids": candidate_ids,
            "log_probability": log_probability,
            "candidate_sampling_probability": candidate_sampling_probability,
        }
        one = {name: _flat(name, values, candidates) for name, values in one.items()}
        candidate_ids, extra_candidate_ids, excluded_ids = alike(
            "InBatchSoftmax",
            self.across_replicas,
            candidate_ids=one.pop("candidate_ids"),
            extra_candidate_ids=extra_candidate_ids,
            excluded_ids=excluded_ids,
        )
        log_probability = _log_probability(*one.values())
        if self.across_replicas:
            if score_mask is not None:
                raise ValueError(
                    "InBatchSoftmax knows of no `score_mask` for the candidates of other replicas: "
                    "leave out what is no negative by `excluded_ids`, or across_replicas. "
                    f"Received: a score_mask of {_described(score_mask)}."
                )
            candidates = own_first(candidates)
            if candidate_ids is not None:
                candidate_ids = own_first(candidate_ids)
            if log_probability is not None:
                log_probability = own_first(log_probability)
        if extra_candidates is not None:
            extra = _float(extra_candidates)
            candidates = tf.concat([candidates, extra], axis=0)
            more = _flat("extra_log_probability", extra_log_probability, extra)
            log_probability = _join("log_probability", log_probability, more)
            more = _flat("extra_candidate_ids", extra_candidate_ids, extra)
            candidate_ids = _join("candidate_ids", candidate_ids, more)
        check_axes(
            "InBatchSoftmax",
            query_embeddings=(query, axes),
            candidates=(candidates, "candidates dim"),
            score_mask=(None if callable(score_mask) else score_mask, "batch candidates"),
        )
        if interest_mask is not None:
            interest_mask = tf.cast(interest_mask, tf.bool)
            query = tf.where(interest_mask[:, :, tf.newaxis], query, 0.0)

        if self.learn_temperature:
            query = query * tf.exp(-_float(self.log_temperature))
        elif self.temperature is not None:
            query = query / self.temperature
        if log_probability is not None:  # one more coordinate: [q / T, 1] · [c, -log p]
            query = tf.concat([query, tf.ones_like(query[..., :1])], axis=-1)
            candidates = tf.concat([candidates, -log_probability[:, tf.newaxis]], axis=-1)

        size = tf.shape(query)[0]
        weights = _flat("sample_weight", sample_weight, query)
        weights = tf.ones([size]) if weights is None else _float(weights)
        arguments = {
            "removed": self._removed(candidates, candidate_ids, excluded_ids, score_mask),
            "hard_negatives": self.num_hard_negatives,
            "interest_mask": interest_mask,
        }
        if self.whole:
            loss = whole_cross_entropy(query, candidates, weights, **arguments)
        else:
            arguments["gradients"] = training is not False
            loss = fused_cross_entropy(query, candidates, weights, **arguments)
        if self.reduction == "sum":
            return loss
        count = tf.cast(size, tf.float32)
        return tf.math.divide_no_nan(loss, total(count) if self.across_replicas else count)

    def _removed(self, candidates, candidate_ids, excluded_ids, score_mask):
        """A function of rows that says which candidates are no negatives, or None if all are."""
        rules = []
        if self.remove_accidental_hits or excluded_ids is not None:
            if candidate_ids is None:
                raise ValueError(
                    "InBatchSoftmax takes `candidate_ids` where accidental hits are removed or "
                    "`excluded_ids` given. Received: candidate_ids=None."
                )
            numbers, excluded = candidate_ids, excluded_ids
            if not self.whole:
                numbers, excluded = groups(candidate_ids, excluded_ids)
        if self.remove_accidental_hits:
            rules.append(lambda start, stop: numbers[start:stop, tf.newaxis] == numbers)
        if excluded_ids is not None:
            mark = functools.partial(among, numbers) if self.whole else Marker(numbers)
            rules.append(lambda start, stop: mark(excluded[start:stop]))
        if score_mask is not None:
            counting = _by_rows(score_mask, candidates)
            rules.append(lambda start, stop: ~counting(start, stop))
        if not rules:
            return None
        return lambda start, stop: functools.reduce(
            tf.logical_or, [rule(start, stop) for rule in rules]
        )

    def compute_mask(self, *args, **kwargs):
        return None

    def get_config(self):
        return {
            **super().get_config(),
            "temperature": self.temperature,
            "num_hard_negatives": self.num_hard_negatives,
            "remove_accidental_hits": self.remove_accidental_hits,
            "learn_temperature": self.learn_temperature,
            "reduction": self.reduction,
            "whole": self.whole,
            "across_replicas": self.across_replicas,
        }


def _float(values):
    return tf.cast(values, tf.float32)


def _flat(name, values, like):
    return None if values is None else flat("InBatchSoftmax", name, values, like)


def _by_rows(mask, candidates):
    """A function of the first of some rows and the one after the last."""
    if not callable(mask):
        mask = tf.cast(mask, tf.bool)
        return lambda start, stop: mask[start:stop]

    def checked(start, stop):
        rows = tf.cast(mask(start, stop), tf.bool)
        check_axes(
            "InBatchSoftmax",
            score_mask=(rows, "rows candidates"),
            candidates=(candidates, "candidates dim"),
        )
        return rows

    return checked


def _described(mask):
    return "rows, by a function" if callable(mask) else f"shape {tuple(mask.shape)}"


def _log_probability(log_probability, probability):
    if probability is None:
        return None if log_probability is None else _float(log_probability)
    if log_probability is not None:
        raise ValueError(
            "InBatchSoftmax takes `candidate_sampling_probability` or `log_probability`, not both. "
            f"Received: shapes {probability.shape} and {log_probability.shape}."
        )
    smallest = np.finfo(np.float32).tiny  # keeps log finite at 0, and is below any real probability
    return tf.math.log(tf.maximum(_float(probability), smallest))


def _join(name, values, extra):
    """The candidates' values followed by the extra candidates', or None if there are neither."""
    if values is None and extra is None:
        return None
    if values is None or extra is None:
        missing = name if values is None else f"extra_{name}"
        raise ValueError(
            f"InBatchSoftmax takes `{name}` and `extra_{name}` together where there are "
            f"`extra_candidates`. Received: {missing}=None."
        )
    values = tf.convert_to_tensor(values)
    return tf.concat([values, tf.cast(extra, values.dtype)], axis=0)


def _check_shapes(query, candidates, interest_mask):
    if len(query.shape) not in (2, 3) or len(candidates.shape) != 2:
        raise ValueError(
            "InBatchSoftmax takes queries [batch, dim] or [batch, interests, dim] and candidates "
            f"[candidates, dim]. Received: shapes {tuple(query.shape)} and "
            f"{tuple(candidates.shape)}."
        )
    if interest_mask is not None and len(query.shape) != 3:
        raise ValueError(
            "InBatchSoftmax takes `interest_mask` with queries [batch, interests, dim]. "
            f"Received: queries of shape {tuple(query.shape)}."
        )
    if None not in (query.shape[0], candidates.shape[0]) and query.shape[0] > candidates.shape[0]:
        raise ValueError(
            "InBatchSoftmax takes a candidate for each query, as the first rows of "
            f"`candidate_embeddings`. Received: {query.shape[0]} queries, "
            f"{candidates.shape[0]} candidates."
        )
