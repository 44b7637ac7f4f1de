import numpy as np
import pytest
import tensorflow as tf

from tests.references.layers import tower
from tfrec_recall.layers import Tower

RANDOM = np.random.default_rng(0)
INPUTS = RANDOM.normal(size=(6, 5)).astype("float32")
UNITS = [4, 4, 3]  # the second layer keeps the width


def built(inputs=INPUTS, **options):
    """A tower whose weights are all distinct, and its kernels, biases and projections."""
    layer = Tower(UNITS, **options)
    layer(inputs)
    for weight in layer.trainable_weights:
        weight.assign(RANDOM.normal(size=weight.shape))
    kernels = [dense.kernel.numpy() for dense in layer.dense]
    return layer, kernels, [dense.bias.numpy() for dense in layer.dense]


def relu(values):
    return np.maximum(values, 0)


def test_equals_one_dense_layer_after_another():
    layer, kernels, biases = built()
    expected = tower(INPUTS, kernels, biases, relu)
    np.testing.assert_allclose(layer(INPUTS), expected, rtol=1e-5, atol=1e-5)


def test_activations_are_those_asked_for():
    layer, kernels, biases = built(activation="tanh", final_activation="relu")
    expected = relu(tower(INPUTS, kernels, biases, np.tanh))
    np.testing.assert_allclose(layer(INPUTS), expected, rtol=1e-5, atol=1e-5)


def test_a_residual_tower_projects_only_where_widths_differ():
    layer, kernels, biases = built(residual=True)
    assert [projection is None for projection in layer.projections] == [False, True, False]
    projections = [p and p.kernel.numpy() for p in layer.projections]
    expected = tower(INPUTS, kernels, biases, relu, projections)
    np.testing.assert_allclose(layer(INPUTS), expected, rtol=1e-5, atol=1e-5)


def test_layers_are_normalised_before_their_activation():
    def within_examples(values):
        centred = values - values.mean(axis=1, keepdims=True)
        return centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-3)

    layer, kernels, biases = built(normalization="layer")
    for normalization in layer.normalizations:
        normalization.gamma.assign(tf.ones_like(normalization.gamma))
        normalization.beta.assign(tf.zeros_like(normalization.beta))
    expected = tower(INPUTS, kernels, biases, relu, normalize=within_examples)
    np.testing.assert_allclose(layer(INPUTS), expected, rtol=1e-4, atol=1e-4)


def test_a_batch_is_normalised_by_itself_only_while_training():
    layer = Tower([4, 2], activation="tanh", normalization="batch")
    alone = layer(INPUTS[:1])
    np.testing.assert_allclose(layer(INPUTS)[:1], alone, rtol=1e-5, atol=1e-6)
    assert not np.allclose(layer(INPUTS, training=True)[:1], alone)
    assert len(layer.normalizations) == 1  # not the output


PRESENT = np.array([[True, False, True], [False, False, False]])


def within_batch(values):
    centred = values - values.mean(axis=0)
    return centred / np.sqrt((centred**2).mean(axis=0) + 1e-3)


@pytest.mark.parametrize("axes", [(2, 3), (2, 1, 3), (1, 2, 1, 3)])
def test_what_is_masked_has_no_part_in_the_statistics_of_any_layer(axes):
    grid, present = INPUTS.reshape(*axes, 5), PRESENT.reshape(axes)
    layer, kernels, biases = built(grid, normalization="batch")
    for normalization in layer.normalizations:
        normalization.gamma.assign(tf.ones_like(normalization.gamma))
        normalization.beta.assign(tf.zeros_like(normalization.beta))
        normalization.momentum = 0.0
    hidden = np.where(present[..., np.newaxis], grid, np.nan)
    expected = tower(grid[present], kernels, biases, relu, normalize=within_batch)
    result = np.array(layer(hidden, training=True, mask=present))
    np.testing.assert_allclose(result[present], expected, rtol=1e-3, atol=1e-3)
    means = [np.array(normalization.moving_mean) for normalization in layer.normalizations]
    first = (grid[present] @ kernels[0] + biases[0]).mean(axis=0)
    np.testing.assert_allclose(means[0], first, rtol=1e-3)  # Keras 3 adds 1e-7 to the count
    layer(hidden, training=True, mask=np.zeros_like(present))  # nothing is there
    for normalization, mean in zip(layer.normalizations, means, strict=True):
        np.testing.assert_array_equal(normalization.moving_mean, mean)
    for wrong in (present[..., :1], present[..., 0], present[..., np.newaxis]):
        with pytest.raises(ValueError, match=r"(?s)Tower takes.*`mask`.*Received"):
            layer(grid, training=True, mask=tf.constant(wrong))


