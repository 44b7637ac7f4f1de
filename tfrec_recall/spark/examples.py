"""Training examples: every event as a target, with its history as a list in the same row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, StructField, StructType

from tfrec_recall.data.examples import HISTORY_ONLY, NoExample, checked
from tfrec_recall.spark.interactions import SparkInteractions
from tfrec_recall.spark.names import each, numbers, own, refuse_taken
from tfrec_recall.spark.order import OWN_PLACE, in_order, whole_user

_END, _NEEDED, _TARGET, _COUNT, _WEIGHT = map(
    own, ("end", "needed", "target", "count", "example_weight")
)
_HELPERS = (OWN_PLACE, _END, _NEEDED, _TARGET)


def next_item(
    interactions: SparkInteractions,
    history: int = 50,
    minimum_history: int = 1,
    per_user: int | None = None,
    user_weight_power: float = 0.0,
    columns: Sequence[str] = ("item_id",),
    seed: int = 0,
    shuffled: bool = True,
) -> DataFrame:
    """Every event as a target, with the user's latest events before it as the history.

    The examples are those of `tfrec_recall.data.next_item`, but where `per_user` draws: a hash
    draws here, others than there and the same in each run. What is `history_only` is no target.

    Args:
        history, minimum_history, per_user, user_weight_power, seed: as there.
        columns: of the events, whose values a history lists: `history` has those of `item_id`,
            `history_rating` those of `rating`. What is missing in an event is missing in the list;
            among integers and booleans `data.streaming.parquet` refuses it.
        shuffled: mix the examples of all users, by a hash of the seed, as batches need them;
            without, those of a user follow each other, which saves sorting all.

    Returns: the events' columns, of the target; the histories, oldest first; `age`, seconds from
        the target to the newest event; `weight`, 1 on average. `data.streaming.parquet` reads
        batches of what it writes.
    Raises: ValueError without timestamps, if no target has `minimum_history` events before it, or
        where events have a column `age` or one that is called as a list.
    """
    checked(history, minimum_history, per_user)
    lists = lists_of("next_item", interactions.events, columns)
    events = _ordered(interactions, "next_item examples")
    end = F.col(OWN_PLACE)
    if "session_id" in events.columns:
        end = F.min(OWN_PLACE).over(whole_user("timestamp", "session_id"))
    events = events.withColumn(_END, end).withColumn(_NEEDED, F.col(_END))
    wanted = (F.col(_END) >= minimum_history) & learnt(events)
    kept = chosen(events.withColumn(_TARGET, wanted), per_user, seed)
    weight = F.pow(F.col(_COUNT).cast("double"), F.lit(float(user_weight_power)))
    options = {"minimum_history": minimum_history}
    found = _examples(interactions, kept, weight, history, lists, options)
    return mixed(found, seed) if shuffled else found


def next_basket(
    interactions: SparkInteractions,
    history: int = 50,
    minimum_history: int = 1,
    per_user: int | None = None,
    user_weight_power: float = 0.0,
    basket_weight_power: float = 0.0,
    new_items_only: bool = True,
    columns: Sequence[str] = ("item_id",),
    seed: int = 0,
    shuffled: bool = True,
) -> DataFrame:
    """Every event of a basket as a target, all with the history that ends where the basket begins.

    Args:
        basket_weight_power, new_items_only: as of `tfrec_recall.data.next_basket`.
        history, minimum_history, per_user, user_weight_power, columns, seed, shuffled: as of
            `next_item`.

    Returns: as `next_item`.
    Raises: ValueError without timestamps, if no example is left, or as `next_item` for columns.
    """
    checked(history, minimum_history, per_user)
    lists = lists_of("next_basket", interactions.events, columns)
    events = _ordered(interactions, "next_basket examples")
    basket = "session_id" if "session_id" in events.columns else "timestamp"
    events = events.withColumn(_END, F.min(OWN_PLACE).over(whole_user(basket)))
    # Baskets may overlap in time: a later event's history may end before an earlier one's.
    later = whole_user().orderBy(F.col(OWN_PLACE).desc())
    events = events.withColumn(_NEEDED, F.min(_END).over(later))
    wanted = (F.col(_END) >= minimum_history) & learnt(events)
    if new_items_only:
        wanted &= F.min(OWN_PLACE).over(whole_user("item_id")) >= F.col(_END)
    kept = chosen(events.withColumn(_TARGET, wanted), per_user, seed)
    weight = F.pow(F.col(_COUNT).cast("double"), F.lit(float(user_weight_power)))
    if basket_weight_power:
        size = F.count_if(F.col(_TARGET)).over(whole_user(_END)).cast("double")
        weight = weight * F.pow(size, F.lit(float(basket_weight_power)))
    options = {"minimum_history": minimum_history, "new_items_only": new_items_only}
    found = _examples(interactions, kept, weight, history, lists, options)
    return mixed(found, seed) if shuffled else found


def mixed(examples: DataFrame, seed: int) -> DataFrame:
    """The examples in an order that has nothing to do with users and times."""
    keys = [name for name in ("user_id", "item_id", "timestamp") if name in examples.columns]
    lot = F.xxhash64(F.lit(seed), *keys)
    return examples.repartition(lot).sortWithinPartitions(lot)


def lists_of(what: str, events: DataFrame, columns: Sequence[str]) -> dict[str, str]:
    """The lists of an example, and the columns whose values they have."""
    absent = [name for name in columns if name not in events.columns]
    if absent:
        raise ValueError(
            f"columns names columns of the events. Received: {absent}, columns {events.columns}."
        )
    lists = {"history" if name == "item_id" else f"history_{name}": name for name in columns}
    # A weight of the events is a factor of the example's.
    refuse_taken(what, events, ["age", "weight", *lists], but=["weight"])
    return lists


def _ordered(interactions: SparkInteractions, what: str) -> DataFrame:
    interactions.require_time(what, "held_out, whose histories are sets")
    return in_order(interactions.events)


def learnt(events: DataFrame) -> Column:
    """Which events may be targets: what is `HISTORY_ONLY` is none, and counts among none."""
    if HISTORY_ONLY not in events.columns:
        return F.lit(True)
    return ~F.coalesce(F.col(HISTORY_ONLY).cast("boolean"), F.lit(False))


def chosen(events: DataFrame, per_user: int | None, seed: int) -> DataFrame:
    """The targets, at most so many of a user, and how many the user has."""
    if per_user is not None:
        lot = F.when(F.col(_TARGET), F.xxhash64(F.lit(seed), "user_id", OWN_PLACE))
        drawn = F.row_number().over(whole_user().orderBy(lot.asc_nulls_last()))
        events = events.withColumn(_TARGET, F.col(_TARGET) & (drawn <= per_user))
    return events.withColumn(_COUNT, F.count_if(F.col(_TARGET)).over(whole_user()))


def _examples(
    interactions: SparkInteractions,
    events: DataFrame,
    weight: Column,
    history: int,
    lists: dict[str, str],
    options: Mapping[str, object],
) -> DataFrame:
    """The examples of the targets that are left, whose weights are 1 on average.

    Args:
        weight: of each target, by the number of others.
        options: what the targets were chosen by, to name where none is left.
    """
    given = interactions.events.columns
    if "weight" in given:
        weight = weight * F.col("weight").cast("double")
    # A sum takes no window, which a weight by the size of its basket is.
    events = events.withColumn(_WEIGHT, F.when(F.col(_TARGET), weight))
    weight = F.col(_WEIGHT)
    summary = [F.count(F.lit(1)), F.max("timestamp"), F.count(weight), F.avg(weight)]
    rows, newest, targets, mean = events.agg(*summary).first() or (0, 0, 0, 0)
    if not targets:
        received = [f"{rows:,} events", *(f"{name}={value}" for name, value in options.items())]
        raise NoExample(
            "No example is left to learn from: a target needs minimum_history events of its user "
            "before it, and with new_items_only an item that is new to the user. Lower these "
            f"demands. Received: {', '.join(received)}."
        )
    if not mean:
        raise NoExample("No example is left to learn from: the events' weights are all 0.")
    age = F.lit(newest) - F.col("timestamp")
    ready = events.select(*each(given), age, (weight / mean).cast("float"), *_HELPERS)
    plain = numbers(len(given) + 2)
    ready = ready.toDF(*plain, *_HELPERS)
    of = dict(zip(given, plain, strict=False))
    # Spark may be told to part a window by all of its columns: here, the baskets of a user.
    if ready.sparkSession.conf.get("spark.sql.requireAllClusterKeysForDistribution") == "true":
        ready = ready.repartition(of["user_id"])
    ready = ready.sortWithinPartitions(of["user_id"], OWN_PLACE)
    kept = [name for name in plain if name != of.get("weight")]
    values = {name: of[column] for name, column in lists.items()}
    fields = [ready.schema[name] for name in kept]
    fields += [
        StructField(name, ArrayType(ready.schema[column].dataType))
        for name, column in values.items()
    ]

    def streamed(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return with_histories(batches, history, values, kept)

    names = [*(name for name in given if name != "weight"), "age", "weight", *lists]
    return ready.mapInArrow(streamed, StructType(fields)).toDF(*names)


def with_histories(
    batches: Iterator[pa.RecordBatch], history: int, lists: dict[str, str], kept: list[str]
) -> Iterator[pa.RecordBatch]:
    """The targets among these events with lists of the values before them.

    What is held beside a batch is what later histories reach back to.

    Args:
        batches: whole users one after the other, in their order: the columns of events, and of
            each event its place, where the history ends, the least such end from here on, and
            whether it is a target.
        lists: the column that each list has the values of.
        kept: columns of the target.
    """
    held: pa.Table | None = None
    for batch in batches:
        table = pa.Table.from_batches([batch])
        before = 0
        if held is not None:
            before = len(held)
            table = pa.concat_tables([held, table])
        table = table.combine_chunks()
        marks = [table[name].to_numpy() for name in (OWN_PLACE, _END, _NEEDED)]
        place, end, needed = (one.astype("int64") for one in marks)
        first = np.arange(len(table)) - place  # the row of the user's first event
        target = np.flatnonzero(table[_TARGET].to_numpy(zero_copy_only=False)[before:]) + before
        if len(target):
            stop = first[target] + end[target]
            start = np.maximum(stop - history, first[target])
            found = table.select(kept).take(pa.array(target))
            yield _with_lists(found, table, start, stop, lists)
        last = len(table) - 1
        held = table.slice(max(int(first[last] + needed[last]) - history, int(first[last]), 0))


def _with_lists(
    found: pa.Table, table: pa.Table, start: np.ndarray, stop: np.ndarray, lists: dict[str, str]
) -> pa.RecordBatch:
    sizes = stop - start
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    rows = pa.array(np.repeat(start - offsets[:-1], sizes) + np.arange(offsets[-1]))
    for name, of in lists.items():
        values = table[of].take(rows).combine_chunks()
        column = pa.ListArray.from_arrays(pa.array(offsets.astype("int32")), values)
        found = found.append_column(name, column)
    return found.combine_chunks().to_batches()[0]
