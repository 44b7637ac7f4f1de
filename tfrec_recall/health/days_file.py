"""Days before an export as files, in the state from which its model learns on."""

from __future__ import annotations

import json
import pathlib

import pandas as pd
import pyarrow.parquet as pq

from tfrec_recall.health.day import DAY, Units
from tfrec_recall.health.days_before import DaysBefore
from tfrec_recall.health.known import Known

FOLDER = "days"
ABOUT, USERS, EVENTS, MARKS = "days.json", "units.parquet", "events.parquet", "marks.parquet"
ITEMS, WINDOW, KNOWN = "items.parquet", "window.parquet", "known_users.parquet"


def write_days(into: pathlib.Path, days: DaysBefore) -> None:
    """Writes `days/` into a folder."""
    folder = into / FOLDER
    folder.mkdir()
    units = days.units
    about = {
        "of_all": units.of_all,
        "limit": days.known.limit,
        "values": days.values,
        "timed": days.timed,
        "one_day": days.one_day,
    }
    (folder / ABOUT).write_text(json.dumps(about, ensure_ascii=False), encoding="utf-8")
    of_units = {"user_id": units.users, DAY: units.days, "strange": days.strange_user}
    of_events = {"unit": units.unit, "strange": days.strange_item, "on_day": days.on_day}
    for name, table in (
        (USERS, pd.DataFrame(of_units)),
        (EVENTS, units.events),
        (MARKS, pd.DataFrame(of_events)),
        (ITEMS, days.items.rename_axis("item_id").reset_index()),
        (WINDOW, days.window.rename_axis(DAY).reset_index()),
        (KNOWN, pd.DataFrame({"hash": days.known.hashes})),
    ):
        table.to_parquet(folder / name, index=False)


def read_days(from_: pathlib.Path) -> DaysBefore:
    """What `write_days` wrote.

    Raises: ValueError for a folder without it.
    """
    folder = from_ / FOLDER
    if not (folder / ABOUT).is_file():
        raise ValueError(
            "This training state is of an earlier version and does not tell of the days before: "
            f"train again with --keep-state. Received: {from_}."
        )
    about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    users, marks = pd.read_parquet(folder / USERS), pd.read_parquet(folder / MARKS)
    return DaysBefore(
        units=Units(
            users["user_id"].to_numpy(),
            users[DAY].to_numpy(),
            pd.read_parquet(folder / EVENTS),
            marks["unit"].to_numpy(),
            about["of_all"],
        ),
        strange_user=users["strange"].to_numpy(),
        strange_item=marks["strange"].to_numpy(),
        on_day=marks["on_day"].to_numpy(),
        items=pd.read_parquet(folder / ITEMS).set_index("item_id"),
        window=pd.read_parquet(folder / WINDOW).set_index(DAY),
        known=Known(pq.read_table(folder / KNOWN)["hash"].to_numpy(), about["limit"]),
        values={name: tuple(texts) for name, texts in about["values"].items()},
        timed=about["timed"],
        one_day=about["one_day"],
    )
