"""An export over other items, embedded by itself: no training, and none of its code."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from tfrec_recall._signatures import signature_name
from tfrec_recall.data.notices import tell
from tfrec_recall.evaluation.item_features import ItemFeatures
from tfrec_recall.export import LoadedRetriever, export, load
from tfrec_recall.export.expected_answers import read_answers
from tfrec_recall.export.next_version import next_version
from tfrec_recall.export.version_files import EXTRA, STATE, STATE_ID
from tfrec_recall.health import read_reference, write_reference
from tfrec_recall.operations.blended_again import blended_again, is_blend
from tfrec_recall.operations.catalogue_changes import CatalogueChanges
from tfrec_recall.operations.index_settings import index_settings
from tfrec_recall.operations.kept_tree import KEPT, KeptTree
from tfrec_recall.operations.new_catalogue import each_once, of_its_ids, without_new
from tfrec_recall.operations.new_values import tell_new_values
from tfrec_recall.operations.query_embedder import query_embedder
from tfrec_recall.operations.remaining_items import KINDS, RemainingItems
from tfrec_recall.operations.remembered_items import EVENTS, RememberedItems
from tfrec_recall.operations.same_filters import with_same_filters
from tfrec_recall.operations.saved_function import SavedFunction
from tfrec_recall.retrieval import (
    Blend,
    Diversity,
    EmbeddingRetriever,
    IndexSettings,
    Retriever,
    TriggerRetriever,
    TuningVectors,
    merge_by_maximum,
    merge_by_sum,
)
from tfrec_recall.retrieval.index import unit_vectors
from tfrec_recall.retrieval.item_weights import below_all
from tfrec_recall.retrieval.raw_inputs import tensors
from tfrec_recall.retrieval.with_new_items import NEW_ITEMS

AT_A_TIME = 4_096  # items embedded in one call
MERGES = {merge.__name__: merge for merge in (merge_by_sum, merge_by_maximum)}


@dataclasses.dataclass(frozen=True)
class Reindexed:
    """A version with other items.

    Args:
        before: the directory of the version that it was made of.
        version: its own.
        changes: of the catalogue.
        index: what the index says of itself; None where it has none of its own, as a blend.
        tuned_with: what it was tuned with, in words.
    """

    before: pathlib.Path
    version: pathlib.Path
    changes: CatalogueChanges
    index: dict[str, Any] | None
    tuned_with: str


def reindex(
    path: str | os.PathLike[str],
    items: pd.DataFrame,
    index: IndexSettings | None = None,
    to: str | os.PathLike[str] | None = None,
    diversity: Diversity | None = None,
    progress: Callable[[int, int], None] | None = None,
    rebuild: bool = False,
    k: int | None = None,
) -> Reindexed:
    """Writes the next version of an export, over these items.

    Every item is embedded by the export's own `embed_item`. An index of ScaNN goes on with its
    tree (see `KeptTree`): new and moved vectors are put in, removed ones taken out, and its recall
    is measured. Another index, or one that would miss its recall, is built anew, of the same kind
    and to the same recall. What training made of items that are taken out is kept beside the graph:
    one that comes back, in whichever version, is as it was.

    Of an export that knows items by what training saw of them, by neighbours or by scores, items
    are taken out and come back (see `RemainingItems`). A blend is made of its channels' exports
    over these items, with its weights; the directories of these stay as they are.

    The directory is held meanwhile where the version is written into it: no update and no other
    reindex can come between.

    Args:
        path: the directory of the versions, of which the newest is taken, or that of one version.
        items: the whole catalogue: item_id and the columns of the item features.
        index: another index than the export's.
        to: the directory of versions that is written to; by default the export's own.
        diversity: for an export whose lists are spread over categories, with those of these items.
        progress: called with items embedded and items in all.
        rebuild: build the index anew in any case.
        k: another length of the lists than the export's, for which the index is built anew.

    Raises: ValueError where the export cannot do without its training code, or has no index that
        an argument is of, and why; where `items` lacks a feature or a filter, holds it in another
        type, or has an item in rows that differ; or where a version was written meanwhile.
        BlockingIOError where another process makes the next version.
    """
    target = None if to is None else pathlib.Path(to)
    with next_version(pathlib.Path(path), target) as unchanged:
        retriever, items = load(path), each_once(items)
        made = reindexed(retriever, items, index, diversity, progress, rebuild, k)
        return _exported(made, retriever, items, target or retriever.path.parent, unchanged)


def _exported(
    made: Retriever,
    retriever: LoadedRetriever,
    items: pd.DataFrame,
    directory: pathlib.Path,
    unchanged: Callable[[str], None],
) -> Reindexed:
    """The version with this retriever, made of one that is there."""
    before, after = pd.Index(retriever.item_ids), pd.Index(made.item_ids)
    changes = CatalogueChanges.between(before, after, retriever.items, items)
    card, queries, tuned_with = retriever.card, warm_up(retriever), _told(made, retriever)
    counted = {
        name: None if ids is None else len(ids)
        for name, ids in (
            *(("added", changes.added), ("removed", changes.removed)),
            ("changed", changes.changed),
        )
    }
    usual = read_reference(retriever.path / EXTRA)
    known = RememberedItems.of(retriever, None if usual is None else usual.popularity)

    def beside(folder: pathlib.Path) -> None:
        unchanged("this reindex embedded its items")
        known.without(made.item_ids).write(folder)
        if usual is not None:
            events = known.value(EVENTS, made.item_ids, 0.0)
            write_reference(folder, usual.over(before, made, events))

    version = export(
        made,
        directory,
        data=_of_training(retriever, directory),
        features=card.get("features"),
        items=items,
        warmup=queries,
        reindexed={
            "from": retriever.path.name,
            **counted,
            "index_tuned_with": tuned_with,
            "metrics_before": card.get("metrics"),
            "git": card.get("git"),  # of the training
        },
        beside=beside,
    )
    return Reindexed(retriever.path, version, changes, made.report.get("index"), tuned_with)


def reindexed(
    retriever: LoadedRetriever,
    items: pd.DataFrame,
    index: IndexSettings | None = None,
    diversity: Diversity | None = None,
    progress: Callable[[int, int], None] | None = None,
    rebuild: bool = False,
    k: int | None = None,
) -> Retriever:
    """The retriever of an export over other items; arguments and errors as of `reindex`."""
    report, length = retriever.report, retriever.k if k is None else k
    items = of_its_ids(retriever, items)
    tell_new_values(retriever, items)
    if is_blend(retriever):
        by_vectors = any(one.get("kind") not in KINDS for one in report["channels"].values())
        _check_no_index(retriever, index, diversity, rebuild and not by_vectors)

        def of_channel(channel: LoadedRetriever, own: pd.DataFrame) -> Retriever:
            anew = rebuild and channel.report.get("kind") not in KINDS
            return reindexed(channel, own, progress=progress, rebuild=anew)

        return blended_again(retriever, items, of_channel, length)
    if report.get("kind") in KINDS:
        _check_no_index(retriever, index, diversity, rebuild)
        items = without_new(retriever, items)
        left = RemainingItems(retriever, items["item_id"].to_numpy(), length)
        return _as_before(left, retriever, items)
    _check_kind(retriever)
    known = RememberedItems.of(retriever)
    items = without_new(retriever, items, known)
    if known.vectors is None:
        vectors = embedded(retriever, items, progress)
    else:
        vectors = known.vectors[known.places(items["item_id"])]
    if index is None:
        index = index_settings(report["index"])
        # An index of trigger items finds neighbours, as many as before, however long lists are.
        tuned_for = length if report["kind"] != "trigger items" else retriever.k
        if not rebuild and tuned_for == retriever.k:
            index = KeptTree.of(retriever, items["item_id"], index) or index
    arguments: dict[str, Any] = {
        "item_ids": items["item_id"].to_numpy(),
        "vectors": vectors,
        "index": index,
        "k": length,
        "item_embedder": _item_embedder(retriever),
        "tuning_queries": _tuning(retriever),
        "shortened": report.get("shortened", False),
    }
    for name in {"lift", "bias"} & retriever.of_items.keys():
        arguments[name] = _kept(known, name, items, vectors)
    if report["kind"] == "embedding" and "bias" not in arguments:
        arguments["bias"] = _of_unknown(retriever, items, vectors, arguments.get("lift"))
    if report["kind"] == "trigger items":
        _refuse_diversity(report, diversity)
        given = {name: report[name] for name in ("last", "half_life", "neighbours")}
        made: Retriever = TriggerRetriever(**arguments, **given, merge=MERGES[report["merge"]])
    else:
        asking = unit_vectors(vectors) if arguments["shortened"] else vectors
        made = EmbeddingRetriever(
            query_embedder(retriever, arguments["item_ids"], asking, known),
            **arguments,
            diversity=_diversity(report, diversity),
            with_interest="recommend_with_interest" in retriever.signatures,
        )
    if "predict_rating" in retriever.signatures:
        made.with_ratings(SavedFunction(retriever.saved, "predict_rating", retriever.rating_inputs))
    if NEW_ITEMS in report:
        tell(
            "The version before gives places of its lists to new items; this one gives none, until "
            "an update gives them again (new_places, --new-places)."
        )
    return _as_before(made, retriever, items)


def _as_before(made: Retriever, old: LoadedRetriever, items: pd.DataFrame) -> Retriever:
    """The retriever with what fills the lists of an export, and what requests may choose by."""
    if old.popularity is not None:
        made.with_fallback(old.popularity)
    if old.filter_inputs:
        with_same_filters(made, items, old)
    return made


def _of_training(retriever: LoadedRetriever, directory: pathlib.Path) -> Any:
    """What the card tells of the training; elsewhere without the state, which stays behind."""
    told = retriever.card.get("data")
    if not isinstance(told, dict) or directory.resolve() == retriever.path.parent.resolve():
        return told
    return {name: value for name, value in told.items() if name not in (STATE, STATE_ID)}


def embedded(
    retriever: LoadedRetriever,
    items: pd.DataFrame,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """The vectors of items by the export's `embed_item`, float32 [items, dim]."""
    features = ItemFeatures(items, retriever.item_inputs, retriever.item_columns)
    ids = items["item_id"].to_numpy()
    parts = []
    for first in range(0, len(ids), AT_A_TIME):
        some = ids[first : first + AT_A_TIME]
        parts.append(retriever.item_vectors(features.of(some)).numpy())
        if progress is not None:
            progress(first + len(some), len(ids))
    return np.concatenate(parts)


