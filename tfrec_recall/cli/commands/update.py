"""`tfrec-recall update`."""

from __future__ import annotations

import dataclasses
import pathlib
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tfrec_recall.cli.arguments import options
from tfrec_recall.cli.arguments.protocol import Protocol
from tfrec_recall.cli.arguments.source import Source, telling
from tfrec_recall.cli.console import ALARM, results, say, waiting, warn
from tfrec_recall.cli.loading import load_export, trained_on
from tfrec_recall.cli.outputs import output
from tfrec_recall.cli.recorded_layout import layout_for
from tfrec_recall.cluster import Cluster

if TYPE_CHECKING:
    import pandas as pd

    from tfrec_recall.data import Interactions
    from tfrec_recall.export import LoadedRetriever
    from tfrec_recall.upkeep import Updated


@options.reads_new
def update(
    export: options.Export,
    source: Source,
    events: Annotated[
        pathlib.Path,
        typer.Option(
            metavar="FILE",
            exists=True,
            help="The events since, with the columns of the training, written as its files were "
            "unless the options of data say otherwise.",
            show_default=False,
        ),
    ],
    items: Annotated[
        pathlib.Path | None,
        typer.Option(
            metavar="FILE", exists=True, help="Items that are new or changed.", show_default=False
        ),
    ] = None,
    users: Annotated[
        pathlib.Path | None,
        typer.Option(
            metavar="FILE", exists=True, help="Users who are new or changed.", show_default=False
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Export the new version although it is worse.")
    ] = False,
    epochs: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Over the new events and those that are replayed; 2 of models that descend.",
            show_default=False,
        ),
    ] = None,
    replay: Annotated[
        float,
        typer.Option(min=0.0, help="Earlier events that are learnt again, for each new one."),
    ] = 1.0,
    minimum_count: Annotated[
        int | None,
        typer.Option(
            min=2,
            metavar="N",
            help="Users and items with fewer events give their place to new ones.",
            show_default=False,
        ),
    ] = None,
    unseen_days: Annotated[
        float | None,
        typer.Option(
            metavar="DAYS",
            help="Users and items without an event for so long give their place to new ones.",
            show_default=False,
        ),
    ] = None,
    keep_days: Annotated[
        float | None,
        typer.Option(
            metavar="DAYS",
            help="Let events go from the training state: those of users without one for so long, "
            "with their rows, and older ones that no history reaches. All are kept unless given.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of what is drawn.")] = 0,
    again: Annotated[
        bool, typer.Option("--again", help="Learn events that an earlier update has learnt.")
    ] = False,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            help="Refuse the new version, too, where recall fell by anything, of however few "
            "users, or could not be measured.",
        ),
    ] = False,
    new_places: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="N",
            help="Places of each list for items of the last day, whatever is known of them; as in "
            "the version before unless given, and 0 at first.",
            show_default=False,
        ),
    ] = None,
    json: options.Differences = None,
) -> None:
    """Learn from new events and write the next version, without starting over.

    It needs the state that `train --keep-state` wrote. The model grows by new users, items and
    values, and learns; on the newest day, which is held back for that, it is compared with the
    version that serves. A version that is surely worse is refused, and the exit code is 3. Of a
    directory of versions the newest goes on; `EXPORT/2` goes on from version 2, without what later
    ones learnt.
    """
    Cluster.refuse("update")
    if force and strict:
        raise typer.BadParameter("--force exports what it refuses", param_hint="--strict")
    target = output(json, "--json")
    serving = load_export(export)
    new = _read(serving, events, users, items, source.layout)
    from tfrec_recall.retrieval import IndexNotice
    from tfrec_recall.upkeep import update as updated

    with telling(IndexNotice), waiting(f"Updating {serving.path}"):
        found = updated(
            export,
            new,
            force,
            epochs,
            replay,
            minimum_count,
            unseen_days,
            keep_days,
            seed,
            again,
            strict,
            new_places,
        )
    shown = target.tables() if target else results()
    for line in told_of(found):
        shown.print(line, soft_wrap=True)
    if target is not None:
        values: dict[str, Any] = dataclasses.asdict(found)
        target.write_json({**values, "version": found.version and str(found.version)})
    if found.version is None:
        better = f"{serving.path} is better on {found.held}"
        why = better if found.measured else "recall could not be measured (--strict)"
        told = f"Refused: {why}, and no version was written. --force exports it all the same."
        warn((told, "red"))
        raise typer.Exit(ALARM)
    say("Exported to ", (str(found.version), "bold"))


