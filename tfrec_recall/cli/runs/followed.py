"""Which settings of training a model follows."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from typing import Any

from tfrec_recall.cli.arguments.settings import Training
from tfrec_recall.models import RecallModel
from tfrec_recall.models.item_embeddings.window_model import WindowModel
from tfrec_recall.models.one_pass_model import OnePassModel

DROPS = ("rate_drops", "rate_factor")
DROPS_OF_SETS = 2


def without_effect(model_class: type[RecallModel]) -> dict[str, str]:
    """The settings of training that change nothing in a model, each with the reason."""
    if issubclass(model_class, OnePassModel):
        names = [field.name for field in dataclasses.fields(Training)]
        return dict.fromkeys(names, "learns in one pass")
    found: dict[str, str] = {}
    if not model_class.stops_early:
        found |= dict.fromkeys(("patience", *DROPS), "learns for all of its epochs")
    if issubclass(model_class, WindowModel):
        names = ["learning_rate", "weight_decay", "optimizer", *DROPS]
        found |= dict.fromkeys(names, "learns by steps and a schedule of its own")
    return found


def require_effect(settings: Mapping[str, Any], model_class: type[RecallModel]) -> None:
    """Raises ValueError for settings that the model would not follow."""
    reasons = without_effect(model_class)
    for name in settings:
        if name in reasons:
            others = [field.name for field in dataclasses.fields(Training)]
            followed = ", ".join(other for other in others if other not in reasons) or "none"
            raise ValueError(
                f"{model_class.__name__} {reasons[name]}: {name} has no effect, leave it out. Of "
                f"training it follows: {followed}. Received: {name}={settings[name]!r}."
            )


def with_epochs_of_drops(training: Training, given: Collection[str]) -> Training:
    """Unless epochs are given, as many more as each drop of the rate is waited for.

    >>> with_epochs_of_drops(Training(rate_drops=2, patience=15), ()).epochs
    70
    """
    if "epochs" in given:
        return training
    waits = (training.rate_drops or 0) * (training.patience or 0)
    return dataclasses.replace(training, epochs=Training.epochs + waits)


def drops_of(
    training: Training, model_class: type[RecallModel], has_time: bool, published: bool = False
) -> int:
    """How often the learning rate drops, by default where events have no times.

    Args:
        published: it is a paper's training, which has none.

    Raises: ValueError for the factor of drops that are none.
    """
    drops = training.rate_drops
    if drops is None:
        follows = "rate_drops" not in without_effect(model_class)
        drops = DROPS_OF_SETS if follows and not (has_time or published) else 0
    if not drops and training.rate_factor != Training.rate_factor:
        raise ValueError(
            "rate_factor is of rates that drop, and here none does: leave it out, or give "
            f"rate_drops. Received: rate_factor={training.rate_factor}, rate_drops=0."
        )
    return drops