def warm_up(retriever: LoadedRetriever) -> dict[str, np.ndarray] | None:
    """The warm-up queries that an export was written with, by the names of its inputs."""
    for answer in read_answers(retriever.path / EXTRA):
        if answer.signature == "serving_default":
            names = {name: signature_name(name) for name in retriever.inputs}
            if set(names.values()) <= set(answer.inputs):
                return {name: answer.inputs[told] for name, told in names.items()}
    return None


def _check_kind(retriever: LoadedRetriever) -> None:
    """Raises ValueError for an export that finds items in none of the ways that are known."""
    kind = retriever.report.get("kind", "one without a model card")
    if kind not in ("embedding", "trigger items"):
        raise ValueError(
            "Exports that find items by vectors, neighbours or scores can be given other items. "
            f"Train again. Received: {retriever.path}, {kind}."
        )


def _check_no_index(
    retriever: LoadedRetriever,
    index: IndexSettings | None,
    diversity: Diversity | None,
    rebuild: bool,
) -> None:
    """Raises ValueError for what is of an index that an export has not, or keeps as it is."""
    given = {"index (--index, --recall)": index is not None, "rebuild (--rebuild)": rebuild}
    names = [name for name, one in given.items() if one]
    if names:
        why = "is searched by its channels' own" if is_blend(retriever) else "keeps what it has"
        raise ValueError(
            f"An index is built where items are found by vectors, and this export {why}: leave "
            f"{' and '.join(names)} out. Received: {retriever.path}, {retriever.report['kind']}."
        )
    _refuse_diversity(retriever.report, diversity)


