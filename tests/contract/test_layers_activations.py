"""An activation is saved by a name that is found again, or refused when the layer is saved."""

import numpy as np
import pytest
import tensorflow as tf

from tests.contract.layer_cases import CASES, flat, model_of, tensors
from tests.signatures import arguments_of

OF_TENSORFLOW = [tf.nn.silu, tf.nn.gelu, tf.nn.softmax, tf.nn.leaky_relu, tf.nn.relu6, tf.nn.elu]


@tf.keras.utils.register_keras_serializable(package="tests")
def cubed(values):
    return values * values * values


@tf.keras.utils.register_keras_serializable(package="tests")
class Scaled(tf.keras.layers.Layer):
    """An activation that learns."""

    def build(self, input_shape):
        self.scale = self.add_weight(name="scale", shape=(), initializer="ones")
        super().build(input_shape)

    def call(self, inputs):
        return inputs * tf.cast(self.scale, inputs.dtype)


def places():
    for cls in CASES:
        for name in arguments_of(cls):
            if name.endswith("activation"):
                yield pytest.param(cls, name, id=f"{cls.__name__}-{name}")


def of(cls, name, activation):
    case = CASES[cls]
    layer = cls(**{**case.arguments, name: activation})
    return layer, layer(tensors(case.inputs), **tensors(case.call))


@pytest.mark.parametrize(("cls", "name"), places())
def test_a_function_of_tensorflow_or_a_registered_one_comes_back(cls, name):
    case = CASES[cls]
    for activation in (*OF_TENSORFLOW, cubed, tf.keras.layers.LeakyReLU(0.3)):
        layer, expected = of(cls, name, activation)
        again = cls.from_config(layer.get_config())
        again(tensors(case.inputs), **tensors(case.call))
        again.set_weights(layer.get_weights())
        result = again(tensors(case.inputs), **tensors(case.call))
        np.testing.assert_allclose(result, expected, rtol=1e-6, err_msg=str(activation))
        assert again.get_config() == layer.get_config()


@pytest.mark.parametrize(("cls", "name"), places())
def test_code_without_a_name_works_and_is_not_saved(cls, name):
    for activation in (lambda values: values * 2, tf.math.sin):
        layer, output = of(cls, name, activation)
        assert np.isfinite(output).all()
        wanted = rf"{cls.__name__} cannot be saved with this `{name}`.*\"silu\".*Received: {name}="
        with pytest.raises(ValueError, match=wanted):
            layer.get_config()


@pytest.mark.parametrize(("cls", "name"), places())
def test_an_activation_with_a_weight_is_saved_with_it(cls, name, tmp_path):
    layer, _ = of(cls, name, Scaled())
    scales = [weight for weight in layer.trainable_weights if weight.shape == ()]
    assert len(scales) == 1
    scales[0].assign(1.5)
    model = model_of(layer)
    model.save(tmp_path / "model.keras")
    again = tf.keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again(flat(cls)), model(flat(cls)), rtol=1e-6)


@pytest.mark.parametrize(("cls", "name"), places())
@pytest.mark.parametrize("wrong", ["rleu", 3, tf.keras.layers.ReLU])
def test_what_is_no_activation_is_refused_by_name(cls, name, wrong):
    wanted = rf"{cls.__name__} takes {name} as an activation.*Received: {name}="
    with pytest.raises(ValueError, match=wanted):
        cls(**{**CASES[cls].arguments, name: wrong})
