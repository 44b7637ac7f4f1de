"""New events into an export: its model grows, learns from them, and is the next version."""

from __future__ import annotations

import dataclasses
import math
import os
import pathlib
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from tfrec_recall.data import Interactions, given, recent
from tfrec_recall.data.checking.matching import tell_of_new
from tfrec_recall.data.columns.among import among
from tfrec_recall.data.notices import tell
from tfrec_recall.data.order import TIE_ORDER, tie_numbers
from tfrec_recall.evaluation import evaluate
from tfrec_recall.export import LoadedRetriever, export, load
from tfrec_recall.export.next_version import next_version
from tfrec_recall.export.version_files import training_in
from tfrec_recall.export.versions import version_folders
from tfrec_recall.health import DaysBefore, Reference, write_reference
from tfrec_recall.models import RecallModel
from tfrec_recall.models.graphs.node_model import NodeModel
from tfrec_recall.models.one_pass_model import OnePassModel
from tfrec_recall.models.recall_model import BATCH_SIZE
from tfrec_recall.operations.reindex import warm_up
from tfrec_recall.operations.remembered_items import RememberedItems
from tfrec_recall.retrieval import IndexNotice, Retriever
from tfrec_recall.upkeep.differences import LEAST, difference
from tfrec_recall.upkeep.held_back import DRAWN, NEWEST_DAY, held_back
from tfrec_recall.upkeep.kept_events import let_go
from tfrec_recall.upkeep.learnt_once import tell_of_learnt, with_learnt
from tfrec_recall.upkeep.new_items import ARRIVED, arrived, places_of, with_places
from tfrec_recall.upkeep.new_times import check_times
from tfrec_recall.upkeep.next_retriever import retriever_of, with_removed
from tfrec_recall.upkeep.served_catalogue import (
    CHOSEN,
    chosen_rows,
    is_chosen,
    listed,
    nameless,
    still_known,
)
from tfrec_recall.upkeep.state import TrainingState, remove_old, write
from tfrec_recall.upkeep.tables import in_form, joined
from tfrec_recall.upkeep.updated import Updated

CUT = 50
MEASURED_USERS = 10_000
REPLAY = 1.0  # earlier events for each new one
NOTHING = (None, None, None, 0)  # was measured

Compared = tuple[float | None, float | None, tuple[float, float] | None, int]


def update(
    path: str | os.PathLike[str],
    new: Interactions,
    force: bool = False,
    epochs: int | None = None,
    replay: float = REPLAY,
    minimum_count: int | None = None,
    unseen_days: float | None = None,
    keep_days: float | None = None,
    seed: int = 0,
    again: bool = False,
    strict: bool = False,
    new_places: int | None = None,
) -> Updated:
    """Writes the next version of an export, which has learnt these events too.

    All but the newest day's are learnt, and both versions are measured on that; unless the new one
    is surely worse, it learns the newest day as well and is exported. Where the newest day has most
    of the events or hardly any, or times are numbers of order, the last fifth is measured with, and
    where times do not tell which come last, a drawn fifth. The state is written before the version
    that names it: until that is whole, the old one serves, and the same update can be run again.
    One update or reindex at a time holds the directory.

    Args:
        path: the directory of the versions, of which the newest goes on, or that of one version:
            then the next one has not learnt what those after it did.
        new: the events since, and rows of users and items that are new or changed.
        force: export it although it is worse.
        epochs: over the new and the replayed events; None is what the model does.
        replay: earlier events that are learnt once more, for each new one.
        minimum_count, unseen_days: as of `Features.grow`.
        keep_days: users without an event for so many days are let go from the state, with their
            events and rows, of others what no history reaches (see `kept_events`), and items that
            are not listed and have no event left. What was learnt or counted of them stays in the
            model; who comes back begins anew. None keeps all.
        seed: of what is drawn.
        again: learn events that an earlier update has learnt once more.
        strict: refuse it, too, where recall fell by anything, of however few users, or could not be
            measured.
        new_places: of each list, for items of the last day that would not be in it, whatever is
            known of them (see `WithNewItems`). None is as in the version before, and 0 at first.

    Raises: ValueError for an export without a training state, events that do not fit it or were
        learnt already, times of another unit than it has or ahead of the clock, epochs or replay of
        a model without, `keep_days` or `unseen_days` of events without times in seconds, `force`
        beside `strict`, more `new_places` than half of a list, or a version that was written
        meanwhile; BlockingIOError where another process makes the next version.
    """
    if keep_days is not None and not keep_days > 0:
        raise ValueError(f"keep_days is a number above 0. Received: {keep_days=}.")
    if force and strict:
        raise ValueError(
            "force exports a version that strict refuses: give one of them. "
            f"Received: {force=}, {strict=}."
        )
    if not len(new.events):
        raise ValueError(
            "An update learns new events, and takes rows of users and items beside them; a "
            "catalogue alone is what reindex takes. Received: no event."
        )
    path = pathlib.Path(path)
    with next_version(path) as unchanged:
        clock = _Clock()
        serving = load(path)
        state = TrainingState.of(serving.path)
        check_times(new, state, keep_days=keep_days, unseen_days=unseen_days)
        run = _Run(state, serving, new, epochs, replay, minimum_count, unseen_days, seed, again)
        places = places_of(serving, new_places)
        return _updated(run, serving, force, strict, keep_days, places, clock, unchanged)


