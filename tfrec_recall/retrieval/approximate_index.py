"""Approximate search that keeps the promises of `Index`: exclusions, interests, any k."""

from __future__ import annotations

import dataclasses
import math
import numbers
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfrec_recall.data.arguments import whole as whole_number
from tfrec_recall.retrieval.exact import Exact, search_inputs, searched_exactly
from tfrec_recall.retrieval.index import Index, IndexNotice
from tfrec_recall.retrieval.probe import Asked, Probe
from tfrec_recall.retrieval.query_blocks import Queries, some_of
from tfrec_recall.retrieval.seldom import if_seldom
from tfrec_recall.retrieval.selection import NO_ROW, best, merge_by_maximum, unwanted
from tfrec_recall.retrieval.tuning import (
    FEWEST,
    QUERIES,
    Chosen,
    Searcher,
    Tunable,
    side_by_side,
    tune,
)

STEP = 1.25  # numbers of candidates are powers of it times k, so that few occur in a batch
ROUNDING = 1e-4  # of logarithms
EXACTLY = 0  # in place of a number of candidates
EXACT_SHARE = 4  # a search for more than a quarter of the catalogue is exact
STAND_IN = (
    "The {kind} index was tuned on item vectors: the recall that users get may be another. Pass "
    "tuning_queries, requests of users who do not choose the model, to promise theirs."
)


