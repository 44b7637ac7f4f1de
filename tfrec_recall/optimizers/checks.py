"""What optimizers refuse."""

from __future__ import annotations

import math
import numbers
from typing import Any

import tensorflow as tf

from tfrec_recall._arguments import refuse


def check_rate(owner: str, rate: Any) -> None:
    """Raises ValueError for what is no rate of learning; schedules are, and functions."""
    if callable(rate) and not isinstance(rate, type):
        return
    is_number = isinstance(rate, numbers.Real) and not isinstance(rate, bool)
    if not (is_number and math.isfinite(rate) and rate >= 0):
        refuse(owner, rate, "learning_rate", "a number that is at least 0, or a schedule")


def fine_type(owner: str, variable: tf.Variable) -> tf.DType:
    """The type of a variable, in which an optimizer keeps what it counts and sums.

    Raises: ValueError for halves, in which a count or a sum soon stands still.
    """
    kind: tf.DType = getattr(variable, "true_dtype", variable.dtype)
    if kind.size < tf.float32.size:
        raise ValueError(
            f"{owner} counts and sums in the type of its variables, for which a half is too "
            "coarse: make them float32, as the policies mixed_float16 and mixed_bfloat16 do. "
            f"Received: {variable.name!r} of {kind.name}."
        )
    return kind
