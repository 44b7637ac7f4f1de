"""A retriever read back from a SavedModel."""

import importlib
import json
import os
import pathlib
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf

from tfrec_recall.export.model_card import FILE
from tfrec_recall.export.place import check_name
from tfrec_recall.export.saving import EXTRA, ITEMS
from tfrec_recall.export.versions import versions
from tfrec_recall.retrieval import Retriever

GRAPH = "saved_model.pb"
SCANN = b"Scann>"  # what the names of ScaNN's operations begin with
OPERATIONS = "tfrec_recall.retrieval.scann_searcher"  # makes them known to TensorFlow
OFFERS = (
    "embed_query",
    "embed_item",
    "similar_items",
    "recommend_with_interest",
    "predict_rating",
)


class LoadedRetriever(Retriever):
    """A retriever from disk: the same interface, the graph that is served.

    Attributes:
        path: the directory of the version.
        card: the model card.
        items: the table of items that was exported with it, or None.
    """

    def __init__(self, saved: Any, path: pathlib.Path):
        self.path = path
        self.card = _card(path / EXTRA / FILE)
        table = path / EXTRA / ITEMS
        self.items = pd.read_parquet(table) if table.exists() else None
        self._saved = saved
        item_ids = saved.item_ids.numpy()
        if item_ids.dtype == object:
            item_ids = np.array([raw.decode() for raw in item_ids], dtype=object)
        offered = tuple(name for name in OFFERS if hasattr(saved, name))
        super().__init__(
            item_ids=item_ids,
            inputs=_first_argument(saved.recommend),
            k=int(saved.k),
            signatures=offered,
            item_inputs=_first_argument(saved.embed_item) if "embed_item" in offered else None,
            report=self.card.get("retriever"),
            name="loaded_retriever",
        )
        if "predict_rating" in offered:
            object.__setattr__(self, "rating_inputs", _first_argument(saved.predict_rating))

    def recommend(self, queries, exclude, k):
        return self._saved.recommend(queries, exclude, k)

    def recommend_by_interest(self, queries, exclude, k):
        return self._saved.recommend_with_interest(queries, exclude, k)

    def query_vectors(self, queries):
        return self._saved.embed_query(queries)

    def item_vectors(self, items):
        return self._saved.embed_item(items)

    def ratings(self, queries, item_id):
        return self._saved.predict_rating(queries, item_id)

    def similar(self, item_id, exclude, k):
        return self._saved.similar_items(item_id, exclude, k)


def load(path: str | os.PathLike) -> LoadedRetriever:
    """The retriever in an export, with the interface that it had in process.

    Args:
        path: the directory of the versions, of which the newest is taken, or that of one version.

    Raises: FileNotFoundError if there is no export; ValueError if it is damaged, is no retriever,
        or is at a path that TensorFlow reads as a pattern.
    """
    version = _version(pathlib.Path(path))
    check_name(version)
    if SCANN in (version / GRAPH).read_bytes():
        importlib.import_module(OPERATIONS)
    try:
        saved = tf.saved_model.load(str(version))
    except Exception as error:  # what TensorFlow raises for a damaged file is of any kind
        raise ValueError(
            f"{version} is no whole SavedModel; export it again, or load another version. "
            f"Received, while loading: {error}"
        ) from error
    missing = [name for name in ("recommend", "item_ids", "k") if not hasattr(saved, name)]
    if missing:
        raise ValueError(
            f"{version} is a SavedModel, but not one that tfrec_recall.export wrote. "
            f"Received: it has no {missing}."
        )
    return LoadedRetriever(saved, version)


def _version(path: pathlib.Path) -> pathlib.Path:
    """The directory that holds the graph: this one, or its newest version."""
    if (path / GRAPH).is_file():
        return path
    numbers = versions(path)
    if not numbers:
        seen = sorted(entry.name for entry in path.iterdir()) if path.is_dir() else "no directory"
        raise FileNotFoundError(
            f"There is no export at {path}: neither {GRAPH} nor a numbered version. "
            f"Received: {seen}."
        )
    version = path / str(numbers[-1])
    if not (version / GRAPH).is_file():
        raise FileNotFoundError(f"{version} has no {GRAPH}; load another of {numbers}.")
    return version


def _first_argument(function: Any) -> dict[str, tf.TensorSpec]:
    """The specification of the features that a restored function takes."""
    arguments, _ = function.concrete_functions[0].structured_input_signature
    return dict(arguments[0])


def _card(path: pathlib.Path) -> dict[str, Any]:
    """The model card; empty where it is missing or not readable: the graph serves without it."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
