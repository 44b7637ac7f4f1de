"""`tfrec-recall models`."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.table import Table

from tfrec_recall.cli.console import results
from tfrec_recall.cli.discovery import entries


def models() -> None:
    """List the models that `train` knows."""
    table = Table(
        "model", "class", "what it is", title="Models", title_justify="left", box=SIMPLE_HEAD
    )
    for entry in entries().values():
        table.add_row(f"[bold]{entry.name}[/]", entry.class_name, entry.summary)
    results().print(table)
