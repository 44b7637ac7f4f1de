"""What an export makes of the requests of units, and what it answers them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import pandas as pd
import tensorflow as tf

from tfrec_recall.evaluation import Queries
from tfrec_recall.evaluation.item_features import ItemFeatures
from tfrec_recall.health.day import Lists
from tfrec_recall.health.vectors import Vectors
from tfrec_recall.retrieval import Retriever
from tfrec_recall.retrieval.index import unit_vectors
from tfrec_recall.retrieval.probe import Asked, Probe
from tfrec_recall.retrieval.raw_inputs import tensors

REQUESTS = 1_024  # that are embedded
ANSWERED = 256  # of these
BELOW_ALL = np.float32(-1e30)  # whatever the length of a request
LENGTH = 50  # of the lists, if the export has so long ones
AT_A_TIME = 256
ITEMS_AT_A_TIME = 4_096


def requests(
    inputs: Mapping[str, tf.TensorSpec],
    users: np.ndarray,
    events: pd.DataFrame,
    unit: np.ndarray,
    of_users: pd.DataFrame | None,
) -> dict[str, tf.Tensor]:
    """The raw queries of the first units, each asked at its newest event, with what came with it.

    The history is that of the day: a day's events say nothing of what was before.
    """
    count = min(len(users), REQUESTS)
    mine = unit < count
    events, unit = events[mine], unit[mine]
    newest = np.searchsorted(unit, np.arange(count), side="right") - 1
    table = pd.DataFrame({"user_id": np.arange(count)})
    known = {} if of_users is None else {name: of_users[name].iloc[:count] for name in of_users}
    context = events.iloc[newest].reset_index(drop=True)
    for name in inputs:
        if name in known:
            table[name] = known[name].to_numpy()
        elif name not in context and not name.startswith("history"):
            context[name] = None  # nobody tells it
    queries = Queries(
        {name: spec for name, spec in inputs.items() if name != "user_id"},
        np.arange(count),
        events.assign(user_id=unit),
        table=table,
        timestamps=context["timestamp"].to_numpy() if "timestamp" in events else None,
        context=context,
    )
    found = queries.batch(np.arange(count))
    if "user_id" in inputs:
        found["user_id"] = tf.constant(users[:count], inputs["user_id"].dtype)
    return found


def vectors_of(retriever: Retriever, queries: Mapping[str, tf.Tensor]) -> tuple[Vectors, Asked]:
    """The vectors of requests; and as an index is asked with them, a row a request."""
    count = len(next(iter(queries.values())))
    rows, there = [], []
    for first in range(0, count, AT_A_TIME):
        some = {name: value[first : first + AT_A_TIME] for name, value in queries.items()}
        found, present = retriever.interests(tensors(some, retriever.inputs, "retriever"))
        found = found[:, tf.newaxis] if found.shape.rank == 2 else found
        present = tf.fill(tf.shape(found)[:2], True) if present is None else present
        rows.append(found.numpy())
        there.append(present.numpy())
    vectors, present = np.concatenate(rows).astype(np.float32), np.concatenate(there)
    unit, _ = np.nonzero(present)
    return Vectors(vectors[present], unit, count), Asked(vectors, present)


def lists_of(
    retriever: Retriever,
    queries: Mapping[str, tf.Tensor],
    popularity: np.ndarray,
    asked: Asked | None,
    items: np.ndarray | None,
    length: int = LENGTH,
) -> Lists:
    """The answers to the first requests, nothing left out.

    Args:
        popularity: events of each item of the catalogue, [items].
        asked: the requests as vectors.
        items: the vectors that are searched, as `searched_vectors` gives them; None: recall is not
            measured.
        length: of the lists, at most.
    """
    count = min(len(next(iter(queries.values()))), ANSWERED)
    k = min(retriever.k, length, len(retriever.item_ids))
    known = pd.Index(retriever.item_ids)
    parts, by_index = [], []
    for first in range(0, count, AT_A_TIME):
        last = min(first + AT_A_TIME, count)
        some = {name: value[first:last] for name, value in queries.items()}
        ids, score, *evident = (part.numpy() for part in retriever.recommend_with_evidence(some, k))
        if ids.dtype == object:
            ids = np.array([[one.decode() for one in row] for row in ids], object).reshape(
                ids.shape
            )
        row = known.get_indexer(pd.Index(ids.reshape(-1))).reshape(ids.shape)
        parts.append(np.where(np.isfinite(score), row, -1))
        by_index.append(evident[0] > 0 if evident else np.ones(len(ids), bool))
    lists = Lists.of(np.concatenate(parts), popularity)
    if asked is None or items is None:
        return lists
    asked = asked.take(slice(count))
    asks = np.asarray((asked.present & asked.vectors.any(axis=2)).any(axis=1))
    asks &= np.concatenate(by_index)  # a stranger's list is what is popular
    probe = _probe(items, asked.take(asks), k)
    found, wanted = np.zeros(count), np.zeros(count)
    found[asks], wanted[asks] = probe.recall(lists.rows[asks]), 1.0
    return dataclasses.replace(lists, found=found, wanted=wanted)


def _probe(items: np.ndarray, asked: Asked, k: int) -> Probe:
    """The requests with their exact answers; they have a 1 for what items have as a bias."""
    if items.shape[1] > asked.vectors.shape[2]:
        ones = np.ones((*asked.vectors.shape[:2], 1), np.float32)
        asked = Asked(np.concatenate([asked.vectors, ones], axis=2), asked.present)
        k = min(k, int((~_fill_lists(items)).sum()))
    return Probe.of(items, asked, k)


def _fill_lists(items: np.ndarray) -> np.ndarray:
    """Which items, with their bias, are found by no request, as nothing is known of them; bool."""
    return (items[:, -1] < 0) & ~items[:, :-1].any(axis=1)


def searched_vectors(retriever: Retriever) -> np.ndarray:
    """The vectors of the catalogue that requests are compared with, float32 [items, dim]; where
    items have a bias, it is one more number.

    Raises: ValueError that says why there are none to compare with.
    """
    report = retriever.report
    if report.get("kind") != "embedding" or "embed_item" not in retriever.signatures:
        raise ValueError(f"it finds items by {report.get('kind', 'what its card does not tell')}")
    if "diversity" in report:
        raise ValueError("its lists are spread over categories, which the nearest items are not")
    if "new_items" in report:
        raise ValueError("its lists give places to new items, which the nearest items are not")
    vectors = item_vectors(retriever, retriever.item_ids)
    if report.get("shortened"):
        vectors = unit_vectors(vectors)  # which the lists of users go by
    of_items = {name: weight.numpy().reshape(-1, 1) for name, weight in retriever.of_items.items()}
    vectors = vectors * of_items.get("lift", np.float32(1))
    if "bias" in of_items:
        vectors = np.hstack([vectors, of_items["bias"]])
        filling = _fill_lists(vectors)
        if filling.all():
            raise ValueError("it knows nothing of any item")
        vectors[filling, -1] = BELOW_ALL
    return vectors


def item_vectors(
    retriever: Retriever, ids: np.ndarray, table: pd.DataFrame | None = None
) -> np.ndarray:
    """The vectors of items by `embed_item`, float32 [items, dim].

    Args:
        table: their features; by default those that the export keeps, or the vectors that the
            retriever of this process has.

    Raises: ValueError where features are needed and are not there.
    """
    by_id = set(retriever.item_inputs) == {"item_id"}
    table = getattr(retriever, "items", None) if table is None else table
    features = None
    if not by_id and (table is not None or hasattr(retriever, "saved")):
        features = ItemFeatures(table, retriever.item_inputs, retriever.item_columns)
    parts = []
    for first in range(0, len(ids), ITEMS_AT_A_TIME):
        some = ids[first : first + ITEMS_AT_A_TIME]
        raw = {"item_id": some} if features is None else features.of(some)
        parts.append(retriever.embed_item(raw).numpy())
    return np.concatenate(parts).astype(np.float32)
