"""Train, validation and test, as `tfrec_recall.data.splits` cuts them."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable

import numpy as np
import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tfrec_recall.data.checking.checks import PARTS
from tfrec_recall.data.columns.times import ORDER
from tfrec_recall.data.order import TIE_ORDER
from tfrec_recall.data.splits.last_events_out import way_on
from tfrec_recall.data.splits.parts import check_counts, label
from tfrec_recall.data.splits.standard import MINUTE, Cuts
from tfrec_recall.data.splits.temporal import cuts_of, named_cut
from tfrec_recall.spark.interactions import SparkInteractions
from tfrec_recall.spark.names import contents, each, own
from tfrec_recall.spark.order import OWN_PLACE, in_order, of_user, running_total, whole_user
from tfrec_recall.spark.split_parts import (
    ASKED,
    PART,
    TEST,
    TRAIN,
    VALIDATION,
    WANTED,
    SparkPart,
    SparkSplit,
)

_SIZE = own("size")
_BEGINS, _BASKET, _BASKETS, _ROLE = map(own, ("begins", "basket", "baskets", "role"))
_DRAWN, _NUMBER = map(own, ("drawn", "number"))


def last_events_out(
    interactions: SparkInteractions, test: int = 5, validation: int = 5, minimum: int | None = None
) -> SparkSplit:
    """The last events of each user are test targets, those before them validation targets.

    Args:
        test, validation, minimum: as of `tfrec_recall.data.last_events_out`.

    Raises: ValueError without timestamps, or if no user has enough events.
    """
    interactions.require_time("last_events_out", "random_events_out")
    check_counts(
        "last_events_out",
        {"test": (test, 1), "validation": (validation, 0), "minimum": (minimum, 2)},
    )
    least = test + validation + 1 if minimum is None else minimum
    _refuse_too_few(
        interactions,
        least,
        f"last_events_out(test={test}, validation={validation}) needs users with {least} events or "
        "more.",
        way_on,
    )
    size = F.col(_SIZE)
    targets = F.least(size - 1, F.lit(test + validation))
    tests = F.ceil(targets * test / (test + validation))
    from_end = size - 1 - F.col(OWN_PLACE)
    part = _parts((size >= least) & (from_end < tests), (size >= least) & (from_end < targets))
    ordered = in_order(interactions.events).withColumn(_SIZE, F.count("*").over(whole_user()))
    name = label("last_events_out", minimum, test=test, validation=validation)
    return _split_by(name, interactions, ordered.withColumn(PART, part))


def last_basket_out(
    interactions: SparkInteractions, minimum_baskets: int = 3, new_items_only: bool = True
) -> SparkSplit:
    """The last basket (session) of each user is the test, the one before it the validation.

    Args:
        minimum_baskets, new_items_only: as of `tfrec_recall.data.last_basket_out`.

    Raises: ValueError without session_id or timestamps, or if the sessions of a user overlap.
    """
    interactions.require_time("last_basket_out", "random_events_out")
    check_counts("last_basket_out", {"minimum_baskets": (minimum_baskets, 3)})
    events = interactions.events
    if "session_id" not in events.columns:
        raise ValueError(
            "last_basket_out needs to know the baskets: give events a column 'session_id', for "
            f"instance of tfrec_recall.spark.sessions. Received columns: {events.columns}."
        )
    most = _most(events.groupBy("user_id").agg(F.countDistinct("session_id").alias("count")))
    if most < minimum_baskets:
        raise ValueError(
            f"last_basket_out needs users with {minimum_baskets} baskets, one each for test, "
            "validation and training. With fewer, leave out single events: last_events_out. "
            f"Received: {most} at most."
        )
    ordered = in_order(events)
    begins = F.coalesce(F.lag("session_id").over(of_user()) != F.col("session_id"), F.lit(True))
    ordered = ordered.withColumn(_BEGINS, begins.cast("int"))
    _check_contiguous(ordered)
    ordered = ordered.withColumn(_BASKET, F.sum(_BEGINS).over(of_user()))
    ordered = ordered.withColumn(_BASKETS, F.max(_BASKET).over(whole_user()))
    from_end, long = F.col(_BASKETS) - F.col(_BASKET), F.col(_BASKETS) >= minimum_baskets
    ordered = ordered.withColumn(PART, _parts(long & (from_end == 0), long & (from_end <= 1)))
    wanted = F.lit(True)
    if new_items_only:  # items that the user had in no earlier basket
        earliest = F.min(_BASKET).over(whole_user("item_id"))
        wanted = earliest == F.col(_BASKET)
    name = f"last_basket_out(minimum_baskets={minimum_baskets}, new_items_only={new_items_only})"
    return _split_by(name, interactions, ordered, wanted)


def temporal(
    interactions: SparkInteractions,
    validation_from: float | str | datetime.datetime | None,
    test_from: float | str | datetime.datetime,
    minimum: int = 0,
) -> SparkSplit:
    """Two moments cut the events of everybody: train before, validation between, test after.

    Args:
        validation_from, test_from, minimum: as of `tfrec_recall.data.temporal`.

    Raises: ValueError without timestamps, or if a part would be empty.
    """
    interactions.require_time("temporal", "random_events_out")
    check_counts("temporal", {"minimum": (minimum, 0)})
    order = interactions.time_unit == ORDER
    cuts = cuts_of(validation_from, test_from, order)
    time = F.col("timestamp")
    ordered = interactions.events.withColumn(PART, _parts(time >= cuts[1], time >= cuts[0]))
    counted = {row[0]: row["count"] for row in ordered.groupBy(PART).count().collect()}
    needed = [TRAIN, TEST] if validation_from is None else [TRAIN, VALIDATION, TEST]
    empty = [PARTS[number] for number in needed if not counted.get(number)]
    shown = [named_cut(cut, order) for cut in cuts[validation_from is None :]]
    if empty:
        row = ordered.agg(F.min("timestamp"), F.max("timestamp")).first() or (0, 0)
        raise ValueError(
            f"temporal leaves no event in {empty[0]}: the data goes from "
            f"{named_cut(row[0], order)} to {named_cut(row[1], order)}. Choose moments between. "
            f"Received: {', '.join(shown)}."
        )
    wanted = F.lit(True)
    if minimum:
        before = [F.count_if(F.col(PART) < part).over(whole_user()) for part in range(3)]
        past = F.when(F.col(PART) == TEST, before[2]).when(F.col(PART) == VALIDATION, before[1])
        wanted = F.coalesce(past, F.lit(0)) >= minimum
        shown.append(f"minimum={minimum}")
    split = _split_by(f"temporal({', '.join(shown)})", interactions, ordered, wanted)
    if minimum and split.test.targets.isEmpty():
        raise ValueError(
            f"temporal has nobody to ask about test: no user has {minimum} events before "
            f"{shown[-2]} and another after. Received: minimum={minimum}."
        )
    return split


def hold_out_users(
    interactions: SparkInteractions,
    validation: float = 0.1,
    test: float = 0.1,
    targets: int = 5,
    seed: int = 0,
    minimum: int | None = None,
) -> SparkSplit:
    """Some users are kept from training; their last events are predicted from the rest.

    The users are those that `tfrec_recall.data.hold_out_users` draws with the same seed: the driver
    draws among the numbers of the users, and holds one number for each.

    Args:
        validation, test, targets, seed, minimum: as there.

    Raises: ValueError without timestamps, or if users are too few for the parts or to learn from.
    """
    interactions.require_time("hold_out_users", "random_events_out")
    check_counts("hold_out_users", {"targets": (targets, 1)})
    check_counts("hold_out_users", {"minimum": (minimum, targets + 1)})
    _check_shares("hold_out_users", validation, test)
    least = targets + 1 if minimum is None else minimum
    sizes = interactions.events.groupBy("user_id").count()
    row = sizes.agg(F.count("*"), F.count_if(F.col("count") >= least)).first() or (0, 0)
    users, eligible = int(row[0]), int(row[1])
    counts = [max(round(share * eligible), share > 0) for share in (validation, test)]
    if sum(counts) > eligible or sum(counts) >= users:
        raise ValueError(
            f"hold_out_users needs users with {least} events or more for each part, and others to "
            "learn from: fewer targets ask users with fewer events. "
            f"Received: {eligible:,} such users of {users:,}."
        )
    drawn = np.random.default_rng(seed).permutation(eligible)[: sum(counts)]
    role = np.repeat([VALIDATION, TEST], counts).astype("int8")
    roles = interactions.spark.createDataFrame(pa.table({_NUMBER: drawn, _ROLE: role}))
    numbered = running_total(
        sizes.where(F.col("count") >= least), [F.col("user_id")], F.lit(1), _NUMBER
    )
    held = numbered.join(roles, _NUMBER).select("user_id", _ROLE)
    ordered = in_order(interactions.events).withColumn(_SIZE, F.count("*").over(whole_user()))
    ordered = ordered.join(held, "user_id", "left")
    part = F.coalesce(_ROLE, F.lit(TRAIN)).cast("int")
    is_target = F.col(_SIZE) - 1 - F.col(OWN_PLACE) < targets
    # The past of a held-out user is in no part but the history.
    labelled = ordered.withColumn(PART, part).withColumn(WANTED, is_target)
    name = f"hold_out_users({validation}, {test}, targets={targets}, seed={seed}"
    name += ")" if minimum is None else f", minimum={minimum})"
    return _HeldOut(name, interactions, labelled)


class _HeldOut(SparkSplit):
    """A split whose histories are the earlier events of the users who are held out."""

    def _asked(self, part: int) -> SparkPart:
        own = F.col(PART) == part
        return SparkPart(
            history=self._events(own & ~F.col(WANTED)), targets=self._events(own & F.col(WANTED))
        )


def random_events_out(
    interactions: SparkInteractions,
    test: float = 0.1,
    validation: float = 0.1,
    seed: int = 0,
    minimum: int | None = None,
) -> SparkSplit:
    """A share of each user's events are targets, whichever they are.

    Each user has as many in each part as by `tfrec_recall.data.random_events_out`. Which they are
    is drawn by a hash of seed and event, as rows of a cluster have no order to draw from: others
    than there, and the same in each run.

    Args:
        test, validation, seed, minimum: as there.

    Raises: ValueError if no user has enough events.
    """
    _check_shares("random_events_out", validation, test)
    parts = 3 if validation else 2
    check_counts("random_events_out", {"minimum": (minimum, parts)})
    least = parts if minimum is None else minimum
    _refuse_too_few(
        interactions, least, f"random_events_out needs users with {least} events or more."
    )
    events, size = interactions.events, F.col(_SIZE)
    lot = F.xxhash64(F.lit(seed), *contents(events))
    drawn = events.withColumn(_DRAWN, F.row_number().over(whole_user().orderBy(lot)) - 1)
    drawn = drawn.withColumn(_SIZE, F.count("*").over(whole_user()))

    def count(share: float) -> Column:
        least = F.lit(1 if share else 0)
        return F.greatest(F.floor(size * share + 1e-9), least)  # .1 * 30 is 3, less an ulp

    # One event each for the other parts, where a large share and few events would take them.
    of_validation = F.least(count(validation), size - 2)
    of_test = F.least(count(test), size - 1 - of_validation)
    place = size - 1 - F.col(_DRAWN)
    asked = size >= least
    part = _parts(asked & (place < of_test), asked & (place < of_test + of_validation))
    name = label("random_events_out", minimum, test=test, validation=validation, seed=seed)
    return _split_by(name, interactions, drawn.withColumn(PART, part))


def given(interactions: SparkInteractions) -> SparkSplit:
    """The split that came with the data, in the events' column `split`, followed as it is.

    Raises: ValueError without the column, or without train or test events.
    """
    events = interactions.events
    if "split" not in events.columns:
        raise ValueError(
            f"given needs a column 'split' of {', '.join(PARTS)} in the events. "
            f"Received columns: {events.columns}."
        )
    counted = {row["split"]: row["count"] for row in events.groupBy("split").count().collect()}
    sizes = {name: counted.get(name, 0) for name in PARTS}
    if not (sizes["train"] and sizes["test"]):
        raise ValueError(f"given needs events in train and in test. Received: {sizes}.")
    named = F.col("split")
    labelled = events.withColumn(PART, _parts(named == PARTS[2], named != PARTS[0]))
    split = _split_by("given", interactions, labelled)
    return dataclasses.replace(split, published=True)


def standard(
    interactions: SparkInteractions, minimum: int | None = None, repeats: bool = False
) -> SparkSplit:
    """The split of the measurement protocol that fits the data, as `tfrec_recall.data.standard`."""
    cuts = Cuts(given, has_baskets, last_basket_out, random_events_out, together, last_events_out)
    return cuts.by_the_data(interactions, interactions.events.columns, minimum, repeats)


def together(interactions: SparkInteractions) -> float:
    """The share of events that may be of baskets, as `tfrec_recall.data.splits.standard` has it."""
    events = interactions.events
    if not {"session_id", TIE_ORDER}.isdisjoint(events.columns):
        return 0.0
    seconds = F.col("timestamp") % MINUTE != 0
    if interactions.time_unit != ORDER and events.where(seconds).limit(1).count():
        return 0.0
    distinct = events.select("user_id", "item_id", "timestamp").distinct()
    count = F.col("count")
    shared = F.sum(F.when(count > 1, count).otherwise(0)) / F.sum(count)
    row = distinct.groupBy("user_id", "timestamp").count().agg(shared).first()
    return 0.0 if row is None or row[0] is None else float(row[0])


def has_baskets(interactions: SparkInteractions) -> bool:
    """Whether sessions are baskets: the events of each share one time, and some hold several."""
    events = interactions.events
    if not interactions.has_time or "session_id" not in events.columns:
        return False
    sessions = events.groupBy("user_id", "session_id").agg(
        (F.min("timestamp") == F.max("timestamp")).alias("same"), F.count("*").alias("size")
    )
    row = sessions.agg(F.min("same"), F.max("size")).first()
    return row is not None and bool(row[0]) and row[1] > 1


def _parts(test: Column, test_or_validation: Column) -> Column:
    held_back = F.when(test, F.lit(TEST)).when(test_or_validation, F.lit(VALIDATION))
    return held_back.otherwise(F.lit(TRAIN))


def _split_by(
    name: str, interactions: SparkInteractions, events: DataFrame, wanted: Column | None = None
) -> SparkSplit:
    """The split of events with their part; targets are those wanted."""
    labelled = events.withColumn(WANTED, F.lit(True) if wanted is None else wanted)
    for part in (VALIDATION, TEST):
        asked = F.max((F.col(PART) == part) & F.col(WANTED)).over(whole_user())
        labelled = labelled.withColumn(f"{ASKED}{part}", asked)
    added = [PART, WANTED, *(f"{ASKED}{part}" for part in (VALIDATION, TEST))]
    kept = each([*interactions.events.columns, *added])
    return SparkSplit(name, interactions, labelled.select(*kept))


def _refuse_too_few(
    interactions: SparkInteractions,
    least: int,
    message: str,
    way_on: Callable[[int], str] | None = None,
) -> None:
    """Raises ValueError where no user has so many events.

    Args:
        way_on: what asks users who have so many at most.
    """
    most = _most(interactions.events.groupBy("user_id").count())
    if most < least:
        told = message if way_on is None else f"{message} {way_on(most)}"
        raise ValueError(f"{told} Received: {most} events at most.")


def _most(counts: DataFrame) -> int:
    row = counts.agg(F.max("count")).first()
    return 0 if row is None or row[0] is None else int(row[0])


def _check_shares(function: str, validation: float, test: float) -> None:
    if not (0 < test < 1 and 0 <= validation < 1 and test + validation < 1):
        raise ValueError(
            f"{function} takes shares that leave some for training. "
            f"Received: validation={validation}, test={test}."
        )


def _check_contiguous(ordered: DataFrame) -> None:
    """Refuses sessions of one user that overlap: the later events of one would leak the other."""
    runs = ordered.groupBy("user_id", "session_id").agg(F.sum(_BEGINS).alias("runs"))
    bad = runs.where("runs > 1")
    row = bad.agg(F.countDistinct("user_id")).first()
    if row is not None and row[0]:
        shown = [one.asDict() for one in bad.select("user_id", "session_id").take(3)]
        raise ValueError(
            "last_basket_out needs baskets that do not overlap in time: give the events of a "
            "basket one time, or cut the sessions anew with tfrec_recall.spark.sessions. "
            f"Received: {row[0]:,} users with overlaps, the first {shown}."
        )
