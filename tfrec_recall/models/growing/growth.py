"""A model over features that have grown, which has learnt what the model before had."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import tensorflow as tf

from tfrec_recall.data.kinds import of_kinds
from tfrec_recall.data.notices import tell
from tfrec_recall.features import Features, Origin, Rows, Start
from tfrec_recall.models.growing.saved_whole import SavedWhole

Model = TypeVar("Model", bound="Growing")

# Why a weight cannot grow, and the way on.
OF_MODEL = "{} does not say what its rows are values of: name it in feature_rows"
OF_OPTIMIZER = (
    "{} does not say which weight it belongs to: compile the model anew before it grows, which "
    "forgets what the optimizer keeps, or make it by add_variable_from_reference"
)


class Growing(SavedWhole):
    """A model that can be made again over features that have grown.

    A subclass says in `feature_rows` which of its own weights have a row a value of a feature, in
    `growth_arguments` what of its arguments followed the data, and in `take_over` what else is to
    be done: all other weights are copied.
    """

    features: Features
    has_grown: bool = False  # `grow` made it: what it takes of training data keeps what was known

    @of_kinds
    def grow(self: Model, features: Features) -> Model:
        """A model of these features that answers as this one for all that was known, and learns on.

        Rows of new values begin as that of unknown ones, or as a layer that counts what it has
        learnt begins; the optimiser's state goes along, and has none of new rows. Of the events of
        before, `update(recent(…))` replays some and adds to what was counted. `fit` replays none:
        it goes on from the weights, and keeps the mean and the graph of before; a model that learns
        in one pass learns anew from what it is given, and says so.

        Args:
            features: that `model.features.grow(…)` made.

        Returns: another model; this one stays as it is.
        Raises: ValueError for features that did not grow out of the model's own.
        """
        origins = origins_of(self.features, features)
        changes = {"features": features, "name": self.name, **self.growth_arguments(features)}
        grown = self.twin(**changes)
        grown.has_grown = True
        here, there = self.all_feature_rows(), grown.all_feature_rows()
        tables = {id(new.weight): (old, new) for old, new in zip(here, there, strict=True)}
        for before, after in zip(self.weights, grown.weights, strict=True):
            if id(after) not in tables:
                _copy(before, after, OF_MODEL.format(type(self).__name__))
        for old, new in tables.values():
            if new.start is not Start.given:
                carry(old.weight, new.weight, origins[new.feature], new.start)
        grown.take_over(self, origins)
        self._compile(grown, tables, origins)
        return grown

    def growth_arguments(self, features: Features) -> dict[str, Any]:
        """Arguments of the constructor that a grown model has as this one found them, or that go by
        the grown features.
        """
        return {}

    def feature_rows(self) -> list[Rows]:
        """Those of the model's weights, beside what its layers say, whose rows are values."""
        return []

    def all_feature_rows(self) -> list[Rows]:
        """Of the layers, each once, and of the model itself."""
        found = {id(rows.weight): rows for rows in self.feature_rows()}
        for module in self.submodules:
            if not isinstance(module, Growing) and hasattr(module, "feature_rows"):
                for rows in module.feature_rows():
                    found.setdefault(id(rows.weight), rows)
        return list(found.values())

    def take_over(self, before: Any, origins: Mapping[str, Origin]) -> None:
        """What copies and rows leave to do, in the grown model.

        Args:
            before: the model that has grown.
            origins: of the rows of each feature, by its name.
        """

    def _compile(self, grown: SavedWhole, tables, origins: Mapping[str, Origin]) -> None:
        """Compiles the grown model as this one is, with the state of its optimiser."""
        config = self.get_compile_config()
        if config is None or getattr(self, "optimizer", None) is None:
            return
        if config.get("jit_compile") and not getattr(grown, "xla_knows_steps", True):
            tell(
                f"The grown {type(self).__name__} has more items or values than a compiled step "
                "takes: its steps are not compiled."
            )
            config = {**config, "jit_compile": False, "steps_per_execution": 1}
        grown.compile_from_config(config)
        if not config["optimizer_built"]:
            return
        if len(grown.optimizer.variables) != len(self.optimizer.variables):
            return  # some were frozen since they had learnt
        owners = owners_of(grown.optimizer, grown.trainable_variables)
        pairs = zip(self.optimizer.variables, grown.optimizer.variables, owners, strict=True)
        for before, after, owner in pairs:
            rows = None if owner is None else tables.get(id(owner))
            if rows is not None and rows[1].start is Start.given:
                _copy_within(before, after)
            elif rows is None or not _has_rows_of(rows, before, after):
                _copy(before, after, OF_OPTIMIZER.format(type(self.optimizer).__name__))
            else:
                carry(before, after, origins[rows[1].feature], Start.fresh)


