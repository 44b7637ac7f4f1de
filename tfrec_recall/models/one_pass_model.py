"""What models without gradients share: they learn from all interactions in one pass."""

from __future__ import annotations

import tensorflow as tf

from tfrec_recall.data import Interactions
from tfrec_recall.models.recall_model import BATCH_SIZE, RecallModel


class OnePassModel(RecallModel):
    """A model that counts instead of descending: `adapt` learns, as in Keras' preprocessing layers.

    A subclass writes `adapt`, which puts what it has found into weights.
    """

    def adapt(self, train: Interactions) -> None:
        """Learns from the training interactions; what was learnt before is forgotten."""
        raise NotImplementedError(f"{type(self).__name__} has to say how it learns.")

    def training_data(self, train, batch_size=BATCH_SIZE, seed=0, first_epoch=0):
        """The interactions themselves: there is nothing to batch."""
        return train

    def fit(
        self, x: Interactions, epochs: int = 1, callbacks=None, verbose="auto"
    ) -> tf.keras.callbacks.History:
        """`adapt`, in the form of the other models.

        Args:
            x: the training interactions.
            epochs, callbacks, verbose: taken, as for any model; one pass has no use for them.
        """
        self.adapt(x)
        history = tf.keras.callbacks.History()
        history.set_model(self)
        history.on_train_begin()
        return history

    def compute_loss(self, batch, training=False):
        name = type(self).__name__
        raise ValueError(f"{name} has no loss: it learns with adapt(train) or fit(train).")
