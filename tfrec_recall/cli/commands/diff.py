"""`tfrec-recall diff`."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from tfrec_recall.cli.arguments import options
from tfrec_recall.cli.arguments.protocol import Protocol
from tfrec_recall.cli.arguments.queries import of_users_in
from tfrec_recall.cli.arguments.source import Source
from tfrec_recall.cli.commands.show import UNKNOWN, commit, indexes, replaced
from tfrec_recall.cli.console import results, say, warn
from tfrec_recall.cli.histories import histories
from tfrec_recall.cli.loading import load_export, trained_on
from tfrec_recall.cli.outputs import output
from tfrec_recall.cli.updates import UPDATED, told_of_update

if TYPE_CHECKING:
    from tfrec_recall.data import Interactions
    from tfrec_recall.export import LoadedRetriever

SHOWN = 5  # items that are named of those that came or went


@dataclasses.dataclass(frozen=True)
class Overlap:
    """How alike the lists of two exports are, over the same users.

    Args:
        users, k: how many were asked, and for lists of which length.
        share: of a user's list, what both have; the mean over users.
        same_first: share of users whose first item is the same.
    """

    users: int
    k: int
    share: float
    same_first: float


@options.reads_data
def diff(
    export: options.Export,
    other: Annotated[pathlib.Path, typer.Argument(help="The export that it is compared with.")],
    source: Source,
    sample: Annotated[
        int,
        typer.Option(min=0, help="Users of the data whose lists are compared; 0 for none."),
    ] = 200,
    k: Annotated[
        int | None,
        typer.Option(
            min=1, help="The length of the lists; the shorter one unless given.", show_default=False
        ),
    ] = None,
    json: options.Differences = None,
) -> None:
    """Compare two exports: their figures, their catalogues, and their lists for the same users.

    Users are those of `--data`, or of the data that the first export was trained on, and of updates
    that it or a later version of it has learnt.
    """
    if not sample:
        source.refuse("--sample", "of 0 users no list is compared, and no data is read")
        if k is not None:
            raise typer.BadParameter(
                "of 0 users no list is compared: leave it out", param_hint="--k"
            )
    target = output(json, "--json")
    beside = target.tables() if target else results()
    old, new = load_export(export), load_export(other)
    metrics = _metrics(old.card.get("metrics") or {}, new.card.get("metrics") or {})
    catalogue = _catalogue(old, new)
    made, untold = _made_of(old.card, new.card), _untold(old.card, new.card)
    comparable = _learnt_alike(old, new)
    overlap = _overlap(old, new, source, sample, k) if sample else None
    _show_metrics(beside, metrics, comparable)
    _show_made_of(beside, made, untold)
    _show_catalogue(beside, catalogue)
    if overlap is not None:
        beside.print(
            f"Lists of {overlap.k} for {overlap.users:,} users: {overlap.share:.1%} of the items "
            f"are in both, {overlap.same_first:.1%} of the users have the same first item.",
            soft_wrap=True,
        )
    if target is not None:
        lists = None if overlap is None else dataclasses.asdict(overlap)
        paths = {"export": str(old.path), "other": str(new.path)}
        told = {"made_of": made, "untold": untold}
        found = {"metrics": metrics, **told, "catalogue": catalogue, "lists": lists}
        target.write_json({**paths, **found})


def _metrics(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Name -> both values, None where one lacks it."""
    return {name: [old.get(name), new.get(name)] for name in {**old, **new}}


def _learnt_alike(old: LoadedRetriever, new: LoadedRetriever) -> bool:
    """Whether figures of the cards are of the same events; says where an update is between."""
    trained = [trained_on(one) for one in (old, new)]
    if trained[0].get(UPDATED) == trained[1].get(UPDATED):
        return True
    for one, card in zip((old, new), trained, strict=True):
        if update := told_of_update(card):
            warn(
                f"{one.path} was updated {update}: its figures are of the newest day of these, and "
                "are not compared."
            )
    return False


def _made_of(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, list[Any]]:
    """What the exports were made of, where it is not the same: name -> both values."""
    first, second = (_parts(card) for card in (old, new))
    names = [name for name in {**first, **second} if first.get(name) != second.get(name)]
    return {name: [first.get(name), second.get(name)] for name in names}


