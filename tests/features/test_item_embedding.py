import numpy as np
import pytest
import tensorflow as tf

from tfrec_recall.features import FeatureEncoder, Field, ItemEmbedding, ItemTable, item_embedding

TAGS = np.array([[0, 0], [1, 0], [2, 1], [1, 2], [2, 0]], "int32")
IDS = tf.constant([[2, 4, 2, 0], [3, 3, 0, 0]])


@pytest.fixture
def layer():
    tf.keras.utils.set_random_seed(0)
    table = ItemTable.of({"item_id": np.arange(5, dtype="int32"), "tags": TAGS})
    item = {
        "item_id": tf.keras.Input((), dtype=tf.int32),
        "tags": tf.keras.Input((2,), dtype=tf.int32),
    }
    fields = FeatureEncoder([Field("item_id", 5), Field("tags", 3, rank=2)], dim=4)(item)
    return ItemEmbedding(table, tf.keras.Model(item, tf.reduce_sum(fields, axis=-2)))


def vectors_and_gradients(layer, training):
    with tf.GradientTape() as tape:
        vectors = layer(IDS, training=training)
        loss = tf.reduce_sum(vectors * tf.reshape(tf.range(32.0), [2, 4, 4]))
    return vectors, [tf.convert_to_tensor(g) for g in tape.gradient(loss, layer.trainable_weights)]


@pytest.mark.parametrize(("items", "values"), [(4, 100), (5, 14), (5, 15)])
def test_training_embeds_what_serving_does(layer, items, values, monkeypatch):
    monkeypatch.setattr(item_embedding, "FEW_ITEMS", items)
    monkeypatch.setattr(item_embedding, "FEW_VALUES", values)
    seen = []
    layer.table.call = lambda ids, call=layer.table.call: seen.append(ids) or call(ids)
    served, expected = vectors_and_gradients(layer, training=False)
    seen.clear()
    learnt, gradients = vectors_and_gradients(layer, training=True)
    assert bool(seen) == ((items, values) != (5, 15))  # 5 items, whose features are 15 ids
    np.testing.assert_allclose(learnt, served, rtol=1e-6)
    for ours, theirs in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    id_table, tag_table = (weight.numpy() for weight in layer.trainable_weights)
    np.testing.assert_allclose(served[0, 1], id_table[4] + tag_table[2], rtol=1e-6)
    np.testing.assert_allclose(served[0, 3], 0.0)


def test_the_mask_is_where_items_are(layer):
    assert layer.compute_mask(IDS).numpy().tolist() == [
        [True, True, True, False],
        [True, True, False, False],
    ]


def test_several_vectors_an_item(layer):
    item = layer.item_model.input
    pair = tf.keras.Model(item, tf.stack([layer.item_model.output] * 2, axis=1))
    both = ItemEmbedding(layer.table, pair)
    for training in (False, True):
        vectors = both(IDS, training=training)
        assert vectors.shape == (2, 4, 2, 4)
        np.testing.assert_allclose(vectors[:, :, 1], layer(IDS), rtol=1e-6)
