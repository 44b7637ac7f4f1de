"""Chooses the Keras behind `tf.keras`, before anything uses it; nothing else reads the variable.

`tf.keras` is a lazy loader. At its first use, not at `import tensorflow`, it becomes Keras 2 (the
package tf-keras) if TF_USE_LEGACY_KERAS is 1 and Keras 3 if it is not, and stays what it is. So the
choice is open until the variable is set or `tf.keras` is used. The module `keras` proves nothing:
TensorFlow imports it itself, to register optimizers.
"""

from __future__ import annotations

import functools
import os
import sys

VARIABLE = "TF_USE_LEGACY_KERAS"
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


def refuse_the_other_keras(*layer_classes: type) -> None:
    """Make these layers say so when they get symbolic tensors of the Keras they are not built on.

    Without this, such a call fails deep inside either Keras, with a message about something else.
    The packages `layers` and `losses` call this once, for all that is public there.

    Args:
        layer_classes: subclasses of `tf.keras.layers.Layer`, changed in place.
    """
    import tensorflow as tf

    for layer_class in layer_classes:
        layer_class.__call__ = _checked(layer_class, tf.nest.flatten)


def _checked(layer_class, flatten):
    keras_call = layer_class.__call__
    own = _root(*layer_class.__mro__)

    @functools.wraps(keras_call)
    def __call__(self, *args, **kwargs):
        for value in flatten((args, kwargs)):
            other = _root(*(c for c in type(value).__mro__ if c.__name__ == "KerasTensor"))
            if other and other != own:
                raise TypeError(_mismatch(layer_class.__name__, own, value))
        return keras_call(self, *args, **kwargs)

    return __call__


def _root(*classes: type) -> str | None:
    """The Keras these classes are from: "keras" is Keras 3, "tf_keras" Keras 2, None neither."""
    roots = (found.__module__.partition(".")[0] for found in classes)
    return next((root for root in roots if root in ("keras", "tf_keras")), None)


def _mismatch(layer: str, own: str, received) -> str:
    number, other, value = (2, 3, "0") if own == "tf_keras" else (3, 2, "1")
    return (
        f"{layer} cannot take a symbolic tensor of Keras {other}: tf.keras is Keras {number} in this "
        f"process, and {layer} is built on it. Either make the inputs with tf.keras.Input, or set "
        f"the environment variable {VARIABLE}={value} before the first import of TensorFlow, Keras or "
        f"tfrec_recall. Received: {received!r}."
    )


def quiet_start() -> None:
    """Keep TensorFlow's start-up notices (oneDNN, CPU features, CUDA) off the terminal.

    Python's exceptions and warnings stay, and so do errors logged from C++ where there is a GPU.
    Without one they go as well: that there is none is such an error, logged by every process. A
    value of the user's stays as it is.
    """
    has_gpu = os.path.exists("/proc/driver/nvidia")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2" if has_gpu else "3")
