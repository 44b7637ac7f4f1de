"""What settings say of the vocabularies of features: thresholds, and hashes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from tfrec_recall.features import Features
from tfrec_recall.features.columns import Feature


def with_vocabularies(features: Features, given: Mapping[str, Mapping[str, int]]) -> Features:
    """The specification with these arguments of its features; not yet adapted.

    Args:
        given: `min_count` and `hash_buckets`, each by the names of features.

    Raises: ValueError for a feature that is not there, or that has no such argument.
    """
    if not given:
        return features
    every = (*features.user, *features.item)
    for argument, numbers in given.items():
        have = [one.name for one in every if hasattr(one, argument)]
        if argument == "hash_buckets":  # lists have to name items
            have = [name for name in have if name != "item_id"]
        odd = [name for name in numbers if name not in have]
        if odd:
            raise ValueError(
                f"{argument} is of features that have it, here {', '.join(have) or 'none'}. "
                f"Received: {argument} of {', '.join(odd)}."
            )

    def changed(feature: Feature) -> Feature:
        own: dict[str, Any] = {
            argument: numbers[feature.name]
            for argument, numbers in given.items()
            if feature.name in numbers
        }
        return dataclasses.replace(feature, **own) if own else feature

    return Features(
        user=[changed(feature) for feature in features.user],
        item=[changed(feature) for feature in features.item],
        objectives=features.objectives,
        left_out=features.left_out,
    )
