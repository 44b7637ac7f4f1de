"""Lets TensorFlow trace the functions of the package as they are written.

`tf.function` rewrites all that it calls, so that Python's `if` and `while` may ask tensors. Ours
say `tf.cond` and `tf.while_loop`, and to rewrite them takes seconds of each process that trains,
exports or answers. TensorFlow leaves Keras alone by the same rule. What users write is rewritten as
ever: their layers by Keras, and what else they hand over `by_user`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import wrapt

PACKAGE = "tfrec_recall"
RULES = "tensorflow.python.autograph.core.config"


def trace_as_written() -> None:
    """Adds the rule as soon as TensorFlow is there."""
    wrapt.register_post_import_hook(_add_rule, RULES)


def by_user(function: Callable[..., Any]) -> Callable[..., Any]:
    """What a user may have written: rewritten where TensorFlow rewrites, as `call` of layers is."""
    import tensorflow as tf

    autograph = tf.__internal__.autograph
    return autograph.tf_convert(function, autograph.control_status_ctx())


def _add_rule(config: Any) -> None:
    config.CONVERSION_RULES = (config.DoNotConvert(PACKAGE), *config.CONVERSION_RULES)
