"""Full-ranking evaluation of any retriever: what is measured is what would be served."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tfrec_recall.evaluation import metrics
from tfrec_recall.evaluation.pairs import Pairs
from tfrec_recall.evaluation.queries import TIMESTAMP, Queries
from tfrec_recall.evaluation.ranking import NONE, Items, among, whole_catalogue
from tfrec_recall.evaluation.report import Report

if TYPE_CHECKING:
    from tfrec_recall.data.splits import Split
    from tfrec_recall.retrieval import Retriever

CUTS = (10, 50, 100)


def evaluate(
    retriever: Retriever,
    split: Split,
    on: str = "test",
    cuts: Sequence[int] = CUTS,
    batch_size: int = 512,
    candidates: pd.DataFrame | None = None,
    k: int | None = None,
    lists: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Ranks the whole catalogue for every user with a target and says how many targets it found.

    A query is built from the user's history, the users table and the time of the request, which is
    that of the first target; of the targets themselves it holds nothing. The items of the history
    are left out. A target that the retriever does not hold is a miss, and the report says how many
    there are.

    Memory is that of one batch, plus users × k numbers when the lists are kept.

    Args:
        retriever: in this process or loaded from disk.
        split: whose part is measured.
        on: "test" or "validation".
        cuts: the k of recall@k and of every other metric.
        batch_size: queries in one call. Users with histories of like length share a batch.
        candidates: user_id, item_id: rank only these items for each user, as published benchmarks
            with 100 candidates a user do. Items of the history are then not left out.
        k: places ranked for each user; the largest cut unless given.
        lists: keep the ranked lists, `Report.lists`.
        progress: called with users done and users in all, after each batch.

    Raises: ValueError when the retriever and the split have no item in common, when an input of the
        retriever is not in the data, or when a returned list breaks the rules: an item twice, or
        one of the user's history.

    >>> import tensorflow as tf
    >>> from tfrec_recall.data import Interactions, splits
    >>> from tfrec_recall.retrieval import EmbeddingRetriever
    >>> events = pd.DataFrame({"user_id": 1, "item_id": list("abcd"), "timestamp": range(4)})
    >>> split = splits.last_events_out(Interactions(events), test=1, validation=1)
    >>> retriever = EmbeddingRetriever(
    ...     lambda raw: tf.ones_like(raw["user_id"], tf.float32)[:, tf.newaxis],
    ...     ["a", "b", "c", "d"],
    ...     vectors=[[4.0], [3.0], [2.0], [1.0]],
    ...     inputs={"user_id": tf.TensorSpec([None], tf.int64)},
    ... )
    >>> report = evaluate(retriever, split, cuts=(1,))
    >>> report.lists["item_id"].tolist(), report.metrics["recall@1"]
    (['d'], 1.0)
    """
    cuts = tuple(sorted(set(cuts)))
    k = max(cuts) if k is None else k
    if not cuts or not 1 <= cuts[0] <= cuts[-1] <= k:
        raise ValueError(f"Cuts lie between 1 and k. Received: cuts={cuts}, k={k}.")
    part = split.part(on)
    users, wanted = _users_and_targets(part.targets, on)
    queries = Queries(
        retriever.inputs,
        users,
        part.history,
        table=split.interactions.users,
        timestamps=_request_times(part.targets, users),
    )
    items = Items(split.interactions.items["item_id"], retriever)
    targets = Pairs.of(part.targets, users, items.all)
    if candidates is None:
        ranked = whole_catalogue(retriever, queries, items, k, batch_size)
    else:
        chosen = Pairs.of(candidates, users, items.all)
        _check_candidates(chosen, users)
        ranked = among(chosen, retriever, queries, items, k, batch_size)

    positions = np.full((len(users), k), NONE, np.int32) if lists else None
    scores = np.full((len(users), k), -np.inf, np.float32) if lists else None
    exposure = np.zeros((len(cuts), len(items.catalogue)), np.int64)
    measured = {f"{name}@{cut}": np.zeros(len(users)) for cut in cuts for name in metrics.RANKING}
    done = 0
    for rows, position, score in ranked:
        hits = targets.holds(rows, position)
        for row, cut in enumerate(cuts):
            for name, metric in metrics.RANKING.items():
                measured[f"{name}@{cut}"][rows] = metric(hits, wanted[rows], cut)
            shown = position[:, :cut]
            shown = shown[(shown != NONE) & (shown < len(items.catalogue))]
            exposure[row] += np.bincount(shown, minlength=len(items.catalogue))
        if positions is not None and scores is not None:
            positions[rows], scores[rows] = position, score
        done += len(rows)
        if progress is not None:
            progress(done, len(users))

    return Report(
        title=f"{split.interactions.name}, {split.name}, {on}",
        cuts=cuts,
        per_user=pd.DataFrame(
            {"targets": wanted, "history": queries.history_length, **measured},
            index=pd.Index(users, name="user_id"),
        ),
        exposure=exposure,
        popularity=_popularity(split.train.events["item_id"], items.catalogue),
        item_ids=items.all,
        positions=positions,
        scores=scores,
        notes=_notes(items, targets, candidates),
    )


def _users_and_targets(targets: pd.DataFrame, on: str) -> tuple[np.ndarray, np.ndarray]:
    """The users with a target, and how many target events each has."""
    counts = targets["user_id"].value_counts(sort=False).sort_index()
    if not len(counts):
        raise ValueError(f"No user has a {on} target: there is nothing to measure.")
    return counts.index.to_numpy(), counts.to_numpy()


def _request_times(targets: pd.DataFrame, users: np.ndarray) -> np.ndarray | None:
    if TIMESTAMP not in targets:
        return None
    return targets.groupby("user_id")[TIMESTAMP].min().reindex(users).to_numpy()


def _popularity(trained: pd.Series, catalogue: pd.Index) -> np.ndarray:
    return trained.value_counts().reindex(catalogue, fill_value=0).to_numpy()


def _check_candidates(chosen: Pairs, users: np.ndarray) -> None:
    without = chosen.counts(len(users)) == 0
    if without.any():
        raise ValueError(
            "Every user with a target needs candidates. Received: none known for "
            f"{int(without.sum())} of {len(users)} users, the first {users[without][:3].tolist()}."
        )


def _notes(items: Items, targets: Pairs, candidates: pd.DataFrame | None) -> tuple[str, ...]:
    """What a reader of the figures has to know besides them."""
    notes = []
    unheld = int((~items.held[targets.items]).sum())
    if unheld:
        notes.append(f"{unheld:,} targets are items the retriever does not hold: they are misses.")
    extra = len(items.all) - len(items.catalogue)
    if extra:
        notes.append(f"{extra:,} items of the retriever are not in the catalogue of the split.")
    if candidates is not None:
        mean = len(candidates) / max(1, candidates["user_id"].nunique())
        notes.append(f"Ranked among {mean:,.0f} given candidates a user, not the whole catalogue.")
    return tuple(notes)