def test_dropout_works_only_while_training_and_spares_the_output():
    layer = Tower([500, 2], dropout=0.5)
    np.testing.assert_array_equal(layer(INPUTS), layer(INPUTS))
    assert not np.allclose(layer(INPUTS, training=True), layer(INPUTS))
    wide = Tower([2, 500], dropout=0.9)
    wide(INPUTS)
    wide.dense[1].bias.assign(tf.ones([500]))
    assert (wide(INPUTS, training=True) != 0).numpy().all()


def test_any_number_of_axes_goes_through_the_same_weights():
    layer = Tower(UNITS)
    flat = layer(INPUTS)
    np.testing.assert_allclose(layer(INPUTS.reshape(2, 3, 5)), tf.reshape(flat, [2, 3, 3]))


def test_impossible_settings_are_refused():
    for units in ([], [4, 0]):
        with pytest.raises(ValueError, match=r"takes `units`.*Received: units="):
            Tower(units)
    with pytest.raises(ValueError, match="Received: normalization='group'"):
        Tower([4], normalization="group")


@pytest.mark.parametrize(
    "option", [{"activation": "tanh"}, {"dropout": 0.5}, {"normalization": "layer"}]
)
def test_what_is_of_hidden_layers_is_refused_where_there_are_none(option):
    (name,) = option
    with pytest.raises(ValueError, match=rf"Tower reads {name} of hidden.*Received: {name}="):
        Tower([4], **option)
    assert Tower.from_config(Tower([4], final_activation="tanh").get_config()).units == [4]


@pytest.mark.parametrize("graph", [False, True], ids=["eager", "graph"])
def test_an_empty_batch_has_no_part_in_the_statistics_of_a_batch(graph):
    tower = Tower([4, 3, 2], normalization="batch")
    call = tf.function(tower, reduce_retracing=True) if graph else tower
    call(tf.constant(INPUTS), training=True)
    call(tf.constant(INPUTS[:2]), training=True)  # of unknown size from here on
    before = [np.array(weight) for weight in tower.weights]
    assert call(tf.constant(INPUTS[:0]), training=True).shape == (0, 2)
    for weight, old in zip(tower.weights, before, strict=True):
        np.testing.assert_array_equal(weight, old)
    mean = np.array(tower.normalizations[0].moving_mean)
    call(tf.constant(INPUTS), training=True)
    assert not np.array_equal(tower.normalizations[0].moving_mean, mean)


@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
def test_hdf5_tells_all_weights_apart(normalization, tmp_path):
    """Two towers, in a model and built without being called."""
    options = {"residual": True, "normalization": normalization}
    inputs = tf.keras.Input((5,))
    outputs = Tower([4, 2], **options)(Tower([8, 4], **options)(inputs))
    model = tf.keras.Model(inputs, outputs)
    expected = model(INPUTS)
    model.save_weights(tmp_path / "all.weights.h5")
    for weight in model.weights:
        weight.assign(tf.zeros(weight.shape))
    model.load_weights(tmp_path / "all.weights.h5")
    np.testing.assert_array_equal(model(INPUTS), expected)
    alone = [Tower([4, 2], **options) for _ in range(2)]
    for tower_alone in alone:
        tower_alone.build((None, 3))
    paths = [getattr(w, "path", w.name) for tower_alone in alone for w in tower_alone.weights]
    assert len(set(paths)) == len(paths)


