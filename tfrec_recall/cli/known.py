"""What the page of `serve` knows beside the graph: the data's users, and the items by title."""

from __future__ import annotations

import dataclasses
import numbers
import re
import weakref
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tfrec_recall._signatures import signature_name
from tfrec_recall.cli.arguments.protocol import lists_repeats
from tfrec_recall.cli.arguments.queries import (
    check_catalogue,
    now_of,
    of_items,
    of_users_among,
)
from tfrec_recall.cli.lists import titles_of
from tfrec_recall.cli.loading import trained_on

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from tfrec_recall.data import Interactions
    from tfrec_recall.export import LoadedRetriever
    from tfrec_recall.serving.servable import Servable

Id = str | int
MOST_CHOICES = 50  # values of an attribute that are offered
FILTER = re.compile("(where_not|where|min|max)_(?P<column>.+)")  # as the page reads it
NAN = "NaN"  # what stands for it where JSON has none
PADDING = ("", -1)  # all that somebody without a history has


@dataclasses.dataclass(frozen=True)
class Catalogue:
    """The items of a version, by what a reader types."""

    retriever: LoadedRetriever
    titles: Mapping[Any, str]
    words: pd.Series  # of each item, its id and title in lower case
    choices: Mapping[str, list]  # the most frequent values of each column that filters choose by

    @classmethod
    def of(cls, servable: Servable) -> Catalogue:
        import pandas as pd

        from tfrec_recall.data.columns.column_types import holds_vectors
        from tfrec_recall.export import LoadedRetriever

        if not hasattr(servable.saved, "item_ids"):
            raise ValueError(
                "The page shows exports of tfrec_recall. This is another SavedModel, which the "
                "REST API serves."
            )
        retriever = LoadedRetriever(servable.saved, servable.folder)
        titles = titles_of(retriever.items)
        words = [f"{item} {titles.get(item, '')}".lower() for item in retriever.item_ids.tolist()]
        taken = {name for one in servable.definitions.values() for name in one.inputs}
        filters = map(FILTER.fullmatch, taken)  # named after attributes
        named = {found["column"] for found in filters if found is not None}
        items = retriever.items if retriever.items is not None else pd.DataFrame()
        choices = {
            name: [_plain(one) for one in items[name].explode().value_counts().index[:MOST_CHOICES]]
            for name in sorted(named)
            if name in items and not holds_vectors(items[name])
        }
        return cls(retriever, titles, pd.Series(words, index=retriever.item_ids), choices)


