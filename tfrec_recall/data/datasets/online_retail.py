"""Online Retail: a year of invoices of a British gift shop, many of its customers wholesalers.

Source: D. Chen, "Online Retail", UCI Machine Learning Repository, 2015, doi:10.24432/C5BW33,
CC BY 4.0. The cleaned set is in this package; `packaged/online_retail/ATTRIBUTION.md` says what was
changed, and `write("Online Retail.xlsx", folder)` makes it anew from the raw file.
"""

from __future__ import annotations

import importlib.resources
import json
import os
import pathlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from tfrec_recall.data.datasets import invoice_lines, location
from tfrec_recall.data.datasets.tables import write_tables
from tfrec_recall.data.datasets.titles import title
from tfrec_recall.data.interactions import Interactions
from tfrec_recall.data.order import chronological

NAME = "online-retail"
FILE_NAMES = (
    f"{NAME}/transactions.parquet",
    f"{NAME}/Online Retail.xlsx",
    f"{NAME}/online_retail.csv",
    f"{NAME}/online+retail.zip",
)
PACKAGED = importlib.resources.files(__package__) / "packaged" / "online_retail"

# What each rule keeps, in the order they are applied.
RULES: dict[str, Callable[[pd.DataFrame], pd.Series]] = {
    "a customer is named": lambda lines: lines["user_id"].notna(),
    "the invoice does not begin with C": lambda lines: ~lines["invoice"].str.startswith("C"),
    "the quantity is above 0": lambda lines: lines["quantity"] > 0,
    "the price is above 0": lambda lines: lines["price"] > 0,
    "the stock code begins with five digits": lambda lines: lines["item_id"].str.match(
        r"^[0-9]{5}"
    ),
}
MERGED = "one event a customer, invoice and product"


@dataclass(frozen=True)
class Cleaning:
    """How many lines of the raw file each rule dropped, in the order they were applied.

    >>> print(Cleaning(lines=10, dropped={"a customer is named": 3}))
    10 lines in the raw file
    - 3 a customer is named: 7 left
    """

    lines: int
    dropped: dict[str, int]

    @property
    def table(self) -> pd.DataFrame:
        """Columns rule, dropped, left; one row a rule."""
        dropped = np.array(list(self.dropped.values()), dtype=np.int64)
        return pd.DataFrame(
            {"rule": list(self.dropped), "dropped": dropped, "left": self.lines - dropped.cumsum()}
        )

    def __str__(self) -> str:
        width = len(f"{max(self.dropped.values(), default=0):,}")
        rows = [
            f"- {dropped:>{width},} {rule}: {left:,} left"
            for rule, dropped, left in self.table.itertuples(index=False)
        ]
        return "\n".join([f"{self.lines:,} lines in the raw file", *rows])


def load(path: str | os.PathLike[str] | None = None) -> Interactions:
    """The cleaned set: of the file at the path, of TFREC_RECALL_DATA, or the packaged one.

    Events: user_id, item_id, timestamp (of the basket: its earliest line; shop time, taken for
    UTC), session_id (the invoice), quantity. Users: country. Items: description (the most frequent
    one, in title case), price (the median, in pounds).

    Args:
        path: the raw file (.xlsx, .csv, .parquet), UCI's .zip or the folder one of them is in.

    >>> load()
    Interactions('online-retail': 386,326 events, 4,334 users, 3,659 items)
    """
    place = location.existing(path) if path is not None else location.in_data_folder(*FILE_NAMES)
    if place is not None:
        return clean(invoice_lines.read(place))[0]
    with importlib.resources.as_file(PACKAGED) as folder:
        return Interactions.from_parquet(folder, name=NAME)


def cleaning() -> Cleaning:
    """What was dropped from the raw file to make the packaged set."""
    with importlib.resources.as_file(PACKAGED) as folder:
        notes = pq.read_schema(folder / "events.parquet").metadata
    return Cleaning(**json.loads(notes[b"cleaning"]))


def clean(lines: pd.DataFrame) -> tuple[Interactions, Cleaning]:
    """The events of raw invoice lines, and what was dropped on the way.

    A basket has one time, that of its earliest line, so that no basket is ever torn apart. Within
    it the events are in the order of a hash: the order of the file means nothing.

    Args:
        lines: invoice, item_id, description, quantity, timestamp (datetime64), price, user_id
            (missing where no customer is named), country; as `invoice_lines.read` gives them.

    Raises: ValueError if the rules leave nothing.
    """
    kept, dropped = _apply_rules(lines)
    if kept.empty:
        raise ValueError(f"The rules leave no line at all. {Cleaning(len(lines), dropped)}")
    kept = kept.assign(item_id=kept["item_id"].str.upper())
    events = kept.groupby(["user_id", "invoice", "item_id"], as_index=False).agg(
        timestamp=("timestamp", "min"), quantity=("quantity", "sum")
    )
    dropped[MERGED] = len(kept) - len(events)
    basket = events.groupby(["user_id", "invoice"])
    seconds = basket["timestamp"].transform("min").astype("datetime64[s]").astype("int64")
    events = events.assign(timestamp=seconds, quantity=events["quantity"].astype("int32"))
    events = events.rename(columns={"invoice": "session_id"})
    users = _most_frequent(kept, "user_id", "country")
    events = events.iloc[chronological(events)]
    interactions = Interactions(events, users=users, items=_items(kept), name=NAME)
    return interactions, Cleaning(len(lines), dropped)


def write(raw: str | os.PathLike[str], folder: str | os.PathLike[str]) -> Cleaning:
    """Writes the packaged set anew, from the raw file.

    Args:
        raw: as `path` of `load`.
        folder: events.parquet, users.parquet and items.parquet are written to it; must not exist.
    """
    if pathlib.Path(folder).exists():
        raise FileExistsError(f"{folder} is there already: remove it or name another folder.")
    interactions, report = clean(invoice_lines.read(location.existing(raw)))
    notes = {"cleaning": json.dumps({"lines": report.lines, "dropped": report.dropped})}
    write_tables(interactions, pathlib.Path(folder), notes, level=22)
    return report


def _apply_rules(lines: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int]]:
    kept = np.ones(len(lines), dtype=bool)
    dropped = {}
    for rule, keeps in RULES.items():
        before = kept.sum()
        kept &= keeps(lines).to_numpy(dtype=bool)
        dropped[rule] = int(before - kept.sum())
    return lines.loc[kept], dropped


def _items(kept: pd.DataFrame) -> pd.DataFrame:
    spaced = kept["description"].str.replace(r"\s+", " ", regex=True).str.strip()
    items = _most_frequent(kept.assign(description=spaced), "item_id", "description")
    items = items.assign(description=items["description"].map(title, na_action="ignore"))
    price = kept.groupby("item_id")["price"].median()
    return items.merge(price, left_on="item_id", right_index=True)


def _most_frequent(lines: pd.DataFrame, key: str, column: str) -> pd.DataFrame:
    """The value on most lines of each key; of several, the first in the alphabet."""
    counts = lines.groupby([key, column], dropna=False, as_index=False).size()
    ranked = counts.sort_values([key, "size", column], ascending=[True, False, True])
    return ranked.drop_duplicates(key)[[key, column]].reset_index(drop=True)
