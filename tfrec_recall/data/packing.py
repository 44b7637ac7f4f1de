"""Arrays as plain values, for configurations that are saved as JSON: nothing is pickled."""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

import numpy as np

LEVEL = 1  # of compression; ids shrink to a third, and the best takes ten times as long


def pack(array: np.ndarray) -> dict[str, Any]:
    """An array of numbers, or of strings, as its dtype, its shape and compressed bytes in text.

    >>> packed = pack(np.array([[1, 2], [3, 4]], "int32"))
    >>> packed["dtype"], packed["shape"]
    ('int32', [2, 2])
    >>> unpack(packed)
    array([[1, 2],
           [3, 4]], dtype=int32)
    """
    if array.dtype.kind not in "biuf":
        strings = array.ravel().tolist()
        if not all(isinstance(one, str) for one in strings):
            raise ValueError(
                f"pack takes numbers or strings. Received: dtype {array.dtype}, {strings[:3]}."
            )
        dtype, data = "str", json.dumps(strings).encode()
    else:
        little = array.astype(array.dtype.newbyteorder("<"), copy=False)
        dtype, data = array.dtype.name, np.ascontiguousarray(little).tobytes()
    text = base64.b64encode(zlib.compress(data, LEVEL)).decode()
    return {"dtype": dtype, "shape": list(array.shape), "zlib": text}


def unpack(packed: dict[str, Any]) -> np.ndarray:
    """The array that `pack` was given; strings are Python's, in an array of objects."""
    data = zlib.decompress(base64.b64decode(packed["zlib"]))
    if packed["dtype"] == "str":
        array = np.array(json.loads(data), dtype=object)
    else:
        dtype = np.dtype(packed["dtype"])
        array = np.frombuffer(data, dtype.newbyteorder("<")).astype(dtype)
    return array.reshape(packed["shape"])
