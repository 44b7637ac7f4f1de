"""How the files of a data set are written, and what of them is wanted."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from tfrec_recall.data.columns.times import check_unit

TABLES = ("events", "users", "items")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layout:
    """How files are written, where that differs from CSV with a header, commas and Unix seconds.

    Where a column is named, it is by our name, after `rename`, and `items.category` is the one of
    items alone. What says nothing of the files at hand is an error.

    Args:
        rename: `{"their column": "ours"}`, or `{"users.id": "user_id"}` for one table; a field of
            objects in JSON lines or Parquet by its path, `{"user.id": "user_id"}`.
        columns: the columns to keep beside the ids, times, ratings, weights, sessions, kinds and
            parts of events; all by default. The features that models find by themselves are these.
        dtype: types of columns, `{"zip_code": "str"}`; "str" keeps the text as it is.
        lists: `{"genres": "|"}` for text that holds a list; where many values have `|`, or all are
            `['a', 'b']`, this is seen without.
        names: the columns of text files without a header, in order; `{"items": [...]}` by table.
        separator: what stands between the cells of text files; by default a comma, a tab in .tsv,
            `::` in .dat.
        encoding: of text files.
        quotes: whether a quotation mark at the beginning of a cell opens a quoted one, which may
            hold separators and line breaks. By default so, but where the separator is longer than
            a character.
        escape: `\\` where quotation marks within a quoted cell are written as `\\"`, as Spark, Hive
            and MySQL do; by default they are written twice.
        decimal: what stands before the decimals of numbers in text files; "." says that commas in
            them part thousands, "," that points do.
        time_unit: of timestamps that are numbers: s, ms, us, ns, days, spreadsheet or order.
        time_format: of timestamps in another form, in the language of `strftime`: `%Y%m%d`.
        mend_ids: True takes away blanks around ids and the `.0` of whole numbers, writes accented
            characters in one way, and gives ids of events the leading zeros they have elsewhere;
            False keeps ids as they are. By default ids of which one of these would make others are
            refused.
        drop_bad_rows: leave out rows without an id, without a time that can be read where the
            others have one, with a rating, weight or part of a split that is none; and all but the
            last row of a user or an item. Each reason is told with the number of its rows. Where
            more than half of the rows are so, the column is refused all the same, but for ids of
            users and items that come again; and so is one whose `dtype` is given.
    """

    rename: Mapping[str, str] = dataclasses.field(default_factory=dict)
    columns: Collection[str] | None = None
    dtype: Mapping[str, str] = dataclasses.field(default_factory=dict)
    lists: Mapping[str, str] = dataclasses.field(default_factory=dict)
    names: Sequence[str] | Mapping[str, Sequence[str]] | None = None
    separator: str | None = None
    encoding: str | None = None
    quotes: bool | None = None
    escape: str | None = None
    decimal: str | None = None
    time_unit: str | None = None
    time_format: str | None = None
    mend_ids: bool | None = None
    drop_bad_rows: bool = False

    def __post_init__(self) -> None:
        check_unit(self.time_unit)
        for field in ("rename", "dtype", "lists"):
            object.__setattr__(self, field, dict(getattr(self, field) or {}))
        for field in ("columns", "names"):
            if isinstance(getattr(self, field), str):
                raise ValueError(
                    f"{field} is a list of names, {field}=['user_id', 'item_id']. "
                    f"Received: {getattr(self, field)!r}."
                )
        twice = sorted(set(self.dtype) & set(self.lists))
        if twice:
            raise ValueError(
                f"dtype or lists says what a column is, and not both. Received both of {twice}: "
                f"dtype={self.dtype}, lists={self.lists}."
            )
        if self.separator == "" or self.separator in ('"', "\n", "\r"):
            raise ValueError(
                "separator is what stands between the cells of a line, such as ';'. "
                f"Received: {self.separator!r}."
            )
        if self.escape not in (None, "\\") or (self.escape and self.quotes is False):
            raise ValueError(
                "escape is a backslash, before quotation marks within quoted cells. Received: "
                f"escape={self.escape!r}, quotes={self.quotes}."
            )
        if self.decimal not in (None, ".", ","):
            raise ValueError(f"decimal is '.' or ','. Received: {self.decimal!r}.")
        if self.time_unit is not None and self.time_format is not None:
            raise ValueError(
                "time_unit is for numbers that count from 1970, time_format for written dates: "
                f"one of them. Received: {self.time_unit!r}, {self.time_format!r}."
            )
        if self.time_format is not None and "%" not in self.time_format:
            raise ValueError(
                "time_format says how times are written in the language of strftime: '%Y-%m-%d', "
                f"'%d/%m/%Y %H:%M'. Received: {self.time_format!r}."
            )
        try:
            "".encode(self.encoding or "utf-8")  # also refuses rot13, which is none of text
        except LookupError as error:
            raise ValueError(
                f"encoding is one that Python knows, such as 'latin-1'. Received: "
                f"{self.encoding!r}."
            ) from error
        for table in self._names_by_table():
            if table not in TABLES:
                raise ValueError(f"names are of {', '.join(TABLES)}. Received: {table!r}.")

    def _names_by_table(self) -> dict[str, list[str]]:
        if self.names is None:
            return {}
        if isinstance(self.names, Mapping):
            return {table: list(names) for table, names in self.names.items()}
        return {"events": list(self.names)}

    def names_of(self, table: str) -> list[str] | None:
        """The columns of a file without a header; None if it has one."""
        return self._names_by_table().get(table)

    def given(self) -> dict[str, Any]:
        """The arguments that are not at their default."""
        default = Layout()
        return {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if getattr(self, field.name) != getattr(default, field.name)
        }


def pick(options: Mapping[str, Any], table: str, column: str) -> Any:
    """What is said of a column, for its table or for all; None if nothing is.

    >>> pick({"age": "str", "items.age": "int64"}, "items", "age")
    'int64'
    """
    return options.get(f"{table}.{column}", options.get(column))
