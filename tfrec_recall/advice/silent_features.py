"""Features that say nothing of what users take."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from tfrec_recall.advice.advice import Advice
from tfrec_recall.advice.evidence import Evidence

ALWAYS = ("user_id", "item_id", "history")  # are no columns that one leaves out
LITTLE = 0.02  # of the recall, which is more than is lost without a feature, by its interval
CLOSED = 0.1  # of the mean weight of its side, that SENet lets through


def silent_features(known: Evidence) -> Iterator[Advice]:
    """Shuffled among users or items, they cost no recall that could be told from none, and surely
    little, where there is any; or SENet lets hardly anything of them through."""
    silent = [
        f"{one['side']}s.{one['name']} {one['lost']:.4f} ({one['low']:.4f} to {_most(one):.4f})"
        for one in known.ablation
        if one["name"] not in ALWAYS
        and one["recall"] > 0
        and one["low"] <= 0
        and _most(one) <= LITTLE * one["recall"]
    ]
    if silent:
        recall = known.ablation[0]["recall"]
        yield Advice(
            "features say nothing",
            f"shuffled, these cost of a recall@50 of {recall:.4f}: {', '.join(silent)}.",
            "Leave them out: --columns takes those to keep.",
        )
    closed = []
    for side, weights in known.field_weights.items():
        mean = sum(weights.values()) / len(weights)
        closed += [
            f"{side}s.{name} {weight:.3f} (mean {mean:.3f})"
            for name, weight in weights.items()
            if name not in ALWAYS and weight < CLOSED * mean
        ]
    if closed:
        yield Advice(
            "features say nothing",
            f"SENet lets hardly anything of these through: {', '.join(closed)}.",
            "Leave them out: --columns takes those to keep.",
        )


def _most(one: Mapping[str, Any]) -> float:
    """The upper end of what a feature may be worth.

    A bootstrap draws no change but those that were seen: where none of n users has one, up to 3 / n
    of all users may, at 95%.
    """
    users = one.get("users", math.inf)  # which reports of earlier versions lack
    return max(float(one["high"]), 3 / users)
