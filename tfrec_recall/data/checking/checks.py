"""What later code relies on in the tables of a data set, checked once."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import pandas as pd

from tfrec_recall.data.checking.matching import check
from tfrec_recall.data.columns.among import among
from tfrec_recall.data.columns.arrow_frames import without_arrow
from tfrec_recall.data.columns.clock import check_ahead
from tfrec_recall.data.columns.column_types import MISSING
from tfrec_recall.data.columns.times import no_number, seconds
from tfrec_recall.data.columns.written_dates import refuse_dates_ahead
from tfrec_recall.data.ids import BadRows, id_column, refuse
from tfrec_recall.data.kinds import class_name, way_to_pandas
from tfrec_recall.data.notices import tell
from tfrec_recall.data.split_names import PARTS, called

__all__ = [
    "PARTS",
    "check_rows",
    "check_same_type",
    "checked_entities",
    "checked_events",
    "plain_table",
]
IDS = {  # of each table, its own first
    "events": ("user_id", "item_id", "session_id"),
    "users": ("user_id",),
    "items": ("item_id",),
}
NUMBERS = ("rating", "weight")
_MARKED = r"\s*[-+]?[0-9][0-9.,]*\s*"  # text that is a number where commas are in place


def plain_table(frame: pd.DataFrame, table: str) -> pd.DataFrame:
    """A frame of one row of names, without columns of Arrow.

    Raises: ValueError for what is no such frame.
    """
    if not isinstance(frame, pd.DataFrame):
        way = way_to_pandas(frame)
        raise ValueError(
            f"{table} is a pandas DataFrame{f': {way}' if way else ''}. "
            f"Received: {class_name(type(frame))}."
        )
    if frame.columns.nlevels > 1:
        joined = '["_".join(filter(None, map(str, name))) for name in {}.columns]'
        raise ValueError(
            f"{table}: a column has one name, and these have {frame.columns.nlevels}, as .agg with "
            f"several functions gives: {table}.columns = {joined.format(table)} joins them. "
            f"Received: {list(frame.columns)[:3]}."
        )
    return without_arrow(frame)


def _table(frame: pd.DataFrame, table: str, needed: tuple[str, ...]) -> pd.DataFrame:
    """A copy that shares no changes with the frame given, the needed columns first."""
    frame = plain_table(frame, table)
    columns = list(frame.columns)
    repeated = sorted({str(column) for column in columns if columns.count(column) > 1})
    if repeated:
        raise ValueError(f"{table}: column names are unique. Received twice: {repeated}.")
    missing = [column for column in needed if column not in frame]
    if missing:
        in_index = [column for column in missing if column in frame.index.names]
        remedy = (
            f"It is the index: use .reset_index({in_index[0]!r})."
            if in_index
            else _rename_hint(table, missing, _with_fields(frame))
        )
        listed = " and ".join(map(repr, missing))
        said = f"column {listed} is" if len(missing) == 1 else f"columns {listed} are"
        raise ValueError(f"{table}: {said} missing. {remedy} Received columns: {columns}.")
    others = [column for column in columns if column not in needed]
    return frame[[*needed, *others]].reset_index(drop=True)


# Words in the names that ids have elsewhere.
_CALLED = {
    "user_id": "user visitor customer member reviewer account client person buyer id",
    "item_id": "item article product movie book sku asin isbn track song art business listing id",
}


def _with_fields(frame: pd.DataFrame) -> list[str]:
    """The columns by their names; of one that holds objects, the paths of its fields, ids first."""
    result = []
    for column in frame:
        cells = frame[column] if frame[column].dtype == object else frame[column].head(0)
        first = next(iter(cells.dropna().head(1)), None)
        if not isinstance(first, dict):
            result.append(str(column))
            continue
        fields = sorted(map(str, first), key=lambda field: not field.lower().endswith("id"))
        result += [f"{column}.{field}" for field in fields]
    return result


def _rename_hint(table: str, missing: list[str], columns: list[str]) -> str:
    """How to give columns their names, with those that are probably meant."""
    places: dict[str, str] = {}
    known, one = True, len(missing) == 1
    for column in missing:
        free = [name for name in columns if f"{table}.{name}" not in places]
        likely = _likely(column, free)
        known = known and likely is not None
        theirs = "theirs" if one else f"their_{column.removesuffix('_id')}"
        places[f"{table}.{likely or theirs}"] = column
    otherwise = "If it has another name: " if one else "If they have other names: "
    options = " ".join(f"--rename {shlex.quote(f'{name}={ours}')}" for name, ours in places.items())
    return (
        f"{'' if known else otherwise}rename={places} ({options}) names {'it' if one else 'them'}."
    )


def _likely(column: str, columns: list[str]) -> str | None:
    """The column that has the ids, by its name."""
    for word in _CALLED[column].split():
        for name in columns:
            lower = name.lower()
            if name not in _CALLED and (word in lower if word != "id" else lower == "id"):
                return name
    return None


def checked_events(
    frame: pd.DataFrame, time_unit: str | None = None
) -> tuple[pd.DataFrame, str | None]:
    """The events in one form, and the unit that their times turned out to have."""
    has_time = isinstance(frame, pd.DataFrame) and "timestamp" in frame
    events = _table(frame, "events", ("user_id", "item_id", *(["timestamp"] if has_time else [])))
    if not len(events):
        events = _typed(events)
    checked = {column: id_column(events, "events", column) for column in ("user_id", "item_id")}
    if "session_id" in events:
        checked["session_id"] = id_column(events, "events", "session_id")
    if "timestamp" in events:
        if time_unit is None:
            refuse_dates_ahead(events)
        checked["timestamp"], time_unit = _times(events, time_unit)
    elif time_unit is not None:
        raise ValueError(
            f"time_unit={time_unit!r} is of the events' column 'timestamp', and there is none. "
            f"Received columns: {list(events)}."
        )
    for column in NUMBERS:
        if column in events:
            _check_numbers(events, column)
    if "split" in events:
        checked["split"] = _parts(events)
    return events.assign(**checked), time_unit


def _times(
    events: pd.DataFrame, unit: str | None, format: str | None = None
) -> tuple[pd.Series, str]:
    """The times in Unix seconds and "s", or numbers of order and "order"; none of wrong clocks."""
    found, kind = seconds(events, unit=unit, format=format)
    if kind == "s" and unit != "s":  # whoever says so takes them as they are
        check_ahead(events, found)
    return found, kind


def _parts(events: pd.DataFrame) -> pd.Series:
    """The column `split` in our words for its parts; tells of others that mean them."""
    values = events["split"]
    ours = values.isin(PARTS)
    if ours.all():
        return values
    named = values.astype(object).map(called)
    strange = named.isna()
    if strange.any():
        remedy = (
            f"A given split names each event's part: {', '.join(PARTS)}. If the column means "
            "something else: rename={'split': 'their_split'} (--rename split=their_split)."
        )
        refuse(events, "events", "split", strange, "other values", remedy, left_out=True)
    others = sorted(values[~ours].astype("str").unique())
    meant = ", ".join(f"{one!r} as {called(one)!r}" for one in others)
    tell(f"events: column 'split' is read with {meant}.")
    return named.astype("str")


def check_rows(
    tables: Mapping[str, pd.DataFrame | None], time_unit: str | None, time_format: str | None
) -> None:
    """Raises the `BadRows` of a table that can be taken without some of its rows.

    What else is wrong is not looked at, and said where the tables are taken.

    Args:
        time_unit, time_format: of the times, if they are given.
    """
    looks: list[Callable[[], object]] = []
    for table, columns in IDS.items():
        frame = tables.get(table)
        if frame is None:
            continue
        there = [column for column in columns if column in frame]
        looks += [partial(id_column, frame, table, column) for column in there]
        if table != "events" and there:
            looks.append(partial(_refuse_repeated, frame, frame[columns[0]], table, columns[0]))
    events = tables.get("events")
    if events is not None:
        if "timestamp" in events:
            looks.append(partial(_times, events, time_unit, time_format))
        numbers = [column for column in NUMBERS if column in events]
        looks += [partial(_check_numbers, events, column) for column in numbers]
        looks += [partial(_parts, events)] if "split" in events else []
    for look in looks:
        try:
            look()
        except BadRows as error:
            if len(error.places):
                raise
        except (ValueError, TypeError):  # the latter of dicts and lists, which have no hash
            continue


def _typed(events: pd.DataFrame) -> pd.DataFrame:
    """Events without rows, whose numbers are of any type, as those of a header alone are text."""
    types = {"timestamp": "int64", "rating": "float64", "weight": "float64"}
    for column in types.keys() & set(events):
        if not pd.api.types.is_datetime64_any_dtype(events[column].dtype):
            events = events.astype({column: types[column]})
    return events


def _out(column: str) -> str:
    return (
        f"leave the column out, rename={{{column!r}: 'their_{column}'}} "
        f"(--rename {column}=their_{column})"
    )


def _check_numbers(events: pd.DataFrame, column: str) -> None:
    """Ratings are numbers, known or not; weights are numbers from 0 up, in every row."""
    values = events[column]
    if pd.api.types.is_complex_dtype(values.dtype):
        everywhere = np.ones(len(values), dtype=bool)
        remedy = f"A {column} is a real number: take .real of them, or {_out(column)}."
        refuse(events, "events", column, everywhere, f"type {values.dtype}", remedy)
    if not pd.api.types.is_numeric_dtype(values.dtype):
        strange = no_number(values)
        grouped = np.zeros(len(values), dtype=bool)
        if isinstance(values.dtype, pd.StringDtype):  # marks between digits wait for the others
            grouped |= values.str.fullmatch(_MARKED, na=False).to_numpy(dtype=bool)
            wrong = strange & ~grouped & ~values.isin(MISSING).to_numpy()
            strange = wrong if wrong.any() else strange
        if strange.any():
            remedy = f"A {column} is a number: mend these rows, or {_out(column)}."
            if (strange & grouped).any():  # the others may mean thousands, too: all are in question
                remedy = (
                    f"A {column} is a number: say what marks are between its digits, decimal='.' "
                    f"or ',' of files (--decimal), or {_out(column)}."
                )
            what, alone = "text that is no number", not (strange & grouped).any()
            refuse(events, "events", column, strange, what, remedy, left_out=bool(alone))
        everywhere = np.ones(len(values), dtype=bool)
        remedy = (
            f"A {column} is a number: use pd.to_numeric(events[{column!r}]), or of files "
            f"dtype={{{column!r}: 'float64'}} (--type {column}=float64)."
        )
        refuse(events, "events", column, everywhere, f"type {values.dtype}", remedy)
    numbers = values.to_numpy(dtype="float64", na_value=np.nan)
    if column == "weight":
        bad = ~(np.isfinite(numbers) & (numbers >= 0))
        what = "missing, negative or infinite values"
        remedy = f"A weight is a number from 0 up: mend these rows, or {_out(column)}."
    else:
        bad = np.isinf(numbers)
        what, remedy = "infinite values", "A rating is a finite number, or missing."
    if bad.any():
        refuse(events, "events", column, bad, what, remedy, left_out=True)


def _refuse_repeated(frame: pd.DataFrame, ids: pd.Series, table: str, column: str) -> None:
    repeated = ids.duplicated(keep=False) & ids.notna()
    if repeated.any():
        remedy = (
            f"{table} has one row an id: use .drop_duplicates({column!r}) or aggregate; the last "
            "row of each id is what stays where the others are left out."
        )
        earlier = ids.duplicated(keep="last") & ids.notna()
        refuse(frame, table, column, repeated, "repeated ids", remedy, left_out=earlier)


def checked_entities(
    frame: pd.DataFrame | None,
    table: str,
    column: str,
    events: pd.DataFrame,
    mend_ids: bool | None,
) -> pd.DataFrame:
    """The users or items, one row an id, with a row for those that only the events know."""
    met = pd.Series(events[column].unique(), name=column)
    if frame is None:
        if mend_ids is None:
            check(met, None, table, column)
        return met.sort_values(ignore_index=True).to_frame()
    entities = _table(frame, table, (column,))
    ids = id_column(entities, table, column)
    _refuse_repeated(entities, ids, table, column)
    if len(entities) == 0:
        ids = ids.astype(met.dtype)
    entities = entities.assign(**{column: ids})
    check_same_type(events, entities, table, column)
    if mend_ids is None:
        check(met, ids, table, column)
    absent = met[~among(met, ids)].sort_values(ignore_index=True)
    if len(absent) == 0:
        return entities
    # Nullable types, so that integers and booleans stay what they are beside missing values.
    others = entities.columns.drop(column)
    plain = {
        name: {"i": "Int64", "u": "UInt64", "b": "boolean"}[entities[name].dtype.kind]
        for name in others
        if isinstance(entities[name].dtype, np.dtype) and entities[name].dtype.kind in "iub"
    }
    return pd.concat([entities.astype(plain), absent.to_frame()], ignore_index=True)


def check_same_type(events: pd.DataFrame, entities: pd.DataFrame, table: str, column: str) -> None:
    theirs, ours = events[column].dtype, entities[column].dtype
    if theirs != ours and len(events) and len(entities):
        first, others = (frame[column].iloc[:1].tolist()[0] for frame in (entities, events))
        raise ValueError(
            f"{table}: column {column!r} has another type than in events, so no id would match. "
            "Bring both to one type, for instance with .astype('str'); mend_ids=True (--mend-ids) "
            f"does. Received: {ours} in {table} (first: {first!r}), {theirs} in events (first: "
            f"{others!r})."
        )
