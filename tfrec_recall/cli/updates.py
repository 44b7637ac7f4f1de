"""What the card of an export tells of what it has learnt, and what that means for figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tfrec_recall.cli.arguments.protocol import Protocol
from tfrec_recall.cli.console import warn

if TYPE_CHECKING:
    from tfrec_recall.cli.arguments.source import Source
    from tfrec_recall.export import LoadedRetriever

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


def warn_of_another_cut(kept: Protocol, measured: Protocol) -> None:
    """Warns where an export was trained by another protocol, `kept`, than it is measured by.

    What chooses or orders events does so before the cut, so that what is asked for is another part
    of the events even where the split is the same.
    """
    if not measured.cuts_as(kept):
        warn(
            f"Trained on another split ({str(kept) or 'the standard one of all events'}): what it "
            "is asked for, it may have learnt from."
        )


def warn_of_learnt(
    retriever: LoadedRetriever, trained: Mapping[str, Any], source: Source, measured: Protocol
) -> None:
    """Warns where figures are of events that an export may have learnt from.

    Args:
        trained: what its card tells of the training; empty of an export that was made in Python.
    """
    if trained:
        warn_of_another_cut(Protocol.recorded(trained), measured)
    if update := told_of_update(trained):
        learnt = "has learnt" if has_learnt(trained, source) else "may have learnt"
        warn(
            f"{retriever.path} was updated {update}: it {learnt} what it is asked for here. "
            "`update` says its recall on a day before that is learnt; --data takes events since."
        )
