"""A few events ahead of the clock are refused, as by them all others are old; many are told of."""

import warnings

import numpy as np
import pandas as pd
import pytest

from tfrec_recall.data import Interactions
from tfrec_recall.data.columns import clock

BEGIN, IN_2096 = 1_600_000_000, 4_000_000_000
ROWS = 400
REFUSED = r"times more than a day ahead of .* clock, in 4 of 400 rows.*time_unit='s'"


def events(ahead, time=IN_2096):
    """The events of a log, some of which are ahead."""
    times = np.arange(ROWS) * 60 + BEGIN
    times[:ahead] = time
    return pd.DataFrame({"user_id": np.arange(ROWS) % 20, "item_id": 7, "timestamp": times})


def dated(frame):
    return frame.assign(timestamp=pd.to_datetime(frame["timestamp"], unit="s"))


@pytest.mark.parametrize("form", [lambda frame: frame, dated])
def test_a_few_are_refused_or_left_out_or_meant(form):
    frame = form(events(4))
    with pytest.raises(ValueError, match=REFUSED + r".*drop_bad_rows.*row 0: "):
        Interactions.from_frames(frame)
    with pytest.warns(UserWarning, match="4 of 400 rows are left out: .* has times more than"):
        left = Interactions.from_frames(frame, drop_bad_rows=True)
    assert len(left.events) == ROWS - 4
    assert left.events["timestamp"].max() < IN_2096
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        meant = Interactions.from_frames(frame, time_unit="s")
    assert meant.events["timestamp"].max() == IN_2096


def test_those_of_another_unit_are_found():
    frame = events(4)
    with pytest.raises(ValueError, match=REFUSED):
        Interactions(frame.assign(timestamp=frame["timestamp"] * 1000), time_unit="ms")


@pytest.mark.parametrize(("ahead", "rows"), [(5, "5 of 400"), (ROWS, "400 of 400")])
def test_many_are_told_of_and_taken(ahead, rows):
    with pytest.warns(UserWarning, match=rf"in {rows} rows, up to 2096-10-02, which are taken"):
        found = Interactions(events(ahead))
    assert (found.events["timestamp"] == IN_2096).sum() == ahead


def test_zones_and_orders_are_not_ahead(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: BEGIN)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Interactions(events(1, BEGIN + clock.DAY))
        Interactions(events(1, IN_2096), time_unit="order")
    with pytest.raises(ValueError, match=r"ahead of .* in 1 of 400 rows"):
        Interactions(events(1, BEGIN + clock.DAY + 1))
