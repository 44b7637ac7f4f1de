"""Features that say nothing of what users take."""

from __future__ import annotations

from collections.abc import Iterator

from tfrec_recall.advice.advice import Advice
from tfrec_recall.advice.evidence import Evidence

ALWAYS = ("user_id", "item_id", "history")  # are no columns that one leaves out
LITTLE = 0.02  # of the recall, which is more than is lost without a feature, by its interval
CLOSED = 0.1  # of the mean weight of its side, that SENet lets through


def silent_features(known: Evidence) -> Iterator[Advice]:
    """Shuffled among users or items, they cost no recall that could be told from none, and surely
    little; or SENet lets hardly anything of them through."""
    silent = [
        f"{one['side']}s.{one['name']} {one['lost']:.4f} ({one['low']:.4f} to {one['high']:.4f})"
        for one in known.ablation
        if one["name"] not in ALWAYS and one["low"] <= 0 and one["high"] <= LITTLE * one["recall"]
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
