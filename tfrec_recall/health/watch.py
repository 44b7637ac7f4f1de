"""A day's events, users and items held to what was usual before an export."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tfrec_recall.data import Interactions
from tfrec_recall.data.columns.column_types import without_categories
from tfrec_recall.export import LoadedRetriever
from tfrec_recall.export.version_files import EXTRA
from tfrec_recall.health import asked
from tfrec_recall.health.check import Check
from tfrec_recall.health.day import Day, drawn, rows_of, with_days
from tfrec_recall.health.finding import Finding, Health
from tfrec_recall.health.judge import FALSE_ALARMS, Compared, judge
from tfrec_recall.health.moved_vectors import moved_vectors
from tfrec_recall.health.reference import ITEMS, Reference, with_answers
from tfrec_recall.health.reference_file import read_reference
from tfrec_recall.health.vectors import Vectors

OF_TABLES = {
    **{"events": ("user_id", "item_id"), "users": ("user_id",)},
    **dict.fromkeys(("items", "item_vectors"), ("item_id",)),
}


def watch(
    retriever: LoadedRetriever,
    events: Interactions,
    users: pd.DataFrame | None = None,
    items: pd.DataFrame | None = None,
    item_vectors: tuple[np.ndarray, np.ndarray] | None = None,
    false_alarms: float = FALSE_ALARMS,
    seed: int = 0,
    untyped: Collection[str] = (),
) -> Health:
    """Looks whether a day is like the days before the export, in all that can be counted.

    Args:
        retriever: an export that has its reference beside it, as `train --export` writes it.
        events: those of the day, or of several days; users on a day are what is compared. Of its
            tables, only the events are looked at.
        users: columns of the users; without them none is looked at.
        items: the catalogue of the day: item_id and columns; by default the export's own. Its
            vectors are looked at.
        item_vectors: ids and vectors [items, dim] that servers hold, instead of those that the
            export makes of the items.
        false_alarms: the share of days like those before on which any check raises an alarm.
        seed: of what is drawn, and of the ways of dealing units out.
        untyped: which of events, users and items come from files without types: a small one may
            hold no id but whole numbers, and they are text where the export's are.

    Raises: ValueError for an export without a reference, and what to do; or for ids of another
        type, or items that come twice.
    """
    reference = read_reference(retriever.path / EXTRA)
    if reference is None:
        raise ValueError(
            "Nothing was written with this export that says what is usual, so neither inputs nor "
            "vectors, index or lists can be held to it: export it again by this version's `train`, "
            f"or give `export` a Reference. Received: {retriever.path}."
        )
    if not len(events.events):
        raise ValueError("A day has events. Received: none.")
    types = _id_types(retriever, reference)
    own, users, items = (
        _as_known(types, name, table, name in untyped)
        for name, table in (("events", events.events), ("users", users), ("items", items))
    )
    if own is not None and own is not events.events:
        events = Interactions(own, time_unit=events.time_unit, mend_ids=False)
    _check_once("items", None if items is None else items["item_id"])
    if item_vectors is not None:
        of_servers = pd.DataFrame({"item_id": item_vectors[0]})
        _as_known(types, "item_vectors", of_servers, untyped=False)
        _check_once("item_vectors", item_vectors[0])
    day, unchecked, units = _day(retriever, reference, events, users, items, seed)
    if day.lists is not None:  # both of one length
        reference = reference.with_lists_of(day.lists.rows.shape[1])
    of_days = [(c, counts, c.counts(day)) for c, counts in reference.checks]
    unchecked += _not_there(of_days, day)
    of_items, moved, problems = _items(retriever, reference, items, item_vectors, seed)
    unchecked += problems
    lists = None
    if reference.lists is not None and day.lists is not None:
        lists = reference.lists, day.lists.rows
    usual = [one for one in reference.unmeasured if one not in unchecked]
    unchecked += [f"{one} (of the training)" for one in usual]
    found = judge(_compared(of_days), _compared(of_items), lists, false_alarms, seed)
    found = [*moved, *found]
    return Health(
        export=str(retriever.path),
        events=len(events.events),
        units=units,
        drawn=day.units,
        findings=tuple(sorted(found, key=lambda one: not one.alarm)),
        unchecked=tuple(unchecked),
    )


def _day(
    retriever: LoadedRetriever,
    reference: Reference,
    events: Interactions,
    users: pd.DataFrame | None,
    items: pd.DataFrame | None,
    seed: int,
) -> tuple[Day, list[str], int]:
    """The day with all that is known of it; what is not; and how many units it has."""
    unchecked = []
    timed = bool(reference.about["timed"]) and events.time_unit == "s"
    if not timed:
        whose = "the day" if reference.about["timed"] else "the training"
        unchecked.append(f"times of events: those of {whose} have none in seconds")
    units = drawn(with_days(events.events, timed), seed=seed)
    mine = units.events["item_id"]
    row = pd.Index(retriever.item_ids).get_indexer(pd.Index(mine))
    items = retriever.items if items is None else items
    day = Day(
        users=units.users,
        events=units.events,
        unit=units.unit,
        timed=timed,
        strange_user=reference.known.strange(pd.Series(units.users)),
        strange_item=row < 0,
        popularity=np.where(row >= 0, reference.popularity[np.maximum(row, 0)], 0).astype(float),
        of_users=None if users is None else rows_of(users, "user_id", units.users),
        of_items=None if items is None else rows_of(items, "item_id", mine),
    )
    try:
        table = _as_inputs(day.of_users, retriever)
        queries = asked.requests(retriever.inputs, day.users, day.events, day.unit, table)
    except ValueError as error:
        return day, [*unchecked, f"vectors, index and lists: {error}"], units.of_all
    length = asked.LENGTH if reference.lists is None else reference.lists.shape[1]
    day, problems = with_answers(day, retriever, queries, reference.popularity, length)
    return day, [*unchecked, *problems], units.of_all


def _as_inputs(of_users: pd.DataFrame | None, retriever: LoadedRetriever) -> pd.DataFrame | None:
    if of_users is None:
        return None
    return of_users[[name for name in of_users if name in retriever.inputs]]


def _not_there(of_days: Sequence[tuple[Check, Any, Any]], day: Day) -> list[str]:
    """The checks that the day has nothing for, and the columns that none is of."""
    lacking = [check.name for check, _, counts in of_days if counts is None or not counts.any()]
    of_users = [name for name in lacking if " users." in name and day.of_users is None]
    other = [name for name in lacking if name not in of_users]
    known = {getattr(check, "column", None) for check, _, _ in of_days}
    new = [column for column in day.columns() if column not in known]
    told = [f"{', '.join(of_users)}: no table of users is given (--users)"] if of_users else []
    told += [f"{', '.join(other)}: the day has nothing to say of it"] if other else []
    return told + ([f"{', '.join(new)}: the days before the export have none"] if new else [])


def _compared(found: Sequence[tuple[Check, np.ndarray, np.ndarray | None]]) -> list[Compared]:
    return [Compared(check, old, new) for check, old, new in found if new is not None]


def _items(
    retriever: LoadedRetriever,
    reference: Reference,
    items: pd.DataFrame | None,
    given: tuple[np.ndarray, np.ndarray] | None,
    seed: int,
) -> tuple[list[tuple[Check, Any, Any]], list[Finding], list[str]]:
    """Checks of some of the items' vectors with the counts of both; items that have moved; and what
    cannot be said, and why."""
    if "embed_item" not in retriever.signatures or reference.items is None:
        return [], [], ["vectors of items: the export has none"]
    if given is not None:
        ids = given[0]
    else:
        ids = retriever.item_ids if items is None else items["item_id"].to_numpy()
        if not retriever.report.get("embeds_new_items"):
            ids = ids[np.isin(ids, retriever.item_ids)]
    kept, before = reference.items
    some = np.random.default_rng(seed).permutation(len(ids))[:ITEMS]
    place = pd.Index(ids).get_indexer(pd.Index(retriever.item_ids[kept]))
    there = place >= 0
    looked_at = np.concatenate([some, place[there]])
    if not len(looked_at):
        return [], [], ["vectors of items: none of those given is in the catalogue"]
    try:
        if given is not None:
            rows = given[1][looked_at]
        else:
            rows = asked.item_vectors(retriever, ids[looked_at], items)
    except ValueError as error:
        return [], [], [f"vectors of items: {error}"]
    drawn_rows, same = rows[: len(some)], rows[len(some) :]
    seen = Vectors(drawn_rows, np.arange(len(some)), len(some))
    of_items = [(check, counts, check.counts(seen)) for check, counts in reference.of_items]
    if not there.any():
        return of_items, [], ["items that have moved: none of those looked at before is there"]
    return of_items, [moved_vectors(before[there], same)], []


def _id_types(retriever: LoadedRetriever, reference: Reference) -> dict[str, str | None]:
    """int64 or string; None where a reference of an earlier version does not say."""
    asked = retriever.inputs.get("user_id")
    users = reference.about.get("user_ids") or (None if asked is None else asked.dtype.name)
    return {"user_id": users, "item_id": retriever.id_dtype.name}


def _as_known(
    types: Mapping[str, str | None], name: str, table: pd.DataFrame | None, untyped: bool
) -> pd.DataFrame | None:
    """A table whose ids are of the types that the export has.

    Raises: ValueError for ids of another type.
    """
    if table is None:
        return None
    for column in OF_TABLES[name]:
        ids, known = without_categories(table[column]), types[column]
        number = pd.api.types.infer_dtype(ids) == "integer"
        if known is None or not len(ids) or number == (known == "int64"):
            continue
        if not (number and untyped):
            whose, right = column.removesuffix("_id").capitalize(), "str" if number else "int64"
            raise ValueError(
                f"{whose} ids are {known} in the export, and of the same type in the {name} of a "
                f"day: use .astype({right!r}) (--type {column}={right}) if they are the same ids. "
                f"Received: {ids.dtype}, the first {ids.head(3).tolist()}."
            )
        table = table.assign(**{column: ids.astype("str")})
    return table


def _check_once(what: str, ids: Any) -> None:
    twice = [] if ids is None else pd.Series(ids)[pd.Series(ids).duplicated()].unique().tolist()
    if twice:
        raise ValueError(
            f"{what} has a row an item: keep the one that servers hold. "
            f"Received: {len(twice):,} items in several rows, the first are {twice[:3]}."
        )


def as_values(health: Health) -> dict[str, Any]:
    """What was found, as plain values."""
    return {**dataclasses.asdict(health), "alarms": len(health.alarms)}
