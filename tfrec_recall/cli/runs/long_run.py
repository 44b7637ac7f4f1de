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

    from tfrec_recall.cluster import Cluster
    from tfrec_recall.training import Checkpoints

PANEL = "Long runs"
RUN = "run.json"  # beside the checkpoints: what the run is of
BOARDS = "tensorboard"  # in it: the folders that the run has written figures into
TRAINING = "training"  # the part of a run that learns what is measured and exported


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

    def within(self, cluster: Cluster) -> LongRun | None:
        """The same as this process' part in a cluster; None where nothing is left of it to do.

        A run in step whose training is over needs the process that writes, alone: the others may
        have left, and a strategy would wait for them.
        """
        if not cluster.has_servers and self.is_over:
            return self if cluster.writes else None
        return dataclasses.replace(self, strategy=cluster.strategy(), writes=cluster.writes)

    @property
    def is_over(self) -> bool:
        """Whether its checkpoints say that the training is over."""
        if self.folder is None:
            return False
        from tfrec_recall.training import is_over

        return is_over(self.folder / TRAINING)

    def has_board(self, board: pathlib.Path) -> bool:
        """Whether figures in this folder for TensorBoard are of this run, which goes on."""
        return os.path.abspath(board) in self._kept().get(BOARDS, [])

    def scope(self) -> contextlib.AbstractContextManager[Any]:
        """Where models are made and compiled."""
        return self.strategy.scope() if self.strategy else contextlib.nullcontext()

    def checkpoints(self, part: str) -> list[Checkpoints]:
        """The callback of a part of the run, if checkpoints are wanted."""
        from tfrec_recall.training import Checkpoints

        return [] if self.folder is None else [Checkpoints(self.folder / part, self.every)]

    def adam_of(
        self, part: str, chosen: type[tf.keras.optimizers.Optimizer]
    ) -> type[tf.keras.optimizers.Optimizer]:
        """A model's own choice; in a part that goes on, the Adam that it began with.

        That may be another one: the choice was by other limits in earlier versions.
        """
        from tfrec_recall.optimizers import FusedAdam, LazyAdam
        from tfrec_recall.training.run_state import keeps_of_optimizer

        if self.folder is None or chosen not in (LazyAdam, FusedAdam):
            return chosen
        by_rows = keeps_of_optimizer(self.folder / part, LazyAdam.ROW_STEPS)
        if by_rows is None:
            return chosen
        return LazyAdam if by_rows else FusedAdam

    def check(self, values: Mapping[str, Any], board: pathlib.Path | None = None) -> None:
        """Keeps what the run is of, or raises ValueError where it was of something else.

        Args:
            values: all that a run which goes on has to have again; of a folder of an earlier
                version, what that kept.
            board: where its figures for TensorBoard go, which may change.
        """
        if self.folder is None:
            return
        kept, given = self._kept(), json.loads(json.dumps(values, default=repr))
        boards = kept.get(BOARDS, [])
        if board is not None and not self.has_board(board):
            boards = [*boards, os.path.abspath(board)]
        if kept:
            other = [name for name in given if name in kept and kept[name] != given[name]]
            if other:
                name = other[0]
                raise ValueError(
                    f"--checkpoints {self.folder} has a run with {name} {kept[name]}: begin it "
                    f"again as it was, or take a new folder. Received: {name} {given[name]}."
                )
            if any(self.folder.glob("*/checkpoint")):
                say(f"The run in {self.folder} goes on.")
        wanted = {**(kept or given), **({BOARDS: boards} if boards else {})}
        if self.writes and wanted != kept:
            self.folder.mkdir(parents=True, exist_ok=True)
            path = self.folder / RUN
            unfinished = path.with_name(f".{RUN}.{os.getpid()}")
            unfinished.write_text(json.dumps(wanted, indent=1), encoding="utf-8")
            unfinished.replace(path)

    def _kept(self) -> dict[str, Any]:
        """What the folder's run is of; nothing where none has begun."""
        path = None if self.folder is None else self.folder / RUN
        if path is None or not path.exists():
            return {}
        return dict(json.loads(path.read_text(encoding="utf-8")))


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
    """What is kept of a run, by the options that say so.

    Raises: ValueError for a folder whose path TensorFlow would take for a pattern, or a new one in
        an export.
    """
    if checkpoint_every is not None and checkpoints is None:
        raise typer.BadParameter("needs --checkpoints", param_hint="--checkpoint-every")
    if checkpoints is not None:
        from tfrec_recall.data.files import check_name
        from tfrec_recall.export.place import refuse_among_versions

        check_name(os.path.abspath(checkpoints))
        if not checkpoints.exists():  # a run that is there goes on
            refuse_among_versions(checkpoints, "--checkpoints")
    return LongRun(checkpoints, checkpoint_every)
