"""A retriever read back from a SavedModel."""

import contextlib
import importlib
import os
import pathlib
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf

from tfrec_recall.data.files import check_name
from tfrec_recall.export.popularity_file import read_popularity
from tfrec_recall.export.serving_module import UNFILTERED, listed
from tfrec_recall.export.tuning_file import read_tuning
from tfrec_recall.export.version_files import (
    EXTRA,
    GRAPH,
    ITEMS,
    card_of,
    features_in,
    newest_version,
)
from tfrec_recall.retrieval import Retriever
from tfrec_recall.retrieval.filters import chosen
from tfrec_recall.retrieval.retriever import COLUMNS

SCANN = b"Scann>"  # what the names of ScaNN's operations begin with
OPERATIONS = "tfrec_recall.retrieval.scann_searcher"  # makes them known to TensorFlow
FILTERS = 3  # their place among the arguments of lists
OFFERS = (
    "embed_query",
    "embed_item",
    "similar_items",
    "recommend_with_interest",
    "recommend_with_channel",
    "predict_rating",
)


class LoadedRetriever(Retriever):
    """A retriever from disk: the same interface, the graph that is served.

    Attributes:
        path: the directory of the version.
        card: the model card.
        items: the table of items that was exported with it, or None.
    """

    card: dict[str, Any]

    def __init__(self, saved: Any, path: pathlib.Path):
        self.path = path
        # As it is: what TensorFlow tracks is wrapped, and JSON takes no wrapped dictionaries.
        object.__setattr__(self, "card", card_of(path))
        table = path / EXTRA / ITEMS
        self.items = pd.read_parquet(table) if table.exists() else None
        self._saved = saved
        item_ids = saved.item_ids.numpy()
        if item_ids.dtype == object:
            item_ids = np.array([raw.decode() for raw in item_ids], dtype=object)
        offered = tuple(name for name in OFFERS if hasattr(saved, name))
        super().__init__(
            item_ids=item_ids,
            inputs=_argument(saved.recommend),
            k=int(saved.k),
            signatures=offered,
            item_inputs=_argument(saved.embed_item) if "embed_item" in offered else None,
            report=self.card.get("retriever"),
            name="loaded_retriever",
        )
        self.fallback = None  # it is in the graph
        object.__setattr__(self, "filter_inputs", _argument(saved.recommend, FILTERS))
        self._set_functions()
        if "predict_rating" in offered:
            object.__setattr__(self, "rating_inputs", _argument(saved.predict_rating))

        self.of_items = dict(getattr(saved, "of_items", {}))
        searchers = getattr(saved, "searchers", {})  # those of earlier exports are not told
        self.searchers = {name: dict(parts) for name, parts in searchers.items()}
        self.tuned_with = read_tuning(path / EXTRA)
        self.popularity = read_popularity(path / EXTRA)

    @property
    def saved(self) -> Any:
        """What TensorFlow restored: its functions, to make other retrievers with."""
        return self._saved

    @property
    def item_columns(self):
        if COLUMNS in self.report:
            return super().item_columns
        return {  # the report of an earlier export has none
            one["name"]: one["column"]
            for one in features_in(self.card)
            if one.get("side") == "item" and one.get("column", one["name"]) != one["name"]
        }

    def lists(self, queries, exclude, k, filters):
        return self._listed_by("recommend", queries, exclude, k, filters)

    def lists_by_interest(self, queries, exclude, k, filters):
        return self._listed_by("recommend_with_interest", queries, exclude, k, filters)

    def interests(self, queries):
        if hasattr(self._saved, "interests"):
            return self._saved.interests(queries)
        return self.query_vectors(queries), None

    def query_vectors(self, queries):
        return self._saved.embed_query(queries)

    def item_vectors(self, items):
        return self._saved.embed_item(items)

    def ratings(self, queries, item_id):
        return self._saved.predict_rating(queries, item_id)

    def lists_by_channel(self, queries, exclude, k, filters):
        return self._listed_by("recommend_with_channel", queries, exclude, k, filters)

    def similar_lists(self, item_id, exclude, k, filters):
        return self._listed_by("similar_items", item_id, exclude, k, filters)

    def _listed_by(self, name, what, exclude, k, filters):
        if not filters and not hasattr(self._saved, name + UNFILTERED):
            filters = chosen({}, self.filter_inputs)  # of earlier exports, and of those with none
        return listed(self._saved, name, what, exclude, k, filters)

    def with_filters(self, items, names):
        raise ValueError(
            "What a request may choose by is part of the graph: name it before the export. "
            f"Received: {list(names)} for {self.path}, whose filters are "
            f"{', '.join(self.filter_inputs) or 'none'}."
        )

    def with_fallback(self, popularity):
        raise ValueError(
            "What fills short lists is part of the graph: give it before the export. "
            f"Received: a popularity for {self.path}."
        )


def load(path: str | os.PathLike) -> LoadedRetriever:
    """The retriever in an export, with the interface that it had in process.

    Args:
        path: the directory of the versions, of which the newest is taken, or that of one version.

    Raises: FileNotFoundError if there is no export; ValueError if it is damaged, is no retriever
        or an earlier one's, or is at a path that TensorFlow reads as a pattern.
    """
    version = newest_version(pathlib.Path(path))
    saved = saved_model(version)
    missing = [name for name in ("recommend", "item_ids", "k") if not hasattr(saved, name)]
    if missing:
        raise ValueError(
            f"{version} is a SavedModel, but not one that tfrec_recall.export wrote. "
            f"Received: it has no {missing}."
        )
    taken, _ = saved.recommend.concrete_functions[0].structured_input_signature
    if len(taken) <= FILTERS:
        raise ValueError(
            f"{version} was written by an earlier tfrec_recall, whose lists know no filters: "
            "servers go on with it; to load it here, export it again. "
            f"Received: lists of {len(taken)} inputs instead of {FILTERS + 1}."
        )
    return LoadedRetriever(saved, version)


def saved_model(version: pathlib.Path) -> Any:
    """What TensorFlow restores from the directory of a version, ScaNN's operations at hand.

    Its tables and its searchers go when it goes: TensorFlow keeps those of every load by a name of
    their own.

    Raises: ValueError if it is damaged, or at a path that TensorFlow reads as a pattern.
    """
    check_name(version)
    try:
        if SCANN in (version / GRAPH).read_bytes():
            importlib.import_module(OPERATIONS)
        saved = tf.saved_model.load(str(version))
    except Exception as error:  # what TensorFlow raises for a damaged file is of any kind
        raise ValueError(
            f"{version} is no whole SavedModel; export it again, or load another version. "
            f"Received, while loading: {error}"
        ) from error
    for part in tf.train.TrackableView(saved).descendants():
        if isinstance(part, tf.saved_model.experimental.TrackableResource):
            free = part._destroy_resource  # of ScaNN's searcher; of a table, nothing
            weakref.finalize(part, _destroy, part.resource_handle, free).atexit = False
    return saved


def _destroy(resource: tf.Tensor, free: Callable[[], Any]) -> None:
    """Frees a resource now: also when garbage is collected while some graph is being built."""
    with tf.__internal__.eager_context.eager_mode():
        with contextlib.suppress(tf.errors.OpError):  # a searcher that nobody asked is not there
            free()
        tf.raw_ops.DestroyResourceOp(resource=resource, ignore_lookup_error=True)


def _argument(function: Any, place: int = 0) -> dict[str, tf.TensorSpec]:
    """The specification of the features, or of the filters, that a restored function takes."""
    arguments, _ = function.concrete_functions[0].structured_input_signature
    return dict(arguments[place])
