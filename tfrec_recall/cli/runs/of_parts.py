"""What `train` can do with events in parts, and what it cannot."""

from __future__ import annotations

from tfrec_recall.cli.arguments.source import Source
from tfrec_recall.cli.discovery import Entry, entries
from tfrec_recall.cli.served import Served


def refuse_with_parts(source: Source, entry: Entry, keep_state: bool, offered: Served) -> None:
    """Raises ValueError for what needs all events at once where the data has them in parts."""
    parts = source.parts()
    if parts is None:
        return
    at_once = (
        f"reads all events at once, if memory holds them: --data {parts.folder / 'events'} "
        f"--items {parts.folder / 'items.parquet'}"
    )
    if (parts.folder / "users").is_dir():
        at_once += f" --users {parts.folder / 'users'}"
    if not entry.load().learns_from_parts:
        others = ", ".join(name for name, one in entries().items() if one.load().learns_from_parts)
        raise ValueError(
            f"{entry.name} learns from all events at once, and {parts.folder} has them in parts. "
            f"From parts learn {others}; or this {at_once}. Received: {parts!r}."
        )
    given = {
        "--keep-state": keep_state,
        f"--popular-by {offered.popular_by}": offered.popular_by is not None,
        f"--popular-half-life {offered.half_life}": offered.half_life is not None,
    }
    refused = ", ".join(option for option, there in given.items() if there)
    if refused:
        raise ValueError(
            f"{refused}: this needs all events at once, and {parts.folder} has them in parts. "
            f"Leave it out; or this {at_once}. Received: {parts!r}."
        )
