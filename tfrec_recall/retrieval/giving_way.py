"""Channels of a blend that list the same for everybody, before users whom no other one knows."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Self

import tensorflow as tf

from tfrec_recall.retrieval.embedding_retriever import EVERYBODY
from tfrec_recall.retrieval.retriever import Retriever
from tfrec_recall.retrieval.selection import NO_ROW


@dataclasses.dataclass(frozen=True)
class GivingWay:
    """Users whom only a channel knows that lists the same for everybody get what is popular in
    their segment, where another channel has that.

    Args:
        alike: which channels list the same for everybody.
        by_segment: which of the others fill lists with what is popular in the user's segment.
    """

    alike: tuple[bool, ...]
    by_segment: tuple[bool, ...]

    @classmethod
    def of(cls, channels: Iterable[Retriever]) -> Self:
        """Of these channels, in their order."""
        reports = [channel.report for channel in channels]
        alike = [(one.get("query") or {}).get("kind") == EVERYBODY for one in reports]
        filled = [bool((one.get("fallback") or {}).get("by")) for one in reports]
        by_segment = (own and not same for own, same in zip(filled, alike, strict=True))
        return cls(tuple(alike), tuple(by_segment))

    def some(self, places: Sequence[int]) -> GivingWay:
        """The same of some of the channels, by their places."""
        return GivingWay(
            tuple(self.alike[place] for place in places),
            tuple(self.by_segment[place] for place in places),
        )

    def asked(
        self, rows: Sequence[tf.Tensor], scores: Sequence[tf.Tensor]
    ) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
        """The lists of all channels, those that give way empty.

        A list gives way to one of as many popular items of the user's segment, if no channel of
        which it matters who the user is has evidence.

        Args:
            rows: of each channel's list, int32 [batch, depth]; -1 for none.
            scores: of the same; -inf for none, and for what only fills a list.
        """
        rows, scores = list(rows), list(scores)
        segments = [own for own, filled in zip(rows, self.by_segment, strict=True) if filled]
        if not segments or not any(self.alike):
            return rows, scores
        others = [
            tf.reduce_any(score > float("-inf"), axis=1)
            for score, same in zip(scores, self.alike, strict=True)
            if not same
        ]
        strangers = ~tf.reduce_any(tf.stack(others), axis=0)
        most = tf.reduce_max(tf.stack([_count(own) for own in segments]), axis=0)
        for place, same in enumerate(self.alike):
            if same:
                gives = (strangers & (most >= _count(rows[place])))[:, tf.newaxis]
                rows[place] = tf.where(gives, NO_ROW, rows[place])
                scores[place] = tf.where(gives, float("-inf"), scores[place])
        return rows, scores


def _count(rows: tf.Tensor) -> tf.Tensor:
    """How many items lists have, int32 [batch]."""
    return tf.reduce_sum(tf.cast(rows != NO_ROW, tf.int32), axis=1)
