"""What models of the next choice are given: features by the kind of data, and examples."""

from __future__ import annotations

import dataclasses

import numpy as np

from tfrec_recall.data import (
    Interactions,
    PartedInteractions,
    held_out,
    next_basket,
    next_item,
    pairs,
)
from tfrec_recall.data.examples import Examples, history_alone
from tfrec_recall.data.order import rank
from tfrec_recall.data.vocabulary import FIRST_KNOWN
from tfrec_recall.features import Features, Wanted
from tfrec_recall.features.inference import infer_of
from tfrec_recall.features.seen import Seen, seen_in
from tfrec_recall.models.learning.density import LONG


def personal_features(
    interactions: Interactions | PartedInteractions, columns: Wanted = None, repeats: bool = False
) -> Features:
    """All that the tables offer, not yet adapted; the user's id only where it helps validation.

    The id of a customer learns what that customer has bought: where events are baskets, the news of
    the next one are what has not been bought, and where users have few events, it learns them by
    heart (Beauty, 6.8 events a user: `TwoTower` has recall@50 of .146 without, .126 with it).

    Args:
        columns: as for `infer`.
        repeats: what was bought before is foretold as well, of which the id knows.
    """
    seen = seen_in(interactions, ())
    features = infer_of(seen, columns=columns)
    why = _against_ids(seen, repeats)
    return features.without("user_id", why=why) if why else features


def _against_ids(seen: Seen, repeats: bool) -> str:
    """Why the user's id is no feature; "" where it is one."""
    if seen.has_baskets and not repeats:
        return "the next basket is news, and an id learns what was bought before"
    mean = seen.rows / max(1, len(seen.users))  # who have any
    if mean < LONG:
        return (
            f"users have {mean:.1f} events each, of fewer than {LONG} an id learns by heart, and "
            "their history tells what they like"
        )
    return ""


def choices(features: Features, train: Interactions, repeats: bool = False, **options) -> Examples:
    """Next items, the items of next baskets, or pairs where no history is among the features.

    Where events have no times, an item of a user beside the user's others. Whether there are
    baskets the features say, of all that they learnt from: some of it may not show it. Events of
    items that the features do not know are history alone, and count in no cap and no weight.

    A basket's examples weigh its size^-½ together with it: a wholesaler's basket of hundreds of
    items would outweigh the others. The weights of users then go by what their examples weigh in
    all: with `user_weight_power=-1` users are equal, as elsewhere.

    Args:
        repeats: of a basket, also what its user had before.
        options: of `next_item` and `next_basket`: `per_user`, `user_weight_power`, `targets`.
    """
    train, history = _with_targets_known(features, train), features.history
    if history is None:
        return pairs(train)
    if not train.has_time:
        if options.pop("targets", None) is not None:
            train.require_time("A choice of targets")
        return held_out(train, history.length, **options)
    if features.has_baskets and "session_id" in train.events:
        options |= {"basket_weight_power": -0.5, "new_items_only": not repeats}
        power = options.pop("user_weight_power", 0.0)
        return _by_user(next_basket(train, history.length, **options), power)
    return next_item(train, history.length, **options)


def _with_targets_known(features: Features, train: Interactions) -> Interactions:
    """The same events, those of unknown items marked as none to learn."""
    unknown = features.ids("item_id").encode(train.events["item_id"]) < FIRST_KNOWN
    if not unknown.any() or unknown.all():  # without any target, `known_targets` says why
        return train
    return history_alone(train, unknown)


def _by_user(examples: Examples, power: float) -> Examples:
    """Examples of baskets that also weigh (what the user's weigh by their baskets) ** power."""
    if not power:
        return examples
    _, basket, size = np.unique(examples.history_end, return_inverse=True, return_counts=True)
    user = rank(examples.events["user_id"])[examples.target]
    user = np.unique(user, return_inverse=True)[1]
    of_user = np.bincount(user, size[basket] ** -0.5)[user]
    weight = examples.weight * of_user**power
    return dataclasses.replace(examples, weight=(weight / weight.mean()).astype("float32"))
