"""Settings of an approximate index that reach a target recall at the least work, by measuring."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from typing import Protocol

import numpy as np
import tensorflow as tf

from tfrec_recall.retrieval.filters import Allowed
from tfrec_recall.retrieval.probe import Asked, Probe
from tfrec_recall.retrieval.selection import NO_ROW, best, merge_by_maximum

QUERIES = 512  # to choose with, and as many others to report with
FEWEST = 32  # queries of users that say something of recall, to choose with or to report with
COARSE = 10_000  # items on which numbers of leaves are compared
NO_GAIN = 1e-4  # of recall, from twice the leaves
LEAVES_PER_ROOT = (1.0, 2.0, 4.0)  # leaves, as multiples of the square root of the items


@dataclasses.dataclass(frozen=True)
class Chosen:
    """Settings for lists of k, and the recall that they reached on the queries that chose them."""

    leaves: int
    leaves_to_search: int
    reorder: int
    recall: float = math.nan
    standard_error: float = math.nan

    def reaches(self, recall: float) -> bool:
        """Whether the recall is reached, and not by the luck of these queries alone."""
        return self.recall - self.standard_error >= recall


class Searcher(Protocol):
    """Items in leaves, of which a search visits some.

    `vectors` are the items', [items, dim], in the order of the rows.
    """

    @property
    def size(self) -> tuple[int, int]:
        """Items, and the numbers of each."""

    @property
    def leaves(self) -> int:
        """How many leaves there are."""

    def candidates(
        self,
        query: tf.Tensor,
        count: tf.Tensor | int,
        reorder: tf.Tensor | int,
        leaves_to_search: tf.Tensor | int,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Up to `count` rows for each query and their inner products, best first.

        Args:
            query: [batch, dim], a batch of at least one.
            reorder: how many of the best by compressed vectors are scored exactly; at least
                `count`.
            leaves_to_search: how many leaves, those nearest to the query.

        Returns: rows int32 and scores float32 [batch, most that were found]; where the leaves held
            fewer, row -1, whose score means nothing.
        """

    @property
    def takes_no_queries(self) -> bool:
        """Whether `at_once` may be given a batch of none."""

    def ready(self) -> contextlib.AbstractContextManager[None]:
        """Until its end, searches that are traced in one graph, and inside it, share what they are
        made of."""

    def at_once(self, query, k, reorder, leaves_to_search) -> tuple[tf.Tensor, ...]:
        """`candidates`, and whether there are k of each query: else the rows mean nothing."""

    def search(
        self,
        query: tf.Tensor,
        k: tf.Tensor | int,
        exclude: tf.Tensor,
        present: tf.Tensor | None,
        allowed: Allowed | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Exact search, as `exact_search`."""

    def vectors_of(self, rows: tf.Tensor) -> tf.Tensor:
        """As `Index.vectors_of`."""


class Tunable(Protocol):
    """A kind of index, as the tuner sees it."""

    @property
    def reorder_per_k(self) -> tuple[float, ...]:
        """What is tried as reordering, as multiples of k, rising."""

    def searcher(self, vectors: np.ndarray, leaves: int) -> Searcher:
        """A searcher of these items."""

    def work(self, items: int, chosen: Chosen) -> float:
        """About how many nanoseconds a query costs, for each number of a vector."""


def side_by_side(
    searcher: Searcher,
    query: tf.Tensor,
    count: tf.Tensor | int,
    reorder: tf.Tensor | int,
    leaves_to_search: tf.Tensor | int,
    present: tf.Tensor | None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """The candidates of all interests of a query beside each other, [batch, any].

    Args:
        query: [batch, interests, dim].
        present: bool [batch, interests]; None: all are.
    """
    flat = tf.reshape(query, [-1, query.shape[2]])  # [batch * interests, dim]
    rows, scores = searcher.candidates(flat, count, reorder, leaves_to_search)
    scores = tf.where(rows == NO_ROW, float("-inf"), scores)
    if present is not None:
        scores = tf.where(tf.reshape(present, [-1, 1]), scores, float("-inf"))
    beside = [tf.shape(query)[0], tf.shape(query)[1] * tf.shape(rows)[1]]
    return tf.reshape(rows, beside), tf.reshape(scores, beside)


def tune(
    kind: Tunable,
    vectors: np.ndarray,
    asked: Asked,
    probe: Probe,
    recall: float,
    leaves: int | None,
) -> tuple[Searcher, Chosen, Probe]:
    """A searcher, the cheapest settings found for lists of k, and what to report their recall with.

    Numbers of leaves are compared on a sample of the items, then leaves to search and reordering
    are chosen on all of them: by measured recall, and by the work that a search does, so that the
    same data gives the same settings whatever else the machine is doing.

    Then the recall is measured on other queries. Where these find less than what is promised, half
    of them also choose, the aim is raised by what was missing, and the rest report: what reports
    has chosen nothing.

    Args:
        vectors: float32 [items, dim].
        asked: the queries to choose with.
        probe: the queries to report with.
        leaves: how many; None to choose.
    """
    choosing, k, aim = Probe.of(vectors, asked, probe.k), probe.k, recall
    if leaves is None:
        searcher, chosen = _of_best_leaves(kind, vectors, choosing, recall)
    else:
        searcher = kind.searcher(vectors, leaves)
        chosen = choose(kind, searcher, choosing, recall)
    while True:
        reached = _measured(searcher, chosen, probe).recall
        if reached >= recall or len(probe.asked) < 2 * FEWEST:
            return searcher, chosen, probe
        more, rest = probe.asked.halves()
        choosing = Probe.of(vectors, choosing.asked.and_(more), k)
        probe = Probe.of(vectors, rest, k)
        aim = min(aim + recall - reached, (aim + 1) / 2)
        chosen = choose(kind, searcher, choosing, aim)


def choose(kind: Tunable, searcher: Searcher, probe: Probe, recall: float) -> Chosen:
    """The cheapest leaves to search and reordering that reach the recall; if none do, the most."""
    items, _ = searcher.size
    best_so_far, most = None, searcher.leaves
    for factor in kind.reorder_per_k:
        settings = Chosen(searcher.leaves, most, min(items, math.ceil(factor * probe.k)))
        chosen = _fewest_leaves(searcher, settings, probe, recall, len(kind.reorder_per_k) > 1)
        if chosen.reaches(recall):
            work = kind.work(items, chosen)
            if best_so_far is not None and work >= kind.work(items, best_so_far):
                break
            # More reordering never needs more leaves.
            best_so_far, most = chosen, chosen.leaves_to_search
        if settings.reorder == items:
            break
    return best_so_far or chosen


def _fewest_leaves(
    searcher: Searcher, most: Chosen, probe: Probe, recall: float, compressed: bool
) -> Chosen:
    """These settings with the fewest leaves to search that reach the recall; if none do, the last.

    By doubling, as few leaves are measured the sooner, then by bisection. Where the search of
    compressed vectors finds no more in twice the leaves, it is the reordering that is too short.
    """
    too_few, trial, before = 0, 1, 0.0
    while True:
        enough = _measured(searcher, dataclasses.replace(most, leaves_to_search=trial), probe)
        if enough.reaches(recall):
            break
        gained = enough.recall - before
        if trial == most.leaves_to_search or (compressed and trial > 1 and gained < NO_GAIN):
            return enough
        too_few, trial, before = trial, min(2 * trial, most.leaves_to_search), enough.recall
    while enough.leaves_to_search - too_few > 1:
        middle = (enough.leaves_to_search + too_few) // 2
        measured = _measured(searcher, dataclasses.replace(most, leaves_to_search=middle), probe)
        if measured.reaches(recall):
            enough = measured
        else:
            too_few = middle
    return enough


def _measured(searcher: Searcher, settings: Chosen, probe: Probe) -> Chosen:
    """The same settings, with the recall that they reach."""
    rows, scores = side_by_side(
        searcher,
        tf.constant(probe.asked.vectors),
        probe.k,
        settings.reorder,
        settings.leaves_to_search,
        tf.constant(probe.asked.present),
    )
    interests = probe.asked.vectors.shape[1]
    merge = (
        best(scores, probe.k, rows) if interests == 1 else merge_by_maximum(rows, scores, probe.k)
    )
    each = probe.recall(merge[0].numpy())
    error = each.std() / math.sqrt(len(each))
    return dataclasses.replace(settings, recall=float(each.mean()), standard_error=float(error))


def _of_best_leaves(
    kind: Tunable, vectors: np.ndarray, probe: Probe, recall: float
) -> tuple[Searcher, Chosen]:
    """With as many leaves as are expected to work least, from trials on a sample."""
    items = len(vectors)
    sample, sample_probe = _coarse(vectors, probe)
    trials = []
    for per_root in LEAVES_PER_ROOT:
        leaves = max(1, round(per_root * math.sqrt(len(sample))))
        searcher = kind.searcher(sample, leaves)
        chosen = choose(kind, searcher, sample_probe, recall)
        # All items need the same share of their leaves, and as many more candidates as k is longer.
        share = chosen.leaves_to_search / chosen.leaves
        leaves = max(1, round(per_root * math.sqrt(items)))
        reorder = math.ceil(chosen.reorder * probe.k / sample_probe.k)
        scaled = Chosen(leaves, math.ceil(share * leaves), reorder)
        expected = (not chosen.reaches(recall), kind.work(items, scaled), leaves)
        trials.append((expected, searcher, chosen))
    (*_, leaves), searcher, chosen = min(trials, key=lambda trial: trial[0])
    if sample is not vectors:  # else the trial was of all items
        searcher = kind.searcher(vectors, leaves)
        chosen = choose(kind, searcher, probe, recall)
    return searcher, chosen


def _coarse(vectors: np.ndarray, probe: Probe) -> tuple[np.ndarray, Probe]:
    """A sample of the items, and lists as much shorter; everything if there are few items."""
    if len(vectors) <= COARSE:
        return vectors, probe
    rows = np.random.default_rng(0).choice(len(vectors), COARSE, replace=False)
    sample = vectors[np.sort(rows)]
    k = max(10, probe.k * COARSE // len(vectors))
    return sample, Probe.of(sample, probe.asked, k)
