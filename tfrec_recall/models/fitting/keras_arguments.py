"""What Keras' methods may be given, of a recall model, and what stands in for the rest."""

from __future__ import annotations

import contextlib
import difflib
import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import tensorflow as tf

from tfrec_recall.data.feeding.untuned import untuned

FIT = inspect.signature(tf.keras.Model.fit)
EVALUATE = inspect.signature(tf.keras.Model.evaluate)
TRAIN_ON_BATCH = inspect.signature(tf.keras.Model.train_on_batch)
TEST_ON_BATCH = inspect.signature(tf.keras.Model.test_on_batch)
TO_LEARN = "training_data(train, batch_size)"
TO_MEASURE = "validation_data(interactions, batch_size)"
COMPILE = inspect.signature(tf.keras.Model.compile)
OF_KERAS = {"name", "dtype", "trainable", "dynamic", "autocast"}  # of every model
NOT_OF_BATCHES = {
    "y": "the batches hold the targets",
    "sample_weight": "examples have theirs in the column sample_weight of the batches",
    "class_weight": "examples have theirs in the column sample_weight of the batches",
}
NOT_OF_FIT = {
    **NOT_OF_BATCHES,
    "batch_size": "the batches come as they are, from training_data(train, batch_size)",
    "validation_batch_size": "the batches come as they are, from validation_data(…, batch_size)",
}
OWN_LOSS = "the model learns by a loss of its own, which its constructor's arguments shape"
MEASURED = "the callback RecallOnValidation(split) of fit measures the lists that users get"
NOT_OF_COMPILE = {
    "loss": OWN_LOSS,
    "loss_weights": OWN_LOSS,
    "metrics": MEASURED,
    "weighted_metrics": MEASURED,
}


def refuse(whose: str, given: Mapping[str, Any], instead: Mapping[str, str]) -> None:
    """Raises ValueError for an argument that is given and would have no effect.

    Args:
        whose: the method that does not take it, such as "TwoTower.fit".
        instead: what stands in for each that is not taken.
    """
    for name, way_on in instead.items():
        if any(part is not None for part in tf.nest.flatten(given.get(name))):
            raise ValueError(
                f"{whose} takes no {name}: {way_on}. Received: {name}={given[name]!r}."
            )


def require_known(model_class: type, given: Mapping[str, Any]) -> None:
    """Raises TypeError for an argument that the constructor of a model does not have.

    Args:
        given: what it got beside those that it has.
    """
    _, *parameters = inspect.signature(model_class.__init__).parameters.values()  # type: ignore[misc]
    own = [one.name for one in parameters if one.kind != one.VAR_KEYWORD]
    for name in given.keys() - OF_KERAS:
        near = difflib.get_close_matches(name, own, n=1, cutoff=0.65)
        perhaps = f" {near[0]}= may be meant." if near else ""
        raise TypeError(
            f"{model_class.__name__} takes no {name}.{perhaps} It takes {', '.join(own)}. "
            f"Received: {name}={given[name]!r}."
        )


def require_batches(whose: str, data: Any, made_by: str = TO_LEARN) -> None:
    """Raises ValueError for what Keras cannot go through batch by batch.

    Args:
        whose: the method that is given the data, such as "TwoTower.fit".
        made_by: the method of the model that makes such batches, and its arguments.
    """
    if not is_batches(data):
        raise ValueError(
            f"{whose} goes through batches: give it model.{made_by}, which makes them of "
            f"interactions. Received: {_kind(data)}."
        )


def is_batches(data: Any) -> bool:
    """Whether Keras can go through it batch by batch, or take it as one whole."""
    creator = tf.keras.utils.experimental.DatasetCreator
    if hasattr(data, "element_spec"):  # datasets, distributed ones too
        return True
    return isinstance(data, (Mapping, Iterator, creator, tf.keras.utils.Sequence))


def batches(data: Any) -> Any:
    """What Keras goes through batch by batch; a dictionary is one, which it would cut and shuffle.

    Args:
        data: for which `is_batches` holds.
    """
    return untuned(tf.data.Dataset.from_tensors(dict(data))) if isinstance(data, Mapping) else data


def batch_of(data: Any) -> dict[str, tf.Tensor]:
    """The columns of a step; Keras wraps those of a batch that comes alone.

    Raises: ValueError for a batch with targets or weights beside its columns.
    """
    if isinstance(data, tuple) and len(data) == 1:
        (data,) = data
    if not isinstance(data, Mapping):
        raise ValueError(
            "A batch is a dictionary of columns, with targets and weights among them, as "
            f"model.training_data(train, batch_size) makes it. Received: {_kind(data)}."
        )
    return dict(data)


@contextlib.contextmanager
def naming_columns(whose: str, batch: Mapping[str, Any]) -> Iterator[None]:
    """Names a column that a step looks for and the batch lacks, which a dictionary would not.

    Args:
        whose: the model's class.

    Raises: ValueError for it.
    """
    try:
        yield
    except KeyError as error:
        column = error.args[0] if error.args else None
        if not isinstance(column, str) or column in batch:
            raise
        raise ValueError(
            f"A step of {whose} reads the column {column!r}, which the batch lacks: take batches "
            f"as model.{TO_LEARN} or model.{TO_MEASURE} makes them, with all of their columns, in "
            f"which ids and values are encoded. Received: {', '.join(sorted(map(str, batch)))}."
        ) from error


def require_query(model: tf.keras.Model, inputs: Any) -> None:
    """Raises ValueError where a call of the model cannot make query vectors of the inputs."""
    name = type(model).__name__
    tower = getattr(model, "query_model", None)
    if tower is None:
        raise ValueError(
            f"{name} has no vectors of queries, which is what predict and a call of the model "
            f"return: model.retriever(items) gives lists and scores. Received: {_kind(inputs)}."
        )
    there = set(inputs) if isinstance(inputs, Mapping) else set()
    missing = [column for column in tower.input_names if column not in there]
    if missing:
        raise ValueError(
            f"predict and a call of {name} return vectors of queries: give them all encoded user "
            f"features, {', '.join(tower.input_names)}, which batches for training need not hold, "
            "or call model.query_embedder() with raw ones. "
            f"Missing: {', '.join(missing)}. Received: {', '.join(sorted(there)) or _kind(inputs)}."
        )
    for column in tower.input_names:
        if not _is_encoded(inputs[column]):
            raise ValueError(
                f"predict and a call of {name} take encoded user features, arrays or tensors of "
                "numbers: model.query_embedder() takes raw ones. "
                f"Received: {column!r} as {_kind(inputs[column])}."
            )


def _is_encoded(values: Any) -> bool:
    """Whether these are numbers that a model takes, which lists are not, nor texts."""
    try:
        return tf.as_dtype(values.dtype) != tf.string
    except (AttributeError, TypeError):
        return False


def _kind(data: Any) -> str:
    size = f" of {len(data)}" if isinstance(data, (tuple, list)) else ""
    return f"{type(data).__name__}{size}"
