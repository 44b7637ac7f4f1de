"""What a training measures on validation after its epochs."""

from __future__ import annotations

from collections.abc import Callable

from tfrec_recall.cli.console import say, warn
from tfrec_recall.data import Split
from tfrec_recall.evaluation import RatingsOnValidation, RecallOnValidation
from tfrec_recall.models import RecallModel
from tfrec_recall.models.one_pass_model import OnePassModel

CUT = 50
MEASURED_USERS = 10_000  # each time
FEWEST_USERS, MEASURED_PAIRS = 1000, 10**8  # of a model that scores each user with each item
PLACES = 5  # of a schedule, its end among them
MONITORED = f"val_recall@{CUT}"
RATED = "val_rmse"  # of models that learn ratings

OnValidation = RecallOnValidation | RatingsOnValidation


class RecallOnSchedule(RecallOnValidation):
    """Recall on validation at some places of a schedule, in the logs of these epochs alone.

    The places are as far from each other as whole epochs can be; the last is the end of the
    schedule. Nothing stops by it, and what is learnt is the same as without it.

    Args:
        places: how many; of fewer epochs, each is measured.

    Attributes:
        measured: the number of each epoch that was, from 0, with its figure `MONITORED`.
    """

    kept = ("measured",)  # by checkpoints

    def __init__(self, split: Split, places: int = PLACES, **options):
        super().__init__(split, **options)
        self.places = places
        self.measured: list[tuple[int, float]] = []

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self.measured = []

    def on_epoch_end(self, epoch, logs=None):
        if epoch + 1 not in places_of(self.params["epochs"], self.places):
            return
        logs = {} if logs is None else logs
        self.figures = None  # those of the place before
        super().on_epoch_end(epoch, logs)
        self.measured.append((epoch, logs[MONITORED]))


def places_of(epochs: int, places: int = PLACES) -> set[int]:
    """The epochs, from 1, after which a schedule of so many is measured.

    >>> sorted(places_of(40)), sorted(places_of(7)), sorted(places_of(3))
    ([8, 16, 24, 32, 40], [2, 3, 5, 6, 7], [1, 2, 3])
    """
    return {-(-epochs * place // places) for place in range(1, places + 1)}


def on_validation(model: RecallModel, split: Split, repeats: bool) -> OnValidation:
    """What measures a model after each epoch, or at places of the schedule that it learns by.

    Of many users, it says how many are measured.
    """
    users = split.validation.targets["user_id"].nunique()
    some = measured_users(model, len(split.interactions.items))
    if users > some:
        when = "after each epoch" if model.stops_early else "at some places of its schedule"
        say(
            f"Of the {users:,} users of validation, {some:,} drawn at random are "
            f"measured {when}, always the same."
        )
    if model.learns_ratings:
        return RatingsOnValidation(split, users=some)
    if model.stops_early:
        tell_of_few(split, "training may end, and go back to an epoch, far too early")
    kind: Callable[..., RecallOnValidation]
    kind = RecallOnValidation if model.stops_early else RecallOnSchedule
    return kind(split, cuts=(CUT,), users=some, repeats=repeats)


def tell_of_few(split: Split, then: str) -> None:
    """Warns where the lists that are measured hold a catalogue whole.

    Args:
        then: what comes of it.
    """
    items = len(split.interactions.items)
    if items <= CUT:
        warn(
            f"The catalogue has {items} items, and a list of {CUT} holds all of them: recall@{CUT} "
            f"on validation is nearly the same whatever was learnt, and {then}. In Python, "
            f"RecallOnValidation(split, cuts=({max(1, items // 5)},)) measures shorter lists."
        )


def check_curve(name: str, model_class: type[RecallModel], split: Split) -> None:
    """Raises ValueError where `train --curve` would have no effect on this model."""
    if issubclass(model_class, OnePassModel):
        what = f"{name}, which learns in one pass"
    elif model_class.stops_early:
        what = f"{name}, which is measured after each epoch by itself"
    elif not len(split.validation.targets):
        what = "data with training and test alone"
    else:
        return
    raise ValueError(
        "--curve measures a model that learns by a schedule on validation: leave it out. "
        f"Received: {what}."
    )


def measured_users(model: RecallModel, items: int) -> int:
    """How many users are measured at a time, at most.

    A network that scores each user with each of many items would take longer to measure than to
    learn: it is asked of fewer.
    """
    if not model.scores_pairs:
        return MEASURED_USERS
    return min(MEASURED_USERS, max(FEWEST_USERS, MEASURED_PAIRS // items))
