"""A vocabulary with what came since: known ids keep their integers, new ones are added."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from tfrec_recall.data.vocabulary import FIRST_KNOWN, UNKNOWN, Vocabulary, counted


class Grown(NamedTuple):
    """A vocabulary that has grown.

    Attributes:
        vocabulary: the grown one.
        waiting: by id, how often it was seen of those that are still too rare to be known.
    """

    vocabulary: Vocabulary
    waiting: pd.Series


def grow(
    known: Vocabulary,
    counts: pd.Series,
    min_count: int = 1,
    waiting: pd.Series | None = None,
    spare: Sequence[int] | np.ndarray = (),
) -> Grown:
    """The vocabulary with the values that were counted since.

    New ids come by falling frequency, first in the places of those that are spare and then behind
    the last. A spare id that no new one replaces stays as it is.

    Args:
        known: the vocabulary as it was, with counts.
        counts: by raw id, how often it came since.
        min_count: ids that were seen less often, those of `waiting` included, stay unknown.
        waiting: as the growth before returned it.
        spare: integers whose ids may be given up, the first ones first; what `counts` has is not.

    >>> tea = Vocabulary.of_counts(pd.Series({"tea": 3, "cup": 1}))
    >>> grown = grow(tea, pd.Series({"tea": 2, "pot": 4}), spare=[3]).vocabulary
    >>> grown.ids, grown.counts
    (array(['tea', 'pot'], dtype=object), array([0, 1, 5, 4]))
    """
    if not len(counts):
        return Grown(known, pd.Series(dtype="int64") if waiting is None else waiting)
    since, seen = counted(counts)
    code = known.encode(since)
    found = code >= FIRST_KNOWN
    unseen = pd.Series(seen[~found], pd.Index(since[~found]), dtype="int64")
    came = int(unseen.sum())
    if waiting is not None and len(waiting):
        unseen = unseen.add(waiting, fill_value=0).astype("int64")
    rare = (unseen < min_count).to_numpy()
    new = unseen[~rare]
    if len(new):  # by falling frequency
        ordered = Vocabulary.of_counts(new)
        new = pd.Series(ordered.counts[FIRST_KNOWN:], pd.Index(ordered.ids))

    spare = np.asarray(spare, "int64")
    free = spare[~np.isin(spare, code[found])][: len(new)]
    ids, times = np.array(known.ids), np.array(known.counts)
    times[code[found]] += seen[found]
    # What waited was counted as unknown; what is given up is from now on.
    times[UNKNOWN] += came - int(new.sum()) + int(times[free].sum())
    ids[free - FIRST_KNOWN], times[free] = new.index[: len(free)], new.iloc[: len(free)]
    ids = np.concatenate([ids, new.index[len(free) :].to_numpy(ids.dtype)])
    times = np.concatenate([times, new.iloc[len(free) :]])
    column = pd.Series(ids, dtype="int64" if known.holds_integers else "str")
    grown = Vocabulary(column, times[FIRST_KNOWN:].astype("int64"), int(times[UNKNOWN]))
    return Grown(grown, unseen[rare])


def kept(before: Vocabulary, after: Vocabulary) -> np.ndarray:
    """Which integers of a grown vocabulary stand for what they stood for before, bool [len(after)].

    Raises: ValueError where it did not grow out of the other.

    >>> kept(Vocabulary(["tea", "cup"]), Vocabulary(["tea", "pot", "jug"]))
    array([ True,  True,  True, False, False])
    """
    if len(after) < len(before) or before.holds_integers != after.holds_integers:
        raise ValueError(
            "These features did not grow out of the model's own: make them by "
            f"model.features.grow(interactions). Received: {after!r}, and before {before!r}."
        )
    same = np.zeros(len(after), bool)
    same[:FIRST_KNOWN] = True
    same[FIRST_KNOWN : len(before)] = after.ids[: len(before.ids)] == before.ids
    return same
