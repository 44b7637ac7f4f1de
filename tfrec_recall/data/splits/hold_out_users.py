"""Some users kept from training altogether."""

from __future__ import annotations

import numpy as np

from tfrec_recall.data.interactions import Interactions
from tfrec_recall.data.kinds import of_kinds
from tfrec_recall.data.order import changes
from tfrec_recall.data.splits.parts import (
    NobodyAsked,
    Split,
    check_counts,
    ordered,
    part_of,
    places_from_end,
)


@of_kinds
def hold_out_users(
    interactions: Interactions,
    validation: float = 0.1,
    test: float = 0.1,
    targets: int = 5,
    seed: int = 0,
    minimum: int | None = None,
) -> Split:
    """Some users are kept from training altogether; their last events are predicted from the rest.

    It measures models on people they have never met. The history of a held-out user is that user's
    own earlier events, which are not in train.

    Args:
        validation, test: shares of the users with enough events; one user at least unless 0.
        targets: the last events of a held-out user, which are to be predicted.
        seed: chooses the users.
        minimum: a user with fewer events is training data; one more than `targets` at least, which
            is the default, as others could not be asked.

    Raises: ValueError without timestamps, or if users are too few for the parts or to learn from.
    """
    interactions.require_time("hold_out_users", "random_events_out (--split random)")
    check_counts("hold_out_users", {"targets": (targets, 1)})
    check_counts("hold_out_users", {"minimum": (minimum, targets + 1)})
    if not (0 < test < 1 and 0 <= validation < 1 and test + validation < 1):
        raise ValueError(
            "hold_out_users takes shares of the users that leave some for training. "
            f"Received: validation={validation}, test={test}."
        )
    least = targets + 1 if minimum is None else minimum
    data = ordered(interactions)
    starts = changes(data.events["user_id"])
    from_end, size = places_from_end(starts)
    user = np.cumsum(starts) - 1
    eligible = np.flatnonzero(size[starts] >= least)
    counts = [max(round(share * len(eligible)), share > 0) for share in (validation, test)]
    if sum(counts) > len(eligible) or sum(counts) >= starts.sum():
        fewer = "fewer targets (--split users:0.1,targets=1) ask users with fewer events"
        if targets == 1:
            split = "last:1" if size.max(initial=0) > 2 else "last:1,0"
            fewer = f"of few users, leave out events instead (--split {split})"
        raise NobodyAsked(
            f"hold_out_users needs users with {least} events or more for each part, and others to "
            f"learn from: {fewer}. "
            f"Received: {len(eligible):,} such users of {starts.sum():,}.",
            data,
        )
    chosen = np.random.default_rng(seed).permutation(eligible)
    role = np.zeros(int(starts.sum()), dtype=np.int8)
    role[chosen[: counts[0]]] = 1
    role[chosen[counts[0] : sum(counts)]] = 2
    held = role[user]
    is_target = from_end < targets
    least_named = "" if minimum is None else f", minimum={minimum}"
    return Split(
        name=f"hold_out_users({validation}, {test}, targets={targets}, seed={seed}{least_named})",
        interactions=interactions,
        train=data.take(held == 0),
        validation=part_of(data.events, (held == 1) & ~is_target, (held == 1) & is_target),
        test=part_of(data.events, (held == 2) & ~is_target, (held == 2) & is_target),
        left=data.events[(held > 0) & ~is_target].reset_index(drop=True),
    )
