"""What a run keeps of its data: what they are known again by, and what was usual in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tfrec_recall.cli.console import say

if TYPE_CHECKING:
    from tfrec_recall.data import Split
    from tfrec_recall.health import DaysBefore


def known_again(split: Split) -> dict[str, Any]:
    """What a card says of data by which they are known again."""
    from tfrec_recall.data import PartedSplit
    from tfrec_recall.data.fingerprint import fingerprint, fingerprint_of_parts

    data = split.interactions
    if isinstance(split, PartedSplit):
        rows = {"events": split.events, "users": split.users, "items": len(data.items)}
        return {"fingerprint": fingerprint_of_parts(split.learnt), "rows": rows}
    rows = {table: len(getattr(data, table)) for table in ("events", "users", "items")}
    return {"fingerprint": fingerprint(data), "rows": rows}


def days_before(split: Split) -> DaysBefore | None:
    """Users on the newest days of a split, of which it is counted what is usual; None, which is
    told, of events in parts."""
    from tfrec_recall.data import PartedSplit
    from tfrec_recall.health import DaysBefore

    if isinstance(split, PartedSplit):
        say("What is usual is counted of all events at once: watch cannot look after this export.")
        return None
    return DaysBefore.of(split.interactions, split.train.events["user_id"])
