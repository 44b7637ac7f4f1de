"""Activations in the configurations of layers."""

from __future__ import annotations

import tensorflow as tf

from tfrec_recall._arguments import refuse


def activation_of(owner: str, activation, argument: str):
    """The activation that is meant, as `tf.keras.activations.get` returns it: None is linear.

    Args:
        owner, argument: as of `activation_config`.

    Raises: ValueError for a name that Keras does not know, and for what is no activation.
    """
    is_one = not isinstance(activation, type)  # a layer, and not its class
    try:
        found = tf.keras.activations.get(activation) if is_one else None
    except (TypeError, ValueError):
        is_one, found = False, None
    if not is_one:
        expected = 'an activation: a name that Keras knows, such as "relu", a function or a layer'
        refuse(owner, activation, argument, expected, optional=True)
    return found


def activation_config(owner: str, argument: str, activation):
    """What `get_config` says of an activation, and what Keras makes the same activation of.

    TensorFlow's own functions stand by the names that Keras has for them. A function of the user's
    stands by its name as well, to be found by `register_keras_serializable` or `custom_objects`.

    Args:
        owner: the layer.
        argument: what it calls this activation.
        activation: as `tf.keras.activations.get` returns it.

    Raises: ValueError for what has no name to be found by.
    """
    name = getattr(activation, "__name__", "")
    if getattr(activation, "__module__", "").startswith("tensorflow."):
        try:
            activation = tf.keras.activations.get(name.removesuffix("_v2"))
        except ValueError:
            name = ""
    if name == "<lambda>" or not (name or hasattr(activation, "get_config")):
        raise ValueError(
            f"{owner} cannot be saved with this `{argument}`. It can with a name that Keras knows, "
            'such as "silu", with a layer, or with a function of your own that has a name and is '
            "registered by tf.keras.utils.register_keras_serializable. "
            f"Received: {argument}={activation!r}."
        )
    return tf.keras.activations.serialize(activation)
