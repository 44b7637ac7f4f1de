"""Neighbours, graphs and walks on Spark are those of one machine."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.sparse as sp

from tests.spark.conftest import same
from tfrec_recall import data, graph
from tfrec_recall.graph.similarity import Totals, column_sizes

pytest.importorskip("pyspark", reason="these tests need PySpark: pip install 'pyspark>=4,<5'")

from pyspark.errors import PySparkException

from tfrec_recall import spark as on
from tfrec_recall.spark.groups import whole_groups
from tfrec_recall.spark.order import computed
from tfrec_recall.spark.products import pair_products


@pytest.fixture(scope="module")
def items(shop):
    return data.Vocabulary.build(shop.events["item_id"], min_count=2)


@pytest.fixture(scope="module")
def encoded(on_spark):
    """The events in their order, the items as numbers."""
    known = on.vocabulary(on.counts(on_spark.events, "item_id"), min_count=2)
    return on.encode(on.chronological(on_spark.events), known, "item_id").persist()


@pytest.fixture(scope="module")
def known(shop, items):
    """User, item and rating of the known events, in their order."""
    events = shop.events.iloc[data.chronological(shop.events)]
    item = items.encode(events["item_id"])
    user = pd.factorize(events["user_id"], sort=True)[0]
    return user[item > 1], item[item > 1], events["rating"].to_numpy()[item > 1]


def table_of(found, rows, count):
    """Rows of Spark as the table of one machine."""
    result = graph.Neighbours(np.full((rows, count), -1), np.zeros((rows, count)))
    for row in found.collect():
        result.ids[row.id, row.rank - 1] = row.neighbour
        result.weights[row.id, row.rank - 1] = row.weight
    return result


def same_tables(found, expected):
    """The same weights, and the same neighbours wherever no other one is as near."""
    np.testing.assert_allclose(found.weights, expected.weights, rtol=1e-6)
    apart = np.abs(np.diff(expected.weights, axis=1)) > 1e-6 * expected.weights[:, :-1]
    alone = np.pad(apart, ((0, 0), (1, 0)), constant_values=True)
    alone &= np.pad(apart, ((0, 0), (0, 1)), constant_values=False)
    assert alone.sum() > len(expected.ids)
    assert (found.ids == expected.ids)[alone].all()


SIMILARITIES = {
    "co-count": graph.CoCount(alpha=0.3, active_penalty=True),
    "power": graph.CoCount(alpha=0.5, active_penalty=0.5, shrinkage=2.0),
    "cosine": graph.Cosine(shrinkage=1.0),
    "jaccard": graph.Jaccard(),
    "pearson": graph.Pearson(minimum_overlap=2),
}


@pytest.mark.parametrize("name", SIMILARITIES)
def test_neighbours_are_those_of_one_machine(encoded, known, items, name):
    user, item, rating = known
    rated = name in ("cosine", "pearson")
    rows = np.isfinite(rating) if rated else slice(None)
    matrix = graph.interaction_matrix(
        item[rows], user[rows], (len(items), 42), rating[rows] if rated else None
    )
    expected = graph.neighbours(matrix, SIMILARITIES[name], count=6)
    entries = on.interaction_matrix(encoded, value="rating" if rated else None)
    found = on.neighbours(entries, SIMILARITIES[name], count=6, rows=len(items))
    same_tables(table_of(found, len(items), 6), expected)


@pytest.mark.parametrize("penalty", [False, True])
def test_nearby_neighbours_are_those_of_one_machine(encoded, known, items, penalty):
    user, item, _ = known
    similarity = graph.CoCount(alpha=0.3, active_penalty=penalty)
    matrix = graph.interaction_matrix(item, user, (len(items), 42))
    of_user = similarity.column_weight(column_sizes(matrix))
    weight = None if of_user is None else of_user[user]
    expected = graph.nearby_neighbours(
        user, item, Totals.of(matrix), similarity, 5, half_life=2.0, weight=weight
    )
    found = on.nearby_neighbours(encoded, similarity, 5, half_life=2.0, rows=len(items))
    same_tables(table_of(found, len(items), 5), expected)


def test_too_few_rows_and_numbers_below_1_are_refused(encoded, items):
    entries, similarity = on.interaction_matrix(encoded), graph.CoCount()
    last, rows = len(items) - 1, len(items)
    said = rf"rows counts all numbers.*rows={last}, and a row {last}"
    with pytest.raises(PySparkException, match=said):
        on.neighbours(entries, similarity, 3, rows=last).collect()
    with pytest.raises(PySparkException, match=said):
        on.nearby_neighbours(encoded, similarity, 3, half_life=1.0, rows=last).collect()
    with pytest.raises(ValueError, match="most_entries"):
        on.neighbours(entries, similarity, 3, rows=rows, most_entries=0)
    with pytest.raises(ValueError, match="most_events"):
        on.nearby_neighbours(encoded, similarity, 3, half_life=1.0, rows=rows, most_events=-1)


def test_a_very_active_user_counts_by_some_entries(encoded, items):
    entries = on.interaction_matrix(encoded)
    with pytest.warns(data.notices.ReadingNotice, match="more than 4 entries count by 4"):
        on.neighbours(entries, graph.CoCount(), 3, rows=len(items), most_entries=4)
    with pytest.warns(data.notices.ReadingNotice, match="with more than 9 events count by 9"):
        on.nearby_neighbours(
            encoded, graph.CoCount(), 3, half_life=1.0, rows=len(items), most_events=9
        )
    row = np.concatenate([np.arange(1_000), [3, 5]])
    moments = graph.CoCount().moments
    batches = pair_products(row, np.ones(1_002), np.array([1_000, 2]), moments, None, most=20)
    pairs = pd.concat([batch.to_pandas() for batch in batches])
    assert len(pairs) in (190, 191)  # 20 * 19 / 2, and 3 beside 5
    assert pairs["_00"].sum() == 191
    assert pairs["id"].max() > 500  # the first ones are not those that are kept


def test_rows_of_one_computation_are_in_the_folder_of_checkpoints(spark, tmp_path):
    spark.sparkContext.setCheckpointDir(str(tmp_path))
    try:
        assert computed(spark.range(3)).count() == 3
    finally:
        spark.sparkContext._jsc.sc().setCheckpointDir(None)
    assert list(tmp_path.rglob("part-*"))
    assert computed(spark.range(3)).count() == 3


def test_rows_without_a_key_are_no_part_of_the_next_group():
    batch = pa.RecordBatch.from_pydict({"session": [None, None, "a", "a", "b"]})
    ((_, starts),) = whole_groups([batch], "session", 100)
    assert starts.tolist() == [0, 2, 4]


def edges(matrix):
    found = sp.coo_array(matrix)
    return pd.DataFrame({"source": found.row, "target": found.col, "weight": found.data})


def test_graphs_of_items_are_those_of_one_machine(encoded, known, items, shop):
    user, item, _ = known
    expected = graph.item_graph(item, user, len(items), reach=2)
    same(on.item_graph(encoded, reach=2), edges(expected))
    events = shop.events.assign(item=items.encode(shop.events["item_id"])).query("item > 1")
    events = events.sort_values("session_id")
    session = pd.factorize(events["session_id"])[0]
    expected = graph.basket_graph(events["item"].to_numpy(), session, len(items))
    same(on.basket_graph(encoded), edges(expected), rtol=1e-5)


def test_the_graph_of_users_and_items_is_that_of_one_machine(encoded, known, items):
    user, item, rating = known
    events = encoded.selectExpr("item_id", "int(substr(user_id, 2)) + 2 AS user_id", "rating")
    found = on.bipartite_graph(events.fillna(1.0), len(items), weight="rating").toPandas()
    assert len(found) == 2 * len(set(zip(user, item, strict=True)))
    total = np.where(np.isfinite(rating), rating, 1.0).sum()
    assert found["weight"].sum() == pytest.approx(2 * total)
    items_side = found["source"] < len(items)
    assert (found["target"][items_side] >= len(items) + 2).all()


LINES = pd.DataFrame(
    [(0, 1, 1.0), (0, 2, 3.0), (1, 0, 2.0), (1, 2, 2.0), (2, 0, 5.0), (2, 3, 1.0), (4, 0, 1.0)],
    columns=["source", "target", "weight"],
)  # 3 is a dead end, 5 has no edge at all


@pytest.fixture(scope="module")
def walks(spark):
    found = on.RandomWalks(spark.createDataFrame(LINES))
    yield found
    found.release()


def test_walks_follow_the_weights_of_the_edges(walks, spark):
    starts = spark.createDataFrame(pd.DataFrame({"node": [0, 2, 5]}))
    walked = walks.walk(starts, 3, count=2_000, seed=3).toPandas()
    paths = np.array(walked["walk"].tolist())
    assert paths.shape == (6_000, 4)
    assert (paths[:, 0] == walked["start"]).all()
    assert (paths[paths[:, 0] == 5][:, 1:] == -1).all()
    shape = (6, 6)
    expected = sp.coo_array((LINES["weight"], (LINES["source"], LINES["target"])), shape=shape)
    expected = graph.RandomWalks(expected.tocsr()).walk(np.repeat([0, 2], 20_000), 3, seed=1)
    for start in (0, 2):
        for step in (1, 2, 3):
            own, other = (
                np.bincount(one[one[:, 0] == start][:, step] + 1, minlength=6)
                for one in (paths, expected)
            )
            share = other / other.sum()
            noise = 4 * np.sqrt(share * (1 - share) / own.sum()) + 1e-9
            assert (np.abs(own / own.sum() - share) <= noise).all()
    again = walks.walk(starts, 3, count=2_000, seed=3).toPandas()
    keys = ["start", "number"]
    orders = [np.array(one.sort_values(keys)["walk"].tolist()) for one in (again, walked)]
    np.testing.assert_array_equal(*orders)


def test_walks_that_restart_have_no_end(walks, spark):
    starts = spark.createDataFrame(pd.DataFrame({"node": [2]}))
    paths = np.array(walks.walk(starts, 9, count=300, restart=0.4).toPandas()["walk"].tolist())
    assert (paths >= 0).all()
    after_the_end = paths[:, 1:][paths[:, :-1] == 3]
    assert (after_the_end == 2).all() or (paths[:, 1:] == 3).sum() == 0


def test_importance_neighbours_are_shares_of_visits(walks, spark):
    starts = spark.createDataFrame(pd.DataFrame({"node": [0, 1, 2, 3, 4]}))
    found = on.importance_neighbours(walks, starts, top=2, count=1_500, length=4, restart=0.2)
    found = table_of(found, 6, 2)
    shape = (6, 6)
    matrix = sp.coo_array((LINES["weight"], (LINES["source"], LINES["target"])), shape=shape)
    own = graph.RandomWalks(matrix.tocsr())
    expected = graph.importance_neighbours(own, top=2, count=20_000, length=4, restart=0.2)
    assert (found.ids == expected.ids).all()
    np.testing.assert_allclose(found.weights, expected.weights, atol=0.03)


def test_walks_over_users_keep_items(spark):
    events = pd.DataFrame({"user_id": [2, 2, 3], "item_id": [2, 3, 4]})
    walks = on.ItemUserItemWalks(on.bipartite_graph(spark.createDataFrame(events), items=5))
    starts = spark.createDataFrame(pd.DataFrame({"node": [2, 4]}))
    found = walks.walk(starts, 2, count=40).toPandas()
    walks.release()
    for start, reached in ((2, {2, 3}), (4, {4})):
        paths = np.array(found["walk"][found["start"] == start].tolist())
        assert paths.shape == (40, 3)
        assert set(paths.ravel()) == reached
