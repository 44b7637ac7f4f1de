"""Which values are among others, as pandas says."""

import numpy as np
import pandas as pd
import pytest
from pandas.api.extensions import ExtensionArray

from tfrec_recall.data.columns.among import among

TEXT = pd.Series(["a", "b", None, "é", "a"], index=[9, 8, 7, 6, 5])
OTHERS = pd.Series(["é", "c", "a"])
PAIRS = {
    "text": (TEXT, OTHERS),
    "something missing in both": (TEXT, TEXT),
    "an index": (pd.Index(TEXT), OTHERS),
    "what is there once": (TEXT, OTHERS.unique()),
    "columns in pieces": (pd.concat([TEXT, OTHERS]), pd.concat([OTHERS, OTHERS])),
    "objects": (TEXT.astype("string[python]"), OTHERS),
    "none": (TEXT, OTHERS.iloc[:0]),
    "of none": (TEXT.iloc[:0], OTHERS),
    "integers": (pd.Series([3, 1, 2]), pd.Series([2, 3])),
    "of another type": (pd.Series([3, 1, 2]), OTHERS),
    "categories": (TEXT.astype("category"), OTHERS),
}


@pytest.mark.parametrize("name", PAIRS)
def test_it_is_what_pandas_says(name):
    values, others = PAIRS[name]
    np.testing.assert_array_equal(among(values, others), np.asarray(values.isin(others)))


def test_no_value_of_text_is_made_an_object(monkeypatch):
    """Of as many as a table of users has, that takes longer than all else of a small update."""
    asked = []
    monkeypatch.setattr(ExtensionArray, "__iter__", lambda self: asked.append(self) or iter(()))
    monkeypatch.setattr(type(OTHERS.array), "__iter__", lambda self: asked.append(self) or iter(()))
    assert among(TEXT, OTHERS).tolist() == [True, False, False, True, True]
    assert not asked
