"""The report as one HTML file that asks nobody for anything."""

from __future__ import annotations

import importlib.resources
import json
from collections.abc import Mapping
from typing import Any

LARGEST = 2**53 - 1  # of the whole numbers that JavaScript tells from their neighbours
DATA, STYLE, SCRIPTS = "/*data*/", "/*style*/", "/*scripts*/"
FILES = ("format.js", "chart.js", "leaderboard.js", "groups.js", "people.js", "report.js")


def page(summary: Mapping[str, Any], titles: Mapping[Any, str]) -> str:
    """The page of a summary.

    Args:
        titles: what items are called, by raw id; of those that stand in a list, or are a reason.
    """
    folder = importlib.resources.files("tfrec_recall.comparison") / "report"

    def text(name: str) -> str:
        return (folder / name).read_text(encoding="utf-8")

    rows = [row for model in summary["models"] for one in model["lists"] for row in one]
    listed = {item for item, *_ in rows}
    listed |= {item for *_, reason in rows for item, _ in reason.get("near", ())}
    named = {str(item): titles[item] for item in listed if item in titles}
    told = {**_exact(summary), "titles": named}
    data = json.dumps(told, ensure_ascii=False, allow_nan=False)
    # Neither may end the element that it stands in, whatever titles are made of.
    data = data.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    whole = text("report.html").replace(STYLE, text("report.css"))
    whole = whole.replace(SCRIPTS, "\n".join(text(name) for name in FILES))
    before, after = whole.split(DATA)
    return before + data + after


def _exact(value: Any) -> Any:
    """Plain values with whole numbers as text where JavaScript would round them, as ids may be.

    >>> _exact({"user": 2**60 + 1, "events": 2})
    {'user': '1152921504606846977', 'events': 2}
    """
    if isinstance(value, Mapping):
        return {name: _exact(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_exact(one) for one in value]
    is_rounded = isinstance(value, int) and abs(value) > LARGEST
    return str(value) if is_rounded else value
