"""`tfrec-recall datasets`."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from tfrec_recall.cli.console import results


def datasets() -> None:
    """List the built-in data sets."""
    from tfrec_recall.data.datasets import BUILT_IN

    table = Table("name", "what it is", title="Data sets", title_justify="left", box=SIMPLE_HEAD)
    for name, built_in in BUILT_IN.items():
        table.add_row(Text(name, "bold"), built_in.about)
    results().print(table)
