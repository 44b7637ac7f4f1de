import numpy as np
import pytest
import tensorflow as tf

from tfrec_recall.models.item_embeddings import nearest_warm
from tfrec_recall.models.item_embeddings.nearest_warm import NearestWarm
from tfrec_recall.models.item_embeddings.vector_tables import VectorTables

IDS, WARM, DIM = 19, 12, 3  # 0 and 1 are padding and unknown; the last seven are cold


@pytest.mark.parametrize("distances", [1, 2 * IDS, 3 * IDS + 5, 100 * IDS])
def test_cold_items_in_blocks_are_the_mean_of_the_nearest(monkeypatch, distances):
    random = np.random.default_rng(3)
    kind, price = random.integers(2, 4, IDS), random.normal(size=IDS).astype("float32")
    tables = VectorTables(IDS, DIM, None)
    tables.learnt.assign((np.arange(IDS) >= 2) & (np.arange(IDS) < WARM))
    layer = NearestWarm(tables, {"kind": None, "price": 0.5}, nearest=2)
    layer.values["kind"].assign(kind)
    layer.values["price"].assign(price)
    vectors = tables(tf.range(IDS)).numpy()
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    monkeypatch.setattr(nearest_warm, "DISTANCES", distances)
    item = {"item_id": tf.range(IDS), "kind": kind.astype("float32"), "price": price}
    found = tf.function(layer)(item).numpy()

    np.testing.assert_allclose(found[2:WARM], units[2:WARM], rtol=1e-5)
    for cold in range(WARM, IDS):
        distance = (kind != kind[cold]) + np.abs(price - price[cold]) / 0.5
        near = 2 + np.argsort(distance[2:WARM])[:2]
        mean = units[near].mean(axis=0)
        np.testing.assert_allclose(found[cold], mean / np.linalg.norm(mean), rtol=1e-4)


def test_what_is_missing_or_unknown_is_like_nothing():
    """Codes below 2, on either side: they are neither alike nor the lowest of all buckets."""
    random = np.random.default_rng(1)
    kind, bucket = (random.integers(0, 5, IDS).astype("int32") for _ in range(2))
    assert all({0, 1} < {*codes[2:WARM]} & {*codes[WARM:]} for codes in (kind, bucket))
    tables = VectorTables(IDS, DIM, None)
    tables.learnt.assign((np.arange(IDS) >= 2) & (np.arange(IDS) < WARM))
    layer = NearestWarm(tables, {"kind": None, "price": 8.0}, nearest=2)
    layer.values["kind"].assign(kind)
    layer.values["price"].assign(bucket)
    item = {"item_id": tf.range(IDS), "kind": tf.constant(kind), "price": tf.constant(bucket)}
    found = layer(item).numpy()
    for cold in range(WARM, IDS):
        distance = np.zeros(IDS)
        for codes, far in ((kind, np.sign), (bucket, lambda apart: apart / 8)):
            known = (codes >= 2) & (codes[cold] >= 2)
            distance += np.where(known, far(np.abs(codes - codes[cold])), 1)
        near = 2 + np.argsort(distance[2:WARM], kind="stable")[:2]
        mean = found[near].mean(axis=0)
        np.testing.assert_allclose(found[cold], mean / np.linalg.norm(mean), rtol=1e-4)