@pytest.mark.parametrize("units", [3, np.int64(3), [3], np.array([3]), (np.int32(3),)])
def test_widths_may_be_one_or_of_numpy(units):
    tower = Tower(units)
    assert tower.units == [3]
    assert type(tower.units[0]) is int
    assert Tower.from_config(tower.get_config())(INPUTS).shape == (*INPUTS.shape[:-1], 3)


@pytest.mark.parametrize("units", [[], [0], [2.5], ["3"], 0])
def test_other_widths_are_refused(units):
    with pytest.raises(ValueError, match="takes `units`, the positive width"):
        Tower(units)


def test_a_tensor_of_training_is_refused_by_name():
    tower = Tower([4, 2], normalization="batch")
    tower(INPUTS)
    step = tf.function(lambda training: tower(INPUTS, training=training))
    with pytest.raises(ValueError, match=r"Tower takes training=True or False.*tf\.cond"):
        step(tf.constant(True))
    tower(INPUTS, training=tf.constant(True))  # whose value is known


@pytest.mark.parametrize("again", ["config", "clone", "file.keras", "file.h5"])
def test_a_frozen_tower_stays_frozen_in_its_copies(again, tmp_path):
    """Where it normalises by what it has learnt, as Keras' own layer does."""
    tower, inputs = Tower(UNITS, normalization="batch", residual=True), tf.keras.Input((5,))
    model = tf.keras.Model(inputs, tower(inputs))
    tower.trainable = False
    if again == "config":
        copy = tf.keras.Model(inputs, Tower.from_config(tower.get_config())(inputs))
    elif again == "clone":
        copy = tf.keras.models.clone_model(model)
    else:
        model.save(tmp_path / again)
        copy = tf.keras.models.load_model(tmp_path / again)
    copy.set_weights(model.get_weights())
    expected = model(INPUTS)
    np.testing.assert_allclose(copy(INPUTS, training=True), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(copy(INPUTS), expected, rtol=1e-5, atol=1e-6)
    copy.layers[-1].trainable = True
    assert not np.allclose(copy(INPUTS, training=True), expected, atol=1e-3)
    assert len(copy.trainable_weights) == 3 * 2 + 2 * 2 + 2


def prelu(name):
    return tf.keras.layers.PReLU("uniform", name=name)


@pytest.mark.parametrize("form", ["file.keras", "file.weights.h5"])
@pytest.mark.parametrize("units", [UNITS, [4, 3]])
def test_an_activation_with_weights_is_one_a_layer(units, form, tmp_path):
    tower = Tower(units, activation=prelu("own"), final_activation=prelu("last"))
    assert tower.get_config() == Tower.from_config(tower.get_config()).get_config()
    assert tower.get_config()["activation"]["config"]["name"] == "own"
    inputs = tf.keras.Input((5,))
    model = tf.keras.Model(inputs, tower(inputs))
    assert len(model.trainable_weights) == 3 * len(units)
    paths = [getattr(weight, "path", weight.name) for weight in model.weights]
    assert len(set(paths)) == len(paths)
    for weight in model.weights:
        weight.assign(RANDOM.normal(size=weight.shape))
    if form == "file.keras":
        model.save(tmp_path / form)
        again = tf.keras.models.load_model(tmp_path / form)
    else:
        model.save_weights(tmp_path / form)
        again = tf.keras.models.clone_model(model)
        again.load_weights(tmp_path / form)
    np.testing.assert_allclose(again(INPUTS), model(INPUTS), rtol=1e-6)
    outputs = INPUTS
    for position, dense in enumerate(tower.dense):
        outputs = outputs @ np.array(dense.kernel) + np.array(dense.bias)
        last = position == len(units) - 1
        alpha = (tower.final_activation if last else tower.activations[position]).alpha
        outputs = np.where(outputs > 0, outputs, np.array(alpha) * outputs)
    np.testing.assert_allclose(model(INPUTS), outputs, rtol=1e-4, atol=1e-4)
