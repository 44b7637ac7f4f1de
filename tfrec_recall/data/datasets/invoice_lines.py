"""The lines of Online Retail's raw file, in each of the forms that go round."""

from __future__ import annotations

import pathlib
import zipfile
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tfrec_recall.data.columns.arrow_frames import NULLABLE, plain_values, without_nullable
from tfrec_recall.data.datasets.archive import files_in
from tfrec_recall.data.ids import refuse

# Our name: those of UCI's file, without spaces and in lower case.
COLUMNS = {
    "invoice": ("invoiceno", "invoice"),
    "item_id": ("stockcode", "item_id"),
    "description": ("description",),
    "quantity": ("quantity",),
    "timestamp": ("invoicedate", "timestamp"),
    "price": ("unitprice", "price"),
    "user_id": ("customerid", "user_id"),
    "country": ("country",),
}
TEXT = ("invoice", "item_id", "description", "user_id", "country")
EXCEL_TEXT = dict.fromkeys(
    ("InvoiceNo", "StockCode", "Description", "CustomerID", "Country"), "str"
)
SUFFIXES = (".parquet", ".csv", ".xlsx")
TIME_FORMATS = ("ISO8601", "%m/%d/%Y %H:%M")  # pandas' and UCI's own; the latter by month and day


def read(path: pathlib.Path) -> pd.DataFrame:
    """The raw lines: invoice, item_id, description, quantity, timestamp, price, user_id, country.

    Args:
        path: .xlsx (needs openpyxl), .csv or .parquet, or a .zip or folder with one of them.

    Raises: ValueError that names the file, for one that is damaged, lacks a column, or has values
        that are no numbers or no times.
    """
    if path.suffix in SUFFIXES:
        with path.open("rb") as file:
            return _lines(file, path)
    with files_in(path) as files:
        found = sorted(name for name in files if name.endswith(SUFFIXES))
        if len(found) != 1:
            raise ValueError(
                f"{path}: one file {' or '.join(SUFFIXES)} is expected. Received: {sorted(files)}."
            )
        with files[found[0]].open("rb") as file:
            return _lines(file, path / found[0])  # type: ignore[arg-type]


def _lines(file: BinaryIO, path: pathlib.Path) -> pd.DataFrame:
    read_format = {".parquet": _parquet, ".csv": _csv, ".xlsx": _xlsx}[path.suffix]
    lines = _named(read_format(file, path), path)
    for column in TEXT:
        lines[column] = lines[column].astype("str").str.strip()
    # A customer is a number, and 17850.0 where the column went through floats.
    user = lines["user_id"].str.removesuffix(".0")
    lines["user_id"] = user.mask(user == "")
    for column in ("quantity", "price"):
        lines[column] = _numbers(lines, column, path)
    lines["timestamp"] = _times(lines, path)
    for column in ("invoice", "item_id"):
        missing = lines[column].isna()
        if missing.any():
            refuse(lines, str(path), column, missing, "missing values", "Every line has one.")
    return lines


def _parquet(file: BinaryIO, path: pathlib.Path) -> pd.DataFrame:
    try:
        table = plain_values(pq.ParquetFile(file).read())
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"{path} is no whole Parquet file: {error}") from error
    # An index that pandas noted is a column like others.
    frame = table.to_pandas(types_mapper=NULLABLE.get, ignore_metadata=True)
    return without_nullable(frame)


def _csv(file: BinaryIO, path: pathlib.Path) -> pd.DataFrame:
    options: dict[str, Any] = {"dtype": "str", "keep_default_na": False, "na_values": [""]}
    try:
        try:
            return pd.read_csv(file, encoding="utf-8-sig", **options)
        except UnicodeDecodeError:  # the copy that goes round on the web is in Latin-1
            file.seek(0)
            return pd.read_csv(file, encoding="latin-1", **options)
    except ValueError as error:
        raise ValueError(f"{path} cannot be read as CSV: {error}") from error


def _xlsx(file: BinaryIO, path: pathlib.Path) -> pd.DataFrame:
    try:
        return pd.read_excel(file, engine="openpyxl", dtype=EXCEL_TEXT)
    except ImportError as error:
        raise ImportError(
            f"{path} is an Excel file, which pandas reads by openpyxl: pip install openpyxl, or "
            "save the sheet as CSV and give its path."
        ) from error
    except (ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} cannot be read as Excel: {error}") from error


def _named(lines: pd.DataFrame, path: pathlib.Path) -> pd.DataFrame:
    """The columns by our names, in our order."""
    given = {str(column).replace(" ", "").lower(): column for column in lines.columns}
    found = {
        ours: next((given[name] for name in names if name in given), None)
        for ours, names in COLUMNS.items()
    }
    missing = [COLUMNS[ours][0] for ours, theirs in found.items() if theirs is None]
    if missing:
        raise ValueError(
            f"{path} is not the raw file of Online Retail: columns {missing} are missing (in any "
            f"case, with or without spaces). Received: {list(lines.columns)}."
        )
    return pd.DataFrame({ours: lines[theirs] for ours, theirs in found.items()})


def _numbers(lines: pd.DataFrame, column: str, path: pathlib.Path) -> pd.Series:
    numbers = pd.to_numeric(lines[column], errors="coerce").astype("float64")
    bad = ~np.isfinite(numbers)
    if column == "quantity":
        bad |= numbers % 1 != 0
    if bad.any():
        kind = "whole numbers" if column == "quantity" else "numbers"
        what = f"values that are no {kind}"
        refuse(lines, str(path), column, bad, what, "The raw file has a number on every line.")
    return numbers.astype("int64") if column == "quantity" else numbers


def _times(lines: pd.DataFrame, path: pathlib.Path) -> pd.Series:
    column = lines["timestamp"]
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        times = column
    else:
        attempts = (pd.to_datetime(column, format=f, errors="coerce") for f in TIME_FORMATS)
        times = min(attempts, key=lambda attempt: attempt.isna().sum())
    bad = times.isna()
    if bad.any():
        remedy = "Times are as 2010-12-01 08:26:00, or as 12/1/2010 8:26 (month, day, year)."
        refuse(lines, str(path), "timestamp", bad, "values that are no times", remedy)
    return times
