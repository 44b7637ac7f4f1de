"""Training that goes on after a kill, and in a cluster: what the command line says of it."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tfrec_recall.cli.console import say

if TYPE_CHECKING:
    import tensorflow as tf

    from tfrec_recall.training import Checkpoints

PANEL = "Long runs"
RUN = "run.json"  # beside the checkpoints: what the run is of


@dataclasses.dataclass(frozen=True)
class LongRun:
    """Where checkpoints go, and on which machines a model learns.

    Args:
        folder: of the checkpoints of one run; None: none are written.
        every: steps between two of them.
        strategy: None: this process alone.
        writes: whether this is the process that writes.
    """

    folder: pathlib.Path | None = None
    every: int | None = None
    strategy: tf.distribute.Strategy | None = None
    writes: bool = True

    def by(self, strategy: tf.distribute.Strategy | None, writes: bool = True) -> LongRun:
        """The same on these machines."""
        return dataclasses.replace(self, strategy=strategy, writes=writes)

    def scope(self) -> contextlib.AbstractContextManager[Any]:
        """Where models are made and compiled."""
        return self.strategy.scope() if self.strategy else contextlib.nullcontext()

    def checkpoints(self, part: str) -> list[Checkpoints]:
        """The callback of a part of the run, if checkpoints are wanted."""
        from tfrec_recall.training import Checkpoints

        return [] if self.folder is None else [Checkpoints(self.folder / part, self.every)]

    def check(self, values: Mapping[str, Any]) -> None:
        """Keeps what the run is of, or raises ValueError where it was of something else.

        Args:
            values: all that a run which goes on has to have again; of a folder of an earlier
                version, what that kept.
        """
        if self.folder is None:
            return
        path, given = self.folder / RUN, json.loads(json.dumps(values, default=repr))
        if path.exists():
            kept = json.loads(path.read_text(encoding="utf-8"))
            other = [name for name in given if name in kept and kept[name] != given[name]]
            if other:
                name = other[0]
                raise ValueError(
                    f"--checkpoints {self.folder} has a run with {name} {kept[name]}: begin it "
                    f"again as it was, or take a new folder. Received: {name} {given[name]}."
                )
            if any(self.folder.glob("*/checkpoint")):
                say(f"The run in {self.folder} goes on.")
        elif self.writes:
            self.folder.mkdir(parents=True, exist_ok=True)
            unfinished = path.with_name(f".{RUN}.{os.getpid()}")
            unfinished.write_text(json.dumps(given, indent=1), encoding="utf-8")
            unfinished.replace(path)


def long_run(
    checkpoints: Annotated[
        pathlib.Path | None,
        typer.Option(
            metavar="DIR",
            file_okay=False,
            help="Write checkpoints, after each epoch, and when SIGTERM ends the run. The same "
            "command goes on from the last of them.",
            show_default=False,
            rich_help_panel=PANEL,
        ),
    ] = None,
    checkpoint_every: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="STEPS",
            help="Write one after so many steps, too.",
            show_default=False,
            rich_help_panel=PANEL,
        ),
    ] = None,
) -> LongRun:
    """What is kept of a run, by the options that say so."""
    if checkpoint_every is not None and checkpoints is None:
        raise typer.BadParameter("needs --checkpoints", param_hint="--checkpoint-every")
    return LongRun(checkpoints, checkpoint_every)
