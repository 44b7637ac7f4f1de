"""Settings of training that a model does not follow are refused, not ignored."""

import dataclasses

import pytest

from tfrec_recall.cli.arguments.settings import Training
from tfrec_recall.cli.discovery import entries
from tfrec_recall.cli.runs.followed import require_effect, without_effect
from tfrec_recall.models import EGES, Item2Vec, ItemCF, TwoTower

NAMES = [field.name for field in dataclasses.fields(Training)]


@pytest.mark.parametrize("name", entries())
def test_every_setting_is_followed_or_refused(name):
    model_class = entries()[name].load()
    reasons = without_effect(model_class)
    require_effect({setting: 1 for setting in NAMES if setting not in reasons}, model_class)
    if model_class.PUBLISHED is not None:
        require_effect(model_class.PUBLISHED.settings, model_class)
    for setting in reasons:
        with pytest.raises(ValueError, match=f"{setting} has no effect.*Received: {setting}=1"):
            require_effect({setting: 1}, model_class)


@pytest.mark.parametrize(
    ("model_class", "setting", "message"),
    [
        (ItemCF, "epochs", "ItemCF learns in one pass: epochs has no effect, .* follows: none"),
        (Item2Vec, "learning_rate", "a schedule of its own: .* follows: epochs, batch_size"),
        (EGES, "patience", "EGES learns for all of its epochs: patience has no effect"),
    ],
)
def test_the_refusal_says_why_and_what_is_followed(model_class, setting, message):
    with pytest.raises(ValueError, match=message):
        require_effect({setting: 3}, model_class)


def test_a_model_that_descends_follows_all():
    assert not without_effect(TwoTower)
