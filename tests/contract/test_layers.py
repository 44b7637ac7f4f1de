"""What every public layer and loss keeps to, one by one.

Run it twice, with TF_USE_LEGACY_KERAS=1 (or unset) and with TF_USE_LEGACY_KERAS=0.
"""

import doctest
import json
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tests.contract.layer_cases import (
    BATCH,
    CASES,
    LAYERS,
    PRESENT,
    flat,
    make,
    model_of,
    some,
    symbolic,
    tensors,
)
from tests.signatures import arguments_of
from tfrec_recall import layers, losses

OTHER_KERAS = keras if issubclass(layers.Tower, tf_keras.layers.Layer) else tf_keras
every = pytest.mark.parametrize("cls", CASES, ids=lambda cls: cls.__name__)
every_layer = pytest.mark.parametrize("cls", LAYERS, ids=lambda cls: cls.__name__)


def test_every_public_class_has_a_case():
    public = {getattr(module, name) for module in (layers, losses) for name in module.__all__}
    assert set(CASES) == public


@every
def test_the_config_holds_every_argument_and_stays(cls):
    case = CASES[cls]
    parameters = arguments_of(cls)
    parameters.pop("kwargs")
    assert set(case.arguments) == set(parameters)
    for name, value in case.arguments.items():
        assert value != parameters[name].default, f"{name} is at its default"
    layer = cls(**case.arguments)
    config = json.dumps(layer.get_config())  # plain values only: no method, no array
    assert case.arguments.items() <= layer.get_config().items()
    layer(tensors(case.inputs), **tensors(case.call))
    assert json.dumps(layer.get_config()) == config
    assert json.dumps(cls.from_config(layer.get_config()).get_config()) == config


def in_numpy(value):
    if isinstance(value, list):
        return [in_numpy(part) for part in value]
    return value if isinstance(value, str) else np.asarray(value)[()]


@every
def test_numbers_of_numpy_are_taken_and_are_plain_in_the_config(cls):
    case = CASES[cls]
    arguments = {name: in_numpy(value) for name, value in case.arguments.items()}
    layer = cls(**arguments)
    assert json.dumps(layer.get_config()) == json.dumps(
        {**cls(**case.arguments).get_config(), "name": layer.name}
    )
    layer(tensors(case.inputs), **tensors(case.call))
    positional = cls(*arguments.values())
    assert {**positional.get_config(), "name": layer.name} == layer.get_config()


@every
def test_the_config_holds_the_regularizer_of_what_comes_out(cls):
    arguments = CASES[cls].arguments
    assert cls.from_config(cls(**arguments).get_config()).activity_regularizer is None
    layer = cls(**arguments, activity_regularizer=tf.keras.regularizers.L2(0.5))
    again = cls.from_config(json.loads(json.dumps(layer.get_config())))
    assert again.activity_regularizer.get_config() == {"l2": 0.5}


@every
def test_it_is_registered_by_its_own_name(cls):
    assert tf.keras.utils.get_registered_name(cls) == f"tfrec_recall>{cls.__name__}"


@every
def test_a_saved_model_comes_back_with_its_numbers(cls, tmp_path):
    model = model_of(make(cls))
    model.save(tmp_path / "model.keras")
    again = tf.keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again(flat(cls)), model(flat(cls)), rtol=1e-6)


@every
def test_one_trace_takes_any_batch_size(cls):
    layer, case = make(cls), CASES[cls]
    arguments = {"inputs": case.inputs, "call": case.call}
    signature = tf.nest.map_structure(
        lambda value: tf.TensorSpec([None, *value.shape[1:]], value.dtype), arguments
    )
    traced = tf.function(
        lambda given: layer(given["inputs"], **given["call"]), input_signature=[signature]
    )
    for rows in (slice(None), slice(2), slice(1)):
        given = tensors(arguments, rows)
        expected = layer(given["inputs"], **given["call"])
        np.testing.assert_allclose(traced(given), expected, rtol=1e-5, atol=1e-6)
        assert np.isfinite(expected).all()
    assert np.isfinite(model_of(layer)(flat(cls))).all()


@every
def test_the_same_inputs_give_the_same_outputs(cls):
    layer, case = make(cls), CASES[cls]
    results = [layer(tensors(case.inputs), **tensors(case.call)) for _ in range(2)]
    np.testing.assert_array_equal(*results)


