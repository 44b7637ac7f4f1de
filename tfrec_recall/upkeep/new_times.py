"""Times of new events: of the unit of those before, and none ahead of the clock."""

from __future__ import annotations

from datetime import UTC, datetime

from tfrec_recall.data import Interactions
from tfrec_recall.data.columns.clock import FEW, OLD, WHAT, latest_known
from tfrec_recall.data.columns.times import DAY, ORDER
from tfrec_recall.data.ids import refuse
from tfrec_recall.data.notices import tell
from tfrec_recall.health import DaysBefore
from tfrec_recall.upkeep.state import TrainingState

CALLED = {"s": "Unix seconds or dates", ORDER: "numbers of order"}


def check_times(new: Interactions, state: TrainingState, **days: float | None) -> None:
    """Refuses new events whose times are not as those of a state.

    Args:
        days: settings that count days, by name; None is none given.

    Raises: ValueError for events without times, of another unit or ahead of the clock, where those
        before are not, and for settings of days where times are no seconds.
    """
    unit = state.time_unit
    given = {name: value for name, value in days.items() if value is not None}
    if given and unit != "s":
        name, value = next(iter(given.items()))
        raise ValueError(
            f"{name} counts days, by times in seconds, which this export was not trained on: leave "
            f"it out. Received: {name}={value}, and {CALLED.get(unit or '', 'no times')}."
        )
    if unit is None:
        return
    new.require_time("An update of an export that was trained on events with times")
    if new.time_unit != unit:
        raise ValueError(
            f"This export was trained on times that are {CALLED[unit]}, by which new events are "
            f"placed after those of before: write theirs as {CALLED[unit]}, too. "
            f"Received: {CALLED[new.time_unit or '']}, the first "
            f"{new.events['timestamp'].head(3).tolist()}."
        )
    before = state.days()
    if unit == "s":
        check_clock(new, before, state.written)
        tell_of_older(new, state.newest())
    elif new.events["timestamp"].max() <= before.units.events["timestamp"].max():
        tell(
            "All of the new events come before events that were learnt, by their numbers of order: "
            "such numbers go on from day to day, and do not start over."
        )


def tell_of_older(new: Interactions, newest: float | None) -> None:
    """Tells where all of the new events are more than a day older than the newest that was learnt.

    Args:
        newest: its time in seconds; None where that is not known.
    """
    latest = new.events["timestamp"].max()
    if newest is not None and latest < newest - DAY:
        dates = [f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d}" for time in (latest, newest)]
        tell(
            f"All of the new events are of {dates[0]} or before, and some of {dates[1]} were "
            "learnt: they are learnt as events of those days, which came late."
        )


def check_clock(new: Interactions, before: DaysBefore, written: float) -> None:
    """Refuses events more than a day ahead of the clock, unless events before are so, too.

    How old an event is goes by the newest one: a single one of a year to come would make all others
    old, which are let go then, give their numbers up or count for nothing.

    Args:
        written: when those before were learnt, in Unix seconds: theirs may have been ahead of that.

    Raises: ValueError that names the first rows.
    """
    ahead = new.events["timestamp"] > latest_known()
    days = before.window["events"]
    simulated = days[days.index * DAY > written + DAY].sum() > FEW * days.sum()
    if ahead.any() and not simulated:
        refuse(
            new.events,
            "events",
            "timestamp",
            ahead,
            WHAT,
            f"{OLD}: mend or drop the rows.",
        )
