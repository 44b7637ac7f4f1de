import numpy as np
import pandas as pd
import pytest

from tfrec_recall.data.event_columns import event_numbers

EVENTS = pd.DataFrame(
    {
        "share": pd.array([3, None], "Int64"),
        "liked": pd.array([None, True], "boolean"),
        "said": [None, "yes"],
        "day": pd.to_datetime(["2020-01-01", "2020-01-02"]),
    }
)


@pytest.mark.parametrize(("column", "found"), [("share", [3, np.nan]), ("liked", [np.nan, 1])])
def test_numbers_and_flags_may_be_missing(column, found):
    numbers = event_numbers(EVENTS, column, "Mine")
    assert numbers.dtype == np.float64
    np.testing.assert_array_equal(numbers, found)


@pytest.mark.parametrize(("column", "first"), [("said", "'yes'"), ("day", "Timestamp")])
def test_what_is_no_number_is_named(column, first):
    message = rf"Mine compares the event column '{column}' with a number: .*such as {first}"
    with pytest.raises(ValueError, match=message):
        event_numbers(EVENTS, column, "Mine")
    with pytest.raises(ValueError, match=r"Mine reads the event column 'no'\. Received: .*share"):
        event_numbers(EVENTS, "no", "Mine")