def origins_of(before: Features, after: Features) -> dict[str, Origin]:
    """Where the rows of each feature come from.

    Raises: ValueError for features that did not grow out of the others.
    """
    if before.encodings.keys() != after.encodings.keys():
        raise ValueError(
            "A model grows by features that have the same names: model.features.grow(…). "
            f"Received: {', '.join(after.encodings)}, and before {', '.join(before.encodings)}."
        )
    return {n: Origin.of(before.encodings[n], after.encodings[n]) for n in after.encodings}


def carry(before: tf.Variable, after: tf.Variable, origin: Origin, start: Start) -> None:
    """Gives a grown weight, or what an optimiser keeps of it, the rows that were there."""
    rows, old = after.numpy(), before.numpy()
    known = origin.same | origin.divided
    if start is Start.unknown:
        known[:] = True
    elif start is Start.zero:
        rows[~known] = 0
    rows[known] = old[origin.row[known]]
    after.assign(rows)


def forget(ids: tf.Variable, weights: tf.Variable, origin: Origin, none: int = -1) -> None:
    """Takes those out of a table of neighbours whose number is another's by now.

    Args:
        ids: encoded, [rows, neighbours].
        weights: of the same shape.
        none: the id of no neighbour.
    """
    found = ids.numpy()
    other = (found >= 0) & ~origin.same[np.maximum(found, 0)]
    if other.any():
        ids.assign(np.where(other, none, found))
        weights.assign(np.where(other, 0, weights.numpy()))


def owners_of(
    optimizer: tf.keras.optimizers.Optimizer, variables: Sequence[tf.Variable]
) -> list[tf.Variable | None]:
    """Of each of the optimiser's variables, the weight whose state it is; None of others.

    An optimiser does not say, so another one like it is watched as it makes them.
    """
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    twin = type(inner).from_config(inner.get_config())
    names = [f"weight_{place}" for place in range(len(variables))]
    stand_ins = [
        tf.Variable(tf.zeros([1] * variable.shape.rank), name=name)
        for name, variable in zip(names, variables, strict=True)
    ]
    of_name = dict(zip(names, variables, strict=True))
    of_stand_in = {id(one): own for one, own in zip(stand_ins, variables, strict=True)}
    owners: dict[int, tf.Variable] = {}
    make_like, make = twin.add_variable_from_reference, twin.add_variable

    def watched_like(model_variable, *args, **kwargs):
        made = make_like(model_variable, *args, **kwargs)
        owners[id(made)] = of_stand_in[id(model_variable)]
        return made

    def watched(*args, name=None, **kwargs):
        """Of another shape than the weight's, it has the name of this behind its own."""
        made = make(*args, name=name, **kwargs)
        owner = of_name.get(str(name).rpartition("/")[2])
        if owner is not None:
            owners[id(made)] = owner
        return made

    twin.add_variable_from_reference, twin.add_variable = watched_like, watched
    twin.build(stand_ins)
    return [owners.get(id(variable)) for variable in twin.variables]


def _has_rows_of(tables: tuple[Rows, Rows], before: tf.Variable, after: tf.Variable) -> bool:
    """Whether these have a row for each of the tables', of before and after the growth."""
    pairs = zip((before, after), tables, strict=True)
    return all(own.shape[:1] == rows.weight.shape[:1] for own, rows in pairs)


def _copy_within(before: tf.Variable, after: tf.Variable) -> None:
    """Gives a variable that has grown on any axis what was there; what is new stays as it is."""
    values = np.array(after)
    values[tuple(map(slice, before.shape))] = before.numpy()
    after.assign(values)


def _copy(before: tf.Variable, after: tf.Variable, why: str) -> None:
    value = before.numpy()
    if not after.shape.is_compatible_with(value.shape):
        raise ValueError(
            f"The weight {after.name} cannot grow. {why}. Received: {tuple(value.shape)}, and "
            f"grown {tuple(after.shape)}."
        )
    after.assign(value)
