"""What a reader should know of how data was read, and no error: a warning of its own kind."""

from __future__ import annotations

import warnings


class ReadingNotice(UserWarning):
    """Something was recognised, mended or left out while data was read."""


def tell(what: str) -> None:
    """Warns of it, so that Python shows it once and the command line prints it."""
    warnings.warn(what, ReadingNotice, stacklevel=3)
