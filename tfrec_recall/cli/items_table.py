"""A table of items by itself, read as those of the training were."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tfrec_recall.cli.arguments.source import Source, telling
from tfrec_recall.cli.loading import trained_on

if TYPE_CHECKING:
    import pandas as pd

    from tfrec_recall.export import LoadedRetriever

TABLE = "items"
OF_TEXT = ("separator", "encoding", "quotes", "decimal")


def items_table(retriever: LoadedRetriever, source: Source) -> pd.DataFrame:
    """The file of `--items`, with the names and types that the export has.

    What is said on the command line counts; what is not is as the export's card tells of its
    training: columns that it renamed and this file has, and, of text, how it is written.

    Raises: FileNotFoundError or ValueError for a file that is not there or cannot be read.
    """
    import tensorflow as tf

    from tfrec_recall.data.reading import Layout, read_tables, read_untyped
    from tfrec_recall.data.reading.forms import TEXT, suffix_of
    from tfrec_recall.data.reading.parts import parts_of

    path = pathlib.Path(str(source.items))
    if not path.exists():
        raise FileNotFoundError(f"There is no file of items at {path}.")
    recorded = dict(trained_on(retriever).get("layout") or {})
    text = suffix_of(parts_of(path)[0]) in TEXT
    written = _with(_of_text(recorded) if text else {}, source.layout)
    raw, _ = read_untyped(path, Layout(**_of_text(written)))
    renamed = _present(recorded.get("rename") or {}, raw)
    layout = {**written, "rename": {**renamed, **source.layout.get("rename", {})}}
    ours = {*raw.rename(columns=_own_names(layout["rename"])), "item_id"}
    if text:
        kept = {"item_id": tf.TensorSpec([None], retriever.id_dtype), **retriever.item_inputs}
        texts = {n for n, spec in kept.items() if spec.shape.rank == 1 and spec.dtype == tf.string}
        told = {*layout.get("lists", {}), *layout.get("dtype", {})}
        own = dict.fromkeys(texts & ours - told, "str")
        layout["dtype"] = {**own, **layout.get("dtype", {})}
    with telling():
        found = read_tables({TABLE: path}, Layout(**{n: v for n, v in layout.items() if v}))[TABLE]
    assert found is not None  # it was asked for
    return found


def _of_text(layout: Mapping[str, Any]) -> dict[str, Any]:
    """How text is written, and the names of its columns."""
    names = layout.get("names")
    own = names.get(TABLE) if isinstance(names, Mapping) else None
    found = {name: layout[name] for name in OF_TEXT if layout.get(name) is not None}
    return {**found, **({"names": {"events": own}} if own else {})}


def _with(recorded: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What is recorded, with what is given instead, as the layout of items."""
    names = given.get("names") or recorded.get("names") or {}
    own = next(iter(names.values()), None) if isinstance(names, Mapping) else None
    return {**recorded, **given, "names": {TABLE: own} if own else None}


def _present(rename: Mapping[str, str], raw: pd.DataFrame) -> dict[str, str]:
    """Those of the renamed columns that this file has and that are not named so already."""
    plain = {theirs.removeprefix(f"{TABLE}."): ours for theirs, ours in rename.items()}
    return {t: ours for t, ours in plain.items() if t in raw and ours not in raw}


def _own_names(rename: Mapping[str, str]) -> dict[str, str]:
    return {theirs.removeprefix(f"{TABLE}."): ours for theirs, ours in rename.items()}
