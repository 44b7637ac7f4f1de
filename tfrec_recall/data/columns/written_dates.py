"""Dates written as numbers that may be Unix seconds: 2020091312 are those of a day of 2034."""

from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np
import pandas as pd

from tfrec_recall.data.columns.times import LAST, MOST
from tfrec_recall.data.ids import refuse


class Form(NamedTuple):
    """How dates are written.

    Args:
        digits: pairs of them, by how many ones the pair counts, and from which number to which.
    """

    name: str
    format: str
    digits: tuple[tuple[int, int, int], ...]

    @property
    def what(self) -> str:
        """What such numbers are, for an error."""
        return f"dates written as {self.name} rather than Unix seconds"


FORMS = (
    Form("yyyymmddHH", "%Y%m%d%H", ((10**8, 19, 20), (10**4, 1, 12), (100, 1, 31), (1, 0, 23))),
    Form("yymmddHHMM", "%y%m%d%H%M", ((10**6, 1, 12), (10**4, 1, 31), (100, 0, 23), (1, 0, 59))),
)
AHEAD = "As seconds, all of them lie ahead of us."


def refuse_dates_ahead(events: pd.DataFrame) -> None:
    """Raises the ValueError of timestamps that are seconds of a time to come, but read as dates.

    Whoever means them says so by a `time_unit`, and need not call this.
    """
    times = events["timestamp"]
    if not pd.api.types.is_numeric_dtype(times.dtype) or times.isna().any():
        return
    numbers = times.to_numpy(dtype="float64")
    if not len(numbers) or numbers.min() <= time.time() or numbers.max() >= LAST:
        return  # what no seconds are is said where they are read
    for form in FORMS:
        fits = np.ones(len(numbers), dtype=bool)
        for place, least, most in form.digits:
            pair = numbers // place % 100
            fits &= (pair >= least) & (pair <= most)
        if fits.sum() > MOST * len(numbers):
            remedy = (
                f"{AHEAD} time_format={form.format!r} (--time-format {form.format}) reads them; "
                "time_unit='s' (--time-unit s) takes them for seconds."
            )
            refuse(events, "events", "timestamp", fits, form.what, remedy)
