"""Events of which nobody knows the order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tfrec_recall.advice.advice import Advice


def missing_times(facts: Mapping[str, Any]) -> Iterator[Advice]:
    """Without times histories are sets, and models of sequences have nothing to learn from."""
    if not facts["has_time"]:
        yield Advice(
            "data without times",
            f"the {facts['rows']['events']:,} events have no column timestamp: histories are sets, "
            f"and the split is {facts['split']}.",
            "Name the column, `--rename THEIRS=timestamp`; where only the order is known, "
            "`--time-unit order`.",
        )
