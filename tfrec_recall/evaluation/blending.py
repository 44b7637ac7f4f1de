"""Weights of a blend by what its lists find on validation, and what each channel adds."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
import tensorflow as tf

from tfrec_recall.evaluation.evaluate import evaluate
from tfrec_recall.evaluation.metrics import recall
from tfrec_recall.evaluation.pairs import Pairs
from tfrec_recall.evaluation.ranking import NONE
from tfrec_recall.evaluation.targets import Targets
from tfrec_recall.retrieval import Retriever
from tfrec_recall.retrieval.giving_way import GivingWay

if TYPE_CHECKING:
    from tfrec_recall.data.splits import Split
    from tfrec_recall.retrieval.merging import Merging

AT_A_TIME = 1_024  # users whose lists are merged
Metric = Callable[[np.ndarray, np.ndarray, int], np.ndarray]  # as those of `metrics`
# What a weight is tried at, times itself, or times the largest where it is 0.
FACTORS = (0.0, 0.25, 0.5, 0.7, 0.85, 0.95, 1.0, 1.05, 1.2, 1.5, 2.0, 4.0)
ROUNDS = 5  # over all channels; few change anything in the third


@dataclasses.dataclass(frozen=True, eq=False)
class ChannelLists:
    """The lists of several channels for the same users, and what these wanted.

    Args:
        names: of the channels.
        rows: positions of items, int32 [users, depth] each; -1 for none.
        scores: of the same, float32 [users, depth] each; -inf for popular items that fill a list.
        targets: the users' targets, by positions of items.
        wanted: how many there are, [users].
        giving_way: which of the lists give way to others, as in a `Blend`; None: none does.
    """

    names: tuple[str, ...]
    rows: tuple[np.ndarray, ...]
    scores: tuple[np.ndarray, ...]
    targets: Pairs
    wanted: np.ndarray
    giving_way: GivingWay | None = None

    @classmethod
    def of(
        cls,
        channels: Mapping[str, Retriever],
        split: Split,
        on: str = "validation",
        depth: int = 100,
        repeats: bool = False,
        progress: Callable[[str, int, int], None] | None = None,
    ) -> Self:
        """What each channel lists for the users of a part, as `evaluate` asks it.

        Args:
            on: "validation" or "test".
            depth: how long the lists are.
            repeats: as for `evaluate`.
            progress: called with the channel, users done and users in all.
        """
        rows, scores = [], []
        items = pd.Index(split.interactions.items["item_id"])
        for name, channel in channels.items():

            def tell(done: int, users: int, name: str = name) -> None:
                if progress is not None:
                    progress(name, done, users)

            asked = _Evidence(channel)
            report = evaluate(asked, split, on, cuts=(1,), k=depth, repeats=repeats, progress=tell)
            # Items that only this channel holds come behind, where no other has its own.
            items = items.append(report.item_ids.difference(items, sort=False))
            position = np.append(items.get_indexer(report.item_ids), NONE).astype(np.int32)
            rows.append(position[np.asarray(report.positions)])
            scores.append(np.asarray(report.scores))
        found = Targets.of(split.part(on), items, repeats, on)
        giving_way = GivingWay.of(channels.values())
        lists = (tuple(rows), tuple(scores))
        return cls(tuple(channels), *lists, found.pairs, found.counts, giving_way)

    def without(self, name: str) -> ChannelLists:
        """The same without one channel."""
        return self._of([place for place, other in enumerate(self.names) if other != name])

    def alone(self, name: str) -> ChannelLists:
        """The same of one channel."""
        return self._of([self.names.index(name)])

    def _of(self, kept: list[int]) -> ChannelLists:
        return dataclasses.replace(
            self,
            names=tuple(self.names[place] for place in kept),
            rows=tuple(self.rows[place] for place in kept),
            scores=tuple(self.scores[place] for place in kept),
            giving_way=None if self.giving_way is None else self.giving_way.some(kept),
        )

    @functools.cached_property
    def _asked(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """The rows and scores that a blend merges, of which some lists have given way."""
        if self.giving_way is None:
            return list(self.rows), list(self.scores)
        rows, scores = self.giving_way.asked(self.rows, self.scores)
        return [np.asarray(one) for one in rows], [np.asarray(one) for one in scores]

    def recall(self, merging: Merging, cut: int) -> float:
        """Recall at the cut of the merged lists, as a `Blend` merges them."""
        return self.mean(recall, merging, cut)

    def mean(self, metric: Metric, merging: Merging, cut: int) -> float:
        """As `recall`, of another function of `evaluation.metrics`."""
        merging = merging.for_channels(self.names)
        rows_of, scores_of = self._asked
        found = np.zeros(len(self.wanted))
        for first in range(0, len(self.wanted), AT_A_TIME):
            some = slice(first, first + AT_A_TIME)
            listed, _ = merging.merged(
                [tf.constant(rows[some]) for rows in rows_of],
                [tf.constant(scores[some]) for scores in scores_of],
                cut,
            )
            hits = self.targets.holds(np.arange(len(found))[some], listed.numpy())
            found[some] = metric(hits, self.wanted[some], cut)
        return float(found.mean())


class _Evidence(Retriever):
    """A channel whose lists say what only fills them: it has no score, -inf."""

    __setattr__ = object.__setattr__  # it has nothing of its own that a module would track

    def __init__(self, channel: Retriever):
        self.item_ids, self.inputs = channel.item_ids, channel.inputs
        self._channel = channel

    def __call__(  # type: ignore[override]
        self, queries: Any, k: int, exclude: Any
    ) -> tuple[tf.Tensor, tf.Tensor]:
        ids, score, evident = self._channel.recommend_with_evidence(queries, k, exclude)
        return ids, tf.where(tf.range(k) < evident[:, tf.newaxis], score, float("-inf"))


def fit_weights(lists: ChannelLists, merging: Merging, cut: int = 50) -> Merging:
    """The merging with the weights that find most of what these users wanted.

    From equal weights, and from the best channel alone, one channel after the other is tried at
    other weights, until none helps: on what it was fitted to, a blend is no worse than any channel.

    Args:
        lists: of validation; what is measured must not be fitted to.
        merging: of any weights.
        cut: the k of the recall.
    """
    names = lists.names

    def found(weights: dict[str, float]) -> float:
        if not any(weights.values()):
            return -1.0
        return lists.recall(dataclasses.replace(merging, weights=weights), cut)

    def climbed(weights: dict[str, float]) -> tuple[float, dict[str, float]]:
        most = found(weights)
        for _ in range(ROUNDS):
            before = most
            for name in names:
                own = weights[name] or max(weights.values())
                for factor in FACTORS:
                    trial = {**weights, name: factor * own}
                    value = found(trial) if trial != weights else most
                    if value > most:
                        most, weights = value, trial
            if most == before:
                break
        return most, weights

    alone = [{name: float(name == one) for name in names} for one in names]
    starts = [dict.fromkeys(names, 1.0), max(alone, key=found)]
    _, weights = max(map(climbed, starts), key=lambda one: one[0])
    total = sum(weights.values())
    rounded = {name: round(weight / total, 4) for name, weight in weights.items()}
    return dataclasses.replace(merging, weights=rounded)


def what_each_adds(
    fitted_to: ChannelLists | None, measured: ChannelLists, merging: Merging, cut: int = 50
) -> pd.DataFrame:
    """A row a channel: its weight, its recall alone, the blend's without it, and what it adds.

    Args:
        fitted_to: lists of validation, which the weights of the blends without a channel are fitted
            to, as those of the whole were; None: they keep what they have in the whole.
        measured: lists of test.
        merging: with the weights of the whole.

    Returns: columns channel, weight, alone, without, adds.
    """
    whole = measured.recall(merging, cut)
    weights = merging.weights or {}
    rows = []
    for name in measured.names:
        kept = {other: weight for other, weight in weights.items() if other != name}
        # Channels of weight 0 fill what others leave open: where there are no others, all alike.
        rest = dataclasses.replace(merging, weights=kept if any(kept.values()) else None)
        if fitted_to is not None:
            rest = fit_weights(fitted_to.without(name), rest, cut)
        without = measured.without(name).recall(rest, cut)
        only = measured.alone(name).recall(dataclasses.replace(merging, weights=None), cut)
        rows.append((name, weights.get(name, 1.0), only, without, whole - without))
    return pd.DataFrame(rows, columns=["channel", "weight", "alone", "without", "adds"])
