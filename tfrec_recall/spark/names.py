"""The user's columns, whatever they are called, and the names of those that a step adds."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

_WITHOUT_HASH = ("map<", "variant")  # within types as Spark writes them


def own(name: str) -> str:
    """The name of a column that a step adds for itself: no column of a log is called so."""
    return f"_tfrec_{name}"


def named(name: str) -> Column:
    """A column by its whole name, in which a dot leads to no field."""
    escaped = name.replace("`", "``")
    return F.col(f"`{escaped}`")


def each(names: Iterable[str]) -> list[Column]:
    """The columns by their whole names."""
    return [named(name) for name in names]


def numbers(count: int) -> list[str]:
    """Names for so many columns where Python's functions take rows.

    Spark looks for those columns by name then, and takes a dot in it for a field's.
    """
    return [own(str(number)) for number in range(count)]


def contents(frame: DataFrame, but: Collection[str] = ()) -> list[Column]:
    """What a row is hashed by: its columns in the order of their names, without maps.

    Args:
        but: columns that do not count.
    """
    kinds = {field.name: field.dataType.simpleString() for field in frame.schema}
    hashed = [name for name, kind in kinds.items() if not any(no in kind for no in _WITHOUT_HASH)]
    return each(sorted(set(hashed).difference(but)))


def folded(frame: DataFrame) -> Callable[[str], str]:
    """What two names share that this session takes for one: `Place` and `place`, by default."""
    apart = str(frame.sparkSession.conf.get("spark.sql.caseSensitive")).lower() == "true"
    return str if apart else str.lower


def refuse_taken(
    what: str, frame: DataFrame, names: Iterable[str], but: Collection[str] = ()
) -> None:
    """Refuses a frame where a column that a step writes is there already.

    Args:
        what: the step, as the subject of the error's first sentence.
        names: the columns that it writes.
        but: those that it may write over where they are called exactly so.

    Raises: ValueError that names both.
    """
    fold = folded(frame)
    there = {fold(name): name for name in frame.columns if name not in but}
    for name in names:
        taken = there.get(fold(name))
        if taken is not None:
            same = "" if taken == name else f", {taken!r}, which is the same name to Spark"
            raise ValueError(
                f"{what} writes a column {name!r}: rename the one that is there{same}. "
                f"Received columns: {frame.columns}."
            )
