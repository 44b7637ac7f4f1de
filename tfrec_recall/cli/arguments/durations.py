"""Lengths of time as a person writes them."""

from __future__ import annotations

import re

SECONDS = {"h": 3600, "m": 60, "s": 1}
WRITTEN = re.compile(r"(?:(?P<h>\d+(?:\.\d+)?)h)?(?:(?P<m>\d+(?:\.\d+)?)m)?(?:(?P<s>\d+)s)?")


def seconds(text: str, option: str = "--budget") -> float:
    """The seconds of 2h, 90m, 1h30m or 45s.

    Raises: ValueError for anything else, and for none at all.

    >>> seconds("1h30m"), seconds("0.5h")
    (5400.0, 1800.0)
    """
    found = WRITTEN.fullmatch(text.strip().replace(" ", "").lower())
    total = (
        sum(float(n) * SECONDS[unit] for unit, n in found.groupdict().items() if n) if found else 0
    )
    if not total:
        raise ValueError(f"{option} is a length of time, 2h, 90m or 1h30m. Received: {text!r}.")
    return float(total)


def shown(length: float | None) -> str:
    """A length of time for a table.

    >>> shown(9000), shown(75), shown(4.2)
    ('2 h 30 min', '1 min 15 s', '4 s')
    """
    if length is None:
        return ""
    whole = round(length)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 60} min {whole % 60} s" if whole >= 60 else f"{whole} s"
