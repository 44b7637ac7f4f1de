"""What is shown in a simulated session, and what the user and the host make of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tfrec_recall.data.datasets.simulated.catalogue import Catalogue
from tfrec_recall.data.datasets.simulated.people import People, Society
from tfrec_recall.data.datasets.simulated.visits import AFTER_LAST_CLICK, Behaviour, Visits, begins

EVENT_TYPES = ("impression", "click", "like", "booking", "rejection")
IMPRESSION, CLICK, LIKE, BOOKING, REJECTION = range(len(EVENT_TYPES))

CHOICE = 8.0  # how strongly utility decides
PRICE_WEIGHT = 0.1
LIKED = 0.9  # the utility at which half of the clicks are followed by a like
BEFORE_CLICK, BEFORE_LIKE = 5.0, 10.0  # seconds since it was shown, since it was clicked


@dataclass(frozen=True, eq=False)
class Log:
    """Events, those of a session as neighbours and in the order of time; arrays of `[events]`.

    Args:
        session, item: rows of the visits and of the catalogue.
        type: position in `EVENT_TYPES`.
        time: seconds since the start of the simulation.
        watch_ratio: 0 for what was not chosen.
    """

    session: np.ndarray
    item: np.ndarray
    type: np.ndarray
    time: np.ndarray
    watch_ratio: np.ndarray

    @classmethod
    def draw(
        cls,
        rng: np.random.Generator,
        visits: Visits,
        people: People,
        society: Society,
        catalogue: Catalogue,
        behaviour: Behaviour,
        wanted: np.ndarray,
    ) -> Log:
        """All events of the types `wanted`, bool `[event types]`."""
        shown = _slates(rng, visits, catalogue, behaviour)  # [clicks, slate]
        utility = _utility(visits, people, catalogue, shown)
        position = (CHOICE * utility + rng.gumbel(size=shown.shape)).argmax(axis=1)
        item, utility = (
            np.take_along_axis(table, position[:, np.newaxis], axis=1)[:, 0]
            for table in (shown, utility)
        )
        # What was clicked before in the session is not clicked again.
        pairs = visits.session * len(catalogue.topic) + item
        kept = ~pd.Series(pairs).duplicated().to_numpy()
        session, time, item, utility = (
            column[kept] for column in (visits.session, visits.time, item, utility)
        )
        watch_ratio = _logistic(6 * (utility - 0.5) + rng.standard_normal(len(item)))
        liked = rng.random(len(item)) < _logistic(8 * (utility - LIKED))
        booked = _booked(rng, session, utility, behaviour.booking)
        refusal = society.rejection[people.type[visits.user[session]], catalogue.type[item]]
        outcome = np.where(rng.random(len(item)) < refusal, REJECTION, BOOKING)
        end = np.maximum.reduceat(time, np.flatnonzero(begins(session))) + AFTER_LAST_CLICK

        rows = np.arange(len(item))
        parts = [
            (rows, np.full(len(item), CLICK), time),
            (rows[liked], np.full(liked.sum(), LIKE), time[liked] + BEFORE_LIKE),
            (rows[booked], outcome[booked], end[session[booked]]),
        ]
        row, kind, moment = (np.concatenate(column) for column in zip(*parts, strict=True))
        log = cls(session[row], item[row], kind, moment, watch_ratio[row])
        if wanted[IMPRESSION]:
            log = log._with_passed_over(shown[kept], session, item, time)
        order = np.lexsort((log.time, log.session))
        return log.take(order[wanted[log.type[order]]])

    def take(self, rows: np.ndarray | slice) -> Log:
        """These events."""
        return Log(**{name: column[rows] for name, column in vars(self).items()})

    def _with_passed_over(
        self, shown: np.ndarray, session: np.ndarray, item: np.ndarray, time: np.ndarray
    ) -> Log:
        """With an impression for each item of a slate that was not chosen, once a slate."""
        repeated = (shown[:, :, np.newaxis] == shown[:, np.newaxis, :]) & np.tri(
            shown.shape[1], k=-1, dtype=bool
        )
        passed = (shown != item[:, np.newaxis]) & ~repeated.any(axis=2)
        click, _ = np.nonzero(passed)
        return Log(
            np.concatenate([self.session, session[click]]),
            np.concatenate([self.item, shown[passed]]),
            np.concatenate([self.type, np.full(len(click), IMPRESSION)]),
            np.concatenate([self.time, time[click] - BEFORE_CLICK]),
            np.concatenate([self.watch_ratio, np.zeros(len(click))]),
        )


def _slates(
    rng: np.random.Generator, visits: Visits, catalogue: Catalogue, behaviour: Behaviour
) -> np.ndarray:
    """Items `[clicks, slate]`: of the session's market and topic, some of another topic."""
    shape = (len(visits.session), behaviour.slate)
    topics = len(catalogue.topic_vectors)
    anything = rng.random(shape) < behaviour.explore
    searched = visits.topic[visits.session][:, np.newaxis]
    topic = np.where(anything, rng.integers(topics, size=shape), searched)
    shelf = visits.market[visits.session][:, np.newaxis] * topics + topic
    time = np.broadcast_to(visits.time[:, np.newaxis], shape)
    return catalogue.shelves.draw(rng, shelf, time, behaviour.fresh)


def _utility(visits: Visits, people: People, catalogue: Catalogue, shown: np.ndarray) -> np.ndarray:
    """`[clicks, slate]`: closeness to what is wanted, less the distance from the budget."""
    wanted = visits.vectors[visits.session]
    closeness = np.einsum("cd,csd->cs", wanted, catalogue.vectors[shown])
    budget = people.budget[visits.user[visits.session]]
    misfit = np.abs(np.log(catalogue.price)[shown] - budget[:, np.newaxis])
    return closeness - PRICE_WEIGHT * misfit


def _booked(
    rng: np.random.Generator, session: np.ndarray, utility: np.ndarray, booking: float
) -> np.ndarray:
    """Whether a click is the one that its session ends in a booking of; one a session at most."""
    score = CHOICE * utility + rng.gumbel(size=len(utility))
    best = np.maximum.reduceat(score, np.flatnonzero(begins(session)))
    return (score == best[session]) & (rng.random(len(best)) < booking)[session]


def _logistic(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-values))
