"""What the directory of a version holds, found and read without TensorFlow."""

from __future__ import annotations

import hashlib
import json
import pathlib
from collections.abc import Mapping
from typing import Any

from tfrec_recall.export.versions import version_folders

GRAPH = "saved_model.pb"
EXTRA = "assets.extra"
CARD = "model_card.json"
ITEMS = "items.parquet"
STATE, STATE_ID = "training_state", "training_state_id"  # in the data that a card tells of
# What the values of a card are, as far as they are read; without a value, null.
OBJECTS = (
    *("retriever", "retriever.index", "retriever.similar_items_index", "retriever.channels"),
    *("inputs", "signatures", "metrics", "packages", "warmup", "warmup.refused", "git"),
    *("reindexed", "data.layout", "data.settings", "data.protocol", "data.rows", "data.updated"),
)
LISTS = ("retriever.filters",)
NUMBERS = ("items", "k")
IN_JSON: dict[type, str] = {dict: "an object", list: "a list", int: "a whole number"}
VARIABLES = "variables/variables.index"  # which knows a sum of the values of each variable


def newest_version(path: pathlib.Path) -> pathlib.Path:
    """The directory that holds the graph: this one, or its newest version.

    Raises: FileNotFoundError if there is no export.
    """
    if (path / GRAPH).is_file():
        return path
    folders = version_folders(path)  # whose names may have zeros in front
    if not folders:
        seen = sorted(entry.name for entry in path.iterdir()) if path.is_dir() else "no directory"
        raise FileNotFoundError(
            f"There is no export at {path}: neither {GRAPH} nor a numbered version. "
            f"Received: {seen}."
        )
    version = folders[max(folders)]
    if not (version / GRAPH).is_file():
        names = [folders[number].name for number in sorted(folders)]
        raise FileNotFoundError(f"{version} has no {GRAPH}; load another of {names}.")
    return version


def card_of(version: pathlib.Path) -> dict[str, Any]:
    """The model card; empty where it is missing or not readable: the graph serves without it.

    Raises: ValueError for a card whose values are of other kinds than `export` writes.
    """
    path = version / EXTRA / CARD
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(card, dict):
        return {}
    _check_kinds(card, path)
    return card


def _check_kinds(card: Mapping[str, Any], path: pathlib.Path) -> None:
    """Raises ValueError that names the file and the key of a value of another kind."""
    data = card.get("data")
    by_train = isinstance(data, dict) and {"model", "data"} <= data.keys()
    for keys, kind in ((OBJECTS, dict), (LISTS, list), (NUMBERS, int)):
        for key in keys:
            first, *rest = key.split(".")
            if first == "data" and not by_train:
                continue  # in Python it is whatever one likes
            value = card.get(first)
            for name in rest:
                value = value.get(name) if isinstance(value, dict) else None
            if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
                raise ValueError(
                    f"In a model card {key} is {IN_JSON[kind]}: write it as it was, or export "
                    f"again. Received: {json.dumps(value)[:80]} in {path}."
                )


def features_in(card: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The records of features with a name; of an export that was given anything else as `features`,
    none.

    >>> features_in({"features": [{"name": "genres", "side": "item"}, "user_id"]})
    [{'name': 'genres', 'side': 'item'}]
    """
    told = card.get("features")
    records = [one for one in told if isinstance(one, dict)] if isinstance(told, list) else []
    return [one for one in records if isinstance(one.get("name"), str)]


def training_in(card: Mapping[str, Any]) -> dict[str, Any]:
    """What a card tells of data and training; empty where `data` was given otherwise than by name.

    >>> training_in({"data": {"model": "sdm"}}), training_in({"data": "a shop"})
    ({'model': 'sdm'}, {})
    """
    told = card.get("data")
    return dict(told) if isinstance(told, dict) else {}


def fingerprint(version: pathlib.Path) -> str:
    """A text that is the same only for the same graph with the same values, wherever it lies."""
    digest = hashlib.sha256()
    for name in (GRAPH, VARIABLES):
        file = version / name
        digest.update(file.read_bytes() if file.exists() else b"")
    return digest.hexdigest()[:16]
