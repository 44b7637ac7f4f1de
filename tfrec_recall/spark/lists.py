"""Lists for all users: an export asked on all workers, each of which loads it once."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import FloatType, IntegerType, StructField, StructType

from tfrec_recall.data.arguments import whole
from tfrec_recall.data.notices import tell
from tfrec_recall.spark.folders import Folder, shared_path
from tfrec_recall.spark.interactions import SparkInteractions
from tfrec_recall.spark.names import contents, numbers, own
from tfrec_recall.spark.order import OWN_PLACE, in_order, whole_user

if TYPE_CHECKING:
    from tfrec_recall.export import LoadedRetriever

USERS_AT_A_TIME = 10_000
MOST_EVENTS = 10_000
_BUCKET, _FROM_END = own("bucket"), own("from_end")


def recommendations(
    interactions: SparkInteractions,
    export: Folder,
    k: int | None = None,
    repeats: bool | None = None,
    context: pd.DataFrame | None = None,
    batch_size: int = 512,
    most_events: int | None = MOST_EVENTS,
) -> DataFrame:
    """The list of every user, asked with all of the user's events at the time of the newest one.

    The requests and the answers are those of `tfrec_recall.operations`: `EveryUser` and
    `Recommendations`, of some thousand users at a time.

    Args:
        interactions: the events that count, and the users.
        export: the directory of the versions, of which the newest is taken, or that of one, where
            all workers find it; `file://` may stand before it.
        k: the length of the lists; by default that of the export.
        repeats: list the items of the histories like all others; by default what the export was
            trained with says it, as for `tfrec-recall batch`.
        context: what all requests tell of themselves, a row.
        batch_size: requests in one call of the graph.
        most_events: of a user with more the latest count, and what came before may be listed again;
            a notice tells of it. Without times, a hash draws them.

    Returns: user_id, rank (from 1), item_id, score; to be written, as it is computed each time.
    Raises: FileNotFoundError if there is no export; ValueError for one on another file system, or
        that asks for what neither the tables nor the context tell.
    """
    from tfrec_recall.export.version_files import card_of, newest_version

    for name, value in (("k", k), ("most_events", most_events)):
        whole("recommendations", value, name, optional=True)
    whole("recommendations", batch_size, "batch_size")
    place = newest_version(shared_path("recommendations", export))
    version, card = str(place), card_of(place)
    length, again = told_by(card, k, repeats)
    _check_inputs(interactions, card, context)
    events, users = _limited(interactions, most_events), interactions.users
    newest = None
    if interactions.has_time:
        row = interactions.events.agg(F.max("timestamp")).first()
        newest = None if row is None else row[0]
    unit = interactions.time_unit
    of_users, of_events = users.columns, events.columns
    buckets = max(1, -(-users.count() // USERS_AT_A_TIME))

    def ask(some_users: pa.Table, some_events: pa.Table) -> pa.Table:
        asked = some_users.drop_columns(_BUCKET).rename_columns(of_users)
        met = some_events.drop_columns(_BUCKET).rename_columns(of_events)
        return answers(version, asked, met, length, again, context, batch_size, newest, unit)

    schema = StructType(
        [
            users.schema["user_id"],
            StructField("rank", IntegerType()),
            interactions.items.schema["item_id"],
            StructField("score", FloatType()),
        ]
    )
    bucket = F.pmod(F.xxhash64("user_id"), F.lit(buckets)).cast("int")
    apart = [
        one.withColumn(_BUCKET, bucket).toDF(*numbers(len(one.columns)), _BUCKET).groupBy(_BUCKET)
        for one in (users, events)
    ]
    return apart[0].cogroup(apart[1]).applyInArrow(ask, schema)


def told_by(card: Mapping[str, Any], k: int | None, repeats: bool | None) -> tuple[int, bool]:
    """The length of lists, and whether they repeat histories: as given, else by an export's card.

    >>> told_by({"k": 50, "data": {"protocol": {"repeats": True}}}, 20, None)
    (20, True)
    """
    from tfrec_recall.export.version_files import training_in

    length = card.get("k") if k is None else k
    if length is None:
        raise ValueError(
            "recommendations takes k from the export's model card, which is not there: give k. "
            f"Received: k=None, a card of {sorted(card)}."
        )
    protocol = training_in(card).get("protocol") or {}
    return int(length), bool(protocol.get("repeats") if repeats is None else repeats)


def _check_inputs(
    interactions: SparkInteractions, card: Mapping[str, Any], context: pd.DataFrame | None
) -> None:
    """Raises the ValueError of requests that lack what the export takes, by one of them."""
    import tensorflow as tf

    from tfrec_recall.data import Interactions
    from tfrec_recall.data.columns.arrow_frames import to_frame
    from tfrec_recall.operations.every_user import EveryUser

    told = card.get("inputs") or {}
    inputs = {name: tf.TensorSpec(one["shape"], one["dtype"]) for name, one in told.items()}
    events, users = (
        to_frame(one.limit(1).toArrow()) for one in (interactions.events, interactions.users)
    )
    if len(events):
        some = Interactions(events, users, time_unit=interactions.time_unit, mend_ids=False)
        asked = EveryUser(some, inputs, context)
        next(asked.parts(len(asked)))


def answers(
    version: str,
    users: pa.Table,
    events: pa.Table,
    k: int,
    repeats: bool,
    context: pd.DataFrame | None,
    batch_size: int,
    newest: float | None,
    time_unit: str | None,
) -> pa.Table:
    """The lists of some users, of whom these are all events."""
    from tfrec_recall.data import Interactions
    from tfrec_recall.data.columns.arrow_frames import to_frame
    from tfrec_recall.operations.answers import POSITION, Recommendations
    from tfrec_recall.operations.batch import asked, in_order
    from tfrec_recall.operations.every_user import EveryUser

    retriever = _loaded(version)
    some = Interactions(to_frame(events), to_frame(users), time_unit=time_unit, mend_ids=False)
    everyone = EveryUser(some, retriever.inputs, context, repeats, now=newest)
    (part,) = everyone.parts(len(everyone))
    with ThreadPoolExecutor(1) as asker:
        tables = asked(retriever, part, Recommendations(k), batch_size, asker)
        table = in_order(part, "user_id", [one.result() for one in tables])
    return table.drop_columns(POSITION)


@functools.lru_cache(maxsize=1)
def _loaded(version: str) -> LoadedRetriever:
    """The export, once for all tasks of this worker."""
    import tensorflow as tf

    from tfrec_recall.export import load

    with contextlib.suppress(RuntimeError):  # TensorFlow has computed already
        tf.config.threading.set_intra_op_parallelism_threads(1)  # a core has a worker each
    if not os.path.isdir(version):
        raise FileNotFoundError(
            "recommendations needs the export in a folder that all workers share: this one does "
            f"not find it. Received: {version}."
        )
    return load(version)


def _limited(interactions: SparkInteractions, most: int | None) -> DataFrame:
    """The events without those that very active users have beyond `most`."""
    events = interactions.events
    if most is None:
        return events
    sizes = events.groupBy("user_id").count()
    row = sizes.agg(F.count_if(F.col("count") > most), F.max("count")).first()
    if row is None or not row[0]:
        return events
    tell(
        f"{row[0]:,} users with more than {most:,} events are asked with {most:,} of them: the "
        f"most active one has {row[1]:,}. most_events=None takes all."
    )
    if interactions.has_time:
        ordered = in_order(events)
        later = F.count("*").over(whole_user()) - 1 - F.col(OWN_PLACE)
        return _first(ordered, later, most)
    lot = F.xxhash64(*contents(events))
    return _first(events, F.row_number().over(whole_user().orderBy(lot)) - 1, most)


def _first(events: DataFrame, place: Column, most: int) -> DataFrame:
    kept = events.withColumn(_FROM_END, place).where(F.col(_FROM_END) < most)
    return kept.drop(_FROM_END, OWN_PLACE)
