"""Spark's columns where a formula of `tfrec_recall.graph` takes NumPy's arrays."""

from __future__ import annotations

from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F

ROUNDING = 1e-12  # columns are float64


def maximum(left: Column, right: Any) -> Column:
    return F.greatest(left, _column(right))


def sqrt(values: Column) -> Column:
    return F.sqrt(values)


def where(condition: Column, then: Any, otherwise: Any) -> Column:
    return F.when(condition, _column(then)).otherwise(_column(otherwise))


def zeros_like(values: Column) -> Column:
    return F.lit(0.0)


def ones_like(values: Column) -> Column:
    return F.lit(1.0)


def _column(value: Any) -> Column:
    return value if isinstance(value, Column) else F.lit(value)
