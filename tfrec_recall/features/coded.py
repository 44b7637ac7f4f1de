"""Which columns have values that features tell from each other, and which these are."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from tfrec_recall.data import Vocabulary
from tfrec_recall.features.columns import Categorical, Feature, History, MultiValued
from tfrec_recall.features.encodings import Encoding, VocabularyEncoding
from tfrec_recall.features.seen import IDS


def coded_columns(
    user: Sequence[Feature],
    item: Sequence[Feature],
    encodings: Mapping[str, Encoding],
    of_events: Collection[str],
) -> dict[str, tuple[Vocabulary, str | None]]:
    """As `Features.coded_columns`, which says what it gives.

    Args:
        user, item: the features of each side.
        encodings: of each feature, by its name.
        of_events: names of the user's features whose columns are of events.
    """
    found = {}
    for feature in (*user, *item):
        encoding = encodings[feature.name]
        if feature.column in IDS or not isinstance(feature, Categorical | MultiValued | History):
            continue
        if isinstance(encoding, VocabularyEncoding):  # neither hashes nor times
            table = "items" if feature in item else "users"
            has_events = isinstance(feature, History) or feature.name in of_events
            column = f"{'events' if has_events else table}.{feature.column}"
            found[column] = encoding.vocabulary, getattr(feature, "separator", None)
    return found
