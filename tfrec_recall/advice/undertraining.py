"""Training that ended while it still got better."""

from __future__ import annotations

from collections.abc import Iterator

from tfrec_recall.advice.advice import Advice
from tfrec_recall.advice.evidence import Curve, Evidence


def undertraining(known: Evidence) -> Iterator[Advice]:
    """The last epoch is the best, of a schedule by far, or a budget ended the training."""
    curve = known.curve
    if known.stopped:
        after = ""
        if curve is not None:  # of a trial it has more epochs than were learnt then
            after = f" after epoch {min(curve.learnt, known.settings.get('epochs', curve.learnt))}"
        yield Advice(
            "under-trained",
            f"the budget ended its training{after}.",
            "Give the command again, with a larger `--budget` or none: the training goes on.",
        )
    elif curve is not None and curve.goes_on_rising:
        rate = "rate" if curve.by_schedule else "learning_rate"
        larger = [f", or a larger `{rate}` (it is {known.settings[rate]})" for _ in known.has(rate)]
        yield Advice(
            "under-trained",
            f"the epochs ran out: the last of {curve.learnt} is the best{_before(curve)}, with "
            f"{curve.shown} {curve.values[-1]:.4f}.",
            f"Try `epochs = {2 * curve.learnt}`{''.join(larger)}.",
        )


def _before(curve: Curve) -> str:
    """Of a schedule, by how much; any is at its best at its end."""
    if not curve.by_schedule or len(curve.values) == 1:
        return ""
    return f" by far ({curve.values[-2]:.4f} after epoch {curve.epochs[-2]})"
