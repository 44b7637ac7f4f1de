"""Training examples without an order: a user's other items are a set, in the row of the target."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from tfrec_recall.data.examples import NoExample, checked
from tfrec_recall.spark.examples import chosen, learnt, lists_of, mixed
from tfrec_recall.spark.interactions import SparkInteractions
from tfrec_recall.spark.names import contents, each, named, numbers, own
from tfrec_recall.spark.order import OWN_PLACE, whole_user

_COPY, _SIZE, _TARGET, _COUNT, _WEIGHT, _OTHERS = map(
    own, ("copy", "size", "target", "count", "example_weight", "others")
)


def held_out(
    interactions: SparkInteractions,
    history: int = 50,
    minimum_history: int = 1,
    per_user: int | None = None,
    user_weight_power: float = 0.0,
    columns: Sequence[str] = ("item_id",),
    seed: int = 0,
    shuffled: bool = True,
) -> DataFrame:
    """Every item of a user as a target, with the user's other items as the history: leave one out.

    The targets are those of `tfrec_recall.data.held_out`, for events without times. What is written
    stays as it is: of more than `history` others a hash draws as many once, and not anew in each
    epoch, as models of the package do that learn from `Interactions` or parts.

    Args:
        history, minimum_history, per_user, user_weight_power: as there.
        columns, shuffled: as of `next_item`.
        seed: of what is drawn.

    Returns: as `next_item`; without times `age` is 0.
    Raises: ValueError if no target has `minimum_history` others beside it, or as `next_item` for
        columns.
    """
    checked(history, minimum_history, per_user)
    given = interactions.events.columns
    lists = lists_of("held_out", interactions.events, columns)
    events = _each_once(interactions.events)
    lot = whole_user().orderBy(F.xxhash64(F.lit(seed), "user_id", "item_id"), "item_id")
    events = events.withColumn(OWN_PLACE, F.row_number().over(lot) - 1)
    events = events.withColumn(_SIZE, F.count("*").over(whole_user()))
    # The others of a circle: those that follow, and then the first ones.
    plain = numbers(len(lists))
    fields = zip(lists.values(), plain, strict=True)
    values = F.struct(*(named(column).alias(field) for column, field in fields))
    following = F.collect_list(values).over(lot.rowsBetween(1, max(history, 1)))
    of_first = F.when(F.col(OWN_PLACE) < history, values)
    ends = Window.unboundedPreceding, Window.unboundedFollowing
    first = F.collect_list(of_first).over(lot.rowsBetween(*ends))
    left = F.greatest(F.lit(history) - F.size(following), F.lit(0))
    wrapped = F.slice(first, 1, F.least(left, F.col(OWN_PLACE)))
    events = events.withColumn(_OTHERS, F.slice(F.concat(following, wrapped), 1, history))
    wanted = (F.col(_SIZE) - 1 >= minimum_history) & learnt(events)
    events = chosen(events.withColumn(_TARGET, wanted), per_user, seed).where(_TARGET)
    weight = F.pow(F.col(_COUNT).cast("double"), F.lit(float(user_weight_power)))
    if "weight" in given:
        weight = weight * F.col("weight").cast("double")
    events = events.withColumn(_WEIGHT, weight)
    mean = _mean(events, interactions, minimum_history)
    age = F.lit(0).cast("long")
    if interactions.has_time:
        newest = interactions.events.agg(F.max("timestamp")).first()
        age = F.lit(newest[0] if newest else 0) - F.col("timestamp")
    found = events.select(
        *each(name for name in given if name != "weight"),
        age.alias("age"),
        (F.col(_WEIGHT) / mean).cast("float").alias("weight"),
        *(
            F.col(_OTHERS).getField(field).alias(name)
            for name, field in zip(lists, plain, strict=True)
        ),
    )
    return mixed(found, seed) if shuffled else found


def _each_once(events: DataFrame) -> DataFrame:
    """Of a user's events with one item, the one that is learnt, and how, comes first."""
    best = [learnt(events).desc()]
    if "weight" in events.columns:
        best.append(F.col("weight").desc())
    best.append(F.xxhash64(*contents(events)).asc())
    copy = F.row_number().over(whole_user("item_id").orderBy(*best))
    return events.withColumn(_COPY, copy).where(F.col(_COPY) == 1).drop(_COPY)


def _mean(examples: DataFrame, interactions: SparkInteractions, minimum_history: int) -> float:
    """Of the examples' weights; ValueError where there is none."""
    targets, mean = examples.agg(F.count(F.lit(1)), F.avg(_WEIGHT)).first() or (0, 0.0)
    if not targets:
        raise NoExample(
            "No example is left to learn from: a target needs minimum_history other items of its "
            f"user beside it: lower it. Received: {interactions!r}, {minimum_history=}."
        )
    if not mean:
        raise NoExample("No example is left to learn from: the events' weights are all 0.")
    return float(mean)