@every_layer
def test_a_row_does_not_see_the_others(cls):
    layer, case = make(cls), CASES[cls]
    whole = layer(tensors(case.inputs), **tensors(case.call))
    parts = [slice(row, row + 1) for row in range(BATCH)]
    rows = [layer(tensors(case.inputs, part), **tensors(case.call, part)) for part in parts]
    np.testing.assert_allclose(np.concatenate(rows), whole, rtol=1e-5, atol=1e-6)


@every
def test_every_weight_and_input_gets_a_gradient(cls):
    layer, case = make(cls), CASES[cls]
    inputs = tensors(case.inputs)
    sources = [part for part in tf.nest.flatten(inputs) if part.dtype.is_floating]
    sources += layer.trainable_variables
    if not sources:
        pytest.skip("counts, and learns nothing by gradients")
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        result = layer(inputs, **tensors(case.call))
        total = tf.reduce_sum(result * some(*result.shape, 1)[..., 0])
    for gradient in tape.gradient(total, sources):
        gradient = tf.convert_to_tensor(gradient).numpy()
        assert np.isfinite(gradient).all()
        assert gradient.any()


@every
def test_whole_numbers_count_as_they_do_in_float32(cls):
    """Nodes as one-hot features, for instance: Keras casts no integers."""
    equal_widths = {"units": [3, 2]} if cls is layers.Tower else {}
    case, layer = CASES[cls], make(cls, **equal_widths)

    def rounded(values, dtype):
        return np.round(3 * values).astype(dtype) if values.dtype.kind == "f" else values

    def result(dtype):
        given = {"inputs": case.inputs, "call": case.call}
        given = tf.nest.map_structure(lambda values: rounded(values, dtype), given)
        return layer(tensors(given["inputs"]), **tensors(given["call"]))

    expected = result("float32")
    for dtype in ("int32", "int64"):
        found = result(dtype)
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=1e-6)


@every
def test_half_precision_stays_close(cls):
    case = CASES[cls]
    half = make(cls, dtype="mixed_float16")
    exact = make(cls)(tensors(case.inputs), **tensors(case.call))
    result = half(tensors(case.inputs), **tensors(case.call))
    types = [tf.as_dtype(weight.dtype) for weight in half.weights]
    assert all(dtype == tf.float32 or dtype.is_integer for dtype in types)
    assert result.dtype in (tf.float16, tf.float32)  # float32 where it enters a softmax
    np.testing.assert_allclose(result, exact, rtol=1e-2, atol=1e-2)


IN_FLOAT32 = (layers.CosineLogits, layers.FusedLSTM, layers.StreamingFrequencyEstimator)


@pytest.mark.parametrize("cls", [cls for cls in LAYERS if cls not in IN_FLOAT32])
def test_a_layer_of_doubles_computes_in_doubles(cls):
    """What float32 does not tell from what was there, in an input or a weight, comes out."""
    case, layer = CASES[cls], make(cls, dtype="float64")
    given = tf.nest.flatten(tf.nest.map_structure(in_doubles, case.inputs))
    call = {name: in_doubles(value) for name, value in case.call.items()}

    def result(parts):
        return layer(tf.nest.pack_sequence_as(case.inputs, tensors(parts)), **tensors(call)).numpy()

    exact = result(given)
    assert exact.dtype == "float64"
    for place, part in enumerate(given):
        if part.dtype.kind == "f":
            moved = [*given[:place], part + 1e-10 * some(*part.shape), *given[place + 1 :]]
            assert (result(moved) != exact).any(), place
    for weight in layer.weights:
        values = np.array(weight)
        weight.assign(values + 1e-10 * some(*values.shape, 1)[..., 0])
        assert (result(given) != exact).any(), weight.name
        weight.assign(values)


def in_doubles(values):
    return values.astype("float64") if values.dtype.kind == "f" else values


@every
@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_it_may_be_of_halves_throughout(cls, kind):
    if cls is layers.LSTMAggregator and kind == "bfloat16":
        pytest.skip("Keras' own LSTM, whose initial matrix TensorFlow decomposes in no bfloat16")
    case = CASES[cls]
    layer = make(cls, dtype=kind)
    result = layer(tensors(case.inputs), **tensors(case.call))
    exact = make(cls)(tensors(case.inputs), **tensors(case.call))
    np.testing.assert_allclose(tf.cast(result, tf.float32), exact, rtol=0.05, atol=0.05)


