"""A refusal of tables that have no room where they will lie."""

from __future__ import annotations

from tfrec_recall.data.memory import check_table
from tfrec_recall.layers.tables import is_far


def check_own_table(name: str, rows: int, width: int, remedy: str) -> None:
    """As `data.memory.check_table`, of a table that the strategy in whose scope this is places.

    On parameter servers it takes their memory, of which this process knows nothing.
    """
    if not is_far():
        check_table(name, rows, width, remedy)
