"""Lists and arrays as text: another one for any other value, and for short ones as it was."""

import numpy as np
import pandas as pd
import pytest

from tfrec_recall.data import Interactions
from tfrec_recall.data.columns.exact_text import exact_text
from tfrec_recall.data.filters import without_duplicates
from tfrec_recall.data.fingerprint import fingerprint


def changed(value, place, by):
    other = value.copy()
    other[place] += by
    return other


LONG = np.arange(3000.0)
SHORT = np.array([0.1, 0.2])
PAIRS = {
    "in the middle": (LONG, changed(LONG, 1500, 1)),
    "integers": (LONG.astype("int32"), changed(LONG.astype("int32"), 1500, 1)),
    "beyond eight digits": (SHORT, changed(SHORT, 1, 1e-12)),
    "in another type": (LONG, LONG.astype("float32")),
    "long text": (LONG.astype("str").astype(object), changed(LONG, 1500, 1).astype("str")),
    "within lists": ([LONG], [changed(LONG, 1500, 1)]),
}


@pytest.mark.parametrize(("first", "second"), PAIRS.values(), ids=PAIRS)
def test_values_that_differ_are_no_copies_and_other_data(first, second):
    def data(*vectors):
        events = pd.DataFrame({"user_id": 1, "item_id": ["a"] * len(vectors)})
        return Interactions(events.assign(vector=pd.Series(list(vectors), dtype=object)))

    assert len(without_duplicates(data(first, second, first)).events) == 2
    assert fingerprint(data(first)) != fingerprint(data(second))
    assert fingerprint(data(first)) == fingerprint(data(first.copy()))


@pytest.mark.parametrize("values", [[0.5, 1e-3], [1e20, np.nan], [7, 8], ["a", "é"], [], [None]])
def test_what_was_written_exactly_is_written_as_it_was(values):
    both = pd.Series([values, np.array(values), np.array(values, dtype=object)], dtype=object)
    assert exact_text(both).tolist() == both.map(repr).tolist()
    with np.printoptions(precision=1, suppress=True, threshold=1, formatter={"all": lambda _: "x"}):
        found = exact_text(both).tolist()
    assert found == both.map(repr).tolist()
