"""What an update does where the new events hold nothing to learn."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from tfrec_recall.data.examples import NoExample
from tfrec_recall.data.notices import tell


@contextlib.contextmanager
def telling_of_nothing(owner: str) -> Iterator[None]:
    """Tells (`ReadingNotice`) of the lack of examples that ends what is within."""
    try:
        yield
    except NoExample as error:
        tell(f"{owner} has nothing to learn from the new events: {error}")
