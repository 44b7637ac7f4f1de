"""Lists and arrays, which have no hash, as text."""

from __future__ import annotations

import hashlib
import sys
from typing import Any

import numpy as np
import pandas as pd

_MOST = 100  # numbers that are written out; of 512, it takes a millisecond


def exact_text(values: pd.Series) -> pd.Series:
    """Text that is the same for the same values alone; NumPy's own leaves digits and numbers out.

    >>> first, second = np.zeros(2000), np.eye(1, 2000, 1000)[0]
    >>> repr(first) == repr(second), exact_text(pd.Series([first, second])).nunique()
    (True, 2)
    """
    with np.printoptions(threshold=sys.maxsize, floatmode="unique", suppress=False, formatter=None):
        return values.map(_text)


def _text(value: Any) -> str:
    long = isinstance(value, np.ndarray) and value.dtype != object and value.size > _MOST
    if not long:
        return repr(value)
    digest = hashlib.sha256(value.tobytes()).hexdigest()  # writing them out would take minutes
    return f"{value.dtype.str} {value.shape} {digest}"
