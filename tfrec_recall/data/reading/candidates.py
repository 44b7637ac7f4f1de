"""Pairs of users and items beside a data set, whose ids are the data's."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from tfrec_recall.data.checking.bad_rows import leaving_out
from tfrec_recall.data.checking.matching import check, mended, without_zeros
from tfrec_recall.data.ids import id_column, of_one_type
from tfrec_recall.data.notices import tell
from tfrec_recall.data.reading import Layout, read_untyped

if TYPE_CHECKING:
    from tfrec_recall.data.interactions import Interactions


def read_candidates(
    path: pathlib.Path,
    interactions: Interactions,
    rename: Mapping[str, str] | None = None,
    mend_ids: bool | None = None,
    separator: str | None = None,
    encoding: str | None = None,
    drop_bad_rows: bool | None = None,
) -> pd.DataFrame:
    """user_id and item_id of a file in any form that data is read from.

    Args:
        rename, mend_ids: as of the data, or other names; columns that have ours already need none.
        drop_bad_rows: leave out rows without an id; how many is told.
        separator, encoding: of the data; a file that cannot be read without is read by them.

    Raises: ValueError if the file cannot be read or has no row, an id has another type than the
        data's, or almost none is there.
    """
    pairs, untyped = _read(path, rename or {}, separator, encoding)
    if not len(pairs):
        raise ValueError(
            f"{path} has no row: candidates are a row a user and item. Received columns: "
            f"{list(pairs)}."
        )
    look = partial(
        _checked, path=path, untyped=untyped, interactions=interactions, mend_ids=mend_ids
    )
    return leaving_out(look, {str(path): pairs}, drop_bad_rows)


def _checked(
    tables: Mapping[str, pd.DataFrame | None],
    path: pathlib.Path,
    untyped: Sequence[str],
    interactions: Interactions,
    mend_ids: bool | None,
) -> pd.DataFrame:
    """The ids of the file, which is the one table, as those of the data."""
    pairs = tables[str(path)]
    assert pairs is not None  # it is the file
    result = {}
    for column in ("user_id", "item_id"):
        if column not in pairs:
            raise ValueError(
                f"{path}: column {column!r} is missing; rename={{'theirs': {column!r}}} (--rename "
                f"candidates.theirs={column}) names one of the candidates. Received: {list(pairs)}."
            )
        known = interactions.events[column]
        written = _mended(pairs[column], known, str(path)) if mend_ids else pairs[column]
        columns = {"the data": known, str(path): written}
        without_types = [str(path)] if column in untyped else []
        ids = of_one_type(columns, without_types, column)[str(path)]
        ids = id_column(ids.to_frame(), str(path), column)
        if ids.dtype != known.dtype and len(known):
            raise ValueError(
                f"{path}: {column} is of the data's type, {known.dtype}. Received: {ids.dtype}, "
                f"the first {ids.iloc[0]!r}."
            )
        table = interactions.users if column == "user_id" else interactions.items
        if mend_ids is None:
            check(ids.drop_duplicates(), table[column], "the data", column, "the candidates")
        result[column] = ids
    return pd.DataFrame(result)


def _read(
    path: pathlib.Path, rename: Mapping[str, str], separator: str | None, encoding: str | None
) -> tuple[pd.DataFrame, list[str]]:
    """The file as its name says that it is written, or else as the data is."""
    try:
        return read_untyped(path, Layout(rename=rename))
    except ValueError as error:
        for between, code in ((separator, encoding), (separator, None), (None, encoding)):
            with contextlib.suppress(ValueError):
                if between or code:
                    layout = Layout(rename=rename, separator=between, encoding=code)
                    return read_untyped(path, layout)
        raise ValueError(
            f"{error} Candidates are written with the separator that their name says and in UTF-8, "
            "or as the data is."
        ) from error


def _mended(ids: pd.Series, known: pd.Series, file: str) -> pd.Series:
    """The ids as those of the data are written."""
    column = str(ids.name)
    if not pd.api.types.is_integer_dtype(known.dtype):
        return mended([(file, ids), ("the data", known)], column)[0]
    found = mended([(file, ids)], column)[0]
    if pd.api.types.is_integer_dtype(found.dtype):
        return found
    plain = without_zeros(found)
    changed = plain != found
    if changed.any():
        tell(f"{file}: {int(changed.sum()):,} {column}s were written without their leading zeros.")
    return plain