@pytest.mark.parametrize(
    ("cls", "name"),
    [
        (layers.CapsuleRouting, "log_factors"),
        (layers.CosineLogits, "log_temperature"),
        *((layers.FMInteraction, name) for name in ("factors", "weights_of_features", "constant")),
        *((layers.FusedLSTM, name) for name in ("kernel", "recurrent_kernel", "bias")),
        (layers.MaskedMean, "log_factors"),
        (layers.RunningMean, "log_factors"),
        *((layers.SENet, name) for name in ("squeezed_kernel", "excited_kernel")),
        (layers.SideInfoPooling, "importance"),
        (losses.InBatchSoftmax, "log_temperature"),
    ],
)
def test_a_weight_of_what_stays_in_float32_is_no_half_on_its_way(cls, name, monkeypatch):
    """A temperature of 0.015 would count as 0.0152, and learn in steps."""
    layer, case, call, types = make(cls, dtype="mixed_bfloat16"), CASES[cls], cls.call, set()

    def watched(self, *args, **kwargs):
        types.add(tf.convert_to_tensor(getattr(self, name)).dtype)
        return call(self, *args, **kwargs)

    monkeypatch.setattr(cls, "call", watched)
    layer(tensors(case.inputs), **tensors(case.call))
    assert types == {tf.float32}


@every_layer
def test_it_may_be_distributed_over_time(cls):
    layer, case = make(cls), CASES[cls]
    if cls is layers.SENet:  # stacked fields, which are one input
        layer, case = layers.SENet(), case._replace(inputs=some(BATCH, 3, 5))
    if isinstance(case.inputs, tuple) or case.inputs.ndim < 2 or case.call:
        pytest.skip("takes several inputs, or numbers without an axis to keep")
    steps = np.stack([case.inputs, case.inputs[::-1] + 1], axis=1)
    given = tf.keras.Input(steps.shape[1:])
    distributed = tf.keras.Model(given, tf.keras.layers.TimeDistributed(layer)(given))
    found = distributed(steps)
    for step in range(2):
        expected = layer(tf.constant(steps[:, step]))
        np.testing.assert_allclose(found[:, step], expected, rtol=1e-5, atol=1e-6)
    assert tf.TensorShape(distributed.output_shape).is_compatible_with(found.shape)


@every_layer
def test_a_mask_is_honoured_and_ends_with_its_axis(cls):
    layer, case = make(cls), CASES[cls]
    if isinstance(case.inputs, tuple | dict) or case.inputs.ndim != 3 or case.call:
        pytest.skip("takes no positions, or more than these")
    result = layer(masked(case.inputs), **tensors(case.call))
    kept = result.shape[:2] == PRESENT.shape and len(result.shape) == 3
    mask = getattr(result, "_keras_mask", None)
    if kept:
        backwards = getattr(layer, "go_backwards", False)
        np.testing.assert_array_equal(mask, PRESENT[:, ::-1] if backwards else PRESENT)
        return
    # A mask may only be of the axis that has come instead.
    assert mask is None or mask.shape == result.shape[:-1]
    for left, right in ((1, 0), (0, 1), (0, 7)):
        padded = masked(case.inputs, left, right)
        np.testing.assert_allclose(layer(padded), result, rtol=1e-5, atol=1e-6)


def masked(values, left=0, right=0):
    """With the mask that Keras hands on; what it hides, and the padding, is NaN."""
    mask = np.pad(PRESENT, [(0, 0), (left, right)])
    values = np.pad(values, [(0, 0), (left, right), (0, 0)])
    values = tf.constant(np.where(mask[:, :, np.newaxis], values, np.nan), tf.float32)
    values._keras_mask = tf.constant(mask)
    return values


@every
def test_the_other_keras_is_named_with_what_to_do(cls):
    case = CASES[cls]
    layer = cls(**case.arguments)
    foreign = symbolic(case.inputs, OTHER_KERAS)
    with pytest.raises(TypeError, match=r"Keras [23] .* set the environment.*TF_USE_LEGACY_KERAS="):
        layer(foreign, **tensors(case.call))


@every
def test_the_example_in_the_docstring_runs(cls):
    finder = doctest.DocTestFinder(recurse=False)
    names = vars(sys.modules[cls.__module__])
    (example,) = finder.find(cls, cls.__name__, globs=dict(names))
    assert example.examples
    assert doctest.DocTestRunner().run(example).failed == 0
