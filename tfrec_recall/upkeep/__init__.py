"""Exports that go on learning: the state of a training beside them, and new events.

As `train --keep-state` and `update` do on the command line::

    state = keep_state(path, model, split)
    export(retriever, path, data=state.card, items=split.interactions.items)
    found = update(path, today)  # a version that has learnt these events, too
    print(found.version, found.before, found.after)
"""

from tfrec_recall.upkeep.keeping import keep_state
from tfrec_recall.upkeep.state import TrainingState
from tfrec_recall.upkeep.updated import Updated
from tfrec_recall.upkeep.updating import update

__all__ = ["TrainingState", "Updated", "keep_state", "update"]
