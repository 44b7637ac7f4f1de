"""A signature's outputs as the JSON of an answer, as TensorFlow Serving writes it.

Text that is no UTF-8 is written byte by byte; an output whose name ends in `_bytes` as base64.
Numbers have the digits that tell them from their neighbours of the same type; -inf and NaN are
`-Infinity` and `NaN`, which are no JSON, but what most readers of JSON take.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import numpy as np

from tfrec_recall.serving.json_request import BASE64, BYTES
from tfrec_recall.serving.refusal import Refusal

BINARY = "_bytes"


def answer(outputs: Mapping[str, np.ndarray], by_row: bool) -> bytes:
    """The body: `predictions`, a row each, or `outputs`, a column each.

    The name is left out where there is one output.

    Raises: Refusal if outputs have no rows in common, and rows are asked for.

    >>> answer({"score": np.array([[0.1, -np.inf]], "float32")}, by_row=True)
    b'{"predictions": [[0.1, -Infinity]]}'
    """
    if by_row:
        _require_rows(outputs)
    columns = {name: _plain(name, array) for name, array in outputs.items()}
    found: Any = columns
    if len(columns) == 1:
        (found,) = columns.values()
    elif by_row:
        rows = zip(*columns.values(), strict=True)
        found = [dict(zip(columns, row, strict=True)) for row in rows]
    return written({"predictions" if by_row else "outputs": found})


def written(value: Any) -> bytes:
    """JSON in UTF-8, with the bytes that are none as they came."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", BYTES)


def _require_rows(outputs: Mapping[str, np.ndarray]) -> None:
    batch = None
    for name, array in outputs.items():
        if not array.ndim:
            raise Refusal(f"Tensor name: {name} has no shape information ")
        if batch not in (None, len(array)):
            raise Refusal(
                f"Tensor name: {name} has inconsistent batch size: {len(array)} expecting: {batch}"
            )
        batch = len(array)


def _plain(name: str, array: np.ndarray) -> Any:
    """An array as nested lists of JSON's own values."""
    if array.dtype == object:
        cells: list[Any] = [_text(name, cell) for cell in array.ravel()]
    elif array.dtype.kind == "f":
        cells = [float(digits) for digits in array.ravel().astype("U")]
    elif array.dtype.kind in "biu":
        return array.tolist()
    else:
        raise Refusal(
            f"Failed to write JSON value for tensor type: {array.dtype.name}",
            HTTPStatus.BAD_REQUEST,
        )
    boxed = np.empty(array.size, dtype=object)
    boxed[:] = cells
    return boxed.reshape(array.shape).tolist()


def _text(name: str, cell: bytes) -> Any:
    if name.endswith(BINARY):
        return {BASE64: base64.b64encode(cell).decode("ascii")}
    return cell.decode("utf-8", BYTES)
