"""Data sets by name: what this package brings, what it can fetch, what it makes up.

`load("online-retail")` needs nothing, `load("movielens-1m")` the network once, `load("simulated")`
a seed. `load("a/folder")` reads its `events`, and users and items alike; `load("a/file.csv")` too.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tfrec_recall._on_demand import on_demand
from tfrec_recall.data.datasets.location import found_at

if TYPE_CHECKING:
    from tfrec_recall.data.datasets import movielens, online_retail, simulated
    from tfrec_recall.data.interactions import Interactions
else:
    on_demand(__name__)

__all__ = ["BUILT_IN", "BuiltIn", "load", "movielens", "names", "online_retail", "simulated"]


@dataclass(frozen=True)
class BuiltIn:
    """A data set that has a name.

    Args:
        load: makes it; its options are those of `load`.
        about: one line for lists.
    """

    load: Callable[..., Interactions]
    about: str


def _online_retail(**options: Any) -> Interactions:
    from tfrec_recall.data.datasets import online_retail

    return online_retail.load(**options)


def _movielens(size: str) -> Callable[..., Interactions]:
    def load(**options: Any) -> Interactions:
        from tfrec_recall.data.datasets import movielens

        return movielens.load(size, **options)

    return load


def _simulated(**options: Any) -> Interactions:
    from tfrec_recall.data.datasets import simulated

    return simulated.load(**options)


BUILT_IN = {
    "online-retail": BuiltIn(
        _online_retail,
        "a year of a British gift shop's invoices: 386,326 events, 3,659 products (in the package)",
    ),
    **{
        f"movielens-{size}": BuiltIn(_movielens(size), about)
        for size, about in {
            "100k": "100,000 ratings of 1,682 films, with age, gender and occupation",
            "1m": "1,000,209 ratings of 3,883 films, with age, gender and occupation",
            "20m": "20,000,263 ratings of 27,278 films",
            "25m": "25,000,095 ratings of 62,423 films",
            "32m": "32,000,204 ratings of 87,585 films",
            "latest-small": "100,836 ratings of 9,742 films, may be replaced by its publisher",
        }.items()
    },
    "simulated": BuiltIn(
        _simulated, "a marketplace made up from a seed, of any size, with sessions and bookings"
    ),
}


def names() -> tuple[str, ...]:
    """The names that `load` knows, the default first.

    >>> names()[:2]
    ('online-retail', 'movielens-100k')
    """
    return tuple(BUILT_IN)


def load(name_or_folder: str | os.PathLike[str] = "online-retail", **options: Any) -> Interactions:
    """A data set by its name, from a folder with `events`, or from the file of events.

    Args:
        name_or_folder: one of `names()`; a folder that has a file `events` and, if known, users and
            items alike; or a file. Write `./online-retail` for a folder of that name. What is not
            here by its name is looked for in the folder that TFREC_RECALL_DATA names.
        options: those of `online_retail.load`, `movielens.load`, `simulated.load`, or for files
            those of `Interactions.from_files`, such as `rename={"their column": "ours"}`.

    Raises: ValueError for a name that is neither; TypeError for an option it does not have.

    >>> len(load("simulated", events=1000).events)
    1000
    """
    if isinstance(name_or_folder, str) and name_or_folder in BUILT_IN:
        return BUILT_IN[name_or_folder].load(**options)
    place = found_at(name_or_folder)
    if place is not None:
        from tfrec_recall.data.interactions import Interactions

        return Interactions.from_files(place, **options)
    close = difflib.get_close_matches(str(name_or_folder), names(), n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise ValueError(
        f"There is no data set, file or folder of this name.{hint} Data sets: "
        f"{', '.join(names())}. Received: {str(name_or_folder)!r}."
    )
