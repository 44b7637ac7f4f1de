"""Which values are among others: pandas' `isin`, without an object of Python a value."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pandas.api.extensions import ExtensionArray

Values: TypeAlias = pd.Series | pd.Index | ExtensionArray | np.ndarray


def among(values: pd.Series | pd.Index, others: Values) -> np.ndarray:
    """As `values.isin(others)`, bool [values].

    pandas 3 makes an object of each of the others where the values are text: of the rows of all
    users that takes longer than what is to be learnt of a day.

    >>> among(pd.Series(["a", "b", None]), pd.Series(["b", "c"]))
    array([False,  True, False])
    """
    if not all(isinstance(one.dtype, pd.StringDtype) for one in (values, others)):
        return np.asarray(values.isin(others), bool)
    own, theirs = map(_in_one_piece, (values, others))
    return np.asarray(pc.is_in(own, value_set=theirs), bool)


def _in_one_piece(text: Values) -> pa.Array:
    """Text as one array of Arrow, whose pieces, as files are read in, are put together."""
    found = pa.array(text, pa.large_string())
    return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found
