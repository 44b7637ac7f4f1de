"""Tables of Arrow as frames of NumPy's and pandas' own types."""

from __future__ import annotations

import contextlib
from typing import Any

import pandas as pd
import pyarrow as pa

NULLABLE: dict[pa.DataType, Any] = {
    **{pa.int8(): pd.Int8Dtype(), pa.int16(): pd.Int16Dtype(), pa.int32(): pd.Int32Dtype()},
    **{pa.int64(): pd.Int64Dtype(), pa.uint8(): pd.UInt8Dtype(), pa.uint16(): pd.UInt16Dtype()},
    **{pa.uint32(): pd.UInt32Dtype(), pa.uint64(): pd.UInt64Dtype(), pa.bool_(): pd.BooleanDtype()},
}


def to_frame(table: pa.Table) -> pd.DataFrame:
    """A frame whose integers and booleans are nullable where something is missing, not floats."""
    return without_nullable(table.to_pandas(types_mapper=NULLABLE.get))


def without_arrow(frame: pd.DataFrame) -> pd.DataFrame:
    """A frame whose columns of Arrow are what a Parquet file with them is read as.

    >>> numbers = pd.Series([1, None], dtype="int64[pyarrow]")
    >>> without_arrow(pd.DataFrame({"price": numbers})).dtypes.tolist()
    [Int64Dtype()]
    """
    arrow = [place for place, one in enumerate(frame.dtypes) if isinstance(one, pd.ArrowDtype)]
    if not arrow:
        return frame
    columns: dict[int, pd.Series] = {place: frame.iloc[:, place] for place in range(frame.shape[1])}
    for place in arrow:
        values = pa.chunked_array(pa.array(columns[place]))
        if pa.types.is_dictionary(values.type):
            values = values.cast(values.type.value_type)
        found = to_frame(plain_values(pa.table({"values": values})))["values"]
        columns[place] = found.set_axis(frame.index)
    return pd.concat(columns, axis=1).set_axis(frame.columns, axis=1)


def plain_values(table: pa.Table) -> pa.Table:
    """Decimals as numbers, whole ones as integers; bytes that are text as text."""
    for place, field in enumerate(table.schema):
        if not (pa.types.is_decimal(field.type) or _is_binary(field.type)):
            continue
        kinds = [pa.large_string()] if _is_binary(field.type) else [pa.float64()]
        if pa.types.is_decimal(field.type) and field.type.scale <= 0:
            kinds = [pa.int64(), pa.large_string()]
        for kind in kinds:
            with contextlib.suppress(pa.ArrowInvalid):  # beyond int64, or no text
                table = table.set_column(place, field.name, table[place].cast(kind))
                break
    return table


def _is_binary(kind: pa.DataType) -> bool:
    views = pa.types.is_binary_view(kind)
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or views


def without_nullable(frame: pd.DataFrame) -> pd.DataFrame:
    """Nullable columns without missing values as NumPy's."""
    plain = {dtype: dtype.numpy_dtype for dtype in NULLABLE.values()}
    whole = {
        column: plain[dtype]
        for column, dtype in frame.dtypes.items()
        if dtype in plain and not frame[column].isna().any()
    }
    return frame.astype(whole)
