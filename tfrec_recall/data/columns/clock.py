"""Times that are ahead of the clock: of a few rows they stand for none, of many they are meant."""

from __future__ import annotations

import datetime
from time import time as now

import numpy as np
import pandas as pd

from tfrec_recall.data.columns.times import DAY
from tfrec_recall.data.ids import refuse
from tfrec_recall.data.notices import tell

FEW = 0.01  # of all: as few may be of wrong clocks, or dates that stand for none
WHAT = "times more than a day ahead of this machine's clock"
OLD = "By these all other events would be old"


def latest_known() -> float:
    """In Unix seconds: local times that were taken for UTC are less than a day off."""
    return now() + DAY


def check_ahead(events: pd.DataFrame, seconds: pd.Series) -> None:
    """Raises the ValueError of a few events that are ahead of the clock; tells of many.

    How old an event is goes by the newest one: a single one of a year to come would make all others
    old. Whoever means them says so by `time_unit="s"`, and need not call this.

    Args:
        events: as they were given.
        seconds: their times.
    """
    ahead = seconds.to_numpy() > latest_known()
    if not ahead.any():
        return
    if ahead.mean() <= FEW:
        remedy = (
            f"{OLD}: mend or drop these rows; time_unit='s' (--time-unit s) takes Unix seconds and "
            "dates as they are."
        )
        refuse(events, "events", "timestamp", ahead, f"{WHAT},", remedy, left_out=True)
    tell_ahead(int(np.count_nonzero(ahead)), len(events), float(seconds.max()))


def tell_ahead(count: int, rows: int, latest: float) -> None:
    """Tells that times are taken as they are, up to the latest."""
    until = f"{datetime.datetime.fromtimestamp(latest, datetime.UTC):%Y-%m-%d}"
    tell(
        f"events: column 'timestamp' has {WHAT} in {count:,} of {rows:,} rows, up to {until}, "
        "which are taken as they are."
    )
