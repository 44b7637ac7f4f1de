"""What the card of an export tells of its updates, and what they mean for figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfrec_recall.cli.arguments.source import Source

UPDATED = "updated"  # the key in an export's card


def told_of_update(trained: Mapping[str, Any]) -> str | None:
    """What was learnt since training, in words; None of an export that was not updated.

    >>> told_of_update({"updated": {"from": "1", "events": 1234}})
    'from version 1 with 1,234 events'
    """
    told = trained.get(UPDATED)
    if not told:
        return None
    if "channels" in told:
        return f"in its channels {', '.join(told['channels'])}"
    return f"from version {told.get('from')} with {told.get('events', 0):,} events"


def has_learnt(trained: Mapping[str, Any], source: Source) -> bool:
    """Whether an update has learnt what the split of these data holds back."""
    told = trained.get(UPDATED)
    if not told or "channels" in told:  # whose weights were fitted to other data
        return False
    return source.recorded()["data"] == trained.get("data")
