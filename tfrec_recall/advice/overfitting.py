"""Training that goes on to learn what does not hold outside of it."""

from __future__ import annotations

from collections.abc import Iterator

from tfrec_recall.advice.advice import Advice
from tfrec_recall.advice.evidence import ERRORS, Evidence

FALL = 0.05  # of the best figure on validation, by which the last one is worse
WITHOUT_SETTINGS = "`weight_decay = 0.001`"  # of an export that does not tell how it was trained


def overfitting(known: Evidence) -> Iterator[Advice]:
    """Validation gets worse by a twentieth or more after its best epoch, while the loss falls."""
    curve = known.curve
    if curve is None:
        return
    best, last = curve.values[curve.place], curve.values[-1]
    worse = last - best if curve.name in ERRORS else best - last
    before, after = curve.losses[curve.place], curve.losses[-1]
    if worse <= 0 or worse < FALL * abs(best) or not after < before:
        return
    ways, kept = [], "the best epoch is what was kept"
    if curve.by_schedule:
        kept = "the end of the schedule is what was kept"
        ways.append(f"fewer `epochs` (it is {curve.learnt})")
    for name in known.has("dropout", "weight_decay", "l2"):
        ways.append(f"a larger `{name}` (it is {known.settings[name]})")
    ways += [f"a smaller `dim` (it is {known.settings['dim']})" for _ in known.has("dim")]
    yield Advice(
        "overfits",
        f"{curve.shown} went from {best:.4f} after epoch {curve.best} to {last:.4f} after epoch "
        f"{curve.epochs[-1]}, while the loss fell from {before:.4f} to {after:.4f}.",
        f"Try {', '.join(ways) or WITHOUT_SETTINGS}; {kept}.",
    )