def _updated(
    run: _Run,
    serving: LoadedRetriever,
    force: bool,
    strict: bool,
    keep_days: float | None,
    places: int,
    clock: _Clock,
    unchanged: Callable[[str], None],
) -> Updated:
    path = serving.path.parent
    newest = max(version_folders(path).items(), default=None)
    if newest is not None and serving.path.name != newest[1].name:
        tell(
            f"The new version goes on from {serving.path}: what later ones learnt, up to version "
            f"{newest[0]}, is not in it."
        )
    learnt, held = run.parts()
    model = run.state.model()
    given_up = nameless(model)  # until now
    catalogue = listed(run.items, run.known_items, serving, given_up)
    clock.lap("read")
    before, after, change, measured = NOTHING
    if len(learnt):
        model = run.learn(model, learnt)
        clock.lap("learn")
    if len(learnt) and len(held):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", IndexNotice)  # they are told of what is exported
            known = still_known(catalogue, given_up, nameless(model), serving)
            trial = retriever_of(model, known, serving, run.since())
            by_then = pd.concat([run.known_items["item_id"], learnt["item_id"]])
            trial = with_places(trial, model, run.told, places, by_then)
        clock.lap("index")
        before, after, change, measured = run.compared(serving, trial, learnt, held)
        clock.lap("measure")
        del trial  # its index has as many vectors as that of the version
    else:
        tell("Nothing is measured, as the new events are too few to hold some of them back.")
    counts = run.counted()
    found = Updated(None, *counts, measured, before, after, change, clock.laps, run.held)
    if found.is_refused(strict) and not force:
        return found
    if found.fell and measured < LEAST and not force:
        tell(
            f"Recall fell, and of fewer than {LEAST} users that is not sure: the new version is "
            "exported; strict=True (--strict) refuses such a one."
        )
    if len(held):
        model = run.learn(model, held)
        clock.lap("learn")
    whole = len(catalogue)
    catalogue = still_known(catalogue, given_up, nameless(model), serving)
    if len(catalogue) < whole:
        tell(
            f"{whole - len(catalogue):,} items have given their numbers up (minimum_count, "
            "unseen_days) and are not listed, until events bring them back."
        )
    known = still_known(run.items, given_up, nameless(model), serving)
    made = retriever_of(model, catalogue, serving, run.since(), known)
    removed = with_removed(made, model, run.items)
    made = with_places(made, model, run.told, places)
    clock.lap("index")
    days = run.days()
    coded = model.features.coded_columns()
    usual = Reference.of_days(made, days, run.users, run.items, run.seed, coded)
    clock.lap("health")
    unchanged("this update learnt")
    card = training_in(serving.card)
    after_this = write(
        path,
        model,
        pd.concat([learnt, held], ignore_index=True),
        learnt.iloc[:0],
        run.users,
        run.items,
        days,
        run.told,
        run.state,
        keep_days,
    )
    if keep_days is not None:
        gone = run.state.size() + len(learnt) + len(held) - after_this.size()
        rows = {"user_id": run.users, "item_id": run.items}
        left = after_this.ids()
        tell(let_go(gone, *(len(table) - len(left[column]) for column, table in rows.items())))
    told = {"from": serving.path.name, "events": counts[0], "before": before, "after": after}
    told |= {"users": measured, "metrics_before": serving.card.get("metrics")}
    told |= {CHOSEN: is_chosen(serving)}

    def beside(folder: pathlib.Path) -> None:
        unchanged("this update was exported")
        write_reference(folder, usual)
        if removed is not None:
            events = days.popularity(removed.item_ids)
            RememberedItems.listed(removed, events).write(folder)

    newest_day = {f"newest day recall@{CUT}": after, "newest day users": measured}
    version = export(
        made,
        path,
        metrics=newest_day if measured else {},
        data={**card, **after_this.card, "updated": told},
        features=model.features.describe(),
        items=catalogue,
        warmup=warm_up(serving),
        beside=beside,
    )
    remove_old(version.parent)
    clock.lap("export")
    index = made.report.get("index")
    return dataclasses.replace(found, version=version, seconds=clock.laps, index=index)


