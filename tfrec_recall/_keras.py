"""Chooses the Keras behind `tf.keras`, before anything uses it; nothing else reads the variable.

`tf.keras` is a lazy loader. At its first use, not at `import tensorflow`, it becomes Keras 2 (the
package tf-keras) if TF_USE_LEGACY_KERAS is 1 and Keras 3 if it is not, and stays what it is. So the
choice is open until the variable is set or `tf.keras` is used. The module `keras` proves nothing:
TensorFlow imports it itself, to register optimizers.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import os
import sys
from typing import Any

VARIABLE = "TF_USE_LEGACY_KERAS"
LOG_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
PRESENT = "tf.sequence_mask(values.row_lengths())"
NO_ID = ", an id that no candidate has"
DENSE = {  # what stands in the place of other forms: of arguments that 0 or a mask would not do for
    "ragged": {
        "": "values.to_tensor()",
        "excluded_ids": f"values.to_tensor(default_value=...){NO_ID}",
        "hard_negatives": f"values.to_tensor() and hard_present={PRESENT}",
        "own_negatives": "values.to_tensor() and own_negative_ids, 0 where there is none",
    },
    "sparse": {
        "": "tf.sparse.to_dense(values)",
        "excluded_ids": f"tf.sparse.to_dense(values, default_value=...){NO_ID}",
    },
}
ALIASES = ("keras", "losses", "metrics", "optimizers", "initializers")  # tf.keras, tf.losses, ...


def prefer_keras_2() -> None:
    """Select Keras 2 for this process and its children, unless something has chosen already."""
    if VARIABLE not in os.environ and not _tf_keras_in_use():
        os.environ[VARIABLE] = "1"


def _tf_keras_in_use() -> bool:
    """Whether one of TensorFlow's lazy loaders has resolved, found out without resolving it."""
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is None:
        return False
    # Once used, a loader is replaced by the module it has loaded, which has no such attribute.
    loaders = [vars(tensorflow)[name] for name in ALIASES if name in vars(tensorflow)]
    return any(vars(loader).get("_tfll_initialized", True) for loader in loaders)


def require_keras_2(what: str) -> None:
    """Raise an ImportError that says what to do, unless `tf.keras` is Keras 2.

    Args:
        what: the module that cannot do without it, as the user imports it.
    """
    import tensorflow as tf

    if _root(tf.keras.layers.Layer) == "tf_keras":
        return
    value = os.environ.get(VARIABLE)
    if value is None:
        cause = "it was used before tfrec_recall was imported"
    elif value in ("1", "true", "True"):
        cause = f"it was used before {VARIABLE} was set"
    else:
        cause = f"{VARIABLE} is {value!r}"
    raise ImportError(
        f"{what} needs Keras 2, as TensorFlow Recommenders does, but tf.keras is Keras 3 in this "
        f"process: {cause}. Put these lines at the top of your program, before the first import of "
        f"TensorFlow or Keras, and start it anew:\n"
        f"    import os\n"
        f'    os.environ["{VARIABLE}"] = "1"\n'
        f"tfrec_recall.layers and tfrec_recall.losses work with both."
    )


def adapt_layers(*layer_classes: type) -> None:
    """Make these layers behave alike in both Kerases, and say so where they cannot.

    A symbolic tensor of the Keras that a layer is not built on is refused with a message that says
    what to do; it would fail deep inside either Keras, with one about something else. And `call`
    runs as it is written, as in Keras 3: Keras 2 would have AutoGraph rewrite it first, which takes
    seconds for a long one, and tensors steer no Python here. Configurations hold the regularizer of
    what comes out, which Keras 2 takes and leaves out, and plain numbers where NumPy's are given,
    which Keras 3 refuses as sizes. The packages `layers` and `losses` call this once, for all that
    is public there. In SavedModels they are saved by config alone, as `saved_by_config` says.

    Args:
        layer_classes: subclasses of `tf.keras.layers.Layer`, changed in place.
    """
    from tfrec_recall._arguments import with_plain_arguments  # NumPy, which --help need not load

    for layer_class in layer_classes:
        with_plain_arguments(by_config_alone(layer_class))
        layer_class.__call__ = _adapted(layer_class)  # type: ignore[method-assign]
        if _root(*layer_class.__mro__) == "tf_keras":
            layer_class.get_config = _regularized(layer_class)  # type: ignore[attr-defined]


def saved_by_config(layer_class: type) -> type:
    """Class decorator: a saved model has the layer as its name and its configuration alone.

    Keras 2 would write traces of the layer's calls as well, slowly, and go by them where it cannot
    find the class: silently without the mask.
    """
    import tensorflow as tf

    by_config_alone(layer_class)
    return tf.keras.utils.register_keras_serializable(package="tfrec_recall")(layer_class)


def part_config(layer: Any) -> dict[str, Any]:
    """A layer, or a model, that is a part of another layer, for the `get_config` of that.

    Keras 2 writes a layer in one way into a `.keras` file and in another into directories and HDF5,
    and does not read back what is written in the other way within. This is the older way, which it
    reads in all of them.
    """
    import tensorflow as tf

    layer.use_legacy_config = True  # Keras' own name for it; functional models ask
    try:
        return tf.keras.layers.serialize(layer, use_legacy_format=True)
    finally:
        del layer.use_legacy_config