class ApproximateIndex(Index):
    """A searcher with exclusions, filters and several interests; see `ScaNN` and `InvertedFile`.

    A query for more than k, with items to leave out, or with filters visits as many leaves more,
    whatever the others of its batch ask for. Queries whose filters list few items, that ask for
    most of the catalogue, or for which too few items are found, are searched exactly.
    """

    def __init__(self, searcher: Searcher, chosen: Chosen, k: int, kind: str):
        super().__init__({"kind": kind}, name="approximate_index")
        self._searcher = searcher
        self._chosen = chosen
        self._k = k

    @property
    def parts(self):
        return dict(getattr(self._searcher, "parts", {}))

    def search(self, query, k, exclude=None, present=None, allowed=None):
        with self.ready():
            return self._searched(query, k, exclude, present, allowed)

    def _searched(self, query, k, exclude, present, allowed):
        items, dim = self._searcher.size
        query, exclude, present = search_inputs(dim, query, exclude, present)
        asked: Queries = (query, exclude, present, allowed)
        rows, scores = self._by_count(asked, self._counts(k, exclude, allowed), k)
        lacking = rows[:, -1] == NO_ROW
        if present is not None:
            lacking &= tf.reduce_any(present, axis=1)  # else nothing was asked

        def completed():
            of = tf.where(lacking)  # [lacking, 1]
            some = some_of(asked, of[:, 0])
            found = searched_exactly(
                self._searcher.search, self._searcher.vectors_of, (items, dim), some, k
            )
            return (
                tf.tensor_scatter_nd_update(rows, of, found[0]),
                tf.tensor_scatter_nd_update(scores, of, found[1]),
            )

        return if_seldom(tf.reduce_any(lacking), completed, lambda: (rows, scores))

    def ready(self):
        return self._searcher.ready()

    def at_once(self, query, k, asked):
        items, dim = self._searcher.size
        query = tf.ensure_shape(query, [None, dim])
        batch = tf.shape(query)[0]
        asked &= (batch > 0) & (k <= items // EXACT_SHARE)
        effort = self._effort(k)
        if self._searcher.takes_no_queries:  # a branch costs more operations
            some = query[: tf.where(asked, batch, 0)]
            rows, scores, whole = self._searcher.at_once(some, k, *effort)
            return rows, scores, asked & whole
        return tf.cond(
            asked,
            lambda: self._searcher.at_once(query, k, *effort),
            lambda: (tf.fill([1, 1], NO_ROW), tf.zeros([1, 1]), False),
        )

    def _counts(self, k, exclude, allowed):
        """How many candidates each query needs, [batch]: k times a power of `STEP`, or `EXACTLY`.

        A query's answer then follows from itself alone, and few counts occur in a batch.
        """
        items, _ = self._searcher.size
        excluded = tf.reduce_sum(tf.cast(exclude != NO_ROW, tf.float32), axis=1)
        needed = 1.0 + excluded / tf.cast(k, tf.float32)  # times k
        if allowed is not None:
            needed /= tf.maximum(allowed.share(), 1.0 / items)
        step = tf.math.ceil(tf.math.log(needed) / math.log(STEP) - ROUNDING)
        count = tf.math.ceil(tf.cast(k, tf.float32) * STEP**step - ROUNDING)
        exactly = count * EXACT_SHARE > items
        if allowed is not None:
            exactly |= allowed.few(items)
        return tf.where(exactly, EXACTLY, tf.cast(tf.minimum(count, float(items)), tf.int32))

    def _by_count(self, asked, counts, k):
        """The best k among the candidates of each query; none where it is to be searched exactly.

        Queries that need equally many are searched at a time.
        """
        size = tf.shape(counts)[0]

        def next_count(todo, rows, scores):
            count = tf.reduce_max(tf.where(todo, counts, EXACTLY))
            now = todo & (counts == count)
            of = tf.where(now)  # [some, 1]
            found = self._found(some_of(asked, of[:, 0]), count, k)
            return (
                todo & ~now,
                tf.tensor_scatter_nd_update(rows, of, found[0]),
                tf.tensor_scatter_nd_update(scores, of, found[1]),
            )

        def by_turns():
            _, rows, scores = tf.while_loop(
                lambda todo, *_: tf.reduce_any(todo),
                next_count,
                (counts != EXACTLY, *best(tf.zeros([size, 0]), k)),
                shape_invariants=(tf.TensorShape([None]), *[tf.TensorShape([None, None])] * 2),
                parallel_iterations=1,  # more would hold several blocks of candidates
            )
            return rows, scores

        # Nearly always all need as many: nothing is then gathered and scattered.
        least, most = tf.reduce_min(counts), tf.reduce_max(counts)
        alike = (least == most) & (most != EXACTLY)
        return if_seldom(~alike, by_turns, lambda: self._found(asked, most, k))

    def _found(self, asked, count, k):
        """The best k among so many candidates of each of these queries."""
        query, exclude, present, allowed = asked
        rows, scores = self._candidates(query, count, present)
        scores = tf.where(unwanted(rows, exclude, allowed), float("-inf"), scores)
        return best(scores, k, rows) if query.shape[1] == 1 else merge_by_maximum(rows, scores, k)

    def vectors_of(self, rows):
        return self._searcher.vectors_of(rows)

    def _candidates(self, query, count, present):
        reorder, leaves_to_search = self._effort(count)
        return side_by_side(self._searcher, query, count, reorder, leaves_to_search, present)

    def _effort(self, count: tf.Tensor | int) -> tuple[tf.Tensor, tf.Tensor]:
        """How many candidates a search for so many reorders, and how many leaves it visits."""
        chosen = self._chosen
        longer = tf.maximum(1.0, tf.cast(count, tf.float32) / self._k)
        leaves_to_search = tf.cast(tf.math.ceil(chosen.leaves_to_search * longer), tf.int32)
        reorder = tf.cast(tf.math.ceil(chosen.reorder * longer), tf.int32)
        return reorder, tf.minimum(leaves_to_search, chosen.leaves)


@dataclasses.dataclass(frozen=True)
class Fixed:
    """Settings that the user gives; None is left to tuning."""

    leaves: int | None = None
    leaves_to_search: int | None = None
    reorder: int | None = None

    def check(self, kind: str) -> None:
        for name, value in dataclasses.asdict(self).items():
            whole_number(kind, value, name, optional=True)
        if (self.leaves_to_search is None) != (self.reorder is None) or (
            self.leaves is None and self.reorder is not None
        ):
            raise ValueError(
                f"Give {kind} leaves_to_search and reorder together, and with leaves; or leave "
                f"them to tuning. Received: leaves={self.leaves}, "
                f"leaves_to_search={self.leaves_to_search}, reorder={self.reorder}."
            )

    @property
    def chosen(self) -> Chosen | None:
        """All of them; None where one is left to tuning."""
        if self.leaves and self.leaves_to_search and self.reorder:
            return Chosen(self.leaves, self.leaves_to_search, self.reorder)
        return None


def check_recall(kind: str, recall: float) -> None:
    if not (isinstance(recall, numbers.Real) and 0 < recall < 1):
        raise ValueError(
            f"{kind} reaches a recall between 0 and 1; for all of it use Exact(). "
            f"Received: recall={recall!r}."
        )


def approximate(
    kind: Tunable,
    name: str,
    vectors: np.ndarray,
    k: int,
    queries: np.ndarray | None,
    present: np.ndarray | None,
    recall: float,
    fixed: Fixed,
) -> ApproximateIndex:
    """The index that comes nearest to the recall; its report says how near.

    Args:
        vectors: float32 [items, dim].
        queries, present: as in `IndexSettings.build`.
    """
    started = time.perf_counter()
    items, dim = vectors.shape
    k = min(k, items)
    of_users = Asked.of(dim, np.zeros((0, dim)) if queries is None else queries, present)
    to_choose, to_report, tuned_with = _asked(vectors, of_users)
    probe, chosen = Probe.of(vectors, to_report, k), fixed.chosen
    if chosen is None:
        searcher, chosen, probe = tune(kind, vectors, to_choose, probe, recall, fixed.leaves)
    else:
        searcher = kind.searcher(vectors, chosen.leaves)
        chosen = dataclasses.replace(chosen, leaves=searcher.leaves)
    settings = dataclasses.asdict(kind)  # type: ignore[call-overload]
    return _reported(searcher, chosen, name, settings, probe, tuned_with, started)


def with_searcher(
    searcher: Searcher,
    chosen: Chosen,
    name: str,
    settings: Mapping[str, Any],
    k: int,
    queries: np.ndarray | None,
    present: np.ndarray | None,
) -> ApproximateIndex:
    """The index of a searcher that is there, with the settings that were chosen for it before.

    Its recall is measured, as that of any other.

    Args:
        settings: what its kind was asked for with, for the report.
        queries, present: as in `IndexSettings.build`.
    """
    started = time.perf_counter()
    items, dim = searcher.size
    vectors = searcher.vectors_of(tf.range(items)).numpy()
    of_users = Asked.of(dim, np.zeros((0, dim)) if queries is None else queries, present)
    _, to_report, measured_with = _asked(vectors, of_users)
    probe = Probe.of(vectors, to_report, k)
    return _reported(searcher, chosen, name, settings, probe, measured_with, started)


def _reported(
    searcher: Searcher,
    chosen: Chosen,
    name: str,
    settings: Mapping[str, Any],
    probe: Probe,
    tuned_with: str,
    started: float,
) -> ApproximateIndex:
    """The index, whose report says what it is and what was measured."""
    index = ApproximateIndex(searcher, chosen, probe.k, name)
    items, dim = searcher.size
    index.report.update(
        items=items,
        dim=dim,
        k=probe.k,
        settings=dict(settings),
        leaves=chosen.leaves,
        leaves_to_search=chosen.leaves_to_search,
        reorder=chosen.reorder,
        **_measured(index, probe),
        tuned_with=tuned_with,
        build_seconds=round(time.perf_counter() - started, 1),
    )
    return index


def told(index: ApproximateIndex, recall: float) -> ApproximateIndex:
    """The same; warns where it was tuned on other than users' queries, or falls short."""
    report = index.report
    if report["tuned_with"] == "item vectors":
        _warn(report, STAND_IN.format(kind=report["kind"]))
    if report["recall"] < recall:
        _warn(report, f"{_short_of(report, recall)} It serves as the settings given say.")
    return index


def as_promised(index: ApproximateIndex, recall: float) -> Index:
    """The same index, or exact search and a warning if it falls short of the recall."""
    report = index.report
    if report["recall"] >= recall:
        return told(index, recall)
    exact = Exact().build(index.vectors_of(tf.range(report["items"])).numpy())
    exact.report["instead_of"] = dict(report)
    _warn(exact.report, f"{_short_of(report, recall)} Every item is searched exactly instead.")
    return exact


@dataclasses.dataclass(frozen=True)
class TunedToRecall:
    """The settings that `ScaNN` and `InvertedFile` share; a subclass says how one is attempted."""

    recall: float = 0.95
    leaves: int | None = None
    leaves_to_search: int | None = None
    reorder: int | None = None

    def __post_init__(self) -> None:
        check_recall(type(self).__name__, self.recall)
        self.fixed.check(type(self).__name__)

    @property
    def fixed(self) -> Fixed:
        return Fixed(self.leaves, self.leaves_to_search, self.reorder)

    def build(
        self,
        vectors: np.ndarray,
        k: int = 100,
        queries: np.ndarray | None = None,
        present: np.ndarray | None = None,
    ) -> Index:
        index = self.attempt(vectors, k, queries, present)
        return (told if self.fixed.chosen else as_promised)(index, self.recall)

    def attempt(
        self,
        vectors: np.ndarray,
        k: int = 100,
        queries: np.ndarray | None = None,
        present: np.ndarray | None = None,
    ) -> ApproximateIndex:
        """As `build`, whether the recall is reached or not: the report says so."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it searches.")


def _short_of(report: dict[str, Any], recall: float) -> str:
    return (
        f"The {report['kind']} index reaches recall {report['recall']:.3f} at k={report['k']}, "
        f"and {recall} was asked for."
    )


def _warn(report: dict[str, Any], text: str) -> None:
    """Warns, and keeps the text in the report, which becomes a part of the model card."""
    report["warning"] = " ".join([*filter(None, [report.get("warning")]), text])
    warnings.warn(text, IndexNotice, stacklevel=5)


def _asked(vectors: np.ndarray, of_users: Asked) -> tuple[Asked, Asked, str]:
    """Queries to choose with, others to report with, and what they are.

    Item vectors stand in where there are no queries; where there are but few, they choose and the
    queries report.
    """
    random = np.random.default_rng(0)
    of_users = of_users.take(random.permutation(len(of_users))[: 2 * QUERIES])
    if len(of_users) >= 2 * FEWEST:
        return *of_users.halves(), "queries"
    items = Asked.of(vectors.shape[1], vectors[random.permutation(len(vectors))[: 2 * QUERIES]])
    if not len(items):  # all vectors are zeros
        items = Asked(vectors[:1, np.newaxis], np.ones((1, 1), bool))
    to_choose, to_report = items.halves() if len(items) > 1 else (items, items)
    if len(of_users):
        return to_choose, of_users, "item vectors, and measured on queries"
    return to_choose, to_report, "item vectors"


def _measured(index: ApproximateIndex, probe: Probe) -> dict[str, Any]:
    """Recall on the queries, and the time of one query at a time, beside that of exact search."""
    asked = probe.asked
    rows, _ = index.search(asked.vectors, probe.k, present=asked.present)
    each = probe.recall(rows.numpy())
    nothing = tf.zeros([1, 0], tf.int32)
    exact = index._searcher.search
    return {
        "recall": round(float(each.mean()), 4),
        "recall_standard_error": round(float(each.std() / np.sqrt(len(each))), 4),
        "queries": len(each),
        "milliseconds_per_query": {
            index.report["kind"]: _milliseconds(lambda query: index.search(query, probe.k), asked),
            "exact": _milliseconds(lambda query: exact(query, probe.k, nothing, None), asked),
        },
    }


def _milliseconds(search: Callable, asked: Asked, repeats: int = 20) -> float:
    """The time of a search for one query, in a graph: the shortest, as the others are disturbed."""
    search = tf.function(search, reduce_retracing=True)
    search(tf.constant(asked.vectors[:1]))
    seconds = []
    for row in np.resize(np.arange(len(asked)), repeats):
        query = tf.constant(asked.vectors[row : row + 1])
        started = time.perf_counter()
        search(query)
        seconds.append(time.perf_counter() - started)
    return round(1000 * min(seconds), 3)
