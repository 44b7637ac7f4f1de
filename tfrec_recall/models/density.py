"""How much the events tell of a user, which defaults of several models follow."""

from __future__ import annotations

from tfrec_recall.data import Interactions

LONG = 15
"""Training events a user. With fewer, what many took is the safer guess, and a user's id learns
them by heart."""


def events_a_user(interactions: Interactions) -> float:
    """The mean over the users who have any."""
    users = interactions.events["user_id"].nunique()
    return len(interactions.events) / max(1, users)
