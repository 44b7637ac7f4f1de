"""Columns that by name or values are almost those looked for: they are passed over aloud."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

import pandas as pd

from tfrec_recall.data.columns.time_formats import of_all
from tfrec_recall.data.columns.times import are_dates, holds_dates
from tfrec_recall.data.ids import of_categories
from tfrec_recall.data.notices import tell
from tfrec_recall.data.reading.columns import RESERVED

ROWS = 1000  # of a table that show what its columns hold
_TIMES = "time date datetime ts epoch unixtime unixtimestamp eventtime createdat unixreviewtime"


def tell_of_names(table: str, names: Sequence[str], frame: pd.DataFrame | None = None) -> None:
    """Tells of columns that have nearly the name of another one, or of one that is looked for.

    Args:
        frame: columns of the table, of which one may hold times under any name.

    >>> tell_of_names("events", ["user_id", "item_id", "timestamp"])
    """
    by_form: dict[str, list[str]] = {}
    for name in names:
        by_form.setdefault(_form(name), []).append(name)
    for form, alike in by_form.items():
        if form and len(alike) > 1:
            listed = ", ".join(map(repr, alike))
            tell(f"{table}: {listed} are different columns, much as their names are alike.")
    for ours in RESERVED if table == "events" else ():
        if ours in names or ours in ("user_id", "item_id"):  # without these nothing is read
            continue
        forms = [_form(ours), *(_TIMES.split() if ours == "timestamp" else ())]
        found = [name for form in forms for name in by_form.get(form, ())]
        if not found and ours == "timestamp":  # or a phrase that speaks of time
            found = [name for name in names if _words(name) & {"time", "date", "timestamp"}]
            found = found or (_of_times(frame) if isinstance(frame, pd.DataFrame) else [])
        if found:
            tell(
                f"events: column {found[0]!r} is one like others, as it is not called {ours!r}; "
                f"rename={{'events.{found[0]}': {ours!r}}} "
                f"(--rename {shlex.quote(f'events.{found[0]}={ours}')}) "
                "takes it for that."
            )


def _of_times(frame: pd.DataFrame) -> list[str]:
    """Columns that hold moments or days, or text of them in whatever form."""

    def holds_them(values: pd.Series) -> bool:
        some = of_categories(values).dropna()
        if pd.api.types.infer_dtype(some) != "string":
            return holds_dates(some)
        is_number = some.astype("str").str.isdigit()  # such as of an article
        return not is_number.any() and (are_dates(some) or of_all(some) is not None)

    first = frame.head(ROWS)
    return [str(name) for name, one in first.items() if name not in RESERVED and holds_them(one)]


def _words(name: str) -> set[str]:
    return set(re.findall(r"[a-z]+", name.lower()))


def _form(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()
