"""What the models of items refuse: sizes, rates and shares that cannot be meant."""

from __future__ import annotations

from tfrec_recall.data.arguments import flag, number, whole, without_effect
from tfrec_recall.features import Features

LAST, HALF_LIFE = 15, 4.0  # of a user's latest items, where a model is not told


def check_windows(
    owner: str,
    dim: int,
    window: int | None,
    fixed_window: bool,
    negatives: int,
    power: float,
    noise: int | None,
    longest_step: float | None,
) -> None:
    """Raises ValueError by name for what a skip-gram over windows cannot be made with."""
    whole(owner, dim, "dim")
    whole(owner, window, "window", optional=True)
    flag(owner, fixed_window, "fixed_window")
    whole(owner, negatives, "negatives")
    number(owner, power, "power", least=0)
    whole(owner, noise, "noise", optional=True)
    number(owner, longest_step, "longest_step", above=0, optional=True)


def check_training(
    owner: str, rate: float, decay_epochs: int | None, block: int, lanes: int, seed: int
) -> None:
    """The same of how it learns."""
    number(owner, rate, "rate", above=0)
    whole(owner, decay_epochs, "decay_epochs", optional=True)
    whole(owner, block, "block")
    whole(owner, lanes, "lanes")
    whole(owner, seed, "seed", least=0)


def check_sequences(
    owner: str, features: Features, by_session: bool | None, gap: float | None
) -> None:
    """The same of what cuts a user's events into sequences: pauses do where there are times."""
    flag(owner, by_session, "by_session", optional=True)
    number(owner, gap, "gap", above=0, optional=True)
    if gap is not None and not features.has_order:
        raise ValueError(
            f"{owner} ends sequences at pauses of gap seconds, and these events have no "
            "timestamps: leave gap out (gap=None); the form of a paper that has one needs times. "
            f"Received: gap={gap!r}."
        )


def check_served(
    owner: str,
    features: Features,
    last: int | None,
    half_life: float | None,
    popularity: float = 0.0,
) -> None:
    """The same of what makes users' lists: which items are the latest, times say."""
    whole(owner, last, "last", optional=True)
    number(owner, half_life, "half_life", above=0, optional=True)
    number(owner, popularity, "popularity")
    if not features.has_order:
        in_time = "where events have timestamps"
        for name, value, own in (("last", last, LAST), ("half_life", half_life, HALF_LIFE)):
            if value is not None:  # which all items alike are
                without_effect(owner, value, own, name, in_time)
