"""Tables that a strategy has divided among servers are written as others are."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.distribute.sharded_variable import ShardedVariable

from tfrec_recall.layers.tables import assign, rows_of


@pytest.mark.parametrize(("kind", "given"), [("float32", "float64"), ("int32", "int64")])
def test_a_table_in_parts_takes_values_of_another_type(kind, given):
    parts = [tf.Variable(np.zeros(rows, kind)) for rows in (2, 1)]
    values = np.array([3, 1, 2], given)
    for table in (ShardedVariable(parts), tf.Variable(np.zeros(3, kind))):
        assign(table, values)
        np.testing.assert_array_equal(rows_of(table, tf.range(3)), values)
