"""What each step makes on Spark beside the same on one machine: `spark.py --equal`."""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from pyspark.sql import DataFrame, SparkSession

from tfrec_recall import data, graph
from tfrec_recall import spark as on
from tfrec_recall.graph.similarity import Totals, column_sizes

Steps = Iterator[tuple[str, Callable[[], str]]]

COUNT, LENGTH, TOP = 20_000, 3, 10  # walks of each start, their steps, and neighbours by visits
MOST = 6.0  # standard deviations
RTOL = 1e-6
RTOL_OF_SUMS = 1e-5  # where one machine sums in 32 bits, in the order that it has


def rows_alike(
    found: DataFrame | pd.DataFrame, expected: pd.DataFrame, keys: list[str], rtol: float = RTOL
) -> str:
    """Raises AssertionError unless both have the same rows."""
    found = found if isinstance(found, pd.DataFrame) else found.toPandas()
    assert set(found.columns) == set(expected.columns), (list(found), list(expected))
    found = found[list(expected.columns)]
    of_objects = [name for name in expected if expected[name].dtype == object]
    lists = [name for name in of_objects if expected[name].map(_is_list).any()]
    found, expected = (one.sort_values(keys, ignore_index=True) for one in (found, expected))
    for name in lists:
        pairs = zip(found.pop(name), expected.pop(name), strict=True)
        assert all(_plain(own) == _plain(other) for own, other in pairs), name
    pd.testing.assert_frame_equal(found, expected, check_dtype=False, rtol=rtol)
    return f"{len(expected):,} rows"


def _is_list(value: Any) -> bool:
    return isinstance(value, list | np.ndarray)


def _plain(value: Any) -> list[Any] | None:
    """A list; None where there is none."""
    return list(value) if _is_list(value) else None


def neighbours_alike(found: pd.DataFrame, expected: graph.Neighbours) -> str:
    """Raises AssertionError unless weights are equal, and so are the neighbours of each weight.

    Of the last weight of a full row, others than those that are listed may have it, too.
    """
    weights = np.zeros(expected.weights.shape)
    weights[found["id"], found["rank"] - 1] = found["weight"]
    np.testing.assert_allclose(weights, expected.weights, rtol=RTOL, atol=1e-9)
    ids = np.full(expected.ids.shape, -1)
    ids[found["id"], found["rank"] - 1] = found["neighbour"]
    # Those that rounding may have parted are of one weight.
    gaps = np.abs(np.diff(expected.weights, axis=1)) > 2 * RTOL * expected.weights[:, :-1]
    group = np.pad(np.cumsum(gaps, axis=1), ((0, 0), (1, 0)))
    own, other = (
        np.take_along_axis(one, np.lexsort((one, group), axis=1), axis=1)
        for one in (ids, expected.ids)
    )
    whole = (group != group[:, -1:]) | (expected.ids[:, -1:] == -1)
    assert (own == other)[whole].all()
    listed = expected.ids != -1
    said = f"{(whole & listed).sum():,} of them of weights whose neighbours are all there"
    return (
        f"{len(found):,} neighbours, {said}, {(ids == expected.ids)[listed].sum():,} in one order"
    )


def equalities(spark: SparkSession, source: str, folder: pathlib.Path) -> Steps:
    """Each step on Spark beside the same on one machine.

    What only some data have is left out of those that have it not: times, sessions, a validation.
    Lists of an export (`recommendations`) and draws are compared by the tests alone.
    """
    whole = data.datasets.load(source)
    log = folder / "log"
    for table in ("events", "users", "items"):
        (log / table).mkdir(parents=True)
        getattr(whole, table).to_parquet(log / table / "part-0.parquet")
    there = on.SparkInteractions.from_parquet(spark, log)
    keys = [one for one in ("user_id", "item_id", "timestamp", "session_id") if one in whole.events]
    split, split_there = data.standard(whole), on.standard(there)
    split_there.labelled.persist()  # all parts are made of it

    yield "events", lambda: rows_alike(there.events, whole.events, keys)
    yield "standard split", lambda: split_alike(split_there, split, keys)
    if whole.has_time:
        moments = whole.events["timestamp"].quantile([0.8, 0.9]).astype("int64").tolist()
        for name, cut in (
            ("temporal", lambda of, one: of.temporal(one, *moments)),
            ("hold_out_users", lambda of, one: of.hold_out_users(one, seed=4)),
        ):
            yield name, lambda cut=cut: split_alike(cut(on, there), cut(data, whole), keys)
    yield "parts", lambda: parts_alike(there, log, folder, whole.time_unit, keys)
    yield from _of_training(spark, split_there.train, split.train, folder, keys)
    if whole.has_time:

        def sessions() -> str:
            expected = whole.events.assign(session=data.sessions(whole.events, gap=1800))
            return rows_alike(on.sessions(there.events, gap=1800), expected, keys)

        yield "sessions", sessions


