"""`tfrec-recall models`."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from tfrec_recall.cli.console import results
from tfrec_recall.cli.discovery import entries


def models() -> None:
    """List the models that `train` knows."""
    table = Table(title="Models", title_justify="left", box=SIMPLE_HEAD)
    whole = max(map(len, entries()), default=0)  # a name that is cut cannot be typed
    table.add_column("model", min_width=whole, no_wrap=True)
    table.add_column("what it is")
    for name, entry in entries().items():
        table.add_row(Text(name, "bold"), entry.summary)
    results().print(table)