class _Run:
    """One update: the new events in the form of the state's, and what is learnt of them."""

    def __init__(
        self, state, serving, new, epochs, replay, minimum_count, unseen_days, seed, again
    ):
        self.state, self.new = state, new
        self.epochs, self.replay, self.seed = epochs, replay, seed
        self.dropping = {"minimum_count": minimum_count, "unseen_days": unseen_days}
        self.waiting, self.again = state.waiting(), again
        self.events = in_form(self._after_the_state(new.events), state.sample())
        self.known_users, self.known_items = state.users(), state.items()
        self.users = joined(self.known_users, new.users, "users", "user_id")
        chosen = chosen_rows(serving, self.known_items)
        items = self.known_items
        if len(chosen):
            items = joined(items, chosen, "items", "item_id")
        self.items = joined(items, new.items, "items", "item_id")
        self.told_of = pd.concat([new.items["item_id"], chosen["item_id"]])
        self.learnt: list[pd.DataFrame] = []
        self.told: dict[str, Any] = state.told
        self.held = NEWEST_DAY
        self.time_unit = state.time_unit

    def _after_the_state(self, events: pd.DataFrame) -> pd.DataFrame:
        """The same, to follow the state's events at one time where these have an order of ties."""
        first = self.state.next_tie()
        if first is None:
            return events
        return events.assign(**{TIE_ORDER: tie_numbers(events, first)})

    def counted(self) -> tuple[int, int, int]:
        """New events, users and items."""
        users, items = self.new.users["user_id"], self.new.items["item_id"]
        return (
            len(self.new.events),
            int((~among(users, self.known_users["user_id"])).sum()),
            int((~among(items, self.known_items["item_id"])).sum()),
        )

    def parts(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Events that are learnt at first, and those that are held back."""
        events = self.events
        unit, items, told = self.time_unit, self.new.items["item_id"], self.state.told
        new = items[~among(items, self.known_items["item_id"])]
        came = arrived(told.get(ARRIVED, []), events, new, unit == "s")
        self.told = {**with_learnt(told, events, self.again), ARRIVED: came}
        if not self.again:
            tell_of_learnt(events, self.state, self.waiting)
        for known, column in ((self.known_users, "user_id"), (self.known_items, "item_id")):
            tell_of_new(events[column].drop_duplicates(), known[column], column)
        times = None if unit is None else events["timestamp"].to_numpy()
        seed = (self.seed, self.state.number)
        held, self.held = held_back(times, unit, len(events), seed)
        if self.held == DRAWN and held.any():
            tell(f"Measured on {DRAWN}, as times do not tell which of them come last.")
        learnt = pd.concat([self.waiting, events[~held]], ignore_index=True)
        return learnt, events[held].reset_index(drop=True)

    def learn(self, model: RecallModel, events: pd.DataFrame) -> RecallModel:
        """The model, grown by these events, after it has learnt them."""
        check_followed(model, self.epochs, self.replay)
        now = self._interactions(events, self.told_of)
        # What the first part brought is not seldom: it had no day to come again.
        dropping = {} if self.learnt else self.dropping
        grown = model.grow(model.features.grow(now, **dropping))
        length, replay = grown.history_needed, replayed(grown, self.replay)
        # The same for the same update, and of other users from one to the next.
        random = np.random.default_rng([self.seed, self.state.number, len(self.learnt)])
        earlier = self._earlier(events, replay, random)
        history = self._interactions(earlier[grown.reads(earlier)])
        since = recent(history, now, length, replay, int(random.integers(2**31)))
        told = self.state.told
        options: dict[str, Any] = {"batch_size": told.get("batch_size") or BATCH_SIZE}
        if self.epochs is not None:
            options["epochs"] = self.epochs
        grown.update(since, seed=self.seed, **options)
        self.learnt.append(events)
        return grown

    def since(self) -> Interactions:
        """All that was learnt."""
        return self._interactions(
            pd.concat([self.waiting.iloc[:0], *self.learnt], ignore_index=True)
        )

    def days(self) -> DaysBefore:
        """The days before the new version."""
        return self.state.days().later(self.events, self.waiting["user_id"], self.seed)

    def compared(
        self, serving: Retriever, made: Retriever, learnt: pd.DataFrame, held: pd.DataFrame
    ) -> Compared:
        """Recall of both on what is held back, the difference and its error, and the users."""
        users = held["user_id"].drop_duplicates()
        if len(users) > MEASURED_USERS:
            users = users.sample(MEASURED_USERS, random_state=self.seed)
        past = pd.concat([self.state.events_of(users), learnt[among(learnt["user_id"], users)]])
        asked = held[among(held["user_id"], users)]
        repeats = bool(self.state.told.get("repeats"))
        pair = ["user_id", "item_id"]
        had = pd.MultiIndex.from_frame(asked[pair]).isin(pd.MultiIndex.from_frame(past[pair]))
        if not len(past) or (had.all() and not repeats):
            tell(f"Nothing is measured: on {self.held} nobody of before took what is new to them.")
            return NOTHING
        events = pd.concat([past.assign(split="train"), asked.assign(split="test")])
        users_rows = self.users[among(self.users["user_id"], users)]
        every = Interactions(events, users_rows, self.items, mend_ids=False, **self._unit(events))
        reports = [
            evaluate(one, given(every), cuts=(CUT,), repeats=repeats, lists=False)
            for one in (serving, made)
        ]
        name = f"recall@{CUT}"
        before, after = (report.per_user[name].to_numpy() for report in reports)
        return float(before.mean()), float(after.mean()), difference(before, after), len(before)

    def _earlier(
        self, events: pd.DataFrame, replay: float, random: np.random.Generator
    ) -> pd.DataFrame:
        """Events of before of these users, and of others who are drawn to be replayed."""
        touched = events["user_id"].drop_duplicates()
        each = max(self.state.size() / max(len(self.known_users), 1), 1.0)
        number = min(math.ceil(replay * len(events) / each), len(self.known_users))
        drawn = self.known_users["user_id"].sample(number, random_state=random)
        users = pd.concat([touched, drawn]).drop_duplicates()
        parts = [self.state.events_of(users)]
        parts += [one[among(one["user_id"], users)] for one in self.learnt]
        return pd.concat(parts, ignore_index=True)

    def _interactions(self, events: pd.DataFrame, items: pd.Series | None = None) -> Interactions:
        """With the rows of these users and items, and of further items."""
        ids = events["item_id"] if items is None else pd.concat([events["item_id"], items])
        return Interactions(
            events,
            self.users[among(self.users["user_id"], events["user_id"].unique())],
            self.items[among(self.items["item_id"], ids.unique())],
            name=self.new.name,
            mend_ids=False,
            **self._unit(events),
        )

    def _unit(self, events: pd.DataFrame) -> dict[str, Any]:
        return {"time_unit": self.time_unit} if "timestamp" in events else {}


def check_followed(model: RecallModel, epochs: int | None, replay: float) -> None:
    """Raises ValueError for settings of an update that the model does not follow."""
    told = [] if epochs is None else [f"{epochs=}"]
    told += [] if replay == REPLAY else [f"{replay=}"]
    if told and isinstance(model, OnePassModel | NodeModel):
        raise ValueError(
            f"{type(model).__name__} learns new events once and by themselves, without epochs and "
            f"replayed events: leave --epochs and --replay out. Received: {', '.join(told)}."
        )


def replayed(model: RecallModel, replay: float) -> float:
    """How many earlier events are learnt again for each new one; none by what counts all events."""
    counts_all = isinstance(model, OnePassModel) and model.history_needed is None
    return 0.0 if counts_all else replay


class _Clock:
    """What parts of a run took."""

    def __init__(self):
        self.laps: dict[str, float] = {}
        self.since = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name] = round(self.laps.get(name, 0.0) + now - self.since, 3)
        self.since = now
