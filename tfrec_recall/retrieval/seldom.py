"""Branches of a graph that are hardly ever taken."""

import functools
from collections.abc import Callable
from typing import TypeVar

import tensorflow as tf

Result = TypeVar("Result")


def if_seldom(
    condition: tf.Tensor, then: Callable[[], Result], otherwise: Callable[[], Result]
) -> Result:
    """`tf.cond` that costs little more than `otherwise` where the condition does not hold.

    TensorFlow inlines the branches of a condition, and then passes by every operation of the one
    not taken: more work than a search for one query, where that branch is a search of its own.
    Here it is a function that is called.
    """
    if tf.executing_eagerly():  # nothing is passed by, and a function would be traced at every call
        return tf.cond(condition, then, otherwise)
    # A partial function: TensorFlow warns of a function that is traced often, and takes all of one
    # code for one.
    apart = tf.function(functools.partial(then), experimental_attributes={"_noinline": True})
    return tf.cond(condition, apart, otherwise)
