"""The retriever of an updated model, which offers what the version that serves does."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tfrec_recall.data import Interactions
from tfrec_recall.data.notices import tell
from tfrec_recall.export import LoadedRetriever
from tfrec_recall.models import RecallModel
from tfrec_recall.operations.index_settings import index_settings
from tfrec_recall.operations.kept_tree import KeptTree
from tfrec_recall.operations.remaining_items import KINDS, RemainingItems
from tfrec_recall.operations.same_filters import with_same_filters
from tfrec_recall.retrieval import EmbeddingRetriever, HistoryMean, Popularity, Retriever


def retriever_of(
    model: RecallModel,
    items: pd.DataFrame,
    like: LoadedRetriever,
    since: Interactions,
    known: pd.DataFrame | None = None,
) -> Retriever:
    """The model's retriever, with the index and what else an export offers.

    The tree of an index of ScaNN stays where few vectors are new or have moved (see `KeptTree`), as
    of models that embed new items without training.

    Args:
        since: what was learnt since `like`.
        known: the items that the model knows, which `reindex` may list again where they are found
            by neighbours or scores; None: it need not.
    """
    told = like.report.get("index")  # None where every item is scored, too
    index = None if told is None else index_settings(told)
    kept = None if index is None else KeptTree.of(like, items["item_id"], index)
    whole = items if known is None or like.report.get("kind") not in KINDS else known
    made = model.retriever(whole, kept or index, like.k, tuning_queries=like.tuned_with)
    if len(whole) > len(items):
        counted = made.popularity
        made = RemainingItems(made, items["item_id"].to_numpy(), like.k)
        if counted is not None:
            made.with_fallback(counted)
    popular = like.popularity
    if popular is not None and not (popular.by is None and popular.half_life_days is None):
        if popular.half_life_days is None or popular.newest is not None:
            popular = popular.later(since)
        else:
            tell("What is popular stays as it was: this export does not say when it was counted.")
        made.with_fallback(popular)
    if like.filter_inputs:
        with_same_filters(made, items, like)
    return made


def with_removed(made: Retriever, model: RecallModel, known: pd.DataFrame) -> Retriever | None:
    """Lets histories and counts of a retriever go on having the items that it does not list.

    Args:
        made: the model's retriever over the catalogue.
        known: the items that the model knows.

    Returns: the model's retriever over those that are not listed; None where there are none, or
        where items are not found by vectors (see `retriever_of`).
    """
    left = known[~known["item_id"].isin(made.item_ids)]
    if not len(left) or not isinstance(made, EmbeddingRetriever):
        return None
    removed = model.retriever(left, k=made.k)
    assert isinstance(removed, EmbeddingRetriever)  # of the same model
    mean, of_removed = made.query_embedder, removed.query_embedder
    if isinstance(mean, HistoryMean) and isinstance(of_removed, HistoryMean):
        made.query_embedder = _joined(mean, of_removed)
    counted, more = made.popularity, removed.popularity
    plain = counted is not None and counted.by is None and counted.half_life_days is None
    if counted is not None and more is not None and plain:  # others go on with all that they had
        made.popularity = Popularity(
            np.concatenate([counted.item_ids, more.item_ids]),
            np.concatenate([counted.scores, more.scores]),
        )
    return removed


def _joined(one: HistoryMean, other: HistoryMean) -> HistoryMean:
    return HistoryMean(
        np.concatenate([one.catalogue.ids, other.catalogue.ids]),
        np.concatenate([one.vectors.numpy(), other.vectors.numpy()]),
        one.last,
        one.half_life,
    )
