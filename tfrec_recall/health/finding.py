"""What was found of one figure."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Finding:
    """A figure of a day beside the same of the days before the export.

    Args:
        group: "inputs", "vectors", "index" or "lists".
        check: what was looked at.
        where: in it, what has changed most.
        before, now: of that, as a reader wants to see it.
        change: how far the day is away, in the measure of the check.
        bound: from where a change means something.
        chance: how likely it is by chance that any figure of a day like those before is so far out.
        alarm: the change means something, and is not chance.
    """

    group: str
    check: str
    where: str
    before: str
    now: str
    change: float
    bound: float
    chance: float
    alarm: bool


@dataclasses.dataclass(frozen=True)
class Health:
    """What was found of a day.

    Args:
        export: the directory of the version.
        events, units: of the day; a unit is a user on a day.
        drawn: units that were looked at.
        findings: the alarms first, and then what is furthest out.
        unchecked: what could not be looked at, and why.
    """

    export: str
    events: int
    units: int
    drawn: int
    findings: tuple[Finding, ...]
    unchecked: tuple[str, ...]

    @property
    def alarms(self) -> tuple[Finding, ...]:
        return tuple(one for one in self.findings if one.alarm)
