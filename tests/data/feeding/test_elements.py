import numpy as np
import tensorflow as tf

from tfrec_recall.data.feeding.elements import elements


def test_elements_are_those_of_the_dataset_one_pass_after_the_other():
    rows = {"id": np.arange(5), "pair": (np.ones([5, 2], "float32"), np.array(list("abcde")))}
    dataset = tf.data.Dataset.from_tensor_slices(rows).batch(2)
    for _ in range(2):
        expected, found = list(dataset.as_numpy_iterator()), list(elements(dataset))
        assert len(found) == 3
        for one, other in zip(found, expected, strict=True):
            tf.nest.map_structure(np.testing.assert_array_equal, one, other)
    assert not list(elements(dataset.take(0)))


def test_a_generator_of_elements_gives_ragged_ones_again():
    rows = tf.ragged.constant([[1, 2], [], [3]])
    dataset = tf.data.Dataset.from_tensor_slices({"tags": rows}).batch(2)
    again = tf.data.Dataset.from_generator(
        lambda: elements(dataset), output_signature=dataset.element_spec
    )
    assert [one["tags"].to_list() for one in again] == [[[1, 2], []], [[3]]]
