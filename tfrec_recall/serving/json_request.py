"""The JSON of a predict request as arrays, by the rules and in the words of TensorFlow Serving.

A request names every input of its signature, also one that has a default: only gRPC may leave it
out. Values have the type of their input (3.0 is no integer), lists are as wide as their first one,
and text is taken byte by byte, so that what is no UTF-8 arrives as it was sent.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfrec_recall.serving.refusal import ECHO, Refusal

SIGNATURE, ROWS, COLUMNS = "signature_name", "instances", "inputs"
BASE64 = "b64"
DEEPEST = 32  # axes of an array
SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
INVALID_PAIR = "JSON Parse error: The surrogate pair in string is invalid."
BYTES = "surrogateescape"  # what keeps bytes that are no UTF-8 through Python's text
Inputs = Mapping[str, tf.DType]


@dataclasses.dataclass(frozen=True)
class PredictRequest:
    """What a request asks: `instances`, a row each, or `inputs`, a column each.

    Args:
        signature: its name; empty for the default one.
        by_row: whether it has `instances`.
        given: their value.
    """

    signature: str
    by_row: bool
    given: Any

    @classmethod
    def parse(cls, body: bytes) -> PredictRequest:
        """The request in a body.

        Raises: Refusal for what is no request of this form.
        """
        document = _parsed(body)
        if not isinstance(document, dict):
            raise Refusal(f"JSON Value: {_shown(document)} Is not object")
        signature = document.get(SIGNATURE, "")
        if not isinstance(signature, str):
            raise Refusal(
                f"JSON Value: {_shown(document)} not formatted correctly. "
                f"'{SIGNATURE}' key must be a string value."
            )
        forms = [form for form in (ROWS, COLUMNS) if form in document]
        if not forms:
            raise Refusal(f"Missing '{COLUMNS}' or '{ROWS}' key")
        if len(forms) == 2:
            raise Refusal(
                f"JSON Value: {_shown(document)} Not formatted correctly expecting only one of "
                f"'{COLUMNS}' or '{ROWS}' keys to exist "
            )
        given = document[forms[0]]
        if forms == [ROWS]:
            if not isinstance(given, list):
                raise Refusal(
                    f"JSON Value: {_shown(document)} Excepting '{ROWS}' to be an list/array"
                )
            if not given:
                raise Refusal(f"JSON Value: {_shown(document)} No values in '{ROWS}' array")
        return cls(signature, forms == [ROWS], given)

    def arrays(self, inputs: Inputs) -> dict[str, np.ndarray]:
        """What is given to each of a signature's inputs.

        Raises: Refusal that names the row and the input that do not fit.
        """
        if not inputs:
            raise Refusal(f"Failed to get input map for signature: {self.signature or 'DEFAULT'}")
        return _of_rows(self.given, inputs) if self.by_row else _of_columns(self.given, inputs)


def _parsed(body: bytes) -> Any:
    if not body:
        raise Refusal("JSON Parse error: The document is empty")
    try:
        document = json.loads(body.decode("utf-8-sig", BYTES))
        if SURROGATE.search(body):
            json.dumps(document, ensure_ascii=False).encode("utf-8", BYTES)
        return document
    except UnicodeEncodeError as error:
        raise Refusal(INVALID_PAIR) from error
    except json.JSONDecodeError as error:
        raise Refusal(f"JSON Parse error: {error.msg} at offset: {error.pos}") from error
    except RecursionError as error:
        raise Refusal("JSON Parse error: The document is nested too deeply") from error
    except ValueError as error:  # an integer of thousands of digits
        raise Refusal(f"JSON Parse error: {error}") from error


def _of_rows(rows: list, inputs: Inputs) -> dict[str, np.ndarray]:
    if len(inputs) > 1 and not isinstance(rows[0], dict):
        raise Refusal(
            "instances is a plain list, but expecting list of objects as multiple input tensors "
            "required as per tensorinfo_map"
        )
    named = _is_named(rows[0])
    only = min(inputs)  # a signature has its inputs in no order
    found: dict[str, list[np.ndarray]] = {name: [] for name in inputs}
    for place, row in enumerate(rows):
        if named and not _is_named(row):
            raise Refusal(f"Expecting object but got list at item {place} of input list")
        if not named and _is_named(row):
            raise Refusal(f"Expecting value/list but got object at item {place} of input list")
        for name, value in (row if named else {only: row}).items():
            key = f" key: {name}" if named else ""
            try:
                cell = _cell(value, name, inputs, found)
                found[name].append(cell)
            except Refusal as error:
                raise Refusal(
                    f"Failed to process element: {place}{key} of 'instances' list. "
                    f"Error: INVALID_ARGUMENT: {error.message}"
                ) from error
        if named and set(row) != set(inputs):
            raise Refusal(
                f"Failed to process element: {place} of 'instances' list. JSON object: "
                f"{_shown(row)} keys must be equal to: {','.join(sorted(inputs))}"
            )
    # A row of plain base64 is no object with names: of several inputs it gives the first alone.
    return {name: np.stack(cells) for name, cells in found.items() if cells}


def _cell(value: Any, name: str, inputs: Inputs, found: Mapping[str, list]) -> np.ndarray:
    """What one row gives to an input: of the shape that the first row gave."""
    if name not in inputs:
        raise Refusal(f"JSON object: does not have named input: {name}")
    cell = _array(value, inputs[name])
    first = found[name][0] if found[name] else cell
    if cell.size != first.size:
        raise Refusal(f"Expecting tensor size: {first.size} but got: {cell.size}")
    if cell.shape != first.shape:
        raise Refusal(f"Expecting shape {_axes(first)} but got: {_axes(cell)}")
    return cell


def _of_columns(given: Any, inputs: Inputs) -> dict[str, np.ndarray]:
    if not _is_named(given):
        if len(inputs) > 1:
            raise Refusal(
                "inputs is a plain value/list, but expecting an object as multiple input tensors "
                "required as per tensorinfo_map"
            )
        return {name: _array(given, dtype) for name, dtype in inputs.items()}
    missing = [name for name in inputs if name not in given]
    if missing:
        raise Refusal(f"Missing named input: {missing[0]} in 'inputs' object.")
    return {name: _array(given[name], dtype) for name, dtype in inputs.items()}


def _array(value: Any, dtype: tf.DType) -> np.ndarray:
    """Nested lists as an array; all of an axis have the size of the first one."""
    shape, first = [], value
    while isinstance(first, list):
        shape.append(len(first))
        if not first:
            break
        first = first[0]
        if len(shape) > DEEPEST:
            raise Refusal(f"Encountered list at unexpected level: {DEEPEST}")
    flat: list[Any] = []
    _fill(value, 0, shape, flat)
    cells = _strings(flat) if dtype == tf.string else _numbers(flat, dtype)
    return cells.reshape(shape)


def _fill(value: Any, level: int, shape: list[int], flat: list[Any]) -> None:
    if not isinstance(value, list):
        if level != len(shape):
            raise Refusal(
                f"JSON Value: {_shown(value)} found at incorrect level: {level + 1} in the JSON "
                f"DOM. Expected at level: {len(shape)}"
            )
        flat.append(value)
        return
    if level >= len(shape):
        raise Refusal(f"Encountered list at unexpected level: {level} expected < {len(shape)}")
    if len(value) != shape[level]:
        raise Refusal(
            f"Encountered list at unexpected size: {len(value)} at level: {level} "
            f"expected size: {shape[level]}"
        )
    for part in value:
        _fill(part, level + 1, shape, flat)


def _strings(values: list[Any]) -> np.ndarray:
    cells = np.empty(len(values), dtype=object)
    for place, value in enumerate(values):
        if isinstance(value, dict):
            cells[place] = _decoded(value)
        elif isinstance(value, str):
            try:
                cells[place] = value.encode("utf-8", BYTES)
            except UnicodeEncodeError as error:
                raise Refusal(INVALID_PAIR) from error
        else:
            raise _of_wrong_type(value, tf.string)
    return cells


def _decoded(value: dict) -> bytes:
    if not _is_base64(value):
        raise Refusal(f"JSON Value: {_shown(value)} not formatted correctly for base64 data")
    text = value[BASE64]
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refusal("Unable to base64 decode") from error


def _numbers(values: list[Any], dtype: tf.DType) -> np.ndarray:
    """Numbers and truths that the type holds without loss; what it does not is refused."""
    kinds = {bool} if dtype == tf.bool else {int} if dtype.is_integer else {int, float}
    for value in values:
        if type(value) not in kinds:
            raise _of_wrong_type(value, dtype)
    if dtype.is_integer:
        for value in values:
            if not dtype.min <= value <= dtype.max:
                raise _of_wrong_type(value, dtype)
    elif dtype in (tf.float32, tf.float64):
        largest = float(dtype.max)
        exact = 2 ** (np.finfo(dtype.as_numpy_dtype).nmant + 1) - 1  # the largest of all integers
        for value in values:
            whole = isinstance(value, int) and abs(value) > exact
            if whole or (abs(value) > largest and abs(value) != float("inf")):
                raise Refusal(
                    f"Cannot convert JSON value: {_shown(value)} to {_name(dtype)} without loss "
                    "of precision."
                )
    elif dtype != tf.bool:
        first = _shown(values[0]) if values else "[]"
        raise Refusal(f"Conversion of JSON Value: {first} to type: {_name(dtype)}", 501)
    return np.array(values, dtype=dtype.as_numpy_dtype)


def _of_wrong_type(value: Any, dtype: tf.DType) -> Refusal:
    kind = {bool: str(value), str: "String", dict: "Object", type(None): "Null"}
    return Refusal(
        f"JSON Value: {_shown(value)} Type: {kind.get(type(value), 'Number')} is not of expected "
        f"type: {_name(dtype)}"
    )


def _name(dtype: tf.DType) -> str:
    return {"float32": "float", "float64": "double"}.get(dtype.name, dtype.name)


def _is_base64(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {BASE64} and isinstance(value[BASE64], str)


def _is_named(value: Any) -> bool:
    return isinstance(value, dict) and not _is_base64(value)


def _axes(array: np.ndarray) -> str:
    return f"[{','.join(map(str, array.shape))}]"


def _shown(value: Any) -> str:
    """A value as JSON, cut where it is long."""
    if isinstance(value, str):
        value = value[: ECHO + 1]
    text = "".join(_pieces(value))
    return text if len(text) <= ECHO else f"{text[:ECHO]}…"


def _pieces(value: Any):
    """The JSON of a value up to what is shown, without writing the rest of a large one."""
    length = 0
    for piece in json.JSONEncoder(ensure_ascii=True).iterencode(value):
        yield piece
        length += len(piece)
        if length > ECHO:
            return