def _item_embedder(retriever: LoadedRetriever) -> SavedFunction | None:
    if not retriever.report.get("embeds_new_items"):
        return None
    inputs, columns = retriever.item_inputs, retriever.item_columns
    return SavedFunction(retriever.saved, "embed_item", inputs, columns)


def _tuning(retriever: LoadedRetriever) -> TuningVectors | None:
    """The requests that the index was tuned with, or else those of the warm-up."""
    if retriever.tuned_with is not None or "embed_query" not in retriever.signatures:
        return retriever.tuned_with
    queries = warm_up(retriever)
    if queries is None:
        return None
    vectors, present = retriever.interests(tensors(queries, retriever.inputs, "retriever"))
    return TuningVectors(vectors.numpy(), None if present is None else present.numpy())


def _told(made: Retriever, old: LoadedRetriever | None) -> str:
    report = made.report.get("index")
    if isinstance(made, Blend):
        return "; ".join(f"{name}: {_told(one, None)}" for name, one in made.channels.items())
    if isinstance(made, RemainingItems) or report is None:
        return "nothing, as it stays what training made"
    if KEPT in report:
        return (
            f"nothing: its tree was kept, {report[KEPT]['now']:,} of {report['items']:,} items are "
            f"new in it or have moved; measured on {report['tuned_with']}"
        )
    if "tuned_with" not in report and "instead_of" not in report:
        return "nothing, as exact search needs no tuning"
    if old is not None and old.tuned_with is not None:
        return f"the {len(old.tuned_with.queries):,} requests of users that came with the export"
    return str((report.get("instead_of") or report)["tuned_with"])