class Known:
    """The users of the data and the items of the version that is asked.

    Args:
        interactions: the events that count; None where no data are read.
        name: of the data.
    """

    def __init__(self, interactions: Interactions | None, name: str):
        self._interactions, self._name = interactions, name
        self._catalogues: weakref.WeakKeyDictionary[Servable, Catalogue] = (
            weakref.WeakKeyDictionary()
        )
        self._checked: weakref.WeakSet[Servable] = weakref.WeakSet()
        self._events: pd.Series | None = None
        if interactions is not None:
            import numpy as np
            import pandas as pd

            from tfrec_recall.data.ids import places

            self._events = interactions.events["user_id"].value_counts()
            known = self._events.index
            self._texts = known.astype("str").str.lower()
            # Where the events and the row of each user are, so that a request looks at no others.
            self._order = np.argsort(places(known, interactions.events["user_id"]), kind="stable")
            self._offsets = np.append(0, np.cumsum(self._events.to_numpy()))
            self._rows = places(pd.Index(interactions.users["user_id"]), pd.Series(known))
            ordered = interactions.time_unit == "order"
            self._now = now_of(interactions) if ordered else None

    def about(self, servable: Servable) -> dict[str, Any]:
        catalogue = self._of(servable)
        trained, card = trained_on(catalogue.retriever), catalogue.retriever.card
        index = (card.get("retriever") or {}).get("index") or {}
        return {
            "model": trained.get("model"),
            "data": trained.get("data"),
            "created": card.get("created"),
            "items": len(catalogue.retriever.item_ids),
            "titles": bool(catalogue.titles),
            "index": index.get("kind"),
            "recall": index.get("recall"),
            "k": catalogue.retriever.k,
            "choices": catalogue.choices,
            "repeats": lists_repeats(trained),
            "users": 0 if self._events is None else len(self._events),
        }

    def users(self, text: str, most: int) -> list[dict[str, Any]]:
        if self._events is None:
            return []
        found = self._events
        if text:
            has = self._texts.str.contains(text.lower(), regex=False)
            first = self._texts.str.startswith(text.lower())
            found = found[has].iloc[(~first[has]).argsort(kind="stable")]
        else:
            found = found.sample(min(most, len(found)))
        shown = found.iloc[:most]
        return [{"user_id": _plain(user), "events": int(events)} for user, events in shown.items()]

    def items(self, servable: Servable, text: str, most: int) -> list[dict[str, Any]]:
        catalogue = self._of(servable)
        found = catalogue.words
        for word in text.lower().split():
            found = found[found.str.contains(word, regex=False)]
        if not text:
            found = found.sample(min(most, len(found)))
        return [
            {"item_id": _plain(item), "title": catalogue.titles.get(item)}
            for item in found.index[:most]
        ]

    def titles(self, servable: Servable, ids: Sequence[Id]) -> list[str | None]:
        titles = self._of(servable).titles
        return [titles.get(one) for one in ids]

    def query(
        self, servable: Servable, user: Id | None, items: Sequence[Id]
    ) -> tuple[dict[str, Any], list[Id]]:
        import numpy as np

        retriever = self._of(servable).retriever
        if user is None:
            queries, row = of_items(retriever, [str(item) for item in items], {}), 0
        elif self._interactions is None:
            raise ValueError("There is no data to find a user in: ask with items.")
        else:
            if servable not in self._checked:
                check_catalogue(self._interactions, retriever)
                self._checked.add(servable)
            about = self._part(self._interactions, str(user))
            queries, (row,) = of_users_among(
                about, self._name, retriever, [str(user)], {}, self._now
            )
        rows = np.array([row])
        inputs = {
            signature_name(name): _values(value.numpy()[0])
            for name, value in queries.batch(rows).items()
        }
        had = _values(queries.seen(rows).numpy()[0])
        return inputs, [item for item in had if item not in PADDING]

    def _part(self, data: Interactions, user: str) -> Interactions:
        """What the data say of this user alone; all of them for one whom no event knows."""
        from tfrec_recall.data.ids import asked

        assert self._events is not None  # mypy: there are data
        (id,) = asked([user], data.events["user_id"])
        if id not in self._events.index:
            return data
        place: Any = self._events.index.get_loc(id)  # ids are there once
        positions = self._order[self._offsets[place] : self._offsets[place + 1]]
        return data.take(positions, self._rows[[place]])

    def _of(self, servable: Servable) -> Catalogue:
        found = self._catalogues.get(servable)
        if found is None:
            found = self._catalogues.setdefault(servable, Catalogue.of(servable))
        return found


def _values(cell: np.ndarray | np.generic | bytes) -> Any:
    """A value of one row as JSON has it."""
    import numpy as np

    if isinstance(cell, np.ndarray):
        return [_values(one) for one in cell]
    if isinstance(cell, bytes):
        return cell.decode("utf-8", "replace")
    # A float32 by its own digits: as a float64, 0.85 has ten more.
    value = float(str(cell)) if isinstance(cell, np.floating) else cell.item()
    return NAN if isinstance(value, float) and np.isnan(value) else value


def _plain(one: Any) -> Id:
    """An id, or another value of a column, as JSON has it."""
    one = one.item() if hasattr(one, "item") else one  # of NumPy's
    whole = isinstance(one, numbers.Real) and float(one).is_integer()
    return int(one) if whole else str(one)
