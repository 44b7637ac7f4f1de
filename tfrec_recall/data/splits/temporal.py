"""One moment for everybody: train before it, test after."""

from __future__ import annotations

import datetime
import functools

import numpy as np
import pandas as pd

from tfrec_recall.data.columns.times import ORDER, moment
from tfrec_recall.data.interactions import PARTS, Interactions
from tfrec_recall.data.kinds import of_kinds
from tfrec_recall.data.order import changes
from tfrec_recall.data.splits.parts import NobodyAsked, Split, check_counts, ordered, split_by


@of_kinds
def temporal(
    interactions: Interactions,
    validation_from: float | str | datetime.datetime | None,
    test_from: float | str | datetime.datetime,
    minimum: int = 0,
) -> Split:
    """Two moments cut the events of everybody: train before, validation between, test after.

    The only split without a look at other users' future. Users who appear after a cut only are
    asked about with an empty history, unless `minimum` leaves them out.

    Args:
        validation_from, test_from: Unix seconds, a datetime or a date as text ("2011-11-01"), UTC
            unless it says otherwise; a number where the data's times are numbers of order. An event
            at that very moment comes after the cut. Without validation, `validation_from` is None.
        minimum: users with fewer events before a cut are not asked about what comes after it.

    Raises: ValueError without timestamps, or if a part would be empty.
    """
    interactions.require_time("temporal", "random_events_out (--split random)")
    check_counts("temporal", {"minimum": (minimum, 0)})
    order = interactions.time_unit == ORDER
    cuts = cuts_of(validation_from, test_from, order)
    text = functools.partial(named_cut, order=order)
    data = ordered(interactions)
    timestamp = data.events["timestamp"].to_numpy()
    part = np.searchsorted(cuts, timestamp, side="right")
    needed = [0, 2] if validation_from is None else [0, 1, 2]
    sizes = np.bincount(part, minlength=3)
    empty = [PARTS[number] for number in needed if sizes[number] == 0]
    if empty:
        raise NobodyAsked(
            f"temporal leaves no event in {empty[0]}: the data goes from "
            f"{text(timestamp.min())} to {text(timestamp.max())}. Choose moments between "
            f"(--split temporal:FROM,FROM). Received: {', '.join(map(text, cuts))}.",
            data.take(part == 0),
        )
    wanted = _with_past(data.events, part, minimum) if minimum else None
    if wanted is not None and not (wanted & (part == 2)).any():
        raise NobodyAsked(
            f"temporal has nobody to ask about test: no user has {minimum} events before "
            f"{text(cuts[1])} and another after. Received: minimum={minimum} (--minimum).",
            data.take(part == 0),
        )
    named = [text(cut) for cut in cuts[validation_from is None :]]
    named += [f"minimum={minimum}"] * bool(minimum)
    return split_by(f"temporal({', '.join(named)})", interactions, data, part, wanted)


def _with_past(events: pd.DataFrame, part: np.ndarray, minimum: int) -> np.ndarray:
    """Whether the user of each event has enough events in the parts before this one's."""
    user = np.cumsum(changes(events["user_id"])) - 1
    users = int(user[-1]) + 1
    before = [np.bincount(user[part < number], minlength=users) for number in range(3)]
    return np.stack(before)[part, user] >= minimum


def cuts_of(
    validation_from: float | str | datetime.datetime | None,
    test_from: float | str | datetime.datetime,
    order: bool,
) -> list[float]:
    """Both moments as the data's times are; the same twice without validation."""
    last = moment(test_from, "test_from", order)
    first = last if validation_from is None else moment(validation_from, "validation_from", order)
    if validation_from is not None and not first < last:
        raise ValueError(
            "temporal needs validation_from before test_from. "
            f"Received: {validation_from!r}, {test_from!r}."
        )
    return [first, last]


def named_cut(cut: float, order: bool) -> str:
    """A moment as names of splits and errors show it."""
    if order:
        return f"{float(cut):.15g}"
    return datetime.datetime.fromtimestamp(float(cut), datetime.UTC).isoformat()[:19]
