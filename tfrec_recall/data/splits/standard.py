"""The split that fits the data, where nobody asks for another one."""

from __future__ import annotations

from tfrec_recall.data.interactions import Interactions
from tfrec_recall.data.kinds import of_kinds
from tfrec_recall.data.notices import tell
from tfrec_recall.data.splits.given import given
from tfrec_recall.data.splits.last_basket_out import last_basket_out
from tfrec_recall.data.splits.last_events_out import last_events_out
from tfrec_recall.data.splits.parts import Split
from tfrec_recall.data.splits.random_events_out import random_events_out

WITHOUT_TIMES = (
    "The events have no times: a tenth of each user's, drawn at random, is left out for "
    "validation, and another one for test (random_events_out, --split random)."
)


@of_kinds
def standard(
    interactions: Interactions, minimum: int | None = None, repeats: bool = False
) -> Split:
    """The split of the measurement protocol that fits the data.

    A column `split` is followed; where the events of each session share one time, as baskets do,
    the last basket is left out; else the last five events of each user. Of events without times a
    tenth of each user's is drawn for each part, which is told.

    Args:
        minimum: users with fewer events, or baskets, are training data whole.
        repeats: all items of the last basket are targets, not only those new to the user: for
            `evaluate(…, repeats=True)`.
    """
    if "split" in interactions.events:
        if minimum is not None:
            raise ValueError(
                "The column 'split' says what is measured, and is followed as it is: leave "
                f"minimum (--minimum) out, or choose a split (--split). Received: {minimum}."
            )
        return given(interactions)
    if has_baskets(interactions):
        least = 3 if minimum is None else minimum
        return last_basket_out(interactions, least, new_items_only=not repeats)
    if not interactions.has_time:
        tell(WITHOUT_TIMES)
        return random_events_out(interactions, minimum=minimum)
    return last_events_out(interactions, minimum=minimum)


@of_kinds
def has_baskets(interactions: Interactions) -> bool:
    """Whether sessions are baskets: the events of each share one time, and some hold several."""
    events = interactions.events
    if not interactions.has_time or "session_id" not in events:
        return False
    session = [events["user_id"], events["session_id"]]
    times = events.groupby(session, observed=True, sort=False)["timestamp"]
    same = times.transform("min") == events["timestamp"]
    return bool(same.all()) and times.ngroups < len(events)
