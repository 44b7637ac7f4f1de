"""What an update did, and whether its version may serve."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any

from tfrec_recall.upkeep.differences import LEAST
from tfrec_recall.upkeep.held_back import NEWEST_DAY


@dataclasses.dataclass(frozen=True)
class Updated:
    """What an update did.

    Attributes:
        version: that was written; None where it was refused.
        events, users, items: how many were new.
        measured: users of the events that were held back, whose recall is told.
        before, after: recall@50 of the version that serves and of the new one, on what was held
            back, which neither had learnt then; None where nothing could be measured.
        difference: after less before, and what it may be off by, at 95%; None of fewer than two
            users.
        seconds: what each part took.
        held: what was held back, in words.
        index: what the index of the new version says of itself; None where there is none.
    """

    version: pathlib.Path | None
    events: int
    users: int
    items: int
    measured: int
    before: float | None
    after: float | None
    difference: tuple[float, float] | None
    seconds: dict[str, float]
    held: str = NEWEST_DAY
    index: dict[str, Any] | None = None

    @property
    def is_worse(self) -> bool:
        """Whether the new version's recall is surely below that of the one that serves; of fewer
        than 20 users nothing is sure.
        """
        if self.difference is None or self.measured < LEAST:
            return False
        return sum(self.difference) < 0

    @property
    def fell(self) -> bool:
        """Whether the new version's recall is below that of the one that serves, sure or not."""
        return self.before is not None and self.after is not None and self.after < self.before

    def is_refused(self, strict: bool) -> bool:
        """Whether it is not to serve.

        Args:
            strict: nor where recall fell by anything, of however few users, or is not known.
        """
        return self.is_worse or (strict and (self.fell or not self.measured))
