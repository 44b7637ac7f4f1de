"""The index of an export as settings, by what it reports of itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from tfrec_recall.retrieval import Auto, Exact, IndexSettings, InvertedFile, ScaNN

KINDS: Mapping[str, type] = {"exact": Exact, "scann": ScaNN, "inverted file": InvertedFile}


def index_settings(report: Mapping[str, Any]) -> IndexSettings:
    """The settings that an index was asked for with.

    Exact search instead of an approximate one that missed its recall is tried anew, and so is what
    `Auto` chose.

    Raises: ValueError for a kind that is not known.

    >>> index_settings({"kind": "exact", "settings": {"block": 100}})
    Exact(block=100)
    """
    if "chosen_by" in report:
        return Auto(**report["chosen_by"])
    report = report.get("instead_of") or report
    kind = KINDS.get(str(report.get("kind")))
    if kind is None or not isinstance(report.get("settings"), Mapping):
        raise ValueError(
            f"The model card tells of an index of another kind than {', '.join(KINDS)}: pass the "
            f"index to build. Received: {dict(report)}."
        )
    return kind(**report["settings"])


def with_recall(settings: IndexSettings, recall: float) -> IndexSettings:
    """The same index, tuned to another recall; what was given of it instead of tuned is tuned.

    Raises: ValueError for an index that is not tuned to any.

    >>> with_recall(Auto(scann=False), 0.99)
    Auto(recall=0.99, scann=False)
    """
    if isinstance(settings, Auto):
        return dataclasses.replace(settings, recall=recall)
    if not isinstance(settings, ScaNN | InvertedFile):
        raise ValueError(
            "The index of this export is tuned to no recall, as it searches every item: leave "
            f"recall (--recall) out, or take another index (--index auto). Received: {recall}."
        )
    if settings.fixed.chosen:
        settings = dataclasses.replace(settings, leaves=None, leaves_to_search=None, reorder=None)
    return dataclasses.replace(settings, recall=recall)
