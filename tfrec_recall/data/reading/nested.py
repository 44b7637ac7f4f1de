"""Objects within objects, `{"user": {"id": 7}}`, of which `rename` takes fields: `user.id`."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc


def reached_into(names: Iterable[str], table: str) -> set[str]:
    """The objects that names of fields lead through; a name may begin with that of the table.

    >>> sorted(reached_into(["events.user.account.id", "day"], "events"))
    ['user', 'user.account']
    """
    paths = [name.removeprefix(f"{table}.").split(".") for name in names]
    return {".".join(path[:depth]) for path in paths for depth in range(1, len(path))}


def spread(found: pa.Table, objects: Collection[str]) -> pa.Table:
    """The table with a column for each field of these objects, in their place.

    >>> spread(pa.table({"user": [{"id": 7, "age": 30}]}), ["user"]).to_pydict()
    {'user.id': [7], 'user.age': [30]}
    """
    while True:
        place = next(
            (
                place
                for place, field in enumerate(found.schema)
                if field.name in objects and pa.types.is_struct(field.type)
            ),
            None,
        )
        if place is None:
            return found
        column, field = found.column(place), found.schema.field(place)
        found = found.remove_column(place)
        for number, within in enumerate(field.type):
            values = pc.struct_field(column, [number])
            found = found.add_column(place + number, f"{field.name}.{within.name}", values)


def value_at(line: dict[str, Any], name: str) -> Any:
    """The value of a field by its name or its path; None where it is not there.

    >>> value_at({"user": {"id": 7}, "a.b": 8}, "user.id"), value_at({"a.b": 8}, "a.b")
    (7, 8)
    """
    if name in line:
        return line[name]
    value: Any = line
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value
