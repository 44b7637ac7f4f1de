"""Who is asked about on the command line: users of the data, or a history of items."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import typer

from tfrec_recall.cli.console import warn

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import tensorflow as tf

    from tfrec_recall.data import Interactions
    from tfrec_recall.evaluation import Queries
    from tfrec_recall.export import LoadedRetriever


def of_users_in(
    interactions: Interactions,
    name: str,
    retriever: LoadedRetriever,
    users: list[str],
    context: Mapping[str, str],
) -> tuple[Queries, list[int]]:
    """Queries of users with all their events, asked now; and the row of each one named.

    Args:
        interactions: the events that count.
        name: of the data.
        context: what the requests tell of themselves; the rest of it is left empty.
    """
    check_catalogue(interactions, retriever)
    return of_users_among(interactions, name, retriever, users, context)


def of_users_among(
    interactions: Interactions,
    name: str,
    retriever: LoadedRetriever,
    users: list[str],
    context: Mapping[str, str],
    now: int | None = None,
) -> tuple[Queries, list[int]]:
    """As `of_users_in`, of data whose catalogue was checked, or a part that holds these users.

    Args:
        now: the time of the requests, which a part does not tell where times are an order.
    """
    import numpy as np

    from tfrec_recall.data import chronological
    from tfrec_recall.data.ids import asked, padding_of
    from tfrec_recall.evaluation import Queries

    events = interactions.events
    ids = asked(users, events["user_id"])
    unknown = _not_in(ids, events["user_id"])
    if unknown:
        _warn(f"{_named(unknown, events['user_id'])}: not in {name}; asked as newcomers.")
    # Text among integers is nobody's id, and nobody is the padding.
    ids = [one if _fits(one, events["user_id"]) else padding_of(events["user_id"]) for one in ids]
    each = list(dict.fromkeys(ids))
    mine = events[events["user_id"].isin(each)]
    if interactions.has_time:
        mine = mine.iloc[chronological(mine)]
    times = np.full(len(each), now_of(interactions) if now is None else now)
    kind = np.int64 if events["user_id"].dtype.kind == "i" else object
    own = {str(column) for column in interactions.users}
    said = context_of(retriever, context, own, len(each))
    asking = np.array(each, dtype=kind)
    queries = Queries(retriever.inputs, asking, mine, interactions.users, times, said)
    return queries, [each.index(one) for one in ids]


def check_catalogue(interactions: Interactions, retriever: LoadedRetriever) -> None:
    """Raises the ValueError of data none of whose items the export holds: it is of other ones."""
    import pandas as pd

    ours, theirs = interactions.items["item_id"], pd.Series(retriever.item_ids)
    if len(ours) and not ours.isin(theirs).any():
        raise ValueError(
            "The export and the data have no item in common, so that no history would count: ask "
            "with the data that it was trained on, or with newer data of the same ids (--data). "
            f"Received: items {ours.head(3).tolist()} in the data, {theirs.head(3).tolist()} in "
            "the export."
        )


def of_items(retriever: LoadedRetriever, items: list[str], context: Mapping[str, str]) -> Queries:
    """The query of someone of whom nothing is known but items, and what the export says of them.

    Args:
        context: as for `of_users_in`.
    """
    import numpy as np
    import pandas as pd

    from tfrec_recall.data.columns.column_types import with_nullable
    from tfrec_recall.data.ids import asked
    from tfrec_recall.evaluation import Queries

    held = pd.Series(retriever.item_ids)
    ids = asked(items, held)
    unknown = _not_in(ids, held)
    if unknown:
        _warn(f"Not in the catalogue: {_named(unknown, held)}.")
    ids = [one for one in ids if _fits(one, held)]
    inputs = retriever.inputs
    nobody = -1 if "user_id" in inputs and inputs["user_id"].dtype.is_integer else ""
    columns = {"user_id": nobody, "item_id": pd.Series(ids, dtype=held.dtype)}
    events = pd.DataFrame(columns, index=range(len(ids)))
    if retriever.items is not None:
        known = with_nullable(retriever.items).assign(item_id=retriever.items["item_id"])
        events = events.merge(known, how="left", on="item_id")
    missing = [name.removeprefix("history_") for name in inputs if name.startswith("history_")]
    events = events.reindex(columns=[*events, *(c for c in missing if c not in events)])
    said = context_of(retriever, context, {"user_id"}, 1)
    user = pd.DataFrame({"user_id": [nobody]})
    user = user.reindex(columns=["user_id", *(n for n in inputs if n not in {"user_id", *said})])
    return Queries(inputs, np.array([nobody]), events, user, np.array([int(time.time())]), said)


def parts_of(history: str, held: np.ndarray) -> list[str]:
    """The ids of `--history`: parts between commas, or the whole where that is an id.

    Blanks around a part belong to it only where the catalogue has such an id.

    >>> import numpy as np
    >>> parts_of("a, b", np.array(["a", "b"])), parts_of("a, b", np.array(["a, b"]))
    (['a', 'b'], ['a, b'])
    """
    import pandas as pd

    known = pd.Index(held).astype("str")
    if history in known:
        return [history]
    return [part if part in known else part.strip() for part in history.split(",")]


def parse_context(given: list[str]) -> dict[str, str]:
    """What stands before and after the first `=` of each use of `--context`.

    >>> parse_context(["device=phone", "words=a=b"])
    {'device': 'phone', 'words': 'a=b'}
    """
    wrong = [one for one in given if "=" not in one]
    if wrong:
        raise typer.BadParameter(f"{wrong[0]!r} is not NAME=VALUE", param_hint="--context")
    found: dict[str, str] = {}
    for name, value in (one.split("=", 1) for one in given):
        if name in found:
            raise typer.BadParameter(f"{name!r} is given twice", param_hint="--context")
        found[name] = value
    return found


def context_of(
    retriever: LoadedRetriever, context: Mapping[str, str], of_users: set[str], rows: int
) -> pd.DataFrame:
    """What the requests tell of themselves, a column for each input that is no user's.

    The model card says which these are; of an export without features, all that users do not have.

    Raises: ValueError for what the export is not asked with, or a text where it takes numbers.
    """
    import pandas as pd

    from tfrec_recall.export.version_files import features_in

    fixed = {"history", "timestamp", "objective", *of_users}
    known = [n for n in retriever.inputs if n not in fixed and not n.startswith("history_")]
    features = features_in(retriever.card)
    if features:
        told = [one for one in features if one.get("context")]
        # By their columns; exports of earlier versions had the names of the features.
        of_requests = {one.get(key) for one in told for key in ("column", "name")}
        known = [name for name in known if name in of_requests]
    unknown = [name for name in context if name not in known]
    if unknown:
        raise ValueError(
            f"--context names what this export is asked with: {', '.join(known) or 'nothing'}. "
            f"Received: {', '.join(unknown)}."
        )
    columns = {name: [None] * rows for name in known}
    for name, text in context.items():
        columns[name] = [_value(name, text, retriever.inputs[name])] * rows
    return pd.DataFrame(columns, index=range(rows), dtype=object)


def _value(name: str, text: str, spec: tf.TensorSpec) -> Any:
    """A text of the command line as an input takes it; a list is what stands between commas."""
    texts = [part.strip() for part in text.split(",")] if spec.shape.rank == 2 else [text]
    parts: list[Any] = list(texts)
    if spec.dtype.name != "string":
        try:
            parts = [int(part) if spec.dtype.is_integer else float(part) for part in texts]
        except ValueError as error:
            raise ValueError(
                f"--context {name} takes numbers, as in training. Received: {text!r}."
            ) from error
    return parts if spec.shape.rank == 2 else parts[0]


def now_of(interactions: Interactions) -> int:
    """The time of a request: after all events, where they are only in order."""
    if interactions.time_unit == "order":
        return int(interactions.events["timestamp"].max()) + 1
    return int(time.time())


def _fits(one: str | int, known: pd.Series) -> bool:
    return isinstance(one, int) == (known.dtype.kind == "i")


def _not_in(ids: Iterable[str | int], known: pd.Series) -> list[str | int]:
    """Those of the ids that are not among the known, each once."""
    there = set(known[known.isin([one for one in ids if _fits(one, known)])].tolist())
    return [one for one in dict.fromkeys(ids) if one not in there]


def _named(unknown: list[str | int], known: pd.Series) -> str:
    """Ids that are not there, and the known ones that were perhaps meant."""
    from tfrec_recall.data.checking.matching import near

    meant = near(unknown, known)
    return ", ".join(
        f"{_shown(one)} (there is {_shown(meant[one])})" if one in meant else _shown(one)
        for one in unknown
    )


def _shown(one: str | int) -> str:
    """An id as it is, in quotes where its ends would not be seen, or nothing of it."""
    text = str(one)
    if not unicodedata.is_normalized("NFC", text):
        return ascii(text)  # told apart from the one that looks alike
    plain = text and text == text.strip() and "," not in text and text.isprintable()
    return text if plain else repr(text)


def _warn(text: str) -> None:
    warn((text, "yellow"))
