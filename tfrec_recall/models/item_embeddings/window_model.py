"""Models that learn by a `WindowTraining`."""

from __future__ import annotations

from typing import Any, ClassVar

import tensorflow as tf

from tfrec_recall.data.feeding.windows import Block, Columns
from tfrec_recall.data.notices import tell
from tfrec_recall.features import Features
from tfrec_recall.layers.tables import is_far
from tfrec_recall.models.item_embeddings.window_training import WindowTraining
from tfrec_recall.models.learning.replicas import whole_batch
from tfrec_recall.models.recall_model import RecallModel
from tfrec_recall.training import RateDrops

MOVES_RATE = (tf.keras.callbacks.LearningRateScheduler, tf.keras.callbacks.ReduceLROnPlateau)
WHOLE_SETS = 256  # events that a set is continued by


class WindowModel(RecallModel):
    """A model whose batches are sessions as flat columns, learnt from block after block.

    A subclass sets `training`, and writes `learn_block`.

    Raises: ValueError in the scope of parameter servers; and, from `fit`, for callbacks that change
        the rate of an optimizer and for frozen weights, which its steps would pass over.
    """

    is_quick_eagerly: ClassVar[bool] = False
    follows_optimizer: ClassVar[bool] = False
    training: WindowTraining
    window: Any  # None where a model takes whole sets

    def __init__(self, features: Features, **kwargs):
        if is_far():
            name = type(self).__name__
            raise ValueError(
                f"{name} changes its tables row by row, each block after the one before: workers "
                "that step on their own would lose each other's rows. Train it on one machine or "
                "under MultiWorkerMirroredStrategy; where tables need parameter servers, take "
                f"YouTubeDNN or TwoTower. Received: {name} in the scope of "
                f"{type(tf.distribute.get_strategy()).__name__}."
            )
        super().__init__(features, **kwargs)

    def compile(self, optimizer=None, *args, **kwargs):
        """As of any model; steps of its own follow no optimizer, which is told of one."""
        if optimizer is not None and not kwargs.get("from_serialized"):
            tell(
                f"{type(self).__name__} learns by steps of its own and does not follow the "
                "optimizer of compile: leave it out, and set rate= and decay_epochs= of the model."
            )
        super().compile(optimizer or "rmsprop", *args, **kwargs)

    def get_compile_config(self):
        config = super().get_compile_config()
        return config and {**config, "optimizer": None, "optimizer_built": False}

    def check_fit(self, callbacks):
        name = type(self).__name__
        ignored = [type(one).__name__ for one in callbacks if _moves_rate(one)]
        if ignored:
            raise ValueError(
                f"{name} learns by steps of its own, whose rate falls over the epochs of fit, and "
                "follows no rate of an optimizer: set rate= and decay_epochs= of the model, and "
                f"leave out callbacks that change it. Received: callbacks={', '.join(ignored)}."
            )
        learnt = {id(weight) for weight in self.trainable_weights}
        frozen = [one.name for one in self.weights if one.trainable and id(one) not in learnt]
        if frozen:
            raise ValueError(
                f"{name} changes its tables by steps of its own, whatever is frozen: leave fit "
                "out to keep them, or set trainable = True of the model and its layers. "
                f"Received: trainable=False of {', '.join(frozen)}."
            )

    def begin(self, run):
        self.training.begin(run)

    def own_callbacks(self):
        told = tf.keras.callbacks.LambdaCallback(on_epoch_end=self._tell_of_no_pair)
        return [*super().own_callbacks(), told]

    def _tell_of_no_pair(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """A stream is not looked through before it is learnt from, as `training_data` is."""
        if logs and logs.get("loss") == 0:
            tell(
                f"{type(self).__name__} found no two events of a sequence within its window in "
                f"epoch {epoch + 1}, and learnt nothing: give it longer sequences."
            )

    def make_optimizer_state(self):
        """None: tables change by steps of their own."""

    def regroup(self, batch: Columns):
        return whole_batch(batch)

    def learn(self, batch: Columns):
        batch = self.weighed(batch)
        return self.training.learn(batch, self.farthest(), self.learn_block)

    def measure(self, batch: Columns):
        batch = self.weighed(batch)
        return self.training.measure(batch, self.farthest(), self.learn_block)

    def compute_loss(self, batch, training=False):
        """The mean loss of a pair; it measures without learning."""
        return self.measure(batch)[0]["total_loss"]

    def weighed(self, batch: Columns) -> Columns:
        """The batch, with what else a block needs of each event."""
        return batch

    @property
    def history_needed(self):
        """As far as the farthest context is, and of whole sets their most recent part."""
        return WHOLE_SETS if self.window is None else self.window

    def farthest(self) -> int | None:
        """How far from its centre the farthest context is; None for whole sets."""
        return self.window

    def learn_block(self, block: Block, rate: tf.Tensor, seed: tf.Tensor):
        """Learns from a block; returns the loss and the number of pairs of the first lane."""
        raise NotImplementedError(f"{type(self).__name__} does not say how a block is learnt.")


def _moves_rate(callback: tf.keras.callbacks.Callback) -> bool:
    """Whether it changes the rate of the optimizer; `RateDrops` without drops stops and no more."""
    if isinstance(callback, RateDrops):
        return callback.drops > 0
    return isinstance(callback, MOVES_RATE)
