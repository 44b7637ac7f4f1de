"""What all runs of a comparison share: the data, who is measured, and who is shown."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tfrec_recall.comparison.cuts import MAIN, with_main
from tfrec_recall.comparison.groups import NAMES, HistoryGroups, ItemGroups
from tfrec_recall.comparison.reasons import plain
from tfrec_recall.comparison.shown import Shown
from tfrec_recall.data.columns.column_types import LISTS
from tfrec_recall.data.fingerprint import fingerprint
from tfrec_recall.evaluation.evaluate import default_cuts
from tfrec_recall.evaluation.targets import Targets

if TYPE_CHECKING:
    from tfrec_recall.data import Split

HISTORY = 40  # events of a user that a reader sees


@dataclasses.dataclass(frozen=True, eq=False)
class Measured:
    """The users who are measured, and the groups they and the items are in.

    Args:
        users: raw ids, in the order of every run's figures.
        lengths: events of each one's history.
        targets: what their lists are searched for.
        items, histories: the groups.
        shown: whose lists are kept.
    """

    users: np.ndarray
    lengths: np.ndarray
    targets: Targets
    items: ItemGroups
    histories: HistoryGroups
    shown: Shown

    @classmethod
    def of(cls, split: Split, repeats: bool = False, on: str = "test") -> Measured:
        catalogue = pd.Index(split.interactions.items["item_id"])
        part = split.part(on)
        targets = Targets.of(part, catalogue, repeats, on)
        events = part.history["user_id"].value_counts()
        lengths = events.reindex(targets.users, fill_value=0).to_numpy()
        counts = split.train.events["item_id"].value_counts()
        popularity = counts.reindex(catalogue, fill_value=0).to_numpy()
        groups = ItemGroups.by(popularity)
        histories = HistoryGroups.by(lengths)
        return cls(targets.users, lengths, targets, groups, histories, Shown.of(lengths))


def facts(
    split: Split, titles: Mapping[Any, str], repeats: bool = False, cuts: Sequence[int] = ()
) -> dict[str, Any]:
    """The data as plain values: counts, groups, and the users that a reader can pick.

    Args:
        titles: what items are called, by raw id.
        cuts: of the tables; by default those that `evaluate` takes of this split. 50 is always
            among them.
    """
    data, measured = split.interactions, Measured.of(split, repeats)
    known = pd.Index(split.train.events["user_id"].unique())
    by_group = np.bincount(measured.items.of[measured.targets.pairs.items], minlength=len(NAMES))
    described = measured.items.described()
    for group, targets in zip(described, by_group, strict=True):
        group["targets"] = int(targets)
    return {
        "name": data.name,
        "fingerprint": fingerprint(data),
        "split": split.name,
        "published": split.published,
        "cuts": list(with_main(cuts or default_cuts(split))),
        "has_time": bool(data.has_time),
        "rows": {table: len(getattr(data, table)) for table in ("events", "users", "items")},
        "train_events": len(split.train.events),
        "validation_users": int(split.validation.targets["user_id"].nunique()),
        "users": len(measured.users),
        "targets": len(measured.targets.pairs),
        "unknown_users": int((~pd.Index(measured.users).isin(known)).sum()),
        "notes": [*measured.targets.notes, *_of_few(len(data.items))],
        "items": described,
        "histories": [
            {"name": name, "users": int((measured.histories.of == place).sum())}
            for place, name in enumerate(measured.histories.names)
        ],
        "picked": _picked(split, measured, titles),
    }


def _of_few(items: int) -> list[str]:
    """What is to be known of a catalogue that a list holds whole."""
    if items > MAIN:
        return []
    return [
        f"The catalogue has {items} items, and a list of {MAIN} holds all of them: recall@{MAIN}, "
        "by which models are ordered and held to most-popular, hardly tells them apart. Look at "
        "shorter lists (`--cuts 5,10`)."
    ]


def _picked(split: Split, measured: Measured, titles: Mapping[Any, str]) -> list[dict[str, Any]]:
    """Each user to pick: id, latest events, targets, what the users table says; by title."""
    users = measured.users[measured.shown.picked]
    history = split.test.history
    had = history[history["user_id"].isin(users)].groupby("user_id")["item_id"].agg(list)
    targets = split.test.targets
    wanted = targets[targets["user_id"].isin(users)].groupby("user_id")["item_id"].agg(list)
    table = split.interactions.users.set_index("user_id")
    found = []
    for user, id in zip(users, plain(np.asarray(users)), strict=True):
        items = plain(np.asarray(had.get(user, []), dtype=object))
        described: dict[Any, Any] = {}
        if user in table.index:  # by column: a row of one type rounds integers beside floats
            described = {name: column.loc[user] for name, column in table.items()}
        found.append(
            {
                "user": id,
                "events": len(items),
                "about": ", ".join(f"{k} {_text(v)}" for k, v in described.items() if _is_told(v)),
                "history": [[item, titles.get(item, "")] for item in items[-HISTORY:]],
                "wanted": [
                    [item, titles.get(item, "")]
                    for item in dict.fromkeys(plain(np.asarray(wanted[user], dtype=object)))
                ],
            }
        )
    return found


def _is_told(value: Any) -> bool:
    return isinstance(value, LISTS) or not pd.isna(value)


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | np.ndarray) else str(value)
