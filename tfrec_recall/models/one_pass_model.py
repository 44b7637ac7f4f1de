"""What models without gradients share: they learn from all interactions in one pass."""

from __future__ import annotations

from typing import ClassVar

import tensorflow as tf

from tfrec_recall.data import Interactions, PartedInteractions
from tfrec_recall.data.notices import tell
from tfrec_recall.models.fitting.keras_arguments import refuse
from tfrec_recall.models.fitting.run import callbacks_in
from tfrec_recall.models.recall_model import BATCH_SIZE, RecallModel

MEASURED = "evaluation.evaluate(model.retriever(items), split) measures its lists"


class OnePassModel(RecallModel):
    """A model that counts instead of descending: `adapt` learns, as in Keras' preprocessing layers.

    A subclass writes `adapt`, which puts what it has found into weights.
    """

    follows_optimizer: ClassVar[bool] = False

    def adapt(self, train: Interactions) -> None:
        """Learns from the training interactions; what was learnt before is forgotten."""
        raise NotImplementedError(f"{type(self).__name__} has to say how it learns.")

    def training_data(self, train, batch_size=BATCH_SIZE, seed=0, first_epoch=0):
        """The interactions themselves: there is nothing to batch."""
        return train

    def batches_to_measure(self, interactions, batch_size):
        """Raises ValueError: there is no loss to measure."""
        self.compute_loss(None)

    def fit(
        self, x: Interactions, epochs: int = 1, callbacks=None, verbose="auto", **others
    ) -> tf.keras.callbacks.History:
        """`adapt`, in the form of the other models; told of a model that has grown.

        Args:
            x: the training interactions.
            epochs, verbose: taken, as for any model; one pass has no use for them.
            callbacks: one pass calls none, and warns of those that it is given.
            others: of `Model.fit`; None, or refused.

        Raises: ValueError for what are no interactions, and for other arguments of `Model.fit`.
        """
        name = f"{type(self).__name__}.fit"
        refuse(name, others, dict.fromkeys(others, f"it learns in one pass; {MEASURED}"))
        if not isinstance(x, (Interactions, PartedInteractions)):
            raise ValueError(
                f"{name} takes interactions and counts them in one pass: give it split.train, or "
                f"Interactions(events, users, items). Received: {type(x).__name__}."
            )
        if self.has_grown:
            tell(
                f"{name} learns anew, and what it had learnt before it grew is forgotten, unless "
                "it is given all events: to add new events to what is known, call "
                "update(recent(earlier, new, length=model.history_needed)). "
                "Received: a model that has grown."
            )
        passed_over = [type(one).__name__ for one in callbacks_in(callbacks)]
        if passed_over:
            tell(
                f"{name} learns in one pass, and no callback is called: save or measure the model "
                f"after it. Received: callbacks={', '.join(passed_over)}."
            )
        self.adapt(x)
        history = tf.keras.callbacks.History()
        history.set_model(self)
        history.on_train_begin()
        return history

    def evaluate(self, *args, **kwargs):
        """Raises ValueError: there is no loss to measure."""
        self.compute_loss(None)

    def compute_loss(self, batch, training=False):
        name = type(self).__name__
        raise ValueError(
            f"{name} has no loss: it learns with adapt(train) or fit(train), and {MEASURED}."
        )
