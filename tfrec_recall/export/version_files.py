"""What the directory of a version holds, found and read without TensorFlow."""

from __future__ import annotations

import hashlib
import json
import pathlib
from typing import Any

from tfrec_recall.export.versions import versions

GRAPH = "saved_model.pb"
EXTRA = "assets.extra"
CARD = "model_card.json"
ITEMS = "items.parquet"
STATE, STATE_ID = "training_state", "training_state_id"  # in the data that a card tells of
VARIABLES = "variables/variables.index"  # which knows a sum of the values of each variable


def newest_version(path: pathlib.Path) -> pathlib.Path:
    """The directory that holds the graph: this one, or its newest version.

    Raises: FileNotFoundError if there is no export.
    """
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


def card_of(version: pathlib.Path) -> dict[str, Any]:
    """The model card; empty where it is missing or not readable: the graph serves without it."""
    try:
        card = json.loads((version / EXTRA / CARD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return card if isinstance(card, dict) else {}


def fingerprint(version: pathlib.Path) -> str:
    """A text that is the same only for the same graph with the same values, wherever it lies."""
    digest = hashlib.sha256()
    for name in (GRAPH, VARIABLES):
        file = version / name
        digest.update(file.read_bytes() if file.exists() else b"")
    return digest.hexdigest()[:16]
