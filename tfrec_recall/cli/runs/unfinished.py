"""What is kept of a run of a comparison until it is done, so that the next call goes on with it."""

from __future__ import annotations

import pathlib
import shutil
from collections.abc import Mapping
from typing import Any

from tfrec_recall.cli.runs.plan import Plan
from tfrec_recall.comparison.runs import STOPPED, Run

LEARNT = "learnt"  # a file that is there while only the measuring is left


class Unfinished:
    """The checkpoints of a run, which is made of what the plan says now.

    Args:
        plan, run: of the comparison.
    """

    def __init__(self, plan: Plan, run: Run):
        self._of_run = plan.runs().path(run, "checkpoints")
        self.folder: pathlib.Path = self._of_run / plan.made_of(run.model)

    @property
    def is_there(self) -> bool:
        """Whether a run can go on."""
        return any(self.folder.glob("*/checkpoint"))

    @property
    def is_learnt(self) -> bool:
        """Whether a call ended while it measured the run, which comes first now."""
        return self.is_there and (self.folder / LEARNT).exists()

    @property
    def is_over(self) -> bool:
        """Whether all its trainings, the trial too, have come to their own end."""
        from tfrec_recall.training import is_over

        parts = [path.parent for path in self.folder.glob("*/checkpoint")]
        return bool(parts) and all(is_over(part) for part in parts)

    def begins(self) -> None:
        """Removes what is of other settings, another version or other data."""
        for other in self._of_run.glob("*"):
            if other != self.folder:
                shutil.rmtree(other, ignore_errors=True)

    def learns(self) -> None:
        """Its training goes on, and what a call had left to measure is not all any more."""
        (self.folder / LEARNT).unlink(missing_ok=True)

    def measures(self) -> None:
        """Its training has ended for this call."""
        if self.is_there:
            (self.folder / LEARNT).touch()

    def ends(self, result: Mapping[str, Any]) -> None:
        """Its result is kept: of what the budget stopped the checkpoints stay."""
        if result["status"] == STOPPED:
            self.learns()
        else:
            self.remove()

    def remove(self) -> None:
        """What is left of it is of no use."""
        shutil.rmtree(self._of_run, ignore_errors=True)
