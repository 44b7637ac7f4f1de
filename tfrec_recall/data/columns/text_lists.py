"""Lists that stand in a text: "Action|Drama", "['new', 'red']", "[0.1 0.2]"."""

from __future__ import annotations

import ast
import io
import itertools
import json
import re
import tokenize
from typing import Any

import pandas as pd

NOTHING = ("nan", "NaN", "null", "None", "NA", "<NA>")  # a missing value, without quotation marks
_BRACKETS = re.compile(r"^[ \t\r\n]*\[(.*)\][ \t\r\n]*\Z", re.DOTALL)  # also over several lines
_QUOTES = re.compile("['\"]")
_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]*)")
_FRACTION = re.compile(
    r"[+-]?(?:(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+|inf)"
)
_BY_BLANKS = re.compile(r"""['"]\s+\w?['"]""")


def parts_of(text: str, separator: str) -> list[str]:
    """The values that a text lists, without blanks and quotation marks around them.

    >>> parts_of("Action | Drama", "|"), parts_of("['new', 'red']", ","), parts_of("", ",")
    (['Action', 'Drama'], ['new', 'red'], [])
    """
    inner = _BRACKETS.sub(r"\1", text)
    return [part for raw in inner.split(separator) if (part := raw.strip(" \t\r\n'\""))]


def split_at(separator: str, values: pd.Series) -> pd.Series:
    """As `parts_of`, of each text; a missing one lists nothing.

    >>> split_at("|", pd.Series(["Action | Drama", None])).tolist()
    [['Action', 'Drama'], []]
    """
    texts = values.astype("object").where(values.notna(), "").astype("str")
    return texts.map(lambda text: parts_of(text, separator))


def written(text: str) -> list[Any]:
    """The list that JSON, Python or NumPy has written; None for what is missing in it.

    Raises: ValueError if it is none, or cut short by dots.

    >>> written("['new', nan]"), written('["a", null]'), written("[0.   1.5]")
    (['new', None], ['a', None], [0.0, 1.5])
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        try:
            found = _as_literals(text) if _QUOTES.search(text) else _without_quotes(text)
        except (SyntaxError, tokenize.TokenError, MemoryError, RecursionError) as error:
            raise ValueError(f"{text!r} is no list: {error}") from error
    if not isinstance(found, list):
        raise ValueError(f"{text!r} is no list.")
    return [None if one != one else one for one in found]


def _without_quotes(text: str) -> list[Any]:
    """Numbers, parted by commas or by blanks."""
    inner = _BRACKETS.sub(r"\1", text).strip()
    raw = re.split(r"\s*,\s*", inner.rstrip(", ")) if "," in inner else inner.split()
    return [None if one in NOTHING else _number(one) for one in raw]


def _number(text: str) -> int | float:
    if _WHOLE.fullmatch(text):
        return int(text)
    if _FRACTION.fullmatch(text):
        return float(text)
    raise ValueError(f"{text!r} is no number")


def _as_literals(text: str) -> Any:
    """Literals; NumPy parts `['a' 'b']` by blanks, where Python would join them."""
    if not _BY_BLANKS.search(text):
        try:
            return ast.literal_eval(text)
        except ValueError:
            pass  # a name stands in it, which may be that of what is missing
    tokens = [
        ("None" if one.type == tokenize.NAME and one.string in NOTHING else one.string, one.type)
        for one in tokenize.generate_tokens(io.StringIO(text).readline)
        if one.string.strip()
    ]
    values = (tokenize.STRING, tokenize.NUMBER, tokenize.NAME)
    by_blanks = any(a in values and b in values for (_, a), (_, b) in itertools.pairwise(tokens))
    if not by_blanks:
        return ast.literal_eval(" ".join(string for string, _ in tokens))
    if any(string == "," for string, _ in tokens):
        raise ValueError("parted by commas and by blanks")
    return [ast.literal_eval(string) for string, kind in tokens if kind in values]