def part_from_config(config: dict[str, Any]) -> Any:
    """The layer whose `part_config` this is."""
    import tensorflow as tf

    return tf.keras.layers.deserialize(config, use_legacy_format=True)


def saved_by_fields(dataclass: type) -> type:
    """Decorator of a dataclass of plain fields: a saved model has an object by name and fields."""
    import tensorflow as tf

    def get_config(self):
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    def from_config(cls, config):
        return cls(**config)

    dataclass.get_config = get_config  # type: ignore[attr-defined]
    dataclass.from_config = classmethod(from_config)  # type: ignore[attr-defined]
    return tf.keras.utils.register_keras_serializable(package="tfrec_recall")(dataclass)


def by_config_alone(layer_class: type) -> type:
    """Class decorator: as `saved_by_config`, for a base class, which no saved model names."""
    # Keras 2 has it as an attribute of each layer, False unless a layer says otherwise.
    layer_class._must_restore_from_config = property(  # type: ignore[attr-defined]
        lambda self: True, lambda self, value: None
    )
    return layer_class


def _adapted(layer_class: type):
    import tensorflow as tf

    keras_call = layer_class.__call__
    own = _root(*layer_class.__mro__)

    @tf.autograph.experimental.do_not_convert
    @functools.wraps(keras_call)
    def __call__(self, *args, **kwargs):
        for value in tf.nest.flatten((args, kwargs)):
            other = _root(*(c for c in type(value).__mro__ if c.__name__ == "KerasTensor"))
            if other and other != own:
                raise TypeError(_mismatch(layer_class.__name__, own, value))
        try:
            return keras_call(self, *args, **kwargs)
        except Exception as error:
            refusal = _not_dense(layer_class, args, kwargs)
            if refusal and f"{layer_class.__name__} takes" not in str(error):
                raise TypeError(refusal) from error
            raise

    return __call__


def _regularized(layer_class: Any):
    import tensorflow as tf

    own_config = layer_class.get_config

    @functools.wraps(own_config)
    def get_config(self):
        config, regularizer = own_config(self), self.activity_regularizer
        if regularizer is None:
            return config
        return {**config, "activity_regularizer": tf.keras.regularizers.serialize(regularizer)}

    return get_config


def _root(*classes: type) -> str | None:
    """The Keras these classes are from: "keras" is Keras 3, "tf_keras" Keras 2, None neither."""
    roots = (found.__module__.partition(".")[0] for found in classes)
    return next((root for root in roots if root in ("keras", "tf_keras")), None)


def _mismatch(layer: str, own: str | None, received) -> str:
    number, other, value = (2, 3, "0") if own == "tf_keras" else (3, 2, "1")
    return (
        f"{layer} is built on tf.keras, which is Keras {number} in this process, and cannot take a "
        f"symbolic tensor of Keras {other}. Either make the inputs with tf.keras.Input, or set the "
        f"environment variable {VARIABLE}={value} before the first import of TensorFlow, Keras or "
        f"tfrec_recall. Received: {received!r}."
    )


def _not_dense(layer_class: Any, args: tuple, kwargs: dict[str, Any]) -> str | None:
    """What to say of the first ragged or sparse tensor among the arguments; None without one."""
    names = list(inspect.signature(layer_class.call).parameters)[1:]
    for name, value in {**dict(zip(names, args, strict=False)), **kwargs}.items():
        parts = value if isinstance(value, tuple | list) else [value]
        for place, part in enumerate(parts):
            form = _form(part)
            if form is None:
                continue
            dense = DENSE[form].get(name, DENSE[form][""])
            if form == "ragged" and name == names[0] and "mask" in names:
                masks = ", ".join(PRESENT if n == place else "None" for n in range(len(parts)))
                dense += f" and mask={PRESENT if part is value else f'[{masks}]'}"
            return (
                f"{layer_class.__name__} takes no {form} tensor as `{name}`: give it {dense}. "
                f"Received: `{name}` of shape {tuple(part.shape)}, {form}."
            )
    return None


def _form(value: Any) -> str | None:
    """ "ragged" or "sparse", of symbolic tensors as well; None for what is neither."""
    import tensorflow as tf

    spec = getattr(value, "type_spec", None)  # of Keras 2's symbolic tensors
    if isinstance(value, tf.RaggedTensor) or isinstance(spec, tf.RaggedTensorSpec):
        return "ragged"
    symbolic = getattr(value, "sparse", False) is True  # of Keras 3's
    if isinstance(value, tf.SparseTensor) or isinstance(spec, tf.SparseTensorSpec) or symbolic:
        return "sparse"
    return None


def quiet_start() -> None:
    """Keep TensorFlow's start-up notices (oneDNN, CPU features, CUDA) off the terminal.

    Python's exceptions and warnings stay, and so do errors logged from C++ where there is a GPU.
    Without one they go as well: that there is none is such an error, logged by every process. A
    value of the user's stays as it is.
    """
    has_gpu = os.path.exists("/proc/driver/nvidia")
    os.environ.setdefault(LOG_LEVEL, "2" if has_gpu else "3")
