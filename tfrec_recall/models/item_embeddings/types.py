"""Types of users and items: the combinations that some of their features can take."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfrec_recall.features import Feature, Features

MOST = 1_000_000
IDS = ("user_id", "item_id")


class TypeRule:
    """From encoded features to the number of their combination, from `first` up.

    Source: "Real-time Personalization using Embeddings for Search Ranking at Airbnb", KDD 2018,
    section 3.2, Tables 3 and 4: many-to-one rules over bucketised columns.

    Args:
        sizes: how many values each feature has, by name.
        first: the number of the first combination.

    >>> rule = TypeRule({"price": 4, "room": 5}, first=2)
    >>> rule({"price": np.array([3, 0]), "room": np.array([1, 4]), "name": np.array([9, 9])})
    array([ 9, 18])
    """

    def __init__(self, sizes: Mapping[str, int], first: int = 0):
        self.sizes, self.first = dict(sizes), first
        self.count = math.prod(self.sizes.values())
        if self.count > MOST:
            raise ValueError(
                f"A type has at most {MOST:,} combinations: take fewer features, or coarser "
                f"buckets. Received: {self.count:,} of {self.sizes}."
            )

    def __call__(self, values: Mapping[str, Any]) -> Any:
        """The types of encoded features, tensors or arrays, in the shape that the values have."""
        number, step = self.first, 1
        for name, size in self.sizes.items():
            number = number + values[name] * step
            step *= size
        return number


def type_rule(
    features: Features, of: Sequence[Feature], names: Sequence[str] | None, side: str, first: int
) -> TypeRule:
    """The rule over these features of one side; by default over all that are no ids.

    Raises: ValueError for a feature that is not there, or has more than one value or no buckets.
    """
    encodings = {f.name: features.encodings[f.name] for f in of if not f.derived}
    usable = {name: e.size for name, e in encodings.items() if e.size and e.rank == 1}
    chosen = [name for name in usable if name not in IDS] if names is None else list(names)
    wrong = [name for name in chosen if name not in usable]
    if wrong or not chosen:
        raise ValueError(
            f"A type of the {side} is made of categorical or bucketised features: "
            f"{', '.join(usable) or 'there are none'}. Received: {', '.join(wrong) or 'none'}."
        )
    return TypeRule({name: usable[name] for name in chosen}, first)


def event_types(rule: TypeRule, table: Mapping[str, np.ndarray], rows: np.ndarray) -> np.ndarray:
    """The type at each event, int32, given the encoded table and each event's row of it."""
    return np.asarray(rule({name: table[name] for name in rule.sizes}), dtype=np.int32)[rows]
