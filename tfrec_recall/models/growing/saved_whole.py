"""A model that is saved whole: by what it was made with and what it has learnt."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Iterator
from typing import Any, Self

import tensorflow as tf
import tensorflow_recommenders as tfrs

from tfrec_recall._keras import by_config_alone
from tfrec_recall.models.growing import same_ids
from tfrec_recall.models.learning.arguments import arguments_of, plain, restored

# What a configuration holds beside the arguments, none of which has one of these names.
PRECISION = "precision"  # the policy under which a model was made
FROZEN = "frozen"  # the places of the layers that do not learn
OPTIONS = ("jit_compile", "steps_per_execution")  # of `compile`; Keras' directories lack them


@by_config_alone
class SavedWhole(tfrs.Model):
    """Keeps the arguments of its constructor, and is made again from them.

    `save` writes a `.keras` file or a directory, and `tf.keras.models.load_model` gives the model
    back: its features and their vocabularies, its weights, which of its layers are frozen, and the
    state of its optimiser, so that training goes on where it stopped. A subclass keeps two rules:
    what it learns is in weights that its constructor makes, under `tf.keras` layers or on the model
    itself, and an argument is a plain value, an array, a table, or an object with `get_config`. It
    has no `get_config` to write; a class of your own is decorated with
    `@tf.keras.utils.register_keras_serializable()`.
    """

    made_with: dict[str, Any]
    made_under: Any

    def __new__(cls, *args, **kwargs):
        model = super().__new__(cls, *args, **kwargs)
        given: dict[str, Any] = {}
        with contextlib.suppress(TypeError):  # __init__ says what is wrong with its arguments
            given = arguments_of(cls.__init__, model, *args, **kwargs)
        made_with = {name: value for name, value in given.items() if name != "self"}
        if "features" in made_with:  # as they are now: they may be adapted to other events later
            made_with["features"] = copy.copy(made_with["features"])
        # Not by Keras' setattr, which tracks what is within and replaces lists by its own.
        object.__setattr__(model, "made_with", made_with)
        object.__setattr__(model, "made_under", tf.keras.mixed_precision.global_policy())
        return model

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.built = True  # a model has all of its weights from its constructor on
        self._options: dict[str, Any] = {}  # of `compile`, on the way to and from a directory

    def get_config(self) -> dict[str, Any]:
        """What the model was made with, as plain values."""
        config = {name: plain(value, name) for name, value in self.made_with.items()}
        config |= {"name": self.name, PRECISION: self.made_under.name, FROZEN: self._frozen()}
        return {**config, **self._options}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects=None):
        """A model made with these arguments, which has learnt nothing."""
        config = dict(config)
        options = {name: config.pop(name) for name in OPTIONS if name in config}
        frozen = config.pop(FROZEN, None)
        scope = tf.keras.utils.custom_object_scope(custom_objects or {})
        with scope, _precision(config.pop(PRECISION, "float32")):
            model = cls(**{name: restored(value) for name, value in config.items()})
        model._options = options
        if frozen is not None:
            model._freeze(frozen)
        return model

    def twin(self, **changes: Any) -> Self:
        """A model of the same arguments but for these changes, which has learnt nothing."""
        with _precision(self.made_under.name):
            twin = type(self)(**{**self.made_with, **changes})
        twin._freeze(self._frozen())
        return twin

    def _frozen(self) -> list[int]:
        """Places, among all layers within, of those whose own flag says that they do not learn."""
        return [place for place, layer in enumerate(self._flatten_layers()) if not layer._trainable]

    def _freeze(self, frozen: list[int]) -> None:
        """Sets the flag of each layer alone: by `trainable` it would be that of all within it."""
        for place, layer in enumerate(self._flatten_layers()):
            layer._trainable = place not in frozen

    @property
    def _tracking_metadata(self) -> str:
        """What a directory says of the model, without the one flag that Keras would set of all."""
        return json.dumps({**json.loads(super()._tracking_metadata), "trainable": None})

    def get_build_config(self) -> None:
        """None: the constructor has built it."""

    def get_compile_config(self) -> dict[str, Any] | None:
        config = super().get_compile_config()
        return None if config is None else {**config, "optimizer_built": _is_built(self.optimizer)}

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compiles it as it was, with an optimiser that is ready to get its state back."""
        config = tf.keras.utils.deserialize_keras_object(config)
        built = config.pop("optimizer_built")
        self.compile(**config)
        if built:
            self.optimizer.build(self.trainable_variables)

    def compile(self, *args, from_serialized=False, **kwargs):
        """As `Model.compile`; what Keras has loaded from a directory goes on where it stopped."""
        restored = self.optimizer if from_serialized else None
        super().compile(*args, from_serialized=from_serialized, **kwargs)
        if not isinstance(restored, tf.keras.optimizers.Optimizer):
            return  # there is none, or a legacy one, whose state Keras says that it cannot load
        if len(restored.variables) > len(self.optimizer.variables):
            self.optimizer.build(self.trainable_variables)
            if len(restored.variables) == len(self.optimizer.variables):  # none was frozen since
                for own, saved in zip(self.optimizer.variables, restored.variables, strict=True):
                    own.assign(saved)

    def options_of_compile(self, options: dict[str, Any]) -> dict[str, Any]:
        """These options of `compile`, and those that a directory had beside what Keras keeps."""
        if not options.get("from_serialized"):
            return options
        kept, self._options = self._options, {}
        return {**options, **kept}

    def save(self, filepath, overwrite=True, save_format=None, **kwargs):
        """Writes the whole model: as a file where the path ends in `.keras`, else as a directory.

        Raises: ValueError for HDF5, which holds layers and no models that are made of more.
        """
        if save_format == "h5" or str(filepath).endswith((".h5", ".hdf5")):
            raise ValueError(
                "HDF5 cannot hold a whole recall model. Save it as a .keras file or as a "
                "directory, or its weights alone with save_weights('….weights.h5'). "
                f"Received: {str(filepath)!r}, save_format={save_format!r}."
            )
        compiled = self.get_compile_config() or {}
        if save_format != "keras" and not str(filepath).endswith(".keras"):
            kwargs = {"save_traces": False, **kwargs}  # of calls that no loaded model makes
            self._options = {name: compiled[name] for name in OPTIONS if name in compiled}
        try:
            super().save(filepath, overwrite, save_format, **kwargs)
        finally:
            self._options = {}

    def save_weights(self, filepath, *args, **kwargs):
        """As `Model.save_weights`; a file of HDF5 also says of which ids they are."""
        super().save_weights(filepath, *args, **kwargs)
        if "features" in self.made_with:
            same_ids.note(filepath, self.made_with["features"])

    def load_weights(self, filepath, *args, **kwargs):
        """As `Model.load_weights`.

        Raises: ValueError for a file of HDF5 whose weights are of other ids; `skip_mismatch` and
            `by_name` ask for what is there.
        """
        if "features" in self.made_with and not args and not any(kwargs.values()):
            same_ids.check(filepath, self.made_with["features"])
        return super().load_weights(filepath, *args, **kwargs)


@contextlib.contextmanager
def _precision(policy: str) -> Iterator[None]:
    """Layers are made under this policy, and then under the one of before again."""
    before = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy(policy)
    try:
        yield
    finally:
        tf.keras.mixed_precision.set_global_policy(before)


def _is_built(optimizer: tf.keras.optimizers.Optimizer) -> bool:
    """Whether the optimiser has made its variables; the one that scales losses has one inside."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    return bool(getattr(inner, "_built", False))
