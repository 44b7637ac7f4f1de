import json

import numpy as np
import pytest
import tensorflow as tf

from tfrec_recall.features import FeatureEncoder, Field, ItemEmbedding, ItemTable

FIELDS = [Field("item_id", 5), Field("genres", 4, rank=2), Field("price", 0)]
BATCH = {
    "item_id": np.array([2, 0, 1]),
    "genres": np.array([[1, 3], [2, 0], [0, 0]]),
    "price": np.array([0.5, -2.0, 0.0], "float32"),
    "other": np.array([1, 1, 1]),
}


def encoder_with_known_tables(dim=2, **options):
    encoder = FeatureEncoder(FIELDS, dim, **options)
    encoder(BATCH)
    for number, table in enumerate(encoder.tables.values()):
        cells = np.arange(np.prod(table.shape), dtype="float32").reshape(table.shape)
        table.assign(cells + 100 * (number + 1))
    return encoder


def test_ids_lists_and_numbers_are_embedded_each_in_its_way():
    result = encoder_with_known_tables()(BATCH).numpy()
    np.testing.assert_allclose(result[:, 0], [[104, 105], [0, 0], [102, 103]])
    np.testing.assert_allclose(result[:, 1], [[204, 205], [204, 205], [0, 0]])
    np.testing.assert_allclose(result[:, 2], [[150, 150.5], [-600, -602], [0, 0]])


def test_tables_of_one_shape_start_differently():
    encoder = FeatureEncoder([Field("a", 5), Field("b", 5)], dim=3)
    encoder({"a": tf.constant([1]), "b": tf.constant([1])})
    assert not np.array_equal(encoder.tables["a"], encoder.tables["b"])


def test_leading_axes_stay():
    batch = {name: np.stack([values, values]) for name, values in BATCH.items()}
    encoder = encoder_with_known_tables()
    assert encoder(batch).shape == (2, 3, 3, 2)
    np.testing.assert_allclose(encoder(batch)[1], encoder(BATCH))


def test_unknown_rate_replaces_in_training_alone_and_never_padding():
    encoder = FeatureEncoder([Field("user_id", 3, unknown_rate=1.0)], dim=1)
    ids = {"user_id": tf.constant([2, 0])}
    encoder(ids)
    encoder.tables["user_id"].assign([[7.0], [8.0], [9.0]])
    assert encoder(ids).numpy().ravel().tolist() == [9, 0]
    assert encoder(ids, training=True).numpy().ravel().tolist() == [8, 0]


def test_mixed_precision_casts_the_rows_of_a_batch_and_no_table():
    encoder = encoder_with_known_tables(dtype="mixed_bfloat16")
    asked = {name: tf.constant(values) for name, values in BATCH.items()}
    operations = tf.function(encoder).get_concrete_function(asked).graph.get_operations()
    whole = [encoder.tables[field.name].shape for field in FIELDS if field.size]
    assert [one.type for one in operations].count("ResourceGather") == len(whole) == 2
    assert not [one.type for one in operations for out in one.outputs if out.shape in whole]
    plain = encoder_with_known_tables()(BATCH)
    np.testing.assert_allclose(tf.cast(encoder(BATCH), tf.float32), plain, rtol=2**-7)


def test_a_missing_feature_is_named():
    with pytest.raises(
        ValueError, match=r"missing: \['genres'\]\. Received: \['item_id', 'price'\]"
    ):
        FeatureEncoder(FIELDS, 2)({"item_id": BATCH["item_id"], "price": BATCH["price"]})


def test_config_makes_the_same_layer():
    encoder = encoder_with_known_tables(initializer="random_uniform")
    config = json.loads(json.dumps(encoder.get_config()))
    twin = FeatureEncoder.from_config(config)
    twin(BATCH)
    twin.set_weights(encoder.get_weights())
    np.testing.assert_array_equal(twin(BATCH), encoder(BATCH))
    assert twin.get_config() == encoder.get_config()


def test_what_was_made_frozen_can_learn_later():
    frozen = FeatureEncoder.from_config(encoder_with_known_tables(trainable=False).get_config())
    frozen(BATCH)
    assert not frozen.trainable_weights
    frozen.trainable = True
    assert len(frozen.trainable_weights) == len(FIELDS)


def test_item_table_gathers_rows_and_is_a_weight_that_is_not_trained():
    arrays = {"item_id": np.arange(5, dtype="int32"), "genres": np.eye(5, 2, dtype="int32")}
    table = ItemTable.of(arrays)
    result = table(tf.constant([[4, 1], [0, 2]]))
    np.testing.assert_array_equal(result["item_id"], [[4, 1], [0, 2]])
    np.testing.assert_array_equal(result["genres"][0], [[0, 0], [0, 1]])
    assert len(table.weights) == 2
    assert not table.trainable_weights


def test_item_embedding_equals_embedding_each_id():
    arrays = {
        "item_id": np.array([0, 1, 2, 3, 4], "int32"),
        "genres": np.array([[0, 0], [0, 0], [1, 0], [2, 3], [3, 0]], "int32"),
        "price": np.array([0, 0, 1.5, -1, 2], "float32"),
    }
    encoder = encoder_with_known_tables()
    inputs = {
        "item_id": tf.keras.Input((), dtype=tf.int32, name="item_id"),
        "genres": tf.keras.Input((None,), dtype=tf.int32, name="genres"),
        "price": tf.keras.Input((), dtype=tf.float32, name="price"),
    }
    item_model = tf.keras.Model(inputs, tf.reduce_sum(encoder(inputs), axis=-2))
    ids = np.array([[3, 3, 0], [4, 2, 3]])
    embedding = ItemEmbedding(ItemTable.of(arrays), item_model)
    every = item_model(arrays).numpy()
    np.testing.assert_allclose(embedding(ids), every[ids], rtol=1e-6)
    np.testing.assert_array_equal(embedding.compute_mask(tf.constant(ids)), ids != 0)
