"""What training will hold: tables, what an optimizer keeps of them, and the index behind."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfrec_recall.data.memory import GIB, check_memory, smaller_table
from tfrec_recall.data.notices import tell
from tfrec_recall.features import Rows
from tfrec_recall.layers.tables import is_far, whole_table
from tfrec_recall.optimizers.row_wise import RowWise
from tfrec_recall.training.copies import Copies

MUCH = GIB // 4  # of weights; below, nothing can be short
MIB = 2**20
TOLD = MIB  # of a table; smaller ones make no difference


class TableMemory(NamedTuple):
    """A table of a model, in bytes.

    Attributes:
        name: of the feature whose values the rows are; else of the weight.
        rows: of it.
        width: numbers of a row.
        size: of the table.
        state: what the optimizer keeps of it; None for one that does not learn.
        optimizer: the name of its class.
    """

    name: str
    rows: int
    width: int
    size: int
    state: int | None = None
    optimizer: str = ""

    def __str__(self) -> str:
        line = f"Table of {self.name}: {self.rows:,} rows"
        line += f" × {self.width:,} numbers" if self.width > 1 else ""
        line += f", {self.size / MIB:,.0f} MiB"
        if self.state is not None:
            line += f", and {self.state / MIB:,.0f} MiB of {self.optimizer}'s state"
        return f"{line}."


class TrainingMemory(NamedTuple):
    """Bytes; as text, a line for each table of a MiB or more, and the sums.

    Attributes:
        weights: of the model, which are there.
        state: what the optimizer keeps of them.
        step: what a step needs beside, one more copy of what it changes as a whole.
        vectors: of the items, in all tables that exact search holds while it is measured or
            afterwards.
        kept: copies of the weights, which callbacks hold.
        batch: the logits of a batch, where a step holds all of them, their gradients, and masks.
        tables: that are among the weights, the largest first.
    """

    weights: int
    state: int
    step: int
    vectors: int
    kept: int = 0
    batch: int = 0
    tables: tuple[TableMemory, ...] = ()

    @classmethod
    def of(
        cls,
        model,
        optimizer: tf.keras.optimizers.Optimizer | None,
        copies: Copies = Copies(),  # noqa: B008  frozen
        batch_size: int = 0,
        compiled: bool | None = None,
    ) -> TrainingMemory:
        """That of a model with this optimizer, whose state need not be there.

        Args:
            optimizer: None for a model that follows none.
            copies: that the callbacks of `fit` hold.
            batch_size: of training; 0 where it is not known.
            compiled: whether XLA compiles the steps; None: as the model is compiled.
        """
        compiled = _compiled(model) if compiled is None else compiled
        trained = sum(_size(weight) for weight in model.trainable_weights) if optimizer else 0
        whole, row = state_of(optimizer) if optimizer else (0, 0)
        rows = sum(weight.shape[0] for weight in model.trainable_weights if weight.shape.rank)
        dim = model.candidate_model.output_shape[-1] if hasattr(model, "candidate_model") else 0
        weights = sum(_size(weight) for weight in model.weights)
        tables = getattr(model, "vector_tables", 1) * max(1, copies.vectors)
        logits_of = getattr(model, "logits_of", lambda batch_size, compiled: 0)
        return cls(
            weights=weights,
            state=whole * trained + 4 * row * rows,
            step=_changed_whole(model, optimizer, compiled) if optimizer else 0,
            vectors=4 * len(model.features.item_vocabulary) * (dim or 0) * tables,
            kept=copies.weights * weights,
            batch=8 * logits_of(batch_size, compiled),
            tables=_tables_of(model, optimizer),
        )

    def __str__(self) -> str:
        return "\n".join([*self.lines, self.sums])

    @property
    def lines(self) -> list[str]:
        """One for each table that makes a difference: its rows, and what is kept of them."""
        return [str(table) for table in self.tables if table.size >= TOLD]

    @property
    def sums(self) -> str:
        """What all of it comes to, in one line."""
        parts = {
            "weights": self.weights,
            "the optimizer's state": self.state,
            "a step": self.step,
            "the best weights": self.kept,
            "the logits of a batch": self.batch,
            "the items' vectors": self.vectors,
        }
        sizes = ", ".join(f"{name} {size / MIB:,.0f} MiB" for name, size in parts.items())
        return f"Memory beside the data: {sizes}."


def _tables_of(model, optimizer: tf.keras.optimizers.Optimizer | None) -> tuple[TableMemory, ...]:
    whole, row = state_of(optimizer) if optimizer else (0, 0)
    learns = {id(whole_table(weight)) for weight in model.trainable_weights}
    found = []
    tables: list[Rows] = getattr(model, "all_feature_rows", list)()
    for one in sorted(tables, key=lambda one: _size(one.weight), reverse=True):
        size, (rows, *width) = _size(one.weight), _shape(one.weight)
        state = None
        if optimizer and id(one.weight) in learns:
            state = whole * size + 4 * row * rows
        found.append(
            TableMemory(
                *(one.feature or one.weight.name, rows, int(np.prod(width)), size),
                *(state, type(optimizer).__name__ if optimizer else ""),
            )
        )
    return tuple(found)


def check_state(
    model,
    optimizer: tf.keras.optimizers.Optimizer,
    copies: Copies = Copies(),  # noqa: B008  frozen
) -> None:
    """Raises ValueError where there is no room for what training makes of a model's tables.

    With parameter servers the tables and the optimizer's state lie there: what callbacks hold of
    them counts alone.

    Args:
        copies: that the callbacks of `fit` hold.
    """
    trained = sorted(model.trainable_weights, key=_size)
    if sum(map(_size, trained)) < MUCH:
        return
    needed = TrainingMemory.of(model, optimizer, copies)
    far = is_far(model.distribute_strategy)
    measured = needed.vectors if copies.vectors else 0
    state = 0 if far else needed.state + needed.step
    largest, name = whole_table(trained[-1]), type(optimizer).__name__
    keep = f"{name} and callbacks keep" if needed.kept or measured else f"{name} keeps"
    less = ' RowWiseAdagrad keeps a number a row (in such a file, optimizer = "RowWiseAdagrad").'
    less *= name != "RowWiseAdagrad"
    if far:
        keep = "callbacks keep"
        less = " Or take callbacks that keep neither weights nor vectors here."
    check_memory(
        state + needed.kept + measured,
        f"What {keep} of {type(model).__name__}'s weights, the largest {largest.name} "
        f"{tuple(largest.shape)},",
        f"{_remedy(model)}{less} Received: {needed.weights / GIB:,.1f} GiB of weights.",
    )


def _remedy(model) -> str:
    """What makes the largest table of a feature's values smaller.

    Those that the model needs by name, as its lists and its own tables are of them, have no hashes.
    """
    tables = [one for one in model.all_feature_rows() if one.feature]
    largest = max(tables, key=lambda one: _size(one.weight)).feature if tables else None
    for feature in (*model.features.user, *model.features.item):
        if feature.name == largest and getattr(feature, "hash_buckets", None):
            return (
                f"take a smaller dim or fewer hash_buckets of {largest}, by a file for --settings."
            )
        if feature.name == largest and hasattr(feature, "min_count"):
            by_name = largest in model.needs or not hasattr(feature, "hash_buckets")
            return smaller_table(feature.name, hashes=not by_name)
    return "take a smaller dim, by a file for --settings on the command line."


def tell_of_all_rows(model, optimizer: tf.keras.optimizers.Optimizer) -> None:
    """Tells (`ReadingNotice`) of steps that go over all rows of tables that are large.

    That is where the model's `optimizer_class` is one that does not; a compiled step always does.
    """
    suits = getattr(model, "optimizer_class", None)
    compiled = _compiled(model)
    if suits is None or not issubclass(suits, RowWise) or (_by_rows(optimizer) and not compiled):
        return
    learns = {id(whole_table(weight)) for weight in model.trainable_weights}
    tables = [one.weight for one in model.all_feature_rows() if id(one.weight) in learns]
    largest = max(tables, key=_size)
    name = type(getattr(optimizer, "inner_optimizer", optimizer)).__name__
    name += " in steps that XLA compiles" * compiled
    tell(
        f"{name} goes over all rows of {type(model).__name__}'s tables in each step, of which the "
        f"largest is {largest.name} {tuple(largest.shape)}: compile(model.optimizer_class(rate)) "
        f"takes {suits.__name__}, whose step costs what its batch touches, without jit_compile; on "
        f'the command line optimizer = "{suits.__name__}" in a file for --settings.'
    )


def state_of(optimizer: tf.keras.optimizers.Optimizer) -> tuple[int, int]:
    """How many numbers an optimizer keeps of each number of a table, and of each row.

    >>> state_of(tf.keras.optimizers.Adam())
    (2, 0)
    """
    twin = type(optimizer).from_config(optimizer.get_config())
    table = tf.Variable(tf.zeros([3, 5]))
    twin.build([table])
    shapes = [tuple(variable.shape) for variable in twin.variables]
    return shapes.count((3, 5)), shapes.count((3,))


def _changed_whole(model, optimizer: tf.keras.optimizers.Optimizer, compiled: bool) -> int:
    """Bytes of the weights that a step changes as a whole, not at the rows of its batch."""
    by_rows = _by_rows(optimizer) and not compiled
    rows: list[Rows] = getattr(model, "all_feature_rows", list)() if by_rows else []
    apart = {id(one.weight) for one in rows}
    return sum(_size(weight) for weight in model.trainable_weights if id(weight) not in apart)


def _compiled(model) -> bool:
    return getattr(model, "compiled_step", None) is not None


def _by_rows(optimizer: tf.keras.optimizers.Optimizer) -> bool:
    """Whether it changes those rows of a table alone that have a gradient.

    >>> _by_rows(tf.keras.optimizers.Adam()), _by_rows(tf.keras.optimizers.Adagrad())
    (False, True)
    """
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)  # of scaled losses
    if isinstance(optimizer, RowWise):
        return True
    plain = isinstance(optimizer, tf.keras.optimizers.SGD) and not optimizer.momentum
    rows = plain or isinstance(optimizer, tf.keras.optimizers.Adagrad)
    return rows and not optimizer.weight_decay  # Keras' decay is that of all rows


def _size(weight: tf.Variable) -> int:
    return int(np.prod(_shape(weight), dtype="float64")) * weight.dtype.size


def _shape(weight: tf.Variable) -> tuple[int, ...]:
    known = weight.shape.is_fully_defined()
    return tuple(int(n) for n in (weight.shape if known else tf.shape(weight).numpy()))
