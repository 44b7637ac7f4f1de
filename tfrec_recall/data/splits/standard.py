"""The split that fits the data, where nobody asks for another one."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from tfrec_recall.data.columns.times import ORDER
from tfrec_recall.data.interactions import Interactions
from tfrec_recall.data.kinds import of_kinds
from tfrec_recall.data.notices import tell
from tfrec_recall.data.order import TIE_ORDER
from tfrec_recall.data.splits.given import given
from tfrec_recall.data.splits.last_basket_out import last_basket_out
from tfrec_recall.data.splits.last_events_out import last_events_out
from tfrec_recall.data.splits.parts import Split
from tfrec_recall.data.splits.random_events_out import random_events_out

WITHOUT_TIMES = (
    "The events have no times: a tenth of each user's, drawn at random, is left out for "
    "validation, and another one for test (random_events_out, --split random)."
)
CUT_APART = (
    "{:.0%} of the events are at one time with another item of their user, as the items of a "
    "basket, which this split cuts apart in an order that a hash draws. Name the column that tells "
    "baskets apart, such as the number of the order (rename, --rename THEIRS=session_id), or cut "
    "all users at a moment (temporal, --split temporal:DATE,DATE). If the order of the rows is "
    "theirs: ties_in_file_order (--ties file)."
)
MINUTE = 60
TOGETHER = 0.2  # of the events at one time with others: where it is more, it is told


class Cuts(NamedTuple):
    """The functions that the standard split is chosen among, here or on a cluster."""

    given: Callable[..., Any]
    has_baskets: Callable[..., bool]
    last_basket_out: Callable[..., Any]
    random_events_out: Callable[..., Any]
    together: Callable[..., float]
    last_events_out: Callable[..., Any]

    def by_the_data(
        self, interactions: Any, columns: Collection[str], minimum: int | None, repeats: bool
    ) -> Any:
        """As `standard`, which says what the arguments are; `columns` are those of the events."""
        if "split" in columns:
            if minimum is not None:
                raise ValueError(
                    "The column 'split' says what is measured, and is followed as it is: leave "
                    f"minimum (--minimum) out, or choose a split (--split). Received: {minimum}."
                )
            return self.given(interactions)
        if self.has_baskets(interactions):
            least = 3 if minimum is None else minimum
            return self.last_basket_out(interactions, least, new_items_only=not repeats)
        if not interactions.has_time:
            tell(WITHOUT_TIMES)
            return self.random_events_out(interactions, minimum=minimum)
        share = self.together(interactions)
        if share > TOGETHER:
            tell(CUT_APART.format(share))
        return self.last_events_out(interactions, minimum=minimum)


@of_kinds
def standard(
    interactions: Interactions, minimum: int | None = None, repeats: bool = False
) -> Split:
    """The split of the measurement protocol that fits the data.

    A column `split` is followed; where the events of each session share one time, as baskets do,
    the last basket is left out; else the last five events of each user. Of events without times a
    tenth of each user's is drawn for each part, which is told. So it is where many events look like
    those of baskets and nothing says of which: the items of one would be cut apart.

    Args:
        minimum: users with fewer events, or baskets, are training data whole.
        repeats: all items of the last basket are targets, not only those new to the user: for
            `evaluate(…, repeats=True)`.
    """
    cuts = Cuts(given, has_baskets, last_basket_out, random_events_out, together, last_events_out)
    return cuts.by_the_data(interactions, interactions.events.columns, minimum, repeats)


@of_kinds
def has_baskets(interactions: Interactions) -> bool:
    """Whether sessions are baskets: the events of each share one time, and some hold several."""
    return all(signs_of_baskets(interactions))


def signs_of_baskets(interactions: Interactions) -> tuple[bool, bool]:
    """Whether the events of each session share one time, and whether some hold several.

    Of parts, sessions are baskets where they share one time in all parts, and hold several in any.
    """
    events = interactions.events
    if not interactions.has_time or "session_id" not in events:
        return False, False
    session = [events["user_id"], events["session_id"]]
    times = events.groupby(session, observed=True, sort=False)["timestamp"]
    same = times.transform("min") == events["timestamp"]
    return bool(same.all()), times.ngroups < len(events)


def together(interactions: Interactions) -> float:
    """The share of events at one time with another item of their user, if they may be baskets.

    They may where times are whole minutes or days, as a till writes them, or numbers of an order,
    and neither sessions nor an order of ties is known: else 0. To the second, people click or rate
    several items at once: half of the neighbouring events of MovieLens-100k share theirs.
    """
    events = interactions.events
    if "session_id" in events or TIE_ORDER in events:
        return 0.0
    if interactions.time_unit != ORDER and (events["timestamp"] % MINUTE != 0).any():
        return 0.0
    distinct = events[["user_id", "item_id", "timestamp"]].drop_duplicates()
    return float(distinct.duplicated(["user_id", "timestamp"], keep=False).mean())
