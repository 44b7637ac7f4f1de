"""Exports that go on learning: the state of a training beside them, and new events."""

from tfrec_recall.upkeep.keeping import keep_state
from tfrec_recall.upkeep.state import TrainingState
from tfrec_recall.upkeep.updated import Updated
from tfrec_recall.upkeep.updating import update

__all__ = ["TrainingState", "Updated", "keep_state", "update"]
