"""Features with what came since: what was known keeps its numbers."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tfrec_recall.data import Interactions, Vocabulary
from tfrec_recall.data.arguments import number, whole
from tfrec_recall.data.vocabulary import FIRST_KNOWN
from tfrec_recall.data.vocabulary_growth import grow
from tfrec_recall.features.columns import Feature, History
from tfrec_recall.features.encodings import BucketEncoding, VocabularyEncoding
from tfrec_recall.features.rows import Origin
from tfrec_recall.features.seen import IDS, Seen, column_of, newest_times, rows_seen

if TYPE_CHECKING:
    from tfrec_recall.features.specification import Features

DAY = 24 * 3600
CROWDED = 2.0  # a top bucket with so many times its share of new values is divided


def grown(
    features: Features,
    interactions: Interactions,
    minimum_count: int | None = None,
    unseen_days: float | None = None,
) -> Features:
    """As `Features.grow`, which says what the arguments are."""
    features.require_adapted()
    whole("Features.grow", minimum_count, "minimum_count", optional=True)
    number("Features.grow", unseen_days, "unseen_days", above=0, optional=True)
    if features.has_order or unseen_days is not None:
        interactions.require_time("Features.grow, of features that know the order of events")
    result = type(features)(features.user, features.item, features.objectives, features.left_out)
    result.has_order, result.has_baskets = features.has_order, features.has_baskets
    result.of_events, result.waiting = features.of_events, dict(features.waiting)
    spare = _spare(features, interactions, minimum_count, unseen_days)
    for feature in (*features.item, *features.user_fields):
        encoding = features.encodings[feature.name]
        if isinstance(encoding, BucketEncoding):
            with _naming(features, feature):
                encoding = _divided(encoding, _new_cells(features, feature, interactions))
        elif isinstance(encoding, VocabularyEncoding):
            with _naming(features, feature):
                found = grow(
                    encoding.vocabulary,
                    _counts(features, feature, encoding.vocabulary, interactions),
                    getattr(feature, "min_count", 1),
                    features.waiting.get(feature.name),
                    spare.get(feature.name, ()),
                )
            encoding = dataclasses.replace(encoding, vocabulary=found.vocabulary)
            result.waiting[feature.name] = found.waiting
        result.encodings[feature.name] = encoding
    for history in features.histories:
        encoding = features.encodings[history.name]
        if history.column == "item_id":
            encoding = result.encodings["item_id"]
        elif isinstance(encoding, VocabularyEncoding):
            counts = column_of(interactions.events, history, "events").value_counts()
            with _naming(features, history):
                vocabulary = grow(encoding.vocabulary, counts).vocabulary
            encoding = dataclasses.replace(encoding, vocabulary=vocabulary)
        result.encodings[history.name] = encoding
    result.item_table = _table(features, result, interactions.items)
    result.last_seen = _last_seen(features, result, interactions)
    result.given_up = _given_up(features, result)
    return result


@contextlib.contextmanager
def _naming(features: Features, feature: Feature) -> Iterator[None]:
    """Raises: ValueError that names the column, whatever it is that fails."""
    try:
        yield
    except Exception as error:
        table = "items" if feature in features.item else "users"
        table = "events" if _is_of_events(features, feature) else table
        raise ValueError(
            f"{type(feature).__name__}({feature.column!r}) cannot grow by what the {table} have "
            f"there: {error}"
        ) from error


def _counts(
    features: Features, feature: Feature, vocabulary: Vocabulary, interactions: Interactions
) -> pd.Series:
    """How often each value came.

    Of the tables of users and items, a row counts when it comes first. What a known one has by now
    that nobody had counts too, unless a value has to come several times: it would every time.
    """
    counts = feature.values_in(_new_cells(features, feature, interactions)).value_counts()
    if _is_of_events(features, feature) or getattr(feature, "min_count", 1) > 1:
        return counts
    table, kind, _ = _rows(features, feature, interactions)
    every = feature.values_in(column_of(table, feature, kind)).value_counts()
    new = every[vocabulary.encode(every.index.to_series()) < FIRST_KNOWN]
    return new.combine_first(counts).astype("int64")


def _is_of_events(features: Features, feature: Feature) -> bool:
    """Whether each event has a value of its own: an id, what a history lists or a request says."""
    own = isinstance(feature, History) or feature.column in IDS
    return own or feature.name in features.of_events


def _rows(
    features: Features, feature: Feature, interactions: Interactions
) -> tuple[pd.DataFrame, str, np.ndarray]:
    """The rows of the feature's side that events have, the table's name, and which are new."""
    side = ("items", "item_id") if feature in features.item else ("users", "user_id")
    kind, column = side
    table = rows_seen(getattr(interactions, kind), interactions.events, column)
    ids = features.encodings.get(column)
    if not isinstance(ids, VocabularyEncoding):  # nothing tells known users from new ones
        return table, kind, np.ones(len(table), bool)
    return table, kind, ids.encode(pd.Series(table[column])) < FIRST_KNOWN


def _new_cells(features: Features, feature: Feature, interactions: Interactions) -> pd.Series:
    """What the feature's column has in rows of new users or items, or in the events."""
    if _is_of_events(features, feature):
        return column_of(interactions.events, feature, "events")
    table, kind, is_new = _rows(features, feature, interactions)
    return column_of(table, feature, kind)[is_new]


