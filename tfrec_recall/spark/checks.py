"""What later steps rely on in the tables, looked at in one pass over each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, NoReturn

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import (
    DecimalType,
    DoubleType,
    FloatType,
    IntegralType,
    LongType,
    NumericType,
    StringType,
)

from tfrec_recall.data.checking.checks import PARTS
from tfrec_recall.data.order import TIE_ORDER
from tfrec_recall.spark.names import each, folded

IDS = {"events": ("user_id", "item_id"), "users": ("user_id",), "items": ("item_id",)}
KEYS = {"users": "user_id", "items": "item_id"}  # one row an id
_SHOWN = 3
_DIGITS = 18  # that int64 holds, whichever they are


class Rule(NamedTuple):
    """Rows of a column that are refused: which, what they are, and what to do about them."""

    column: str
    bad: Column
    what: str
    remedy: str


def refuse_any(frame: DataFrame, table: str, rules: Sequence[Rule]) -> None:
    """Raises the ValueError of the first rule that a row breaks, with the count and some rows."""
    if not rules:
        return
    counts = [F.count_if(rule.bad) for rule in rules]
    row = frame.agg(F.count(F.lit(1)), *counts).first()
    total, *found = (0,) if row is None else row
    for rule, count in zip(rules, found, strict=True):
        if count:
            rows = [row.asDict() for row in frame.where(rule.bad).take(_SHOWN)]
            raise ValueError(
                f"{table}: column {rule.column!r} has {rule.what} in {count:,} of {total:,} rows. "
                f"{rule.remedy} Received: {'; '.join(str(row)[:200] for row in rows)}"
            )


def with_id_types(frame: DataFrame, table: str) -> DataFrame:
    """The ids as text or as 64-bit integers, the needed columns first.

    Raises: ValueError for a column that is missing, or is neither, or holds larger integers.
    """
    fold = folded(frame)
    same = [fold(name) for name in frame.columns]
    repeated = sorted({name for name in frame.columns if same.count(fold(name)) > 1})
    if repeated:
        raise ValueError(
            f"{table}: column names are unique, and to Spark 'a' and 'A' are one: rename or drop "
            f"the others. Received twice: {repeated}."
        )
    missing = [name for name in IDS[table] if name not in frame.columns]
    if missing:
        raise ValueError(
            f"{table}: no column {' and '.join(map(repr, missing))}. If it has another name: "
            f"rename={{'{table}.theirs': {missing[0]!r}}}. Received columns: {frame.columns}."
        )
    first = [*IDS[table], *(["timestamp"] if table == "events" else [])]
    first = [name for name in first if name in frame.columns]
    others = [name for name in frame.columns if name not in first]
    frame = frame.select(*first, *each(others))
    for name in _ids(frame, table):
        kind = frame.schema[name].dataType
        whole = isinstance(kind, IntegralType) or (isinstance(kind, DecimalType) and not kind.scale)
        if not whole and not isinstance(kind, StringType):
            raise ValueError(
                f"{table}: ids are text or integers, and column {name!r} is neither: cast it to "
                f"'string' or 'bigint'. Received: {kind.simpleString()}."
            )
        column = F.col(name)
        if isinstance(kind, DecimalType) and kind.precision > _DIGITS:
            beyond = column.isNotNull() & column.try_cast("bigint").isNull()
            remedy = f"Integer ids are int64: cast {name!r} to 'string'."
            refuse_any(frame, table, [Rule(name, beyond, "integers beyond int64", remedy)])
        # A collation of the text might take "a" and "A" for one id.
        frame = frame.withColumn(name, column.cast(LongType() if whole else StringType()))
    return frame


def without_nan(events: DataFrame) -> DataFrame:
    """The events with missing ratings as nulls, whether a program wrote them so or as NaN."""
    if "rating" not in events.columns:
        return events
    if not isinstance(events.schema["rating"].dataType, DoubleType | FloatType):
        return events
    rating = F.col("rating")
    return events.withColumn("rating", F.when(~F.isnan(rating), rating))


def id_rules(frame: DataFrame, table: str) -> Iterable[Rule]:
    """No id is missing, and none is the padding."""
    for name in _ids(frame, table):
        column = F.col(name)
        remedy = f"Every row needs an id: drop these rows, dropna(subset=[{name!r}]), or name them."
        if name == "session_id":
            remedy += " Or leave the column out: rename={'session_id': 'their_session'}."
        yield Rule(name, column.isNull(), "missing values", remedy)
        padding = "" if isinstance(frame.schema[name].dataType, StringType) else -1
        remedy = f"{padding!r} stands for 'no id' in batches: drop these rows or give them a name."
        yield Rule(name, column == F.lit(padding), f"the padding value {padding!r}", remedy)
        if padding == "":
            remedy = "NumPy and Keras drop it, which makes two ids one: use rtrim(id, '\\0')."
            yield Rule(name, column.endswith("\0"), "a trailing NUL character", remedy)


def number_rules(events: DataFrame) -> Iterable[Rule]:
    """Ratings are finite or missing, weights finite and 0 or more, orders of ties numbers."""
    for name in ("rating", "weight", TIE_ORDER):
        if name not in events.columns:
            continue
        kind = events.schema[name].dataType
        column = F.col(name)
        if not isinstance(kind, NumericType):
            out = f"leave the column out, rename={{{name!r}: 'their_{name}'}}"
            yield Rule(
                name,
                F.lit(True),
                f"type {kind.simpleString()}",
                f"It holds numbers: cast, or {out}.",
            )
            continue
        number = column.cast("double")
        endless = number.isin(float("inf"), float("-inf"))
        if name == "rating":
            yield Rule(name, endless, "infinite values", "A rating is a finite number, or missing.")
        elif name == "weight":
            # To Spark NaN is above all numbers.
            bad = F.coalesce(endless | (number < 0) | F.isnan(number), F.lit(True))
            remedy = "A weight is a number from 0 up: mend these rows, or leave the column out."
            yield Rule(name, bad, "missing, negative or infinite values", remedy)
        else:
            missing = column.isNull() | F.isnan(number)
            remedy = "It orders events at one time by its numbers, one in each row."
            yield Rule(name, missing, "missing values", remedy)


def split_rules(events: DataFrame) -> Iterable[Rule]:
    """A given split names parts that there are."""
    if "split" in events.columns:
        known = F.coalesce(F.col("split").isin(*PARTS), F.lit(False))
        remedy = (
            f"A given split names each event's part: {', '.join(PARTS)}. If the column means "
            "something else: rename={'split': 'their_split'}."
        )
        yield Rule("split", ~known, "other values", remedy)


def refuse_repeated(frame: DataFrame, table: str, column: str) -> None:
    """Users and items have one row an id."""
    twice = frame.groupBy(column).count().where("count > 1")
    found = twice.agg(F.count(F.lit(1))).first()
    if found and found[0]:
        _refuse(
            f"{table}: column {column!r} has {found[0]:,} ids in several rows. {table} has one row "
            f"an id: use dropDuplicates([{column!r}]) or aggregate. Received: "
            f"{[row[0] for row in twice.take(_SHOWN)]}."
        )


def refuse_other_type(events: DataFrame, frame: DataFrame, table: str, column: str) -> None:
    """Ids of two tables are of one type, or none would match."""
    ours, theirs = (one.schema[column].dataType.simpleString() for one in (frame, events))
    if ours != theirs:
        _refuse(
            f"{table}: column {column!r} has another type than in events, so no id would match. "
            "Cast both to one type, for instance to 'string'; mend_ids=True does. "
            f"Received: {ours} in {table}, {theirs} in events."
        )


def _ids(frame: DataFrame, table: str) -> list[str]:
    names = [*IDS[table], *(["session_id"] if table == "events" else [])]
    return [name for name in names if name in frame.columns]


def _refuse(message: str) -> NoReturn:
    raise ValueError(message)
