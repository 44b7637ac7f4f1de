import pytest
import tensorflow as tf

from tfrec_recall.retrieval.seldom import if_seldom


@tf.function(input_signature=[tf.TensorSpec([None])])
def odd_sum(values):
    def far():
        return tf.linalg.trace(tf.linalg.diag(values)), tf.size(values)

    return if_seldom(tf.size(values) % 2 == 1, far, lambda: (tf.constant(0.0), tf.constant(0)))


@pytest.mark.parametrize(
    ("values", "expected"), [([], (0, 0)), ([2.0, 3.0], (0, 0)), ([1.0, 2.0, 4.0], (7, 3))]
)
def test_as_a_condition(values, expected):
    assert tuple(part.numpy() for part in odd_sum(tf.constant(values))) == expected


def test_what_is_seldom_done_stays_a_function_of_its_own():
    library = odd_sum.get_concrete_function().graph.as_graph_def().library.function
    (apart,) = [f for f in library if "MatrixDiagV3" in {node.op for node in f.node_def}]
    assert apart.attr["_noinline"].b
    calls = [node for f in library for node in f.node_def if node.op.endswith("PartitionedCall")]
    assert apart.signature.name in {call.attr["f"].func.name for call in calls}


def test_without_a_graph_nothing_is_traced():
    for holds in (True, False):
        eagerly = if_seldom(tf.constant(holds), tf.executing_eagerly, lambda: None)
        assert eagerly is (True if holds else None)
