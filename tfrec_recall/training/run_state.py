"""What a run of `fit` is beside the weights: where it is, what it came to, what callbacks keep."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

ARRAY = "__array__"
KEY = "run/.ATTRIBUTES/py_state"  # of a `Kept` in a checkpoint that has it as `run`
OBJECTS = "_CHECKPOINTABLE_OBJECT_GRAPH"  # the names of all that a checkpoint has
# What Keras' own callbacks go by from epoch to epoch; those of this package say it in `kept`.
KEPT = {
    tf.keras.callbacks.EarlyStopping: (
        "wait",
        "stopped_epoch",
        "best",
        "best_epoch",
        "best_weights",
    ),
    tf.keras.callbacks.ReduceLROnPlateau: ("wait", "cooldown_counter", "best"),
    tf.keras.callbacks.ModelCheckpoint: ("best",),
}


@dataclasses.dataclass
class RunState:
    """Where a run is, and what it came to.

    Args:
        seeds: of the orders of its data; None for data in their own order.
        passes: through these data that lay before it, by which its first epoch has its order.
        steps: of an epoch; None where the length of the data is not known.
        epoch, step: what is learnt next.
        stopped: whether a callback has ended the run before its epochs were over.
        epochs: of the whole run; None in checkpoints of an earlier version.
        logs: of each epoch that is over, by its number: `{"epoch": 0, "loss": 1.5, …}`.
        callbacks: what each callback keeps, in their order.
        optimizer: the name of its class; None in checkpoints of an earlier version.
    """

    seeds: Sequence[int | None] = ()
    passes: Sequence[int] = ()
    steps: int | None = None
    epoch: int = 0
    step: int = 0
    stopped: bool = False
    epochs: int | None = None
    logs: list[dict[str, float]] = dataclasses.field(default_factory=list)
    callbacks: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    optimizer: str | None = None

    @property
    def is_over(self) -> bool:
        """Whether all that the run was asked for is learnt."""
        return self.stopped or (self.epochs is not None and self.epoch >= self.epochs)

    def check(
        self,
        folder: pathlib.Path,
        seeds: Sequence[int | None],
        steps: int | None,
        optimizer: str,
    ) -> None:
        """Raises ValueError where a run with these data and this optimizer is not what is kept."""
        data, same = "with the data that it had", "make the same training_data"
        optimizers = "from what its optimizer has kept"
        before = optimizer if self.optimizer is None else self.optimizer
        for name, kept, given, whole, way in (
            ("the seed of the order", list(self.seeds), list(seeds), data, same),
            ("the steps of an epoch", self.steps, steps, data, same),
            ("the optimizer", before, optimizer, optimizers, f"compile with {before}"),
        ):
            if kept != given:
                raise ValueError(
                    f"The run in {folder} goes on {whole}, and {name} was {kept}: {way}, or take "
                    f"a new folder. Received: {given}."
                )

    def to_bytes(self) -> bytes:
        """All of it: a line of JSON, and the arrays in it as NumPy writes them."""
        arrays: list[np.ndarray] = []

        def plain(value: Any) -> Any:
            if isinstance(value, np.ndarray):
                arrays.append(value)
                return {ARRAY: len(arrays) - 1}
            return value.item()  # a NumPy number

        text = json.dumps(vars(self), default=plain)  # `asdict` would copy all arrays
        file = io.BytesIO()
        file.write(text.encode() + b"\n")
        for array in arrays:
            np.lib.format.write_array(file, array, allow_pickle=False)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> RunState:
        """What `to_bytes` has written."""
        file = io.BytesIO(data)
        text = file.readline()
        arrays = []
        while file.tell() < len(data):
            arrays.append(np.lib.format.read_array(file, allow_pickle=False))

        def whole(value: dict[str, Any]) -> Any:
            return arrays[value[ARRAY]] if ARRAY in value else value

        return cls(**json.loads(text, object_hook=whole))


class Kept(tf.train.experimental.PythonState):
    """A `RunState` as a part of a checkpoint."""

    def __init__(self, state: RunState):
        super().__init__()
        self.state = state

    def serialize(self):
        return self.state.to_bytes()

    def deserialize(self, string_value):
        self.state = RunState.from_bytes(string_value)


def is_over(folder: str | os.PathLike[str]) -> bool:
    """Whether the run of a folder of checkpoints has learnt all of its epochs.

    It computes nothing, so that a strategy of several machines can still be made behind it.
    """
    newest = tf.train.latest_checkpoint(str(folder))
    if newest is None:
        return False
    return RunState.from_bytes(tf.train.load_checkpoint(newest).get_tensor(KEY)).is_over


def keeps_of_optimizer(folder: str | os.PathLike[str], name: str) -> bool | None:
    """Whether the optimizer of a folder's run keeps something under this name; None: no run."""
    newest = tf.train.latest_checkpoint(str(folder))
    if newest is None:
        return None
    return name.encode() in tf.train.load_checkpoint(newest).get_tensor(OBJECTS)


def number_of(value: Any) -> float | None:
    """A log of an epoch; None for one that is no number, which other callbacks may add.

    >>> number_of(np.float32(1.5)), number_of("0:12"), number_of([1.0, 2.0])
    (1.5, None, None)
    """
    if isinstance(value, str | bytes):
        return None
    with contextlib.suppress(TypeError, ValueError):
        if np.size(value) == 1:
            return float(np.asarray(value).item())
    return None


def kept_of(callback: tf.keras.callbacks.Callback) -> dict[str, Any]:
    """What a callback goes by from epoch to epoch; nothing of one that does not say."""
    return {name: getattr(callback, name, None) for name in _names(callback)}


def put_back(callback: tf.keras.callbacks.Callback, kept: dict[str, Any]) -> None:
    """Gives a callback what it has kept."""
    for name in _names(callback):
        if name in kept:
            setattr(callback, name, kept[name])


def _names(callback: tf.keras.callbacks.Callback) -> tuple[str, ...]:
    known = [names for kind, names in KEPT.items() if isinstance(callback, kind)]
    return getattr(callback, "kept", known[0] if known else ())
