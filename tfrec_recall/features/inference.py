"""A specification chosen by looking at the tables: a starting point, not the last word."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import pandas as pd

from tfrec_recall.data import Interactions, PartedInteractions
from tfrec_recall.data.kinds import of_kinds
from tfrec_recall.features.columns import Categorical, Feature, History
from tfrec_recall.features.encodings import holds_times
from tfrec_recall.features.kinds import KINDS, kind_of
from tfrec_recall.features.names import is_plain, is_reserved
from tfrec_recall.features.seen import Seen, seen_in
from tfrec_recall.features.specification import OUTCOMES, Features, LeftOut

Wanted = Sequence[str] | None  # those that become features; None: what their values suggest
NO_NAME = "its name has another meaning: rename the column"
UNNAMED = "it has no name: rename the column"
NO_TEXT = "its name is no text: .rename(columns=str) makes it one"
NOT_PLAIN = (
    "TensorFlow takes no such name for what requests have: rename the column, to letters without "
    "accents, digits and _"
)
IDS = ("user_id", "item_id")
OF_EVENTS = frozenset({*IDS, "timestamp", *OUTCOMES})
NOT_ASKED = "a column of events is known at a request only if it is asked for: events.{}"


@of_kinds
def infer(
    interactions: Interactions | PartedInteractions,
    history: int = 50,
    unknown_users: float = 0.1,
    words: int | None = None,
    columns: Wanted = None,
    of_users: bool = True,
) -> Features:
    """Features of the user side and the item side, by the columns' values; not yet adapted.

    Numbers become `Numeric` in buckets (a few distinct whole numbers: `Categorical`), texts with
    several rows a value `Categorical`, lists `MultiValued`, lists of as many fractions `Vector`.
    Texts that list values ("Action|Drama") and numbers with decimal commas are read as such. A
    history of items is always there: a set where the events have no times. What is left out, row
    numbers, titles and the like, stands in `Features.left_out` with the reason. Where users and
    items have a column of the same name, the feature of the items is called `item_<name>`; and one
    of "price (€)" `price`, as TensorFlow takes such names alone.

    Args:
        history: its length.
        unknown_users: the share of user ids that training replaces by unknown.
        words: texts that are no category are `Words` with this `min_count`; None leaves them out.
        columns: those that become features, beside ids and history: `category`, of one table
            `items.category`, as a kind of feature `items.category=Words`; None: as
            their values suggest. A column of events, `events.device`, becomes the context of a
            request where it is named so: take none that follows from the choice, as a price does.
            Of events in parts it has to be `events.device=Categorical`.
        of_users: False leaves the users' columns aside, for a model that knows users by their
            history; those of items then keep their names.

    Raises: ValueError for one of `columns` that is not there, or can be no feature.
    """
    return infer_of(seen_in(interactions, ()), history, unknown_users, words, columns, of_users)


def infer_of(
    seen: Seen,
    history: int = 50,
    unknown_users: float = 0.1,
    words: int | None = None,
    columns: Wanted = None,
    of_users: bool = True,
) -> Features:
    """`infer` by what the events show."""
    tables = {"items": seen.items}
    if of_users:  # first: their features keep the columns' names
        tables = {"users": seen.users, **tables}
    wanted = None if columns is None else _wanted(columns, tables, seen)
    user: list[Feature] = [Categorical("user_id", unknown_rate=unknown_users)]
    item: list[Feature] = [Categorical("item_id")]
    left_out: list[LeftOut] = []
    for table, frame in tables.items():
        features = user if table == "users" else item
        for column in frame.columns.drop(features[0].column):
            name = _name(column, table, {feature.name for feature in (*user, *item)})
            if wanted is None:
                found = kind_of(column, name, frame[column], words) if name else _why(column)
            elif (table, column) in wanted:
                found = _as_wanted(wanted[table, column], table, name, frame[column])
            else:
                found = "it is not among the columns asked for"
            if isinstance(found, Feature):
                features.append(found)
            else:
                left_out.append(LeftOut(table, str(column), found))
    context = _context(wanted or {}, seen, of_users)
    user += [*context, History(length=history)]
    left_out += [
        LeftOut("events", str(column), NOT_ASKED.format(column))
        for column in seen.events.columns
        if column not in OF_EVENTS and column not in {feature.column for feature in context}
    ]
    return Features(user=user, item=item, left_out=left_out)


def ids_alone(user: Sequence[Feature], columns: Wanted = None) -> Features:
    """The features of a model that knows an item by its id, and reads no other column.

    Raises: ValueError for columns that are asked for and would have no effect.
    """
    if columns:
        raise ValueError(
            "This model knows users and items by their ids and histories alone, so columns have no "
            f"effect: leave them out, or take another model. Received: columns={list(columns)}."
        )
    return Features(user=user, item=[Categorical("item_id")])


def _context(
    wanted: Mapping[tuple[str, str], str | None], seen: Seen, of_users: bool
) -> list[Feature]:
    """The columns of events that are asked for, as features of a request.

    Raises: ValueError where users have a column of the same name, or nobody is asked about.
    """
    found: list[Feature] = []
    for (table, column), kind in wanted.items():
        if table != "events":
            continue
        if not of_users:
            raise ValueError(
                "This model knows a request by its history alone, so its context has no effect: "
                f"leave it out, or take another model. Received: columns with events.{column}."
            )
        if column in seen.users:
            raise ValueError(
                f"Users have a column {column!r}, and a request has one of a name: rename the "
                f"events' column. Received: columns with events.{column}."
            )
        name = _name(column, "users", set())
        found.append(_as_wanted(kind, table, name, seen.events[column]))
    return found


def _name(column: object, table: str, taken: set[str]) -> str:
    """The feature's name: the column's, or for items another one where that is taken; "" for none.

    A user's feature is asked for by its column, so it cannot have another name.
    """
    if not isinstance(column, str) or not column or column in IDS:
        return ""
    if table == "users":
        return "" if is_reserved(column, of_user=True) or not is_plain(column) else column
    name = column
    if not is_plain(name):
        name = re.sub(r"[^A-Za-z0-9_.-]+", "_", name).strip("_.-") or "column"
    while name in taken or name == History.name or is_reserved(name, of_user=False):
        name = f"item_{name}"
    return name


def _why(column: object) -> str:
    """Why a column can give no feature its name."""
    if not isinstance(column, str):
        return NO_TEXT
    if not column:
        return UNNAMED
    return NO_NAME if is_plain(column) else NOT_PLAIN


def _wanted(
    columns: Sequence[str], tables: Mapping[str, pd.DataFrame], seen: Seen
) -> dict[tuple[str, str], str | None]:
    """The kind of each column that is asked for, by table and column; None: as its values suggest.

    Columns of events without `events.`, and of tables that are not looked at, may stand there and
    change nothing.

    Raises: ValueError for a column that no table has, or a kind that there is not.
    """
    every = {name: getattr(seen, name) for name in ("users", "items", "events")}
    named: dict[str, list[tuple[str, str]]] = {}
    for table, frame in every.items():
        for column in frame.columns:
            here = table in tables and column not in IDS
            whole = f"{table}.{column}"
            for text in (str(column), whole):
                asked = here or (table == "events" and text == whole and column not in OF_EVENTS)
                named.setdefault(text, []).extend([(table, column)] * asked)
    kinds = {kind.lower(): kind for kind in KINDS}
    wanted: dict[tuple[str, str], str | None] = {}
    for text in columns:
        column, _, kind = text.rpartition("=")
        if text in named:  # which may have such a sign itself
            wanted.update(dict.fromkeys(named[text]))
        elif column not in named:
            known = [f"{table}.{column}" for places in named.values() for table, column in places]
            raise ValueError(
                f"columns names those of users and items that become features. Received: {text!r}; "
                f"there are {', '.join(dict.fromkeys(known)) or 'none'}."
            )
        elif kind.lower() not in kinds:
            raise ValueError(f"Kinds of features are {', '.join(KINDS)}. Received: {text!r}.")
        else:
            wanted.update(dict.fromkeys(named[column], kinds[kind.lower()]))
    return wanted


def _as_wanted(kind: str | None, table: str, name: str, values: pd.Series) -> Feature:
    """The feature of a column that was asked for; texts that suggest nothing are `Words`."""
    column = str(values.name)
    found: Feature | str = _why(values.name)
    is_time = holds_times(values)  # which no kind reads
    if name and kind and not is_time:
        found = KINDS[kind](column, name, values)
    elif name:
        found = kind_of(column, name, values, 1)
    if isinstance(found, str):
        way = f"say as what it is to be taken: {table}.{column}=Numeric, or another of "
        way += ", ".join(KINDS)
        if is_time:
            way = "make a column of numbers of it before, as .dt.year does"
        raise ValueError(f"{table}.{column} is asked for, but {found}. Leave it out, or {way}.")
    return found
