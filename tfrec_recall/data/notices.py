"""What a reader should know of how data was read, and no error: a warning of its own kind."""

from __future__ import annotations

import warnings


class ReadingNotice(UserWarning):
    """Something was recognised, mended or left out while data was read."""


class Strangers(ReadingNotice):
    """Almost none of the events' users or items is in the table of them."""


def tell(what: str, kind: type[ReadingNotice] = ReadingNotice) -> None:
    """Warns of it, so that Python shows it once and the command line prints it."""
    warnings.warn(what, kind, stacklevel=3)
