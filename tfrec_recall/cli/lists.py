"""Recommended lists: for a reader, by title, and for a program."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    import pandas as pd

    from tfrec_recall.evaluation import Queries
    from tfrec_recall.export import LoadedRetriever

SHOWN = 8  # items of a history
TITLES = ("title", "name", "description")
Id = str | int


@dataclasses.dataclass(frozen=True)
class Recommended:
    """What one user, or someone of whom only a history is known, is recommended.

    Args:
        user: the user's id in the data's type, or as it was written where the data has no such
            user; None where nobody is named.
        history: what was had, oldest first.
        items: the items and their scores, best first.
    """

    user: Id | None
    history: list[Id]
    items: list[tuple[Id, float]]


def recommended(
    retriever: LoadedRetriever,
    queries: Queries,
    asked: Sequence[int],
    names: Sequence[str | None],
    k: int,
    filters: Mapping[str, Any] | None = None,
    repeats: bool = False,
) -> list[Recommended]:
    """The list of each of the queries that are asked, without what its history has.

    Args:
        asked: the rows of `queries`, any of them also twice.
        names: of the users of these rows, as they were written.
        filters: what to choose items by, one row for all.
        repeats: list the items of the histories like all others.
    """
    import numpy as np

    rows = np.array(asked)
    seen = queries.seen(rows)
    exclude = None if repeats else seen
    item_ids, scores = retriever(queries.batch(rows), k=k, exclude=exclude, filters=filters)
    had = [[_plain(item) for item in row] for row in seen.numpy()]
    found = [
        [(_plain(item), float(score)) for item, score in zip(*row, strict=True)]
        for row in zip(item_ids.numpy(), scores.numpy(), strict=True)
    ]
    users = [_plain(queries.users[row]) for row in asked]
    return [
        Recommended(
            user if name is not None and user not in ("", -1) else name,
            [item for item in history if item not in ("", -1)],
            [(item, score) for item, score in items if np.isfinite(score)],
        )
        for user, name, history, items in zip(users, names, had, found, strict=True)
    ]


def show(lists: Iterable[Recommended], items: pd.DataFrame | None, on: Console) -> None:
    """A table for each, with titles where the items have any."""
    titles = titles_of(items)
    for one in lists:
        latest = [str(titles.get(item, item)) for item in one.history[-SHOWN:]]
        others = len(one.history) - len(latest)
        more = f"{others} others, then " if others else ""
        had = Text.assemble(("Had:", "bold"), f" {more}{'; '.join(latest) or 'nothing'}")
        on.print(had, soft_wrap=True)
        name = "this history" if one.user is None else f"user {one.user}"
        on.print(Text(f"For {name}", "italic"), soft_wrap=True)  # ids are not folded
        table = Table(box=SIMPLE_HEAD)
        table.add_column("", justify="right")
        table.add_column("item", overflow="fold")  # an id that is cut is none
        if titles:
            table.add_column("title")
        table.add_column("score", justify="right")
        for place, (item, score) in enumerate(one.items):
            title = [str(titles.get(item, item))] if titles else []
            table.add_row(str(place + 1), str(item), *title, f"{score:.3f}")
        on.print(table)


def as_json(lists: Iterable[Recommended], items: pd.DataFrame | None) -> list[dict[str, Any]]:
    """The same as plain values: `user`, `history`, and `items` with `item_id`, `title`, `score`."""
    titles = titles_of(items)
    return [
        {
            "user": one.user,
            "history": one.history,
            "items": [
                {"item_id": item, "title": titles.get(item), "score": score}
                for item, score in one.items
            ],
        }
        for one in lists
    ]


def titles_of(items: pd.DataFrame | None) -> dict[Any, str]:
    """What a reader calls the items, by item_id; an item without a title is not there."""
    column = None if items is None else _column_of_titles(items)
    if items is None or column is None:
        return {}
    named = items.set_index("item_id")[column].dropna().astype(str)
    return dict(named[named.str.strip() != ""].items())


def _column_of_titles(items: pd.DataFrame) -> str | None:
    """Called so; or, as `Product Name` is, so among other words: that with the most values."""
    called = [name for name in TITLES if name in items]
    if called:
        return called[0]
    names = [str(name) for name in items]
    among = [name for name in names if set(re.findall("[a-z]+", name.lower())) & set(TITLES)]
    texts = [name for name in among if any(isinstance(value, str) for value in items[name])]
    return max(texts, key=lambda name: items[name].nunique(), default=None)


def _plain(item: Any) -> Id:
    if isinstance(item, bytes):
        return item.decode()
    return item if isinstance(item, str) else int(item)