def split_alike(found: Any, expected: data.Split, keys: list[str]) -> str:
    """Raises AssertionError unless all parts of two splits are the same."""
    said = [f"train {rows_alike(found.train.events, expected.train.events, keys)}"]
    for name in ("validation", "test"):
        own, other = getattr(found, name), expected.part(name)
        rows_alike(own.history, other.history, keys)
        said.append(f"{name} {rows_alike(own.targets, other.targets, keys)}")
    return ", ".join(said)


def parts_alike(
    there: on.SparkInteractions,
    log: pathlib.Path,
    folder: pathlib.Path,
    unit: str | None,
    keys: list[str],
) -> str:
    """Raises AssertionError unless the parts by user hold the same rows."""
    found = on.write_parts(there, folder / "parts-spark", parts=3)
    expected = data.part_events(log, folder / "parts", parts=3, time_unit=unit)
    assert (len(found), found.rows) == (len(expected), expected.rows)
    for own, other in zip(found, expected, strict=True):
        rows_alike(own.events, other.events, keys)
        rows_alike(own.users, other.users, ["user_id"])
        rows_alike(own.items, other.items, ["item_id"])
    return f"{len(found)} parts of {found.rows:,} rows"


def _of_training(
    spark: SparkSession,
    there: on.SparkInteractions,
    train: data.Interactions,
    folder: pathlib.Path,
    keys: list[str],
) -> Steps:
    items = data.Vocabulary.build(train.events["item_id"])
    users = data.Vocabulary.build(train.events["user_id"])

    def vocabulary() -> str:
        on.save_vocabulary(on.counts(there.events, "item_id"), folder / "items.parquet")
        found = data.Vocabulary.load(folder / "items.parquet")
        assert found.ids.tolist() == items.ids.tolist()
        assert found.counts.tolist() == items.counts.tolist()
        return f"{len(items):,} ids"

    yield "vocabulary", vocabulary
    ordered_there = on.chronological(there.events) if train.has_time else there.events
    known, known_users = (
        on.vocabulary(on.counts(there.events, name)) for name in ("item_id", "user_id")
    )
    encoded = on.encode(ordered_there, known, "item_id").persist()
    events = train.events
    if train.has_time:
        events = events.iloc[data.chronological(events)]
    item = items.encode(events["item_id"])
    user = pd.factorize(events["user_id"], sort=True)[0]
    matrix = graph.interaction_matrix(item, user, (len(items), int(user.max()) + 1))
    co_count = graph.CoCount(alpha=0.3, active_penalty=True)

    def similarity() -> str:
        found = on.neighbours(on.interaction_matrix(encoded), co_count, 50, rows=len(items))
        return neighbours_alike(found.toPandas(), graph.neighbours(matrix, co_count, 50))

    yield "similarity", similarity
    both_there = on.bipartite_graph(on.encode(encoded, known_users, "user_id"), len(items))
    number = users.encode(events["user_id"])
    both = graph.bipartite_graph(number, item, len(users), len(items))
    yield "bipartite graph", lambda: edges_alike(both_there, both)
    own_walks = graph.ItemUserItemWalks(both, len(items))
    make = functools.partial(on.ItemUserItemWalks, both_there)
    yield "walks by users", lambda: walks_alike(spark, make, own_walks.step, len(items))
    if "session_id" in events:

        def basket_graph() -> str:
            session = pd.factorize(events["session_id"])[0]
            order = np.argsort(session, kind="stable")
            expected = graph.basket_graph(item[order], session[order], len(items))
            return edges_alike(on.basket_graph(encoded), expected, RTOL_OF_SUMS)

        yield "basket graph", basket_graph
    if not train.has_time:
        yield "held_out", lambda: sets_alike(there, train)
        return

    def nearby() -> str:
        weight = co_count.column_weight(column_sizes(matrix))[user]
        expected = graph.nearby_neighbours(
            user, item, Totals.of(matrix), co_count, 50, half_life=5.0, weight=weight
        )
        found = on.nearby_neighbours(encoded, co_count, 50, half_life=5.0, rows=len(items))
        return neighbours_alike(found.toPandas(), expected)

    yield "nearby", nearby
    for name in ("next_item", "next_basket"):
        yield name, lambda name=name: examples_alike(name, there, train, keys)
    following = graph.item_graph(item, user, len(items))
    yield "graph", lambda: edges_alike(on.item_graph(encoded), following)
    shares = following / following.sum(axis=1)[:, np.newaxis].clip(1e-9)

    def make_walks() -> on.RandomWalks:
        return on.RandomWalks(on.item_graph(encoded))

    yield "walks", lambda: walks_alike(spark, make_walks, lambda now: now @ shares, len(items))


