"""What a graph makes by a name and nobody holds, freed with the SavedModel that it came with."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import tensorflow as tf


class SearcherRelease(tf.saved_model.experimental.TrackableResource):
    """Travels with a searcher in a SavedModel, and knows there how to free it.

    Tables and variables are objects once they are restored, and go with them. The searcher of ScaNN
    is made inside the graph when it is first asked: TensorFlow keeps it in the process by its name,
    which every load makes anew, so that a process which loads versions daily would hold them all.
    The function saved here frees it; `export.loading.saved_model` calls it when the SavedModel is
    let go. The sessions of TensorFlow Serving end with their version and need none of it.

    Args:
        free: what frees the searcher, in operations.
    """

    def __init__(self, free: Callable[[], None]):
        self._free = free
        self._name = f"tfrec_recall-{uuid.uuid4()}"
        super().__init__()

    def _create_resource(self):
        # A handle with nothing behind it: a SavedModel restores no resource without.
        return tf.raw_ops.VarHandleOp(dtype=tf.int32, shape=[], shared_name=self._name)

    def _destroy_resource(self):
        if tf.inside_function():  # as a function of the SavedModel; here the searcher frees itself
            self._free()
