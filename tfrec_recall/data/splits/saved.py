"""A split in a folder, as `spark.SparkSplit.save` writes it, which is followed as it is."""

from __future__ import annotations

import os
import pathlib

import pandas as pd

from tfrec_recall.data.columns.times import ORDER
from tfrec_recall.data.interactions import Interactions
from tfrec_recall.data.reading.parquet import read_parquet
from tfrec_recall.data.splits.parts import Part, Split, ordered

TRAIN, TABLES = "train", ("history", "targets")
ABOUT = "about"  # a table of one row: name, published, time_unit


def holds_split(folder: str | os.PathLike[str]) -> bool:
    """Whether a folder has training events, and others that are to be measured."""
    place = pathlib.Path(folder)
    measured = [place / on / table for on in ("validation", "test") for table in TABLES]
    return all(path.is_dir() for path in (place / TRAIN, *measured))


def load_split(folder: str | os.PathLike[str]) -> Split:
    """The split in a folder: `train/`, and `history/` and `targets/` in `validation/` and `test/`.

    All of it is held. Events that came after training and are not asked for are not in the folder.

    Raises: ValueError if the folder holds no split, or as `Interactions.from_folder`.
    """
    place = pathlib.Path(folder)
    if not holds_split(place):
        there = sorted(path.name for path in place.iterdir()) if place.is_dir() else "no folder"
        raise ValueError(
            f"{place} holds no split: SparkSplit.save writes train/, and history/ and targets/ in "
            f"validation/ and test/. Received: {there}."
        )
    about = {"name": place.name, "published": False, "time_unit": None}
    if (place / ABOUT).is_dir():
        row = read_parquet(place / ABOUT).iloc[0]
        about |= {str(name): value for name, value in row.items()}
    unit = ORDER if about["time_unit"] == ORDER else None
    train = Interactions.from_parquet(place / TRAIN, time_unit=unit, mend_ids=False)

    def part(on: str) -> Part:
        tables = [read_parquet(place / on / table) for table in TABLES]
        return Part(*(_in_order(train, table) for table in tables))

    validation, test = part("validation"), part("test")
    return Split(
        name=str(about["name"]),
        interactions=_whole(train, validation, test),
        train=train,
        validation=validation,
        test=test,
        published=bool(about["published"]),
    )


def _in_order(train: Interactions, events: pd.DataFrame) -> pd.DataFrame:
    if not len(events):
        return train.events.iloc[:0]
    return ordered(train.with_events(events)).events


def _whole(train: Interactions, validation: Part, test: Part) -> Interactions:
    """All events: of each user the longest past that is known, and what came then."""
    in_test = set(test.targets["user_id"])
    asked = in_test | set(validation.targets["user_id"])

    def without(events: pd.DataFrame, users: set) -> pd.DataFrame:
        return events[~events["user_id"].isin(users)]

    frames = [
        without(train.events, asked),
        without(validation.history, in_test),
        without(validation.targets, in_test),
        test.history,
        test.targets,
    ]
    return train.with_events(pd.concat(frames, ignore_index=True))
