"""Which columns became features of which kind, which did not, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfrec_recall.cli.arguments.source import without_kind
from tfrec_recall.cli.console import say

if TYPE_CHECKING:
    from tfrec_recall.data import Interactions
    from tfrec_recall.features import Features, Wanted


def tell_features(
    features: Features, interactions: Interactions, model: str, columns: Wanted = None
) -> None:
    """Says it on stderr: a line a side, and a line for each column that is left out.

    Args:
        features: adapted to the training events.
        model: its name, for columns that suit it but that it does not use.
        columns: those that are asked for, among them what events tell of a request.
    """
    described = features.describe()
    for side in ("user", "request", "item"):
        listed = [_feature(one) for one in described if _side(one) == side]
        if listed:
            say((f"Features of {side}s: ", "bold"), ", ".join(listed))
    for one in features.left_out:
        say((f"Left out {one.table}.{one.column}: ", "yellow"), one.why)
    read = {(f"{_side(one)}s", one["column"]) for one in described}
    read |= {(one.table, one.column) for one in features.left_out}
    unread = [
        f"{table}.{column}"
        for table, frame in (("users", interactions.users), ("items", interactions.items))
        for column in frame.columns
        if (table, column) not in read
    ]
    context = {f"events.{one['column']}" for one in described if one["context"]}
    asked = [without_kind(text) for text in columns or () if text.startswith("events.")]
    unread += [column for column in asked if column not in context]
    if unread:
        say((f"Not used by {model}: ", "yellow"), ", ".join(unread))


def _side(one: dict[str, object]) -> str:
    """Whose feature it is: a user's, an item's, or a request's, whose column is of events."""
    return "request" if one["context"] else str(one["side"])


def _feature(one: dict[str, object]) -> str:
    """A feature in words: its name, its column where that is another, its kind, and its details."""
    name, column, kind, told = (str(one[key]) for key in ("name", "column", "kind", "told"))
    of = f" of {column}" if name != column else ""
    return f"{name} ({kind}{of}{f': {told}' if told else ''})"
