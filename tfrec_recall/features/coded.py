"""Which columns have values that features tell from each other, and which these are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfrec_recall.data import Vocabulary
from tfrec_recall.features.columns import Categorical, History, MultiValued
from tfrec_recall.features.encodings import VocabularyEncoding
from tfrec_recall.features.seen import IDS

if TYPE_CHECKING:
    from tfrec_recall.features.specification import Features


def coded_columns(features: Features) -> dict[str, tuple[Vocabulary, str | None]]:
    """As `Features.coded_columns`, which says what it gives."""
    features.require_adapted()
    found = {}
    for feature in (*features.user, *features.item):
        encoding = features.encodings[feature.name]
        if feature.column in IDS or not isinstance(feature, Categorical | MultiValued | History):
            continue
        if isinstance(encoding, VocabularyEncoding):  # neither hashes nor times
            table = "items" if feature in features.item else "users"
            of_events = isinstance(feature, History) or feature.name in features.of_events
            column = f"{'events' if of_events else table}.{feature.column}"
            found[column] = encoding.vocabulary, getattr(feature, "separator", None)
    return found