def _kept(
    known: RememberedItems, name: str, items: pd.DataFrame, vectors: np.ndarray
) -> np.ndarray:
    """What changes scores, of a new item as of one that nobody had: nothing does, or the least.

    The least that is added may be that of items without a vector: new ones that have one are not
    among them, nor is, where nothing else is ever added, an item that has one by now.
    """
    nothing, values = {"lift": 1.0, "bias": 0.0}[name], known.values[name]
    least = min(nothing, np.nanmin(values))
    of_nobody = np.full(len(items), least)
    if name == "bias":
        of_nobody[np.asarray(vectors).any(axis=1)] = nothing
        if np.isin(values[~np.isnan(values)], [least, nothing]).all():
            return of_nobody
    return known.value(name, items["item_id"], of_nobody)


def _of_unknown(
    retriever: LoadedRetriever, items: pd.DataFrame, vectors: np.ndarray, lift: np.ndarray | None
) -> np.ndarray | None:
    """What puts new items that have no vector, of which nothing is known, below all others; None
    where there are none, or where the export lists such items by a score of 0.
    """
    here = items["item_id"].isin(retriever.item_ids).to_numpy()
    if (here & ~np.asarray(vectors).any(axis=1)).any():
        return None
    return below_all(vectors, lift)


def _diversity(report: Mapping[str, Any], diversity: Diversity | None) -> Diversity | None:
    if "diversity" not in report:
        _refuse_diversity(report, diversity)
        return None
    if diversity is None:
        raise ValueError(
            "The lists of this export are spread over categories: say those of the new items, by "
            "diversity= (--diverse-by COLUMN). Received: none."
        )
    return diversity


def _refuse_diversity(report: Mapping[str, Any], diversity: Diversity | None) -> None:
    if diversity is not None:
        raise ValueError(
            "The lists of this export are not spread over categories: leave diversity "
            f"(--diverse-by) out. Received: {diversity.weight=}."
        )
