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
