"""Targets that training has never seen, and users of whom it knows nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tfrec_recall.advice.advice import Advice

MANY = 0.05  # of the targets, or of the users


def unknown_targets(facts: Mapping[str, Any]) -> Iterator[Advice]:
    """A twentieth of the targets, or of the users who are asked, are in no training event."""
    targets = sum(group["targets"] for group in facts["items"])
    new = facts["items"][0]["targets"]
    if new >= MANY * max(1, targets):
        yield Advice(
            "targets unknown to training",
            f"{new:,} of {targets:,} targets ({new / targets:.0%}) are items that are in no "
            "training event.",
            "Models that know items by id cannot find them: give items columns (`--items`, and "
            "`--columns` where not all are kept), and take a model that embeds new items by them "
            "(`two-tower`, `eges`, `graph-sage`); train more often, or `reindex` in between.",
        )
    unknown, users = facts["unknown_users"], facts["users"]
    if unknown >= MANY * max(1, users):
        yield Advice(
            "users unknown to training",
            f"{unknown:,} of {users:,} users ({unknown / users:.0%}) have no training event.",
            "Take a model that knows users by their history (`item-cf`, `two-tower`) or by columns "
            "(`--users`), and say what strangers get (`train --popular-by`).",
        )