def _untold(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What neither card tells of data, code and packages: it may be another."""
    first, second = (
        {**_parts(card), "packages": card.get("packages") or None} for card in (old, new)
    )
    names = ("data", "fingerprint", "commit", "packages")
    return [name for name in names if first[name] is None and second[name] is None]


def _parts(card: Mapping[str, Any]) -> dict[str, Any]:
    told = card.get("data")
    trained = told if isinstance(told, dict) else {"data": told}
    found: dict[str, Any] = {}
    for name, index in indexes(card.get("retriever") or {}).items():
        of = f" of {name}" if name else ""
        found |= {f"index{of}": index.get("kind"), f"index{of} recall": index.get("recall")}
        found |= {f"index{of} instead of": replaced(index), f"index{of} why": index.get("why")}
        found[f"index{of} warning"] = index.get("warning")
    return {
        **{name: trained.get(name) for name in ("model", "data", "fingerprint", "split", "seed")},
        UPDATED: told_of_update(trained),
        "commit": commit(card) or None,
        **found,
        **(card.get("packages") or {}),
    }


def _catalogue(old: LoadedRetriever, new: LoadedRetriever) -> dict[str, Any]:
    """Items of both catalogues, and ids that are in one alone or tell something else.

    Raises: ValueError where ids are text in one and numbers in the other.
    """
    import pandas as pd

    if old.id_dtype != new.id_dtype:
        raise ValueError(
            "Exports are compared by item ids, which are of one type in both. Received: "
            f"{old.id_dtype.name} in {old.path}, {new.id_dtype.name} in {new.path}."
        )
    from tfrec_recall.operations.catalogue_changes import CatalogueChanges

    before, after = pd.Index(old.item_ids), pd.Index(new.item_ids)
    return dataclasses.asdict(CatalogueChanges.between(before, after, old.items, new.items))


def _overlap(
    old: LoadedRetriever, new: LoadedRetriever, source: Source, sample: int, k: int | None
) -> Overlap:
    """What both recommend to the same users, without what these had unless it is measured, too."""
    import numpy as np

    told = new if _goes_on(old, new) else old
    data = histories(trained_on(told), told.path, source)
    known = np.unique(data[0].users["user_id"].to_numpy())
    drawn = np.random.default_rng(0).permutation(known)[:sample]
    users = [str(user) for user in drawn]
    k, repeats = k or min(old.k, new.k), bool(Protocol.recorded(trained_on(old)).repeats)
    first, second = (_lists(one, users, data, repeats, k) for one in (old, new))
    shares, same = [], []
    for one, another in zip(first, second, strict=True):
        longest = max(len(one), len(another))
        shares.append(len(set(one) & set(another)) / longest if longest else 1.0)
        same.append(one[:1] == another[:1])
    return Overlap(len(users), k, float(np.mean(shares)), float(np.mean(same)))


def _goes_on(old: LoadedRetriever, new: LoadedRetriever) -> bool:
    """Whether the second is a later state of the same training, so that it knows what users had."""
    from tfrec_recall.export.version_files import STATE

    if old.path.parent != new.path.parent:
        return False
    first, second = trained_on(old), trained_on(new)
    numbers = [-1 if one.get(STATE) is None else one[STATE] for one in (first, second)]
    return bool(first.get("data") == second.get("data") and numbers[1] > numbers[0])


def _lists(
    retriever: LoadedRetriever,
    users: list[str],
    data: tuple[Interactions, str],
    repeats: bool,
    k: int,
) -> list[list[Any]]:
    import numpy as np

    queries, rows = of_users_in(*data, retriever, users, {})
    asked = np.array(rows)
    exclude = None if repeats else queries.seen(asked)
    item_ids, scores = retriever(queries.batch(asked), k=k, exclude=exclude)
    real = np.isfinite(scores.numpy())
    return [row[there].tolist() for row, there in zip(item_ids.numpy(), real, strict=True)]


def _show_metrics(on: Console, metrics: Mapping[str, list[Any]], comparable: bool) -> None:
    if not metrics:
        say("Neither export has figures.")
        return
    table = Table("figure", title="Figures", title_justify="left", box=SIMPLE_HEAD)
    for column in ("first", "second", "difference"):
        table.add_column(column, justify="right")
    for name, (before, after) in metrics.items():
        numbers = comparable and all(isinstance(one, int | float) for one in (before, after))
        change = f"{after - before:+.4f}" if numbers else ""
        table.add_row(name, *(_cell(one) for one in (before, after)), change)
    on.print(table)


def _show_made_of(on: Console, made: Mapping[str, list[Any]], untold: Sequence[str]) -> None:
    if made:
        table = Table("made of", "first", "second", title="Differences", title_justify="left")
        table.box = SIMPLE_HEAD
        for name, values in made.items():
            table.add_row(name, *(UNKNOWN if one is None else str(one) for one in values))
        on.print(table)
    elif not untold:
        on.print("Made of the same data, code and packages.")
    else:
        on.print("The cards tell no difference of data, code or packages.")
    if untold:
        told = (
            f"Whether these are the same is not known, as neither card tells: {', '.join(untold)}."
        )
        on.print(told, soft_wrap=True)


def _show_catalogue(on: Console, catalogue: Mapping[str, Any]) -> None:
    before, after = catalogue["items"]
    on.print(f"Items: {before:,} and {after:,}.", soft_wrap=True)
    for name in ("added", "removed", "changed"):
        ids = catalogue[name]
        if ids is None:
            say(f"Items {name}: not known, as an export has no table of items.")
            continue
        more = ", …" if len(ids) > SHOWN else ""
        named = f": {', '.join(map(str, ids[:SHOWN]))}{more}" if ids else ""
        on.print(f"{name.capitalize()}: {len(ids):,}{named}", soft_wrap=True)


def _cell(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else "" if value is None else str(value)