def told_of(found: Updated) -> list[str]:
    """What is new, what it took, and what the events say that were held back."""
    from tfrec_recall.upkeep.differences import LEAST

    lines = [f"New: {found.events:,} events, {found.users:,} users, {found.items:,} items."]
    if found.before is not None and found.after is not None:
        change, error = found.difference or (found.after - found.before, None)
        sure = "" if found.measured >= LEAST else f"; of fewer than {LEAST} users nothing is sure"
        off = "" if error is None else f" ± {error:.4f}"
        lines.append(
            f"recall@50 of {found.measured:,} users on {found.held}: {found.before:.4f} before, "
            f"{found.after:.4f} after ({change:+.4f}{off}{sure})."
        )
    if found.index is not None:
        lines.append(f"Index: {told_of_index(found.index)}.")
    took = ", ".join(f"{name} {seconds:,.1f} s" for name, seconds in found.seconds.items())
    return [*lines, f"It took {sum(found.seconds.values()):,.1f} s: {took}."]


def told_of_index(report: Mapping[str, Any]) -> str:
    """What an index is, its recall, and whether it went on with the tree of the version before.

    >>> told_of_index({"kind": "exact", "recall": 1.0})
    'exact, recall 1.000'
    """
    from tfrec_recall.operations.kept_tree import KEPT

    told = f"{report['kind']}, recall {report['recall']:.3f}"
    if KEPT in report:
        told += f"; its tree was kept, {report[KEPT]['now']:,} items are new in it or have moved"
    return told


def _read(
    serving: LoadedRetriever,
    events: pathlib.Path,
    users: pathlib.Path | None,
    items: pathlib.Path | None,
    given: Mapping[str, Any],
) -> Interactions:
    """The new events, read as is said and else as those of the training were, and counted so."""
    from tfrec_recall.data import Interactions
    from tfrec_recall.data.checking.matching import check_new
    from tfrec_recall.data.notices import Strangers
    from tfrec_recall.data.reading import find_tables
    from tfrec_recall.upkeep.state import TrainingState

    card = trained_on(serving)
    recorded = card.get("layout") or {}
    with telling(), waiting(f"Reading {events}"):
        warnings.simplefilter("ignore", Strangers)  # the tables are of what is new or changed
        files = find_tables(events, {"users": users, "items": items})
        layout = layout_for(files, recorded, given)
        mend_ids = layout.get("mend_ids")
        new = Interactions.from_files(events, users, items, **{"mend_ids": False, **layout})
        if not len(new.events):
            raise ValueError(
                f"{events}: the table of events has no row, and an update learns events. A "
                "catalogue that changed without any is what reindex takes."
            )
        known = TrainingState.of(serving.path).ids()
        new = as_known(new, known, files)
        if mend_ids:
            new = spelled_as(new, known)
        if mend_ids is not False:
            for column, ids in known.items():
                met = new.users if column == "user_id" else new.items
                check_new(met[column], ids, str(events), column)
    return Protocol.recorded(card).counted(new)


def as_known(
    new: Interactions, known: Mapping[str, pd.Series], files: Mapping[str, pathlib.Path | None]
) -> Interactions:
    """The new events with text for ids where the known ones are, if no file has types.

    A file of one day may hold no id but whole numbers, where those of the training were text.
    """
    import pandas as pd

    from tfrec_recall.data import Interactions
    from tfrec_recall.data.reading import is_text

    tables: dict[str, Any] = {"events": new.events, "users": new.users, "items": new.items}
    typed = {table for table, path in files.items() if path is not None and not is_text(path)}
    for column, other in (("user_id", "items"), ("item_id", "users")):
        having = tables.keys() - {other}
        whole = pd.api.types.is_integer_dtype(new.events[column].dtype)
        if whole and isinstance(known[column].dtype, pd.StringDtype) and not typed & having:
            for table in having:
                text = tables[table][column].astype("str")
                tables[table] = tables[table].assign(**{column: text})
    return Interactions(**tables, name=new.name, time_unit=new.time_unit, mend_ids=False)


def spelled_as(new: Interactions, known: Mapping[str, pd.Series]) -> Interactions:
    """The new events with the leading zeros that the known ids have, where those are text."""
    import pandas as pd

    from tfrec_recall.data import Interactions
    from tfrec_recall.data.checking.matching import by_zeros
    from tfrec_recall.data.notices import tell

    tables: dict[str, Any] = {"events": new.events, "users": new.users, "items": new.items}
    for column, of in (("user_id", "users"), ("item_id", "items")):
        every = tables[of][column]  # those of the events, too
        if not all(isinstance(ids.dtype, pd.StringDtype) for ids in (every, known[column])):
            continue
        zeros = by_zeros(every, known[column])
        if not len(zeros):
            continue
        tell(
            f"{new.name}: {len(zeros):,} {column}s were written as the export knows them, such as "
            f"{zeros.index[0]!r} as {zeros.iloc[0]!r}."
        )
        for table in ("events", of):
            ids = tables[table][column]
            spelled = ids.where(~ids.isin(zeros.index), ids.map(zeros)).astype("str")
            tables[table] = tables[table].assign(**{column: spelled})
        tables[of] = tables[of].drop_duplicates(column, ignore_index=True)  # of both forms
    return Interactions(**tables, name=new.name, time_unit=new.time_unit, mend_ids=False)
