"""From the parts of a simulation to the tables a recommender sees, and those it does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pandas as pd

from tfrec_recall.data.datasets.simulated.catalogue import Catalogue, named
from tfrec_recall.data.datasets.simulated.choices import EVENT_TYPES, Log
from tfrec_recall.data.datasets.simulated.people import People, Society
from tfrec_recall.data.datasets.simulated.visits import Visits
from tfrec_recall.data.interactions import Interactions

Part = TypeVar("Part", People, Visits, Log)


@dataclass(frozen=True, eq=False)
class Truth:
    """The unseen variables of a simulation.

    Args:
        users: user_id, type (age group and device), budget (log price), interests (how many); as
            many rows as the users that are seen, in the same order.
        items: item_id, type (price tier and topic), topic, weight (its share in what is shown of
            its market and topic, if all were released); likewise.
        sessions: session_id, user_id, timestamp (of its start), market, topic, interest (which of
            the user's, from 0), phase (row of `phases`).
        phases: user_id, interest, topic, timestamp (its first session). An interest keeps its topic
            and its vector for a phase; the next phase of the same interest replaces it.
        item_vectors, topic_vectors, phase_vectors, session_vectors: `[rows, dim]`, of length 1;
            a session's is what was wanted that day.
        preference: `[age groups, topics]`, from which interests are drawn.
        rejection: `[user types, item types]`, the probability that a host says no.
    """

    users: pd.DataFrame
    items: pd.DataFrame
    sessions: pd.DataFrame
    phases: pd.DataFrame
    item_vectors: np.ndarray
    topic_vectors: np.ndarray
    phase_vectors: np.ndarray
    session_vectors: np.ndarray
    preference: np.ndarray
    rejection: np.ndarray


@dataclass(frozen=True, eq=False)
class Simulation:
    """What a recommender may see, and what it may not.

    Args:
        interactions: events (user_id, item_id, timestamp, session_id, event_type, watch_ratio,
            query) in the order of time, users (age, country, device), items (category, brand, shop,
            market, price, released_at).
        truth: the unseen variables behind them.
    """

    interactions: Interactions
    truth: Truth


@dataclass(frozen=True, eq=False)
class Block:
    """Some users and all they do."""

    people: People
    visits: Visits
    log: Log

    def head(self, events: int) -> Block:
        """The users, sessions and events up to this many events."""
        if events >= len(self.log.item):
            return self
        log = self.log.take(slice(events))
        visits = self.visits.head(int(log.session[-1]) + 1)
        return Block(self.people.head(int(visits.user[-1]) + 1), visits, log)


def assembled(
    blocks: Sequence[Block], catalogue: Catalogue, society: Society, start: int
) -> Simulation:
    """The tables; `start` in Unix seconds."""
    users = _before([len(block.people.age) for block in blocks])
    sessions = _before([len(block.visits.user) for block in blocks])
    phases = _before([len(block.visits.phase_first) for block in blocks])
    people = _joined([block.people for block in blocks])
    visits = _joined(
        [block.visits for block in blocks],
        {"user": users, "phase": phases, "session": sessions, "phase_first": sessions},
    )
    log = _joined([block.log for block in blocks], {"session": sessions})
    log = log.take(np.argsort(log.time, kind="stable"))

    user_names = named("u", np.arange(len(people.age)))
    item_names = named("i", np.arange(len(catalogue.topic)))
    type_names = pd.Series(EVENT_TYPES, dtype="str")
    events = pd.DataFrame(
        {
            "user_id": _at(user_names, visits.user[log.session]),
            "item_id": _at(item_names, log.item),
            "timestamp": start + log.time.astype("int64"),
            "session_id": log.session,
            "event_type": _at(type_names, log.type),
            "watch_ratio": log.watch_ratio.astype("float32"),
            "query": named("w", visits.word[log.session]),
        }
    )
    interactions = Interactions(
        events,
        users=people.table(user_names),
        items=catalogue.table(item_names, start),
        name="simulated",
    )
    return Simulation(interactions, _truth(people, visits, catalogue, society, start))


def _truth(
    people: People, visits: Visits, catalogue: Catalogue, society: Society, start: int
) -> Truth:
    user_names = named("u", np.arange(len(people.age)))
    session_start = start + visits.start.astype("int64")
    users = pd.DataFrame(
        {
            "user_id": user_names,
            "type": people.type,
            "budget": people.budget,
            "interests": people.interests,
        }
    )
    items = pd.DataFrame(
        {
            "item_id": named("i", np.arange(len(catalogue.topic))),
            "type": catalogue.type,
            "topic": catalogue.topic,
            "weight": catalogue.weight,
        }
    )
    sessions = pd.DataFrame(
        {
            "session_id": np.arange(len(visits.user)),
            "user_id": _at(user_names, visits.user),
            "timestamp": session_start,
            "market": named("m", visits.market),
            "topic": visits.topic,
            "interest": visits.interest,
            "phase": visits.phase,
        }
    )
    phases = sessions.loc[visits.phase_first, ["user_id", "interest", "topic", "timestamp"]]
    return Truth(
        users=users,
        items=items,
        sessions=sessions,
        phases=phases.reset_index(drop=True),
        item_vectors=catalogue.vectors,
        topic_vectors=catalogue.topic_vectors,
        phase_vectors=visits.phase_vectors,
        session_vectors=visits.vectors,
        preference=society.preference,
        rejection=society.rejection,
    )


def _before(counts: list[int]) -> np.ndarray:
    """How many rows stand before each block's."""
    return np.cumsum([0, *counts[:-1]])


def _joined(parts: Sequence[Part], shifts: dict[str, np.ndarray] | None = None) -> Part:
    """One part of all blocks; columns that are row numbers are shifted by the rows before."""
    columns = {}
    for name in vars(parts[0]):
        pieces = [getattr(part, name) for part in parts]
        if shifts and name in shifts:
            pieces = [piece + shift for piece, shift in zip(pieces, shifts[name], strict=True)]
        columns[name] = np.concatenate(pieces)
    return type(parts[0])(**columns)


def _at(names: pd.Series, rows: np.ndarray) -> pd.Series:
    return names.take(rows).reset_index(drop=True)
