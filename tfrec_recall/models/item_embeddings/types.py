"""Types of users and items: the combinations that some of their features take."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from tfrec_recall._keras import saved_by_config
from tfrec_recall.features import Feature, Features, Origin
from tfrec_recall.models.item_embeddings.event_types import Types, several

IDS = ("user_id", "item_id")
SHARED = 1009  # rows for the combinations that have none of their own: a prime
ODD = 0x1E3779B97F4A7C15  # multiplies what a key holds so far: digits of the golden ratio
NOBODY = np.iinfo(np.int64).max


@saved_by_config
class TypeRule(tf.keras.layers.Layer):
    """From encoded features to the number of their combination, from `first` up.

    Where there are more combinations than `most`, `keep` learns which occur: the most frequent have
    a number of their own, and the others share `SHARED` more by a hash.

    Source: "Real-time Personalization using Embeddings for Search Ranking at Airbnb", KDD 2018,
    section 3.2, Tables 3 and 4: many-to-one rules over bucketised columns.

    Args:
        sizes: how many values each feature has, by name.
        first: the number of the first combination.
        most: combinations with a number of their own.

    Attributes:
        count: how many numbers there are.

    >>> rule = TypeRule({"price": 4, "room": 5}, first=2, most=100)
    >>> rule({"price": np.array([3, 0]), "room": np.array([1, 4]), "name": np.array([9])}).numpy()
    array([ 9, 18], dtype=int32)
    """

    def __init__(self, sizes: Mapping[str, int], first: int = 0, most: int = 100_000, **kwargs):
        super().__init__(**{**kwargs, "trainable": False})
        self.sizes, self.first, self.most = dict(sizes), first, most
        self.combinations = math.prod(self.sizes.values())
        self.folded = self.combinations > most
        self.count = most + SHARED if self.folded else self.combinations
        if self.folded:
            everything = tf.keras.initializers.Constant(NOBODY)
            options = {"shape": (most,), "dtype": tf.int64, "trainable": False}
            self.kept = self.add_weight("kept", initializer=everything, **options)
            # Of each feature the highest value that keys know: a bucket divided since is one.
            options = {**options, "shape": (len(self.sizes),)}
            self.tops = self.add_weight("tops", initializer=everything, **options)

    def call(self, values):
        """The types, int32, in the shape that the values have."""
        keys = self.keys(values)
        if not self.folded:
            return tf.cast(self.first + keys, tf.int32)
        place = tf.searchsorted(self.kept, tf.reshape(keys, [-1]), out_type=tf.int32)
        place = tf.reshape(tf.minimum(place, self.most - 1), tf.shape(keys))
        shared = self.most + tf.cast(tf.math.floormod(keys, SHARED), tf.int32)
        return self.first + tf.where(tf.gather(self.kept, place) == keys, place, shared)

    def get_config(self):
        own = {"sizes": dict(self.sizes), "first": self.first, "most": self.most}
        return {**super().get_config(), **own}

    def keys(self, values: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """The combinations as int64, which are their numbers if all fit in `most`."""
        key = tf.zeros([], tf.int64)
        for place, (name, size) in reversed([*enumerate(self.sizes.items())]):  # first by ones
            value, factor = tf.cast(values[name], tf.int64), size
            if self.folded:
                value, factor = tf.minimum(value, self.tops[place]), ODD
            key = key * factor + value  # wraps, as a hash may
        return key

    def moved_from(
        self, before: TypeRule, counts: np.ndarray, origins: Mapping[str, Origin]
    ) -> tuple[np.ndarray, np.ndarray]:
        """The numbers of combinations in another rule, and here; learns which have one.

        Those with a divided bucket have two here, of one number there.

        Args:
            before: the rule over features that have grown to those of this one.
            counts: how often each type of the rule before was seen, by its number.
            origins: of the features' values.

        Raises: ValueError where values gave their numbers up that a hash has mixed with others.
        """
        own = np.arange(before.count)
        if before.folded:
            lost = [
                name for name in self.sizes if not origins[name].same[: before.sizes[name]].all()
            ]
            if lost:
                raise ValueError(
                    f"Types that are hashed are made of {', '.join(lost)}, whose values gave "
                    "numbers up: grow without minimum_count and unseen_days, or with more "
                    f"most_types. Received: {before.combinations:,} combinations."
                )
            self.kept.assign(before.kept)
            tops = before.tops.numpy().copy()
            for place, name in enumerate(self.sizes):
                whole = origins[name].row[origins[name].divided]
                tops[place] = min([tops[place], *whole])
            self.tops.assign(tops)
            return before.first + own, self.first + own
        values, left, same = {}, own, np.ones(len(own), bool)
        for name, size in before.sizes.items():
            values[name] = (left % size).astype("int32")
            same &= origins[name].same[values[name]]
            left = left // size
        if self.folded:  # those alone have a number that were seen
            same &= counts[before.first + own] > 0
        own, values = own[same], {name: value[same] for name, value in values.items()}
        for name in self.sizes:
            for half in np.flatnonzero(origins[name].divided):
                whole = values[name] == origins[name].row[half]
                own = np.append(own, own[whole])
                halves = {n: value[whole] for n, value in values.items()}
                halves[name] = np.full_like(halves[name], half)
                values = {n: np.append(value, halves[n]) for n, value in values.items()}
        self.keep(values, counts[before.first + own])
        return before.first + own, self(values).numpy()

    def keep(self, values: Mapping[str, np.ndarray], events: np.ndarray) -> None:
        """Gives the most frequent combinations a number of their own, if not all have one.

        Once given, they stay, as the vectors do that are learnt by them.

        Args:
            values: the features of rows.
            events: how many events each row has, [rows].
        """
        if not self.folded or (self.kept.numpy() != NOBODY).any():
            return
        keys, row = np.unique(self.keys(values).numpy(), return_inverse=True)
        count = np.bincount(row.ravel(), events, minlength=len(keys))
        keys, count = keys[count > 0], count[count > 0]
        frequent = np.sort(keys[np.argsort(-count, kind="stable")[: self.most]])
        kept = np.full(self.most, NOBODY)
        kept[: len(frequent)] = frequent
        self.kept.assign(kept)


def type_rule(
    features: Features,
    of: Sequence[Feature],
    names: Types | None,
    side: str,
    first: int,
    most: int,
) -> TypeRule:
    """The rule over these features of one side; by default over all that are no ids.

    Raises: ValueError for a feature that is not there, or has more than one value or no buckets.
    """
    encodings = {f.name: features.encodings[f.name] for f in of if not f.derived}
    usable = {name: e.size for name, e in encodings.items() if e.size and e.rank == 1}
    given = several(f"{side}_type", names, f"features of the {side}")
    chosen = [name for name in usable if name not in IDS] if given is None else list(given)
    wrong = [name for name in chosen if name not in usable]
    if wrong or not chosen:
        raise ValueError(
            f"A type of the {side} is made of categorical or bucketised features, by {side}_type=: "
            f"{', '.join(usable) or 'there are none'}. Received: {', '.join(wrong) or 'none'}."
        )
    return TypeRule({name: usable[name] for name in chosen}, first, most)
