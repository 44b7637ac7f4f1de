"""Training that ended while it still got better."""

from __future__ import annotations

from collections.abc import Iterator

from tfrec_recall.advice.advice import Advice
from tfrec_recall.advice.evidence import Evidence


def undertraining(known: Evidence) -> Iterator[Advice]:
    """The last epoch is the best, or a budget ended the training."""
    curve = known.curve
    if known.stopped:
        after = ""
        if curve is not None:  # of a trial it has more epochs than were learnt then
            most = known.settings.get("epochs", len(curve.values))
            after = f" after epoch {min(len(curve.values), most)}"
        yield Advice(
            "under-trained",
            f"the budget ended its training{after}.",
            "Give the command again, with a larger --budget or none: the training goes on.",
        )
    elif curve is not None and curve.best == len(curve.values):
        yield Advice(
            "under-trained",
            f"the epochs ran out: the last of {len(curve.values)} is the best, with "
            f"{curve.shown} {curve.values[-1]:.4f}.",
            f"Try `epochs = {2 * len(curve.values)}`"
            + (
                f", or a larger `learning_rate` (it is {known.settings['learning_rate']})."
                if known.has("learning_rate")
                else "."
            ),
        )
