"""One piece of advice."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Advice:
    """What is wrong, and what to do.

    Args:
        fault: in a few words, the same for all models that have it.
        figure: what says so.
        setting: what to change, by the name that it has in a file for `--settings` or on the
            command line.
    """

    fault: str
    figure: str
    setting: str

    def __str__(self) -> str:
        return f"{self.fault}: {self.figure} {self.setting}"
