"""Lists that find no more than one list for everybody."""

from __future__ import annotations

from collections.abc import Iterator

from tfrec_recall.advice.advice import Advice
from tfrec_recall.advice.evidence import Evidence

LISTED = 50  # places of the recall; of so few items, each list holds all


def below_popular(known: Evidence) -> Iterator[Advice]:
    """The 95% interval of what it finds beyond most-popular, over users, holds 0 or is below it."""
    above = known.above_popular
    if not above or known.facts is None or known.facts["rows"]["items"] <= LISTED:
        return
    if above["low"] > 0:
        return
    yield Advice(
        "not above most-popular",
        f"its recall@50 less that of most-popular is {above['mean']:+.4f}, between "
        f"{above['low']:+.4f} and {above['high']:+.4f} at 95%.",
        f"Try `tune {known.model}`, or take one of the models that the report has above it.",
    )
