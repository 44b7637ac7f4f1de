"""Features that say nothing of what users take."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from tfrec_recall.advice.advice import Advice
from tfrec_recall.advice.evidence import Evidence

HISTORY, BY_RECENCY = "the history", "the history by recency"  # as SENet's fields
# No columns that one leaves out; reports of earlier versions have requests' objectives, too.
ALWAYS = ("user_id", "item_id", "history", HISTORY, "timestamp", "objective")
LITTLE = 0.02  # of the recall, which is more than is lost without a feature, by its interval
CLOSED = 0.1  # of the mean weight of its side, that SENet lets through
LEAVE_OUT = "Leave them out: `--columns` takes those to keep."
WITHOUT_POOL = "Leave this mean of the history out: `recency = false`."


def silent_features(known: Evidence) -> Iterator[Advice]:
    """Shuffled among users or items, they cost no recall that could be told from none, and surely
    little, where there is any; or SENet lets hardly anything of them through."""
    silent = [
        f"{known.shuffled(one['side'], one['name'])} {one['lost']:.4f} "
        f"({one['low']:.4f} to {_most(one):.4f})"
        for one in known.ablation
        if one["name"] not in ALWAYS
        and one["recall"] > 0
        and one["low"] <= 0
        and _most(one) <= LITTLE * one["recall"]
    ]
    if silent:
        first = known.ablation[0]
        asked = f" with {first['users']:,} users asked," if "users" in first else ""
        yield Advice(
            "features say nothing",
            f"shuffled,{asked} these cost of a recall@50 of {first['recall']:.4f}: "
            f"{', '.join(silent)}.",
            LEAVE_OUT,
        )
    closed: dict[str, list[str]] = {}
    for side, weights in known.field_weights.items():
        mean = sum(weights.values()) / len(weights)
        for name, weight in weights.items():
            if name not in ALWAYS and weight < CLOSED * mean:
                pooled = name == BY_RECENCY
                field = name if pooled else known.column(side, name)
                told = f"{field} {weight:.3f} (mean {mean:.3f})"
                closed.setdefault(WITHOUT_POOL if pooled else LEAVE_OUT, []).append(told)
    for setting, fields in closed.items():
        yield Advice(
            "features say nothing",
            f"SENet lets hardly anything of these through: {', '.join(fields)}.",
            setting,
        )


def _most(one: Mapping[str, Any]) -> float:
    """The upper end of what a feature may be worth.

    A bootstrap draws no change but those that were seen: where none of n users has one, up to 3 / n
    of all users may, at 95%.
    """
    users = one.get("users", math.inf)  # which reports of earlier versions lack
    return max(float(one["high"]), 3 / users)
