"""`tfrec-recall delta`."""

from __future__ import annotations

import pathlib
from typing import Annotated

import typer

from tfrec_recall.cli.arguments import options
from tfrec_recall.cli.console import results, say, waiting
from tfrec_recall.cli.outputs import output


def delta(
    export: options.Export,
    new: Annotated[
        pathlib.Path | None,
        typer.Argument(help="The version that the delta leads to.", show_default=False),
    ] = None,
    out: Annotated[
        pathlib.Path | None,
        typer.Option(
            metavar="DIR", help="The new folder of the delta, of two versions.", show_default=False
        ),
    ] = None,
    apply: Annotated[
        pathlib.Path | None,
        typer.Option(
            metavar="DIR",
            exists=True,
            file_okay=False,
            help="The folder of a delta: write the version that it leads to.",
            show_default=False,
        ),
    ] = None,
    to: options.To = None,
    json: options.Differences = None,
) -> None:
    """Write what is different between two versions, or make the new one of it and the old one.

    `delta OLD NEW --out DIR` writes the items and vectors that were added, removed or changed as
    Parquet, and all else that a server of the old version lacks; `delta OLD --apply DIR` makes the
    new version of it, byte for byte.
    """
    if apply is None:
        if new is None or out is None or to is not None:
            raise typer.BadParameter("either OLD NEW --out DIR, or OLD --apply DIR")
    elif new is not None or out is not None:
        raise typer.BadParameter("OLD --apply DIR: leave NEW and --out out", param_hint="--apply")
    target = output(json, "--json")
    beside = target.tables() if target else results()
    if apply is not None:
        with waiting(f"Applying {apply}"):
            from tfrec_recall.operations.apply_delta import apply_delta

            version = apply_delta(export, apply, to)
        say("Exported to ", (str(version), "bold"))
        if target is not None:
            target.write_json({"export": str(version), "delta": str(apply)})
        return
    assert new is not None
    assert out is not None
    with waiting(f"Comparing {export} and {new}"):
        from tfrec_recall.operations.delta import write_delta

        found = write_delta(export, new, out)
    told = ", ".join(f"{count:,} {change}" for change, count in found.items.items())
    beside.print(f"Items: {told}.", soft_wrap=True)
    beside.print(
        f"{found.size / 2**20:,.1f} MiB instead of {found.whole / 2**20:,.1f}.", soft_wrap=True
    )
    say("Written to ", (str(found.folder), "bold"))
    if target is not None:
        sizes = {"size": found.size, "whole": found.whole}
        paths = {"delta": str(found.folder), "old": str(found.old), "new": str(found.new)}
        target.write_json({**paths, "items": found.items, **sizes})
