"""`tfrec-recall recommend`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from tfrec_recall.cli import options
from tfrec_recall.cli.console import results, say
from tfrec_recall.cli.loading import DEFAULT, load_data, load_export, titles, trained_on

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from tfrec_recall.evaluation import Queries
    from tfrec_recall.export import LoadedRetriever

SHOWN = 8  # items of a history


def recommend(
    export: options.Export,
    user: Annotated[
        list[str] | None,
        typer.Option(help="A user of the data; may be given several times.", show_default=False),
    ] = None,
    history: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,C",
            help="Item ids of someone who is in no data, oldest first.",
            show_default=False,
        ),
    ] = None,
    k: Annotated[int, typer.Option(min=1, help="How many items.")] = 10,
    data: options.Data = None,
    rename: options.Rename = None,
) -> None:
    """Recommend items to users of the data, or to someone with a given history.

    What they had already is left out. Titles are shown where the export holds them.
    """
    if (user is None) == (history is None):
        raise typer.BadParameter("give either --user or --history", param_hint="--user, --history")
    retriever = load_export(export)
    if history is not None:
        queries = _of_history(retriever, [item.strip() for item in history.split(",")])
        names = ["this history"]
    else:
        trained = trained_on(retriever)
        source = data or trained.get("data") or DEFAULT
        queries = _of_users(retriever, user, source, rename if data else trained.get("rename"))
        names = [f"user {name}" for name in user or ()]
    _show(retriever, queries, names, k)


def _of_users(
    retriever: LoadedRetriever, users: list[str] | None, source: str, rename: list[str] | None
) -> Queries:
    """Queries of users with all their events, asked now."""
    import numpy as np

    from tfrec_recall.data import chronological
    from tfrec_recall.evaluation import Queries

    interactions = load_data(source, rename)
    events = interactions.events
    ids = _as_ids(users or [], events["user_id"])
    unknown = [str(name) for name in ids[~np.isin(ids, events["user_id"].unique())]]
    if unknown:
        say(f"[yellow]{', '.join(unknown)}: not in {source}; asked as newcomers.[/]")
    mine = events[events["user_id"].isin(ids)]
    if interactions.has_time:
        mine = mine.iloc[chronological(mine)]
    now = np.full(len(ids), int(time.time()))
    return Queries(retriever.inputs, ids, mine, interactions.users, now)


def _of_history(retriever: LoadedRetriever, items: list[str]) -> Queries:
    """The query of someone of whom nothing is known but items, and what the export says of them."""
    import numpy as np
    import pandas as pd

    from tfrec_recall.evaluation import Queries

    held = pd.Series(retriever.item_ids)
    ids = pd.Series(_as_ids(items, held))
    unknown = ids[~ids.isin(held)]
    if len(unknown):
        say(f"[yellow]Not in the catalogue: {', '.join(map(str, unknown))}.[/]")
    inputs = retriever.inputs
    nobody = -1 if "user_id" in inputs and inputs["user_id"].dtype.is_integer else ""
    events = pd.DataFrame({"user_id": nobody, "item_id": ids})
    if retriever.items is not None:
        events = events.merge(retriever.items, how="left", on="item_id")
    missing = [name.removeprefix("history_") for name in inputs if name.startswith("history_")]
    events = events.reindex(columns=[*events, *(c for c in missing if c not in events)])
    user = pd.DataFrame({"user_id": [nobody]}).reindex(columns=list({"user_id": 0, **inputs}))
    return Queries(inputs, np.array([nobody]), events, user, np.array([int(time.time())]))


def _as_ids(texts: list[str], like: pd.Series) -> np.ndarray:
    """Ids from the command line in the type of the data's."""
    import numpy as np
    import pandas as pd

    if not pd.api.types.is_integer_dtype(like.dtype):
        return np.array(texts, dtype=object)
    try:
        return np.array([int(text) for text in texts], dtype=np.int64)
    except ValueError:
        raise ValueError(f"Ids of this data are integers. Received: {', '.join(texts)}.") from None


def _show(retriever: LoadedRetriever, queries: Queries, names: list[str], k: int) -> None:
    import numpy as np

    named = titles(retriever.items)
    rows = np.arange(len(queries))
    seen = queries.seen(rows)
    item_ids, scores = retriever(queries.batch(rows), k=k, exclude=seen)
    for row, name in enumerate(names):
        history = [_plain(item) for item in seen[row].numpy()]
        history = [item for item in history if item not in ("", -1)]
        table = Table(title=f"For {escape(name)}", title_justify="left", box=SIMPLE_HEAD)
        table.add_column("", justify="right")
        table.add_column("item")
        if named is not None:
            table.add_column("title")
        table.add_column("score", justify="right")
        for place, (item, score) in enumerate(
            zip(item_ids[row].numpy(), scores[row].numpy(), strict=True)
        ):
            if not np.isfinite(score):
                break
            item = _plain(item)
            title = [] if named is None else [escape(str(named.get(item, "")))]
            table.add_row(str(place + 1), escape(str(item)), *title, f"{score:.3f}")
        latest = [
            str(item if named is None else named.get(item, item)) for item in history[-SHOWN:]
        ]
        more = f"{len(history) - SHOWN} others, then " if len(history) > SHOWN else ""
        results().print(f"[bold]Had:[/] {more}{escape('; '.join(latest)) or 'nothing'}")
        results().print(table)


def _plain(item: bytes | int) -> str | int:
    return item.decode() if isinstance(item, bytes) else int(item)