def _divided(encoding: BucketEncoding, cells: pd.Series) -> BucketEncoding:
    """With one bucket more, where the top one has more than twice its share of new values.

    The new bucket is behind the last, so that all others keep their numbers.
    """
    boundaries, numbers = encoding.boundaries, encoding.read(cells).astype("float32")
    numbers = numbers[np.isfinite(numbers)]
    if not len(boundaries) or not len(numbers):
        return encoding
    top = numbers[numbers >= boundaries[-1]]
    share = len(numbers) / (len(boundaries) + 1)
    middle = np.median(top) if len(top) else boundaries[-1]
    if len(top) <= CROWDED * share or middle <= boundaries[-1]:
        return encoding
    return dataclasses.replace(encoding, boundaries=np.append(boundaries, np.float32(middle)))


def _table(features: Features, result: Features, items: pd.DataFrame) -> dict[str, np.ndarray]:
    """The features of all known items: those of the table as it says, all others as before."""
    ids = result.encodings["item_id"].encode(items["item_id"])
    says = np.zeros(len(items), bool)
    for feature in features.item:
        if feature.name != "item_id":
            says |= column_of(items, feature, "items").notna().to_numpy()
    is_new = ~Origin.of(features.encodings["item_id"], result.encodings["item_id"]).same
    size = features.encodings["item_id"].size
    taken = (ids >= FIRST_KNOWN) & (says | is_new[ids])
    found = {}
    for name, rows in result.encode_items(items[taken]).items():
        before = features.item_table[name]
        width = np.maximum(before.shape[1:], rows.shape[1:]).astype(int)
        after = np.zeros((len(is_new), *width), before.dtype)
        after[(slice(size), *map(slice, before.shape[1:]))] = before
        after[ids[taken]] = 0
        after[(ids[taken], *map(slice, rows.shape[1:]))] = rows
        found[name] = after
    found["item_id"] = np.arange(len(is_new), dtype=found["item_id"].dtype)
    return found


def last_seen_of(features: Features, seen: Seen) -> dict[str, np.ndarray]:
    """When training saw each id last, by its number; nothing without times."""
    found = {}
    for name in IDS:  # whose numbers may be given up
        encoding, newest = features.encodings.get(name), seen.last_seen(name)
        if isinstance(encoding, VocabularyEncoding) and newest is not None:
            found[name] = _newest(encoding, newest, np.full(encoding.size, float(newest.min())))
    return found


def _newest(encoding: VocabularyEncoding, newest: pd.Series, times: np.ndarray) -> np.ndarray:
    """The later of the times that ids have by now and of these; late events set none back."""
    codes = encoding.encode(newest.index.to_series())
    times[codes] = np.maximum(times[codes], newest.to_numpy("float64"))
    return times


def _last_seen(
    features: Features, result: Features, interactions: Interactions
) -> dict[str, np.ndarray]:
    """When each id was seen last; nothing without times."""
    if not interactions.has_time:
        return {}
    events, found = interactions.events, {}
    for name in IDS:
        encoding = result.encodings.get(name)
        if not isinstance(encoding, VocabularyEncoding):
            continue
        times = np.full(encoding.size, float(events["timestamp"].min()))
        known = np.flatnonzero(Origin.of(features.encodings[name], encoding).same)
        times[known] = _seen_before(features, name, interactions)[known]
        found[name] = _newest(encoding, newest_times(events, name), times)
    return found


def _seen_before(features: Features, name: str, interactions: Interactions) -> np.ndarray:
    """When each id was seen last before these events.

    Features that know no times, as those of earlier versions did not, have seen all of them as late
    as these events: what nobody noted is no reason to give a number up.
    """
    now = float(interactions.events["timestamp"].max())
    size = features.encodings[name].size
    return features.last_seen.get(name, np.full(size, now))


def _given_up(features: Features, result: Features) -> np.ndarray:
    """The items whose numbers others have by now, and that have none."""
    before, after = features.item_vocabulary.ids, result.item_vocabulary.ids
    replaced = before[before != after[: len(before)]]
    once = np.concatenate([features.given_up.astype(before.dtype), replaced])
    return once[~pd.Index(once).isin(after)]


def _spare(
    features: Features,
    interactions: Interactions,
    minimum_count: int | None,
    unseen_days: float | None,
) -> dict[str, np.ndarray]:
    """The numbers of ids that may be given up, those first that were seen longest ago."""
    if minimum_count is None and unseen_days is None:
        return {}
    found = {}
    for name in IDS:
        encoding = features.encodings.get(name)
        if not isinstance(encoding, VocabularyEncoding):
            continue
        counts = encoding.vocabulary.counts
        times = np.zeros(len(counts))
        if interactions.has_time:
            times = _seen_before(features, name, interactions)
        may = np.arange(len(counts)) >= FIRST_KNOWN
        if minimum_count is not None:
            may &= counts < minimum_count
        if unseen_days is not None:
            newest = interactions.events["timestamp"].max()
            may &= times < newest - unseen_days * DAY
        order = np.lexsort((counts, times))
        found[name] = order[may[order]]
    return found
