"""Why an item is in a list, asked as the list was."""

import numpy as np
import pytest
import tensorflow as tf

from tfrec_recall.comparison.reasons import reasons


class Asked:
    """Somebody who had "a", and a retriever with two interests, which is the other side."""

    signatures = ("recommend_with_interest",)
    report = {}  # noqa: RUF012
    inputs = ("history",)

    def batch(self, rows):
        return {"history": tf.constant([["a"]] * len(rows))}

    def seen(self, rows):
        return self.batch(rows)["history"]

    def recommend_with_interest(self, queries, exclude=None):
        left = [0, 1] if exclude is None else [1]
        items, interest = np.array([["a", "b"]])[:, left], np.array([[1, 0]])[:, left]
        return tf.constant(items), tf.ones(items.shape), tf.constant(interest)


@pytest.mark.parametrize(("repeats", "first"), [(True, {"interest": 1}), (False, {})])
def test_an_item_that_comes_again_has_its_reason(repeats, first):
    asked = Asked()
    told = reasons(asked, asked, np.array([0]), [["a", "b"]], repeats)
    assert told == [[first, {"interest": 0}]]


class Similar(Asked):
    """All items are alike."""

    signatures = ("similar_items",)
    item_ids = ("a", "b")

    def __init__(self, *inputs):
        self.inputs = inputs

    def similar_items(self, items, k):
        return tf.constant([["a", "b"]] * len(items)), tf.ones([len(items), k])


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        (("history", "age"), {"near": [["a", 1.0]]}),
        (("user_id",), {"near": [["a", 1.0]]}),
        (("age", "country"), {}),  # the history had no part in the list
    ],
)
def test_a_history_that_nobody_read_is_no_reason(inputs, reason):
    asked = Similar(*inputs)
    assert reasons(asked, asked, np.array([0]), [["b"]]) == [[reason]]


class Blended(Asked):
    """A list of two channels, one of which brought nothing of it."""

    signatures = ("recommend_with_channel",)

    def recommend_with_channel(self, queries, exclude=None):
        return tf.constant([["b"]]), tf.ones([1, 1]), tf.constant([["towers"]])


def test_what_brought_an_item_of_a_blend():
    asked = Blended()
    told = reasons(asked, asked, np.array([0]), [["b", "a"]])
    assert told == [[{"channel": "towers"}, {}]]
