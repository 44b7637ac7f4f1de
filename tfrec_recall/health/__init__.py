"""Whether a day is like those before an export: inputs, vectors, index and lists.

`Reference.of` counts what is usual at the export, `watch` holds a day to it::

    export(retriever, path, beside=lambda folder: write_reference(folder, reference))
    for alarm in watch(load(path), events).alarms:
        print(alarm.check, alarm.before, alarm.now)
"""

from typing import TYPE_CHECKING

from tfrec_recall._on_demand import on_demand

if TYPE_CHECKING:
    from tfrec_recall.health.days_before import DaysBefore
    from tfrec_recall.health.finding import Finding, Health
    from tfrec_recall.health.known import Known
    from tfrec_recall.health.reference import Reference
    from tfrec_recall.health.reference_file import read_reference, write_reference
    from tfrec_recall.health.watch import watch
else:
    on_demand(__name__)

__all__ = [
    "DaysBefore",
    "Finding",
    "Health",
    "Known",
    "Reference",
    "read_reference",
    "watch",
    "write_reference",
]
