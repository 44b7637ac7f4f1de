"""What `train --keep-state` does, in Python."""

from __future__ import annotations

import os
import pathlib

from tfrec_recall.data import Split
from tfrec_recall.data.kinds import of_kinds
from tfrec_recall.health import DaysBefore
from tfrec_recall.models import RecallModel
from tfrec_recall.upkeep.state import TrainingState, of_training


@of_kinds
def keep_state(
    path: str | os.PathLike[str],
    model: RecallModel,
    split: Split,
    batch_size: int | None = None,
    repeats: bool = False,
) -> TrainingState:
    """Keeps all that a trained model needs to learn on from, beside an export that is to come.

    The export's card has to say which state is its own: `data=state.card`, with whatever else it
    tells. `update` then goes on from there.

        state = keep_state("saved_models/shop", model, split)
        export(retriever, "saved_models/shop", data=state.card, items=split.interactions.items)

    Args:
        path: the directory of versions that the export goes to.
        model: it has learnt the training part of the split.
        split: the first update learns what its other parts hold.
        batch_size: of updates; None is what `update` of the models has.
        repeats: items of the history are listed again, in what updates measure, too.

    Raises: ValueError for a model of another kind.
    """
    if not isinstance(model, RecallModel):
        raise ValueError(
            "What is kept is a model of tfrec_recall.models, and its retriever is exported. "
            f"Received: model of the kind {type(model).__name__}."
        )
    days = DaysBefore.of(split.interactions, split.train.events["user_id"])
    told = {"batch_size": batch_size, "repeats": repeats}
    return of_training(pathlib.Path(path), model, split, days, told)