def examples_alike(
    name: str, there: on.SparkInteractions, train: data.Interactions, keys: list[str]
) -> str:
    """Raises AssertionError unless the examples of a function are the same."""
    expected = getattr(data, name)(train, history=20)
    frame = expected.events.iloc[expected.target].reset_index(drop=True)
    ids = expected.events["item_id"].to_numpy(dtype=object)
    runs = zip(expected.history_start, expected.history_end, strict=True)
    frame["history"] = [list(ids[start:end]) for start, end in runs]
    frame["age"], frame["weight"] = expected.age, expected.weight
    return rows_alike(getattr(on, name)(there, history=20), frame, keys)


def sets_alike(there: on.SparkInteractions, train: data.Interactions, most: int = 20) -> str:
    """Raises AssertionError unless the examples of sets have the same targets, and histories of the
    others: all of them, or as many as a history takes."""
    expected = data.held_out(train, history=most)
    columns = ["user_id", "item_id"]
    frame = expected.events[columns].iloc[expected.target].assign(weight=expected.weight)
    sizes = expected.history_end - expected.history_start - 1
    frame["length"] = np.minimum(sizes, most)
    found = on.held_out(there, history=most).select(*columns, "weight", "history").toPandas()
    for target, history in zip(found["item_id"], found["history"], strict=True):
        assert len({target, *history}) == len(history) + 1, (target, history)
    ids = pd.Index(pd.MultiIndex.from_frame(train.events[columns].drop_duplicates()))
    met = found[["user_id", "history"]].explode("history").dropna()
    assert pd.MultiIndex.from_frame(met).isin(ids).all()
    found["length"] = found.pop("history").map(len)
    return rows_alike(found, frame, columns)


def edges_alike(found: DataFrame, expected: sp.csr_array, rtol: float = RTOL) -> str:
    """Raises AssertionError unless two graphs have the same edges."""
    edges = sp.coo_array(expected)
    frame = pd.DataFrame({"source": edges.row, "target": edges.col, "weight": edges.data})
    return rows_alike(found, frame, ["source", "target"], rtol=rtol)


def walks_alike(
    spark: SparkSession,
    make: Callable[[], on.RandomWalks | on.ItemUserItemWalks],
    step: Callable[[sp.csr_array], sp.csr_array],
    nodes: int,
) -> str:
    """Raises AssertionError where walks meet a node more or less often than the edges have it.

    Args:
        make: the walks.
        step: where walkers are after a step, by where they are before: shares [starts, nodes].
    """
    starts = np.arange(2, min(12, nodes))
    shape = (len(starts), nodes)
    now = sp.csr_array((np.ones(len(starts)), (np.arange(len(starts)), starts)), shape=shape)
    shares = []
    for _ in range(LENGTH):
        now = sp.csr_array(step(now))
        shares.append(now.toarray())
    walks = make()
    frame = spark.createDataFrame(pd.DataFrame({"node": starts}))
    paths = np.array(walks.walk(frame, LENGTH, count=COUNT).toPandas()["walk"].tolist())
    best = on.importance_neighbours(walks, frame, TOP, COUNT, LENGTH, restart=0.0).toPandas()
    walks.release()
    farthest = 0.0
    for row, start in enumerate(starts):
        for place in range(LENGTH):
            here = paths[paths[:, 0] == start][:, place + 1]
            met = np.bincount(here[here >= 0], minlength=nodes) / COUNT
            share = shares[place][row]
            noise = np.sqrt((share * (1 - share)).clip(0) / COUNT) + 1 / COUNT
            farthest = max(farthest, float((np.abs(met - share) / noise).max()))
        visits = np.sum([share[row] for share in shares], axis=0)  # of one walk
        visits[start] = 0
        found = best[best["id"] == start]
        expected = visits[found["neighbour"]]
        # A walk comes by so many times at most, which bounds how far its visits spread.
        noise = np.sqrt(LENGTH * expected / COUNT) + 1 / COUNT
        off = np.abs(found["weight"].to_numpy() * visits.sum() - expected) / noise
        farthest = max(farthest, float(off.max(initial=0)))
    assert farthest < MOST, farthest
    return f"no share further from the edges' than {farthest:.1f} of its standard deviations"
