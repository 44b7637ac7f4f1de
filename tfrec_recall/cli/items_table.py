"""A table of items by itself, read as those of the training were."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from tfrec_recall.cli.arguments.source import Source, telling
from tfrec_recall.cli.loading import trained_on
from tfrec_recall.cli.recorded_layout import layout_for

if TYPE_CHECKING:
    import pandas as pd

    from tfrec_recall.export import LoadedRetriever

TABLE = "items"


def items_table(retriever: LoadedRetriever, source: Source) -> pd.DataFrame:
    """The file of `--items`, with the names and types that the export has.

    What is said on the command line counts; what is not is as the export's card tells of its
    training, see `layout_for`.

    Raises: FileNotFoundError or ValueError for a file that is not there or cannot be read.
    """
    import tensorflow as tf

    from tfrec_recall.data.checking.copies import without_copies
    from tfrec_recall.data.reading import Layout, is_text, read_tables

    path = pathlib.Path(str(source.items))
    if not path.exists():
        raise FileNotFoundError(f"There is no file of items at {path}.")
    recorded = dict(trained_on(retriever).get("layout") or {})
    recorded.pop("columns", None)  # what lists are spread by may be none of them
    given = dict(source.layout)
    if isinstance(given.get("names"), Mapping):  # the command reads no other table
        given["names"] = {TABLE: next(iter(given["names"].values()))}
    if is_text(path):
        kept = {"item_id": tf.TensorSpec([None], retriever.id_dtype)}
        for one in _embedding(retriever):
            inputs, columns = one.item_inputs, one.item_columns
            kept |= inputs
            kept |= {column: inputs[name] for name, column in columns.items() if name in inputs}
        texts = {n for n, spec in kept.items() if spec.shape.rank == 1 and spec.dtype == tf.string}
        lists = {name.removeprefix(f"{TABLE}.") for name in recorded.get("lists") or {}}
        own = dict.fromkeys(sorted(texts - lists), "str")
        recorded["dtype"] = {**own, **(recorded.get("dtype") or {})}
    with telling():
        layout = layout_for({TABLE: path}, recorded, given)
        read = read_tables({TABLE: path}, Layout(**layout))[TABLE]
        found = without_copies(read, TABLE)
    assert found is not None  # it was asked for
    return found


def _embedding(retriever: LoadedRetriever) -> list[LoadedRetriever]:
    """What embeds the items: the export, or the channels of a blend."""
    from tfrec_recall.operations.blended_again import channels_of, is_blend

    if not is_blend(retriever):
        return [retriever]
    return [one for channel in channels_of(retriever).values() for one in _embedding(channel)]
