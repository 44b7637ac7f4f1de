"""Ways to make one list of the lists of several channels."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from itertools import compress
from typing import Any, Self

import tensorflow as tf

from tfrec_recall.data.arguments import number
from tfrec_recall.retrieval.selection import NO_ROW, best, is_best, is_in, merge_by_maximum
from tfrec_recall.retrieval.trigger_retriever import merge_by_sum

Weights = Mapping[str, float] | None


@dataclasses.dataclass(frozen=True)
class Merging:
    """How a `Blend` makes one list of several: by a weight for each; see the classes below.

    A channel of weight 0 fills what the others leave open: the items that no other has come behind
    all that others have, in its own order, and are worth 0.
    """

    weights: Weights = None

    def for_channels(self, names: tuple[str, ...]) -> Self:
        """The same with a weight for each of these channels; None is 1 for all.

        Raises: ValueError for weights of others, none above 0, or one that is not finite.
        """
        given = dict.fromkeys(names, 1.0) if self.weights is None else dict(self.weights)
        finite = all(0 <= weight < math.inf for weight in given.values())
        if not finite or set(given) != set(names) or not any(given.values()):
            raise ValueError(
                "There is a weight from 0 for each channel, none infinite, and one above: "
                f"{', '.join(names)}. "
                f"Received: {given}."
            )
        return dataclasses.replace(self, weights={name: float(given[name]) for name in names})

    @property
    def report(self) -> dict[str, Any]:
        """Plain values: what it is."""
        return {"by": type(self).__name__, **dataclasses.asdict(self)}

    def merged(
        self, rows: Sequence[tf.Tensor], scores: Sequence[tf.Tensor], k: tf.Tensor | int
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The k best rows, none twice, and their scores, best first.

        Rows without a score, which fill a channel's list, come behind all that have one, their
        scores below 0: what any channel puts first, first.

        Args:
            rows: of each channel's list, int32 [batch, depth]; -1 for none.
            scores: of the same, best first; -inf for none.
        """
        evident = [
            tf.where(score > float("-inf"), own, NO_ROW)
            for own, score in zip(rows, scores, strict=True)
        ]
        found = self._of_evidence(evident, scores, k)
        fills = [
            tf.where(score > float("-inf"), NO_ROW, own)
            for own, score in zip(rows, scores, strict=True)
        ]
        lacking = tf.reduce_any(tf.concat(fills, axis=1) != NO_ROW)
        return tf.cond(lacking, lambda: _filled(found, fills, k), lambda: found)

    def worths(self, scores: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """What each place of each channel's list is worth, from 0 up, [batch, depth] each.

        Args:
            scores: of the lists, best first; -inf for none.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say what a place is worth.")

    def _of_evidence(self, rows, scores, k) -> tuple[tf.Tensor, tf.Tensor]:
        """`merged` of rows that all have a score: an item is worth the sum of its places."""
        weights, worths = self.weights or {}, self.worths(scores)
        weigh = [weight > 0 for weight in weights.values()]
        beside = tf.concat([*compress(rows, weigh)], axis=1)
        found = merge_by_sum(beside, tf.concat([*compress(worths, weigh)], axis=1), k)
        others = tuple(name for name, weight in weights.items() if not weight)
        if not others:
            return found
        # Their worths of 0 have no order, and the last item of a list may be worth no more. So they
        # are merged by themselves, and put behind in this order, which equal scores keep.
        weigh_not = [not one for one in weigh]
        own = [tf.where(is_in(one, beside), NO_ROW, one) for one in compress(rows, weigh_not)]
        alike = dataclasses.replace(self, weights=None).for_channels(others)
        more, _ = alike._of_evidence(own, [*compress(scores, weigh_not)], k)
        worth = tf.where(more != NO_ROW, 0.0, float("-inf"))
        return best(tf.concat([found[1], worth], 1), k, tf.concat([found[0], more], 1))

    @property
    def _each(self) -> list[float]:
        return list((self.weights or {}).values())


@dataclasses.dataclass(frozen=True)
class WeightedScores(Merging):
    """An item is worth the weighted sum of its scores, each list's scaled to run from 0 to 1.

    Source: "Combination of Multiple Searches", TREC-2 1994: CombSUM.

    An item that is not in a list has nothing from it; the last one has next to nothing.

    Args:
        weights: by the channels' names; None is 1 for all.
    """

    def worths(self, scores):
        return [
            weight * _from_0_to_1(score) for weight, score in zip(self._each, scores, strict=True)
        ]


@dataclasses.dataclass(frozen=True)
class ReciprocalRank(Merging):
    """An item is worth the weighted sum of 1 / (constant + its rank), whatever its scores are.

    Source: "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning Methods",
    SIGIR 2009.

    Args:
        weights: by the channels' names; None is 1 for all.
        constant: the greater, the less the first places are worth beside the others.

    Raises: ValueError for a constant below 0, or one that is not finite.
    """

    constant: float = 60.0

    def __post_init__(self) -> None:
        number("ReciprocalRank", self.constant, "constant", least=0)

    def worths(self, scores):
        rank = 1.0 + tf.range(tf.shape(scores[0])[1], dtype=tf.float32)
        return [
            tf.where(score > float("-inf"), weight / (self.constant + rank), 0.0)
            for weight, score in zip(self._each, scores, strict=True)
        ]


@dataclasses.dataclass(frozen=True)
class Quotas(Merging):
    """Every channel brings its share of the list, in its own order; places are dealt in turn.

    An item of several channels is brought by the one whose turn would come to it first, each
    channel by itself. It does not count for the others, whose quotas are met by the items behind;
    what a channel cannot fill the others do. A longer list begins as a shorter one does.

    Args:
        weights: the shares, by the channels' names, of any sum; None is equal shares.
    """

    def worths(self, scores):
        places = tf.range(tf.shape(scores[0])[1], dtype=tf.float32)
        return [
            tf.where(score > float("-inf"), _worth_of(places, weight), 0.0)
            for weight, score in zip(self._shares, scores, strict=True)
        ]

    def _of_evidence(self, rows, scores, k):
        beside = tf.concat(rows, axis=1)
        brings = is_best(beside, tf.concat(self.worths(scores), axis=1))
        worths = []
        each = zip(tf.split(brings, len(rows), axis=1), scores, self._shares, strict=True)
        for own, score, share in each:
            own &= score > float("-inf")
            place = tf.cumsum(tf.cast(own, tf.float32), axis=1, exclusive=True)
            worths.append(tf.where(own, _worth_of(place, share), float("-inf")))
        return best(tf.concat(worths, axis=1), k, beside)

    @property
    def _shares(self) -> list[float]:
        return [weight / sum(self._each) for weight in self._each]


def _filled(
    found: tuple[tf.Tensor, tf.Tensor], fills: Sequence[tf.Tensor], k: tf.Tensor | int
) -> tuple[tf.Tensor, tf.Tensor]:
    """A merged list, and behind it what fills the channels' lists; scores from 0 to -1."""
    below = []
    for own in fills:
        place = tf.cumsum(tf.cast(own != NO_ROW, tf.float32), axis=1)  # from 1
        below.append(-place / (1.0 + place))
    rows, scores = (
        tf.concat([part, *more], axis=1) for part, more in zip(found, (fills, below), strict=True)
    )
    return merge_by_maximum(rows, scores, k)


def _worth_of(place: tf.Tensor, share: float) -> tf.Tensor:
    """From 1 downwards, by the turn in which a place from 0 of a channel of this share is dealt."""
    if share <= 0:
        return tf.zeros_like(place)
    return 1.0 / (1.0 + (place + 0.5) / share)


def _from_0_to_1(score: tf.Tensor) -> tf.Tensor:
    """Scores of each row between those of its last and its first, [batch, depth]; 0 for none."""
    there = score > float("-inf")
    least = tf.reduce_min(tf.where(there, score, score.dtype.max), axis=1, keepdims=True)
    width = tf.where(there, score, least)[:, :1] - least
    scaled = tf.where(width > 0, tf.math.divide_no_nan(score - least, width), 1.0)
    return tf.where(there, scaled, 0.0)
