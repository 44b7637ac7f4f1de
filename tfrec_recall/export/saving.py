"""A retriever written as a versioned SavedModel."""

import os
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
import tensorflow as tf
from tensorflow.python.saved_model import save_context

from tfrec_recall.data.files import check_name
from tfrec_recall.data.notices import tell
from tfrec_recall.export.expected_answers import answered, write_answers
from tfrec_recall.export.model_card import dumps, model_card, plain
from tfrec_recall.export.place import refuse_a_version
from tfrec_recall.export.popularity_file import write_popularity
from tfrec_recall.export.serving_module import ServingModule, serving_signatures
from tfrec_recall.export.tuning_file import write_tuning
from tfrec_recall.export.version_files import CARD, EXTRA, ITEMS
from tfrec_recall.export.versions import write_version
from tfrec_recall.export.warmup import requests, write_warmup
from tfrec_recall.retrieval import Retriever

DEFAULT = "serving_default"


def export(
    retriever: Retriever,
    path: str | os.PathLike,
    metrics: Mapping[str, Any] | None = None,
    data: Any = None,
    features: Any = None,
    items: pd.DataFrame | None = None,
    warmup: Mapping[str, Any] | None = None,
    reindexed: Mapping[str, Any] | None = None,
    beside: Callable[[pathlib.Path], None] | None = None,
) -> pathlib.Path:
    """Writes `<path>/<next version>/`, whole or not at all.

    Signatures, raw in and raw out: `serving_default` (the retriever's inputs and `exclude`, to
    `item_id` and `score`), and where the retriever has them `embed_query`, `embed_item`,
    `similar_items`, `recommend_with_interest`, `recommend_with_channel` and `predict_rating` (query
    features and `item_id` [batch, any], to `rating` [batch, any]). Those that give lists come a
    second time, as `recommend_where`, `similar_items_where` and so on, which also take `k` [batch],
    at most as exported, and the filters. Loading needs none of this package's Python; a ScaNN index
    needs ScaNN's op library.

    Args:
        path: a directory of versions, as TensorFlow Serving's `model_base_path`.
        metrics, data, features: what the model card says, as plain values.
        items: the table of items, kept beside the graph so that lists can be read by title.
        warmup: a few raw queries that TensorFlow Serving asks before it takes traffic, a request
            of each signature, and whose answers are kept for `tfrec-recall check`; without them,
            one query of padding.
        reindexed: of a version over other items, from which one it was made and what changed; for
            the model card.
        beside: writes more into the folder of the model card, such as what was usual in the days
            before (`health.write_reference`).

    Returns: the directory of the new version.

    Raises: OSError of the kind that occurred; the path is then as it was before. ValueError for a
        path that TensorFlow reads as a pattern, or that is or lies in a version; TypeError if the
        card cannot be written as JSON.
    """
    check_name(os.path.abspath(path))
    refuse_a_version(path)
    asked = requests(retriever, warmup, items)
    options = tf.saved_model.SaveOptions(namespace_whitelist=["Scann"])
    with save_context.save_context(options):  # else TensorFlow traces all a second time to save it
        module = ServingModule(retriever)
        signatures = serving_signatures(module, retriever)
    card = model_card(retriever, signatures, metrics, data, features)
    if reindexed is not None:
        card["reindexed"] = plain(reindexed, "reindexed")

    def write(folder: pathlib.Path) -> None:
        try:
            tf.saved_model.save(module, str(folder), signatures, options)
            extra = folder / EXTRA
            extra.mkdir()
            if items is not None:
                items.to_parquet(extra / ITEMS, index=False)
            write_tuning(extra, retriever.tuned_with)
            write_popularity(extra, retriever.popularity)
            if beside is not None:
                beside(extra)
            card["warmup"] = _warm(extra, signatures, asked, warmup is None)
        except tf.errors.OpError as error:
            raise OSError(None, error.message) from error
        (extra / CARD).write_text(dumps(card), encoding="utf-8")

    return write_version(path, write)


def _warm(
    extra: pathlib.Path,
    signatures: Mapping[str, Any],
    asked: Mapping[str, Mapping[str, tf.Tensor]],
    of_padding: bool,
) -> dict[str, Any]:
    """Writes warm-up requests and what they are answered; what was written, for the card.

    A server does not load a version that refuses its own warm-up requests: where nothing but a
    query of padding is there to ask, and padding is refused, there are none; nor are there those
    of another signature that refuses what it is asked, such as an item of padding.

    Raises: ValueError where queries that were given are refused.
    """
    said, refused = answered(signatures, asked)
    if DEFAULT in refused:
        if not of_padding:
            raise ValueError(
                "Queries for warm-up are ones that the export answers. "
                f"Received: {refused[DEFAULT]}"
            )
        why = f"a query of padding is refused ({refused[DEFAULT]}): export with warmup="
        tell(f"No request is kept for warm-up, and no answer for `tfrec-recall check`: {why}")
        return {"requests": 0, "why": why}
    for name, why in refused.items():
        tell(
            f"{name} refuses the request that would be kept for warm-up, and no answer of it is "
            f"kept for `tfrec-recall check`: {why}"
        )
    write_answers(extra, asked, said)
    told = write_warmup(extra, {name: asked[name] for name in said})
    return {**told, "refused": refused} if refused else told
