"""Interactions, splits, tables and numbers that functions are given, refused where they are another
kind."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any, ParamSpec, TypeVar

from tfrec_recall.data.arguments import whole

P = ParamSpec("P")
R = TypeVar("R")

FROM = "*"  # whatever else was given
WAYS = {  # what is wanted: of what was given, the way there
    "Interactions": {
        "DataFrame": "Interactions(events, users, items) makes them of tables",
        "PartedInteractions": "Interactions.from_parquet holds all events, and parted.part(0) some",
        "Split": "split.train has them",
        "Part": (
            "later = split.train.with_events(part.targets) has its targets, "
            "recent(split.train, later, replay=0).to_learn also the histories that a loss is "
            "measured with, and the callback RecallOnValidation(split) measures lists"
        ),
        FROM: "Interactions(events, users, items) makes them of tables",
    },
    "PartedInteractions": {FROM: "part_events writes them to a folder"},
    "Split": {
        "Part": "give the whole split, which has its parts as split.validation and split.test",
        FROM: "standard(interactions) makes one, and so do the other splits of data",
    },
    "Recent": {FROM: "data.recent(history, new) makes them"},
    "Features": {FROM: "Features(user, item).adapt(train) makes them, or default_features(train)"},
    "Retriever": {FROM: "model.retriever(items) makes one"},
    "IndexSettings": {
        FROM: "Exact(), ScaNN(recall=0.95), InvertedFile(recall=0.95) and Auto() of retrieval are"
    },
    "DataFrame": {
        "Interactions": "interactions.items has the items, and .users and .events the others",
        "Split": "split.interactions.items has the items",
        "Part": "part.targets and part.history have the events",
        FROM: "pandas.DataFrame makes one",
    },
}
# Whatever has this is taken for one: another library's, say.
LIKE = {"Retriever": "item_ids", "IndexSettings": "build"}
# Whole numbers, where annotations say int, and the least that each may be.
NUMBERS = {"batch_size": 1, "epochs": 1, "k": 1, "seed": 0}
COLUMNS = {"items": "item_id", "users": "user_id"}  # that a table of this name has
ABSENT = object()


class WrongKind(TypeError, ValueError):
    """An argument of another kind: a TypeError as Python's, a ValueError as all refused values."""


def of_kinds(function: Callable[P, R], like: Callable | None = None) -> Callable[P, R]:
    """The function; it refuses arguments that are not of the kind that annotations name, and sizes
    and seeds that are no whole numbers.

    Kinds are looked up by the names of their classes, so that nothing is imported for it.

    Args:
        like: another function whose annotations are those of arguments that have none.

    Raises: `WrongKind`, from the function, with the way from what was given to what is wanted; and
        ValueError for a table of items or users without its column of ids, and for a size or
        seed.

    >>> @of_kinds
    ... def users(interactions: Interactions) -> int:
    ...     return interactions.events["user_id"].nunique()
    >>> users([1, 2])
    Traceback (most recent call last):
    ...
    tfrec_recall.data.kinds.WrongKind: users takes interactions as Interactions: \
Interactions(events, users, items) makes them of tables. Received: interactions of the kind list.
    """
    wanted = {name: (place, kinds) for place, name, kinds in _wanted(function, like or function)}

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        for name, (place, kinds) in wanted.items():
            value = args[place] if place < len(args) else kwargs.get(name, ABSENT)
            if value is ABSENT:
                continue
            if name in NUMBERS:
                least = NUMBERS[name]
                whole(function.__qualname__, value, name, least, optional="None" in kinds)
            else:
                require_kind(function.__qualname__, name, value, kinds)
        return function(*args, **kwargs)

    return checked


def _wanted(function: Callable, like: Callable) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    """Place, name and kinds of each argument that is of some."""
    known = inspect.signature(like).parameters
    for place, (name, own) in enumerate(inspect.signature(function).parameters.items()):
        said = own.annotation
        if said is own.empty and name in known:
            said = known[name].annotation
        kinds = tuple(part.strip().rpartition(".")[2] for part in str(said).split("|"))
        ours = {"int"} if name in NUMBERS else set(WAYS)
        if set(kinds) <= {*ours, "None"} and set(kinds) != {"None"}:
            yield place, name, kinds


def class_name(kind: type) -> str:
    """A class by its name; a table of another library than pandas by that of the library, too.

    >>> class_name(int), class_name(type("DataFrame", (), {"__module__": "polars.dataframe.frame"}))
    ('int', 'polars.DataFrame')
    """
    library = kind.__module__.partition(".")[0]
    tables = kind.__name__ == "DataFrame" or way_to_pandas(kind) is not None
    return f"{library}.{kind.__name__}" if tables and library != "pandas" else kind.__name__


def way_to_pandas(table: Any) -> str | None:
    """What makes a table of pandas of one of another library, as errors say it; None if nothing."""
    if callable(getattr(table, "to_pandas", None)):  # of Polars and Arrow, for instance
        return ".to_pandas() makes one"
    if callable(getattr(table, "toPandas", None)):
        return ".toPandas() makes one of Spark's, where it fits into memory"
    return None


def require_kind(owner: str, name: str, value: Any, kinds: tuple[str, ...]) -> None:
    """Raises `WrongKind` for an argument that is of none of these kinds, as `of_kinds` does."""
    given = [class_name(kind) for kind in type(value).__mro__]
    if value is None and "None" in kinds:
        return
    is_like = not isinstance(value, type) and any(
        hasattr(value, LIKE[kind]) for kind in kinds if kind in LIKE
    )
    if not is_like and not set(kinds).intersection(given):
        ways = WAYS[next(kind for kind in kinds if kind != "None")]
        plain = way_to_pandas(value) if "DataFrame" in kinds else None
        way = plain or next((ways[kind] for kind in given if kind in ways), ways[FROM])
        raise WrongKind(
            f"{owner} takes {name} as {' or '.join(kinds)}: {way}. "
            f"Received: {name} of the kind {given[0]}."
        )
    column = COLUMNS.get(name)
    if "DataFrame" in given and column is not None and column not in value.columns:
        there = ", ".join(map(repr, value.columns))
        raise ValueError(
            f"{owner} takes {name} as a table with the column {column!r}. Received: {there}."
        )
