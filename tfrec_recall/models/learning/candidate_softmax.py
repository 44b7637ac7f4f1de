"""How most models here learn: a softmax over the batch's own items and what is drawn beside."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import tensorflow as tf

from tfrec_recall.data import Examples, Interactions
from tfrec_recall.data.arguments import flag
from tfrec_recall.data.ids import places
from tfrec_recall.data.vocabulary import FIRST_KNOWN
from tfrec_recall.features import Features
from tfrec_recall.layers.draws import next_seed
from tfrec_recall.layers.tables import rows_of
from tfrec_recall.losses import InBatchSoftmax, SampledSoftmax
from tfrec_recall.losses.excluded import Marker, marked
from tfrec_recall.models.learning.replicas import own_first, replicas
from tfrec_recall.sampling import Hard, InBatch, Negatives, WithoutOwn, kinds_of
from tfrec_recall.sampling.checks import check_ranks
from tfrec_recall.sampling.kinds import Kind, OfBatch, OfUser, UserSampler

OF_LOGIT = 8  # bytes, with its gradient
LEFT_OUT = 2  # bytes of a query and a candidate: whether one with its id is left out, and itself
Vectors = Callable[[tf.Tensor], tf.Tensor]
Mask = Callable[[Any, Any], tf.Tensor]  # of the rows from one number on, before another


class Candidates(NamedTuple):
    """What the queries of a batch choose from.

    Attributes:
        ids: [candidates], encoded: the positives, this replica's before those of others if they
            are candidates, then what is drawn for the batch.
        log_probability: [candidates], of the proposal; None where nothing is corrected.
        mask: of some rows, bool [rows, candidates], False for what is no negative of the query;
            None where all are.
        own: [batch, any], encoded ids that are negatives of one query alone, 0 for none; or None.
        own_log_probability: [batch, any], as if the batch's proposal had drawn them; or None.
    """

    ids: tf.Tensor
    log_probability: tf.Tensor | None = None
    mask: Mask | None = None
    own: tf.Tensor | None = None
    own_log_probability: tf.Tensor | None = None


def checked_kinds(
    owner: str, features: Features, negatives: Negatives, correct: bool, repeats: bool
) -> tuple[Kind, ...]:
    """The kinds of negatives that a `CandidateSoftmax` of these arguments has.

    Models ask before they make their towers, which takes longer than to refuse a wrong argument.

    Raises: ValueError for arguments that it would refuse.
    """
    kinds = kinds_of(owner, negatives, repeats)
    flag(owner, correct, "correct")
    items = len(features.item_vocabulary) - FIRST_KNOWN
    for kind in kinds:
        if isinstance(kind, Hard):
            check_ranks(f"{owner}'s Hard(…)", kind.window, "window", items)
    if correct and not any(isinstance(kind, InBatch | OfBatch) for kind in kinds):
        raise ValueError(
            f"{owner} corrects for a proposal, which negatives of users alone do not have: "
            f"correct=False, or add InBatch() or Uniform(…). Received: negatives={negatives!r}."
        )
    return kinds


def together(*masks: Mask | None) -> Mask | None:
    """The mask that is True where each of these is; None are all True."""
    given = [mask for mask in masks if mask is not None]
    if not given:
        return None
    return lambda start, stop: functools.reduce(
        tf.logical_and, [mask(start, stop) for mask in given]
    )


class CandidateSoftmax(tf.Module):
    """Each query's item among its negatives, corrected for the proposal that they come from.

    Source: "Mixed Negative Sampling for Learning Two-tower Neural Networks in Recommendations",
    WWW 2020, section 4: the proposal is the mixture of all that is in the batch and drawn for it.

    Args:
        owner: the model, for what is refused.
        features: adapted.
        frequency: how often each encoded id is a target, [ids], as a weight of the model; `follow`
            assigns it.
        negatives: a number of items drawn evenly a batch, beside the batch's own; or kinds of
            `sampling/`. Those of a user are corrected as if the batch's proposal had drawn them.
        temperature: what divides the scores.
        repeats: a number of `negatives` has what the user took among them.
        correct: subtract log q of the proposal. In the batch q is how often an item is a target of
            what is learnt from, as `follow` finds; before that, how often it has a training event.
    """

    def __init__(
        self,
        owner: str,
        features: Features,
        frequency: tf.Variable,
        negatives: Negatives = 1000,
        temperature: float | None = None,
        correct: bool = True,
        repeats: bool = False,
    ):
        super().__init__()
        self.kinds = checked_kinds(owner, features, negatives, correct, repeats)
        in_batch = [kind for kind in self.kinds if isinstance(kind, InBatch)]
        self.in_batch = bool(in_batch)
        self.across_replicas = any(kind.across_replicas for kind in in_batch)
        drawn = [kind for kind in self.kinds if isinstance(kind, OfBatch)]
        self.owner, self.features, self.correct = owner, features, correct
        self.samplers = [(kind.count, kind.sampler(features)) for kind in drawn]
        self.of_user: list[tuple[OfUser, UserSampler]] | None = None
        self.users: pd.Index | None = None  # of what `follow` was given
        self.frequency = frequency
        self.softmax = InBatchSoftmax(temperature, remove_accidental_hits=True, reduction="mean")
        self.sampled = SampledSoftmax(1.0 if temperature is None else temperature)

    @property
    def drawn(self) -> int:
        """How many are drawn for a batch."""
        return sum(count for count, _ in self.samplers)

    def drawn_for(self, batch_size: int) -> int:
        """How many are drawn for a batch of so many examples, and for each of its users."""
        own = sum(kind.count for kind in self.kinds if isinstance(kind, OfUser))
        return self.drawn + batch_size * own

    @property
    def personal(self) -> list[str]:
        """The names of the kinds that are drawn for each user, which XLA does not compile."""
        return [type(kind).__name__ for kind in self.kinds if isinstance(kind, OfUser)]

    @property
    def own_items(self) -> int:
        """How many of a user's items a batch has to hold, to leave them out."""
        return max((kind.most for kind in self.kinds if isinstance(kind, WithoutOwn)), default=0)

    def logits_of(self, batch_size: int, compiled: bool, mask_bytes: int = 0) -> int:
        """How many logits `loss` holds at once of a batch of so many examples.

        Masks that are held as a whole, of which XLA writes out those of `left_out` alone, count as
        so many more.

        Args:
            compiled: whether XLA compiles the step.
            mask_bytes: what the model's own mask has of each candidate of a query.
        """
        shared = batch_size * self.in_batch + self.drawn
        own = sum(kind.count for kind in self.kinds if isinstance(kind, OfUser))
        held = shared if compiled else 0
        if own or not self.in_batch:
            held = 1 + shared + own
        if not (compiled or own) and self.in_batch:
            return batch_size * held  # masks are of a few rows
        masks = LEFT_OUT * (self.own_items > 0) + (0 if compiled else mask_bytes)
        return batch_size * (held + shared * masks // OF_LOGIT)

    def follow(self, train: Interactions, examples: Examples) -> None:
        """Takes what the batches will hold, and what is known of the users.

        Args:
            train: whose users' rows are the batches' `user_row`.
            examples: that the batches are made of.
        """
        item = self.features.ids("item_id").encode(examples.events["item_id"])[examples.target]
        self._follow_targets(np.bincount(item, minlength=self.frequency.shape[0]))
        kinds = [kind for kind in self.kinds if isinstance(kind, OfUser)]
        self.of_user = [(kind, kind.sampler(self.features, train)) for kind in kinds]
        self.users = pd.Index(train.users["user_id"]) if self.personal else None

    def follow_parts(self, targets: np.ndarray) -> None:
        """As `follow`, of events in parts, by how often each encoded item is a target.

        Raises: ValueError for negatives that depend on all that a user has met.
        """
        self.require_held()
        self._follow_targets(targets)

    def require_held(self) -> None:
        """Raises ValueError for negatives that events in parts do not have."""
        if self.personal:
            raise ValueError(
                f"{self.owner} cannot draw negatives of a user from events in parts, which are "
                "held at no time: take kinds of the batch, such as InBatch() and Uniform(…), or "
                f"Interactions that are held. Received: {', '.join(self.personal)}."
            )

    def rows_of_users(self, users: pd.DataFrame) -> np.ndarray:
        """The rows that these users have in what `follow` was given, int32; strangers have one
        past all others, of which nothing is known.

        Raises: ValueError before `follow`.
        """
        if self.users is None:
            raise ValueError(
                f"{self.owner} measures users by negatives that its training data tells apart: "
                "call training_data(train) first. Received: validation data alone, negatives of "
                f"the kinds {', '.join(self.personal)}."
            )
        row = places(self.users, users["user_id"])
        return np.where(row < 0, len(self.users), row).astype("int32")

    def _follow_targets(self, counts: np.ndarray) -> None:
        counts = np.where(np.arange(len(counts)) < FIRST_KNOWN, 0, counts)
        self.frequency.assign((counts / max(counts.sum(), 1)).astype("float32"))

    def draw(self, seed: tf.Tensor | None = None) -> tf.Tensor:
        """What is drawn for a batch, encoded ids [drawn]; `seed` as in `UniformNegatives`."""
        parts = [
            sampler.sample([count], None if seed is None else tf.add(seed, [-place, 0]))
            for place, (count, sampler) in enumerate(self.samplers)
        ]
        return tf.concat(parts, axis=0) if parts else tf.zeros([0], tf.int32)

    def expected(self, ids: tf.Tensor) -> tf.Tensor:
        """How often each of these ids is drawn for a batch, on average, float32."""
        zero = tf.zeros(tf.shape(ids), tf.float32)
        return sum((count * s.probability_of(ids) for count, s in self.samplers), zero)

    def log_probability(self, ids: tf.Tensor, batch: tf.Tensor) -> tf.Tensor:
        """Logarithm of the proposal at these ids, float32; `batch` is the number of examples."""
        expected, number = self.expected(ids), tf.constant(float(self.drawn))
        if self.in_batch:
            batch = tf.cast(batch, tf.float32)
            expected += batch * rows_of(self.frequency, ids)
            number += batch
        # An id that no part can draw (unknown, in a batch alone) must not give log 0.
        return tf.math.log(tf.where(expected > 0, expected / number, self.of_rarest(ids)))

    def of_rarest(self, ids: tf.Tensor) -> tf.Tensor:
        """What counts as the proposal at ids that it never has, float32.

        A user's own negatives may be items that are nobody's target. They count as the rarest of
        targets: what is never drawn is not what is always drawn. Nothing corrects other ids.
        """
        if not (self.personal and self.in_batch):
            return tf.ones(tf.shape(ids), tf.float32)
        rarest = tf.reduce_min(tf.where(self.frequency > 0, self.frequency, 1.0))
        return tf.where(ids >= FIRST_KNOWN, rarest, 1.0)

    def candidates(
        self,
        item_id: tf.Tensor,
        user_row: tf.Tensor | None = None,
        seed: tf.Tensor | None = None,
        left_out: tf.Tensor | None = None,
    ) -> Candidates:
        """What the queries of a batch choose from, whether it is learnt from or measured.

        Args:
            item_id: encoded ids of the positives, [batch].
            user_row: rows of the users' table that `follow` was given, [batch].
            seed: of what is drawn.
            left_out: encoded ids that are no negatives of a query, [batch, any], padded with 0.
        """
        positives = self.of_all(item_id)
        ids, size = tf.concat([positives, self.draw(seed)], axis=0), tf.size(positives)
        log_probability = self.log_probability(ids, size) if self.correct else None
        mask = None if left_out is None else self.but(left_out, ids)
        own = self.of_users(user_row, seed)
        own_log_probability = None
        if own is not None and self.correct:
            own_log_probability = self.log_probability(own, size)
        return Candidates(ids, log_probability, mask, own, own_log_probability)

    def of_all(self, positives: tf.Tensor) -> tf.Tensor:
        """Rows of the positives, with those of other replicas behind if they are candidates."""
        return own_first(positives) if self.across_replicas else positives

    def vectors(self, item_id: tf.Tensor, found: Candidates, vectors_of: Vectors) -> tf.Tensor:
        """Of `found.ids`, [candidates, dim]; a replica makes those of its own positives alone.

        Args:
            item_id: as in `candidates`.
            vectors_of: of encoded ids [...], vectors [..., dim].
        """
        if not self.across_replicas or replicas() == 1:
            return vectors_of(found.ids)
        drawn = found.ids[tf.size(found.ids) - self.drawn :]
        own, others = tf.split(
            vectors_of(tf.concat([item_id, drawn], axis=0)), [tf.size(item_id), self.drawn]
        )
        return tf.concat([self.of_all(own), others], axis=0)

    def but(self, left_out: tf.Tensor, ids: tf.Tensor) -> Mask:
        """Which candidates are none of those that are left out of a row.

        Encoded ids are few enough for a table of them all, which finds the first candidate of an
        id at once: comparing each with each would be slower than the logits.
        """
        count = tf.size(ids)
        nowhere = tf.fill([self.frequency.shape[0]], count)
        first = tf.tensor_scatter_nd_min(nowhere, ids[:, tf.newaxis], tf.range(count))
        groups, excluded = tf.gather(first, ids), tf.gather(first, left_out)
        mark = functools.partial(marked, groups) if self.softmax.whole else Marker(groups)
        return lambda start, stop: ~mark(excluded[start:stop])

    def of_users(self, user_row: tf.Tensor | None, seed: tf.Tensor | None) -> tf.Tensor | None:
        """The own negatives of `Candidates`."""
        if not self.personal:
            return None
        if self.of_user is None or user_row is None:
            raise ValueError(
                f"{self.owner} finds a user's negatives in the batches of its own training_data "
                "and validation_data, by user_row: take those. Received: other batches."
            )
        if seed is None:
            seed = next_seed()
        if seed is None:
            seed = tf.random.uniform([2], maxval=tf.int32.max, dtype=tf.int32)
        own = [
            sampler.sample(user_row, kind.count, tf.add(seed, [1, place]))
            for place, (kind, sampler) in enumerate(self.of_user)
        ]
        return tf.concat(own, axis=1)

    def loss(
        self,
        query: tf.Tensor,
        found: Candidates,
        vectors: tf.Tensor,
        own_vectors: tf.Tensor | None = None,
        sample_weight: tf.Tensor | None = None,
        training: bool = False,
        **arguments,
    ) -> tf.Tensor:
        """The loss, a scalar: the mean over the batch.

        Args:
            query: [batch, dim].
            vectors: of `found.ids`, [candidates, dim].
            own_vectors: of `found.own`, [batch, any, dim].
            arguments: others of `InBatchSoftmax`, for candidates of the batch.
        """
        size, log_probability = tf.shape(query)[0], found.log_probability
        if self.in_batch and found.own is None:
            return self.softmax(
                query,
                vectors,
                candidate_ids=found.ids,
                log_probability=log_probability,
                score_mask=found.mask,
                sample_weight=sample_weight,
                training=training,
                **arguments,
            )
        first = 0 if self.in_batch else size
        corrected = {}
        if log_probability is not None:
            corrected["positive_log_probability"] = log_probability[:size]
            corrected["negative_log_probability"] = log_probability[first:]
        if found.own is not None:
            corrected["own_negatives"], corrected["own_negative_ids"] = own_vectors, found.own
            corrected["own_negative_log_probability"] = found.own_log_probability
        return self.sampled(
            (query, vectors[:size], vectors[first:]),
            positive_ids=found.ids[:size],
            negative_ids=found.ids[first:],
            score_mask=None if found.mask is None else found.mask(0, size)[:, first:],
            sample_weight=sample_weight,
            **corrected,
        )

    def __call__(
        self,
        query: tf.Tensor | Vectors,
        item_id: tf.Tensor,
        vectors_of: Vectors,
        seed: tf.Tensor | None = None,
        user_row: tf.Tensor | None = None,
        left_out: tf.Tensor | None = None,
        training: bool = False,
        mask: Mask | None = None,
        **arguments,
    ) -> tf.Tensor:
        """The loss, a scalar.

        Args:
            query: [batch, dim], or a function of the positives' vectors that gives the queries.
            item_id: encoded ids of the positives, [batch].
            vectors_of: the candidate vectors [..., dim] of encoded ids [...].
            seed, user_row, left_out: as in `candidates`.
            mask: another one than that of `left_out`, of the positives and what is drawn.
            arguments: others of `loss`.
        """
        found = self.candidates(item_id, user_row, seed, left_out)
        found = found._replace(mask=together(mask, found.mask))
        vectors = self.vectors(item_id, found, vectors_of)
        own = None if found.own is None else vectors_of(found.own)
        query = query(vectors[: tf.size(item_id)]) if callable(query) else query
        return self.loss(query, found, vectors, own, training=training, **arguments)
