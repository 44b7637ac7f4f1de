"""An index that does not find what it was asked to find."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tfrec_recall.advice.advice import Advice
from tfrec_recall.advice.evidence import Evidence


def index_recall(known: Evidence) -> Iterator[Advice]:
    """An index finds less of what exact search finds than was asked for, or is slow for it."""
    for name, index in known.indexes.items():
        yield from _of_one(index, f"index of {name}" if name else "index")


def _of_one(index: Mapping[str, Any], called: str) -> Iterator[Advice]:
    missed = index.get("instead_of")
    about = missed or index
    asked = (about.get("settings") or {}).get("recall")
    found = about.get("recall")
    if asked is not None and found is not None and found < asked:
        served = ", so that every item is searched exactly" if missed else ""
        yield Advice(
            "index misses its recall",
            f"the {about['kind']} {called} finds {found:.3f} of what exact search finds, and "
            f"{asked} was asked for{served}.",
            "Ask for less (`--recall`) or take `--index exact`; in Python leave its settings open, "
            "leaves, leaves_to_search and reorder.",
        )
    elif index.get("tuned_with") == "item vectors":
        yield Advice(
            "index misses its recall",
            f"the {index['kind']} {called} was tuned on item vectors, recall {found:.3f}: that of "
            "users is not known.",
            "`train` tunes it with users' queries by itself; in Python the retriever takes them as "
            "tuning_queries, which evaluation.tuning_queries makes of a split.",
        )
