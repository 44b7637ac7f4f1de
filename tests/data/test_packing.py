import json

import numpy as np
import pytest

from tfrec_recall.data.packing import pack, unpack


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype="int32").reshape(2, 3),
        np.array([np.nan, -np.inf, 1e-300]),
        np.array([True, False]),
        np.zeros((0, 4), "float32"),
        np.array([2**62, -1]),
        np.array(['tea\n"', "", "ü\x00日"], dtype=object),
        np.array([], dtype=object),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_what_is_packed_comes_back(array):
    back = unpack(json.loads(json.dumps(pack(array))))
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    np.testing.assert_array_equal(back, array)


def test_other_objects_are_refused():
    with pytest.raises(ValueError, match=r"numbers or strings. Received: dtype object, \[None"):
        pack(np.array([None, 1], dtype=object))
