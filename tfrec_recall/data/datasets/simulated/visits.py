"""When users of the simulated marketplace come, and what they want: sessions and interests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfrec_recall.data.datasets.simulated.catalogue import (
    MARKET_EXPONENT,
    Catalogue,
    scattered,
    shares,
)
from tfrec_recall.data.datasets.simulated.people import People, Society

TASTE_SPREAD, DAY_SPREAD = 0.4, 0.3  # of an interest around its topic, of a session around that
AT_HOME = 0.8  # the share of sessions in the home market
MOST_CLICKS = 30  # in a session
LEAST_GAP, MEAN_GAP, MOST_GAP = 20.0, 80.0, 300.0  # seconds between two clicks
AFTER_LAST_CLICK = 60.0  # when a session ends, with a booking perhaps
BETWEEN_SESSIONS = 3 * 3600.0  # seconds at least between two sessions of a user
WORDS_A_TOPIC = 8
ODD_WORDS = 0.1  # the share of searches with a word of any topic


@dataclass(frozen=True)
class Behaviour:
    """The arguments of `simulate` that say how users behave; times in seconds."""

    sessions_per_user: float
    clicks_per_session: float
    slate: int
    explore: float
    fresh: float
    switch: float
    drift: float
    booking: float
    span: float


@dataclass(frozen=True, eq=False)
class Visits:
    """Sessions, those of a user as neighbours and in the order of time; arrays of `[sessions]`.

    Args:
        user: row of the people.
        market, topic, word: what is searched, numbers from 0.
        interest: which of the user's own, from 0.
        phase: row of the phases. An interest is in one phase until it is replaced.
        vectors: `[sessions, dim]`, what is wanted that day.
        start: seconds since the start of the simulation.
        session: `[clicks]`, row of the session of each click.
        time: `[clicks]`, seconds since the start of the simulation.
        phase_first: `[phases]`, the first session of each.
        phase_vectors: `[phases, dim]`, the taste.
    """

    user: np.ndarray
    market: np.ndarray
    topic: np.ndarray
    word: np.ndarray
    interest: np.ndarray
    phase: np.ndarray
    vectors: np.ndarray
    start: np.ndarray
    session: np.ndarray
    time: np.ndarray
    phase_first: np.ndarray
    phase_vectors: np.ndarray

    @classmethod
    def draw(
        cls,
        rng: np.random.Generator,
        people: People,
        society: Society,
        catalogue: Catalogue,
        behaviour: Behaviour,
    ) -> Visits:
        """All sessions of these people."""
        user = np.repeat(np.arange(len(people.age)), _sizes(rng, len(people.age), behaviour))
        count = len(user)
        clicks = np.minimum(rng.geometric(1 / behaviour.clicks_per_session, count), MOST_CLICKS)
        session = np.repeat(np.arange(count), clicks)
        gaps = np.minimum(LEAST_GAP + rng.exponential(MEAN_GAP - LEAST_GAP, len(session)), MOST_GAP)
        since_start = running_sum(gaps, session)
        length = np.bincount(session, gaps, count) + AFTER_LAST_CLICK
        start = _starts(rng, user, length, behaviour.span)

        markets = int(catalogue.market.max()) + 1
        market = np.where(
            rng.random(count) < AT_HOME,
            people.market[user],
            rng.choice(markets, count, p=shares(markets, MARKET_EXPONENT)),
        )
        interest = _interests(rng, user, people.interests, behaviour.switch)
        phase, phase_first, is_new = _phases(rng, user, interest, behaviour.drift)
        replaced = society.draw_topics(rng, people.age_group[user[phase_first]])
        at_first = people.topics[user[phase_first], interest[phase_first]]
        phase_topic = np.where(is_new, replaced, at_first)
        phase_vectors = scattered(rng, catalogue.topic_vectors[phase_topic], TASTE_SPREAD)
        topic = phase_topic[phase]
        odd = rng.random(count) < ODD_WORDS
        searched = np.where(odd, rng.integers(len(catalogue.topic_vectors), size=count), topic)
        return cls(
            user=user,
            market=market,
            topic=topic,
            word=searched * WORDS_A_TOPIC + rng.integers(WORDS_A_TOPIC, size=count),
            interest=interest,
            phase=phase,
            vectors=scattered(rng, phase_vectors[phase], DAY_SPREAD),
            start=start,
            session=session,
            time=start[session] + since_start,
            phase_first=phase_first,
            phase_vectors=phase_vectors,
        )

    def head(self, sessions: int) -> Visits:
        """The first sessions, without what only later ones have."""
        kept = self.phase_first < sessions
        clicks = np.searchsorted(self.session, sessions)
        rows = {
            name: column[:sessions]
            for name, column in vars(self).items()
            if name not in ("session", "time", "phase_first", "phase_vectors")
        }
        return Visits(
            **{**rows, "phase": (np.cumsum(kept) - 1)[self.phase[:sessions]]},
            session=self.session[:clicks],
            time=self.time[:clicks],
            phase_first=self.phase_first[kept],
            phase_vectors=self.phase_vectors[kept],
        )


def begins(groups: np.ndarray) -> np.ndarray:
    """Whether a row is the first of its group; the rows of a group are neighbours."""
    return np.concatenate([[True], groups[1:] != groups[:-1]])


def running_sum(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """The sum of the values up to each row, from the first row of its group on.

    >>> running_sum(np.array([1.0, 2.0, 4.0, 8.0]), np.array([0, 0, 5, 5]))
    array([ 1.,  3.,  4., 12.])
    """
    total = np.cumsum(values)
    first = np.flatnonzero(begins(groups))
    before = (total - values)[first]
    return total - np.repeat(before, np.diff(np.append(first, len(values))))


def _sizes(rng: np.random.Generator, users: int, behaviour: Behaviour) -> np.ndarray:
    """Sessions of each user: many have few, few have many."""
    mean = behaviour.sessions_per_user - 1
    activity = rng.lognormal(-0.5, 1.0, users)  # of mean 1
    longest = MOST_CLICKS * MOST_GAP + AFTER_LAST_CLICK + BETWEEN_SESSIONS
    most = max(1, int(behaviour.span / longest))  # so that the time always suffices
    return np.minimum(1 + rng.poisson(mean * activity), most)


def _starts(
    rng: np.random.Generator, user: np.ndarray, length: np.ndarray, span: float
) -> np.ndarray:
    """Where sessions begin: at random in the time that is left, without meeting one another."""
    busy = length + BETWEEN_SESSIONS
    idle = rng.exponential(size=len(user))
    users = int(user[-1]) + 1
    share = running_sum(idle, user) / (np.bincount(user, idle) + rng.exponential(size=users))[user]
    free = span - np.bincount(user, busy)
    return share * free[user] + running_sum(busy, user) - busy


def _interests(
    rng: np.random.Generator, user: np.ndarray, interests: np.ndarray, switch: float
) -> np.ndarray:
    """The interest of each session: that of the session before, or with `switch` any."""
    drawn = (rng.random(len(user)) * interests[user]).astype(np.int64)
    is_drawn = begins(user) | (rng.random(len(user)) < switch)
    latest = np.maximum.accumulate(np.where(is_drawn, np.arange(len(user)), 0))
    return drawn[latest]


def _phases(
    rng: np.random.Generator, user: np.ndarray, interest: np.ndarray, drift: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The phase of each session; of each phase, the first session and whether it replaced one."""
    slot = user * (int(interest.max()) + 1) + interest
    order = np.argsort(slot, kind="stable")  # by user and interest, in time
    begin = begins(slot[order])
    is_new = ~begin & (rng.random(len(user)) < drift)
    starts = begin | is_new
    phase = np.empty(len(user), dtype=np.int64)
    phase[order] = np.cumsum(starts) - 1
    return phase, order[starts], is_new[starts]
