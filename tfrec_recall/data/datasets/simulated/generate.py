"""The simulation itself: users by the block, until their events suffice."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

import numpy as np

from tfrec_recall.data.datasets.simulated.assembly import Block, Simulation, assembled
from tfrec_recall.data.datasets.simulated.catalogue import Catalogue
from tfrec_recall.data.datasets.simulated.choices import EVENT_TYPES, Log
from tfrec_recall.data.datasets.simulated.people import People, Society
from tfrec_recall.data.datasets.simulated.visits import Behaviour, Visits

POSITIVE = ("click", "like", "booking")
BLOCK = 500_000  # items shown at a time, which bounds the memory used on the way
DAY = 24 * 3600.0


def simulate(
    events: int = 100_000,
    *,
    items: int = 2_000,
    topics: int = 12,
    markets: int = 8,
    event_types: Collection[str] = POSITIVE,
    sessions_per_user: float = 8.0,
    clicks_per_session: float = 4.0,
    slate: int = 4,
    explore: float = 0.1,
    switch: float = 0.3,
    drift: float = 0.04,
    booking: float = 0.2,
    popularity: float = 1.3,
    new_items: float = 0.3,
    fresh: float = 0.25,
    half_life: float = 7.0,
    days: float = 90.0,
    start: str = "2024-01-01",
    dim: int = 16,
    seed: int = 0,
) -> Simulation:
    """A log of exactly `events` rows by as many users as that takes, and the truth behind it.

    The model is on the package's first page. One seed and one set of arguments give one log.

    Args:
        events: rows, of the types asked for.
        items: at least `topics * markets`, so that every market has something of every topic.
        topics: what interests are of; a topic has 4 categories and 6 brands.
        markets: places; a session searches one.
        event_types: those in the log, of `EVENT_TYPES`: "impression" was shown and not chosen,
            "rejection" is a host's no to a booking.
        sessions_per_user, clicks_per_session: means; both have a tail.
        slate: items shown at a time, of which one is clicked.
        explore: the share of them that is of any topic.
        switch: how often a session turns to another of the user's interests.
        drift: how often an interest is replaced by a new one, a session.
        booking: the share of sessions that end in one, or in a rejection.
        popularity: the exponent of the long tail; 0 makes all items alike.
        new_items: the share of items that is released in the course of the log.
        fresh: the share of what is shown for its being new.
        half_life: days in which that halves.
        days: how long the log is.
        start: its first day.
        dim: of the unseen vectors.

    Raises: ValueError for a number out of its range.

    >>> simulation = simulate(events=1000, items=200, seed=1)
    >>> simulation.truth.item_vectors.shape, simulation.truth.phases.columns.tolist()
    ((200, 16), ['user_id', 'interest', 'topic', 'timestamp'])
    """
    drawing = draw(
        events,
        items=items,
        topics=topics,
        markets=markets,
        event_types=event_types,
        sessions_per_user=sessions_per_user,
        clicks_per_session=clicks_per_session,
        slate=slate,
        explore=explore,
        switch=switch,
        drift=drift,
        booking=booking,
        popularity=popularity,
        new_items=new_items,
        fresh=fresh,
        half_life=half_life,
        days=days,
        start=start,
        dim=dim,
        seed=seed,
    )
    return assembled(list(drawing.blocks), drawing.catalogue, drawing.society, drawing.start)


class Drawing(NamedTuple):
    """A simulation that is drawn as its blocks are asked for.

    Attributes:
        blocks: of users, one after the other; those before need not be kept.
        catalogue, society: what all of them meet.
        start: in Unix seconds.
    """

    blocks: Iterator[Block]
    catalogue: Catalogue
    society: Society
    start: int


def draw(
    events: int,
    *,
    items: int,
    topics: int,
    markets: int,
    event_types: Collection[str],
    sessions_per_user: float,
    clicks_per_session: float,
    slate: int,
    explore: float,
    switch: float,
    drift: float,
    booking: float,
    popularity: float,
    new_items: float,
    fresh: float,
    half_life: float,
    days: float,
    start: str,
    dim: int,
    seed: int,
) -> Drawing:
    """What `simulate` puts together; its arguments are those of `simulate`."""
    unknown = sorted(set(event_types) - set(EVENT_TYPES))
    if unknown or not event_types:
        raise ValueError(f"event_types are some of {EVENT_TYPES}. Received: {event_types!r}.")
    _check_at_least(1, events=events, markets=markets, slate=slate, days=days)
    _check_at_least(1, sessions_per_user=sessions_per_user, clicks_per_session=clicks_per_session)
    _check_at_least(2, topics=topics, dim=dim)
    _check_at_least(topics * markets, items=items)
    _check_at_least(0, popularity=popularity)
    _check_at_least(0.001, half_life=half_life)
    _check_shares(explore=explore, switch=switch, drift=drift, booking=booking)
    _check_shares(new_items=new_items, fresh=fresh)
    behaviour = Behaviour(
        sessions_per_user=sessions_per_user,
        clicks_per_session=clicks_per_session,
        slate=slate,
        explore=explore,
        fresh=fresh,
        switch=switch,
        drift=drift,
        booking=booking,
        span=days * DAY,
    )
    rng = np.random.default_rng(seed)
    catalogue = Catalogue.draw(
        rng, items, topics, markets, dim, popularity, new_items, half_life * DAY, behaviour.span
    )
    society = Society.draw(rng, topics, int(catalogue.type.max()) + 1)
    wanted = np.isin(EVENT_TYPES, list(event_types))
    blocks = _blocks(rng, events, catalogue, society, behaviour, wanted)
    return Drawing(blocks, catalogue, society, int(np.datetime64(start, "s").astype("int64")))


def _blocks(
    rng: np.random.Generator,
    events: int,
    catalogue: Catalogue,
    society: Society,
    behaviour: Behaviour,
    wanted: np.ndarray,
) -> Iterator[Block]:
    """Users until their events suffice; the last one's are cut short."""
    made, users = 0, 0
    clicks_a_user = behaviour.sessions_per_user * behaviour.clicks_per_session
    markets = int(catalogue.market.max()) + 1
    while made < events:
        events_a_user = (made + clicks_a_user) / (users + 1)
        needed = 1.05 * (events - made) / events_a_user + 4
        largest = BLOCK / (clicks_a_user * behaviour.slate)
        people = People.draw(rng, max(1, int(min(needed, largest))), markets, society)
        visits = Visits.draw(rng, people, society, catalogue, behaviour)
        log = Log.draw(rng, visits, people, society, catalogue, behaviour, wanted)
        block = Block(people, visits, log).head(events - made)
        yield block
        made += len(block.log.item)
        users += len(block.people.age)
        if made == 0 and users * clicks_a_user > BLOCK:
            types = [name for name, is_wanted in zip(EVENT_TYPES, wanted, strict=True) if is_wanted]
            raise ValueError(
                f"None of the events asked for was among all that {users:,} users did. Received: "
                f"event_types={types}, booking={behaviour.booking}, slate={behaviour.slate}."
            )


def _check_at_least(least: float, **values: float) -> None:
    for name, value in values.items():
        if not value >= least:
            raise ValueError(f"simulate needs {name} of {least} at least. Received: {value}.")


def _check_shares(**values: float) -> None:
    for name, value in values.items():
        if not 0 <= value <= 1:
            raise ValueError(f"simulate needs {name} between 0 and 1. Received: {value}.")
