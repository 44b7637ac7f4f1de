"""The events that users have had, for commands that list what they have not."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tfrec_recall.cli.arguments.protocol import Protocol
from tfrec_recall.cli.arguments.source import Source
from tfrec_recall.cli.console import say, waiting, warn
from tfrec_recall.cli.updates import told_of_update

if TYPE_CHECKING:
    import pandas as pd

    from tfrec_recall.data import Interactions
    from tfrec_recall.upkeep import TrainingState

TABLES = {"users": "user_id", "items": "item_id"}


def histories(
    trained: Mapping[str, Any], version: pathlib.Path, source: Source
) -> tuple[Interactions, str]:
    """The data that are given, or an export's own with what its updates have learnt; their name.

    Of an export that was updated, whose training state is not there, it is said that what was
    learnt since may be missing.

    Args:
        trained: what the card of the export tells of its data.
        version: its directory.

    Raises: FileNotFoundError where neither the data are where they were, nor a state beside the
        export; ValueError for data that cannot be read, or where the card tells of none.
    """
    measured, update = Protocol.recorded(trained), told_of_update(trained)
    if source.place is not None or update is None:
        found = source.or_of_card(trained)
        return measured.counted(found.load()), found.name
    from tfrec_recall.upkeep import TrainingState

    try:
        state = TrainingState.of(version)
    except ValueError as error:
        found = source.or_of_card(trained)
        warn(
            f"Histories are those of {found.name}: {version} was updated {update}, and what it has "
            f"learnt since may not be in them. Give --data with all events. {error}"
        )
        return measured.counted(found.load()), found.name
    try:
        found = source.or_of_card(trained)
    except (FileNotFoundError, ValueError) as error:
        if source != Source():
            raise  # something is said of the data
        warn(f"Histories are those that the training state has learnt from alone. {error}")
        return _of_state(state), str(state.folder)
    return _joined(measured.counted(found.load()), state, source), found.name


def _of_state(state: TrainingState) -> Interactions:
    from tfrec_recall.data import Interactions

    with waiting("Reading the training state"):
        return Interactions(
            *(state.events(), state.users(), state.items()),
            time_unit=state.time_unit,
            mend_ids=False,
        )


def _joined(data: Interactions, state: TrainingState, source: Source) -> Interactions:
    """The data with the events that a state has and they have not, and what it tells of users and
    items; tables that were given count for more.
    """
    from tfrec_recall.data import Interactions
    from tfrec_recall.data.recent_events import followed, merged

    with waiting("Reading the training state"):
        learnt = state.events()
        since = learnt[~_rows(learnt).isin(_rows(data.events))]
        known = {"users": state.users(), "items": state.items()}
    say(f"Histories have {len(since):,} events that updates have learnt since.")
    tables: dict[str, Any] = {}
    for table, key in TABLES.items():
        both = getattr(data, table), known[table]
        before, after = both if getattr(source, table) is None else both[::-1]
        tables[table] = merged(before, after, key)
    events = data.events.drop(columns="split", errors="ignore")  # what was learnt since has none
    return Interactions(
        followed(events, since),
        **tables,
        name=data.name,
        time_unit=data.time_unit,
        mend_ids=False,
    )


def _rows(events: pd.DataFrame) -> pd.Series:
    """A number for each event, the same for the same user, item and time."""
    import pandas as pd

    rows = events[[name for name in ("user_id", "item_id", "timestamp") if name in events]]
    if "timestamp" in rows:
        rows = rows.astype({"timestamp": "float64"})
    return pd.util.hash_pandas_object(rows, index=False)
