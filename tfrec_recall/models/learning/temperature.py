"""What divides the scores of a softmax, where nobody says it."""

from __future__ import annotations

from tfrec_recall.data.vocabulary import FIRST_KNOWN
from tfrec_recall.features import Features

WARMEST, COLDEST = 0.2, 0.05
FEW = 2000  # items; as many as these have the warmest


def temperature_of(temperature: float | None, features: Features, normalize: bool = True) -> float:
    """What is given; or else 1 for inner products, and for cosines 0.2 (2000 / n)^¼ of n items.

    A cosine is at most 1, so the score that can stand out of n others is at most 1 / T: the more
    items, the colder. The power was chosen on validation, of 1,682 to 54,542 items. The rule stays
    between 0.2, which up to 2,000 items have, and 0.05.

    Args:
        temperature: None for the rule.
        features: adapted; n is their number of known items.
        normalize: whether scores are cosines.
    """
    if temperature is not None:
        return temperature
    if not normalize:
        return 1.0
    known = len(features.item_vocabulary) - FIRST_KNOWN
    cosines = WARMEST * (FEW / max(known, 1)) ** 0.25
    return min(WARMEST, max(COLDEST, cosines))
