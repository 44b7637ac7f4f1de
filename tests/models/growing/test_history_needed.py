"""What an update reads of earlier events: all that a user met, or the latest of some types."""

import numpy as np
import pandas as pd
import pytest

from tests.contract.model_cases import SEEN, built
from tfrec_recall import models
from tfrec_recall.data import Interactions, recent
from tfrec_recall.features import Categorical, Features, History
from tfrec_recall.sampling import Hard, InBatch, Uniform, Unmet, WithoutOwn
from tfrec_recall.upkeep.updating import replayed


@pytest.mark.parametrize(
    ("negatives", "length"),
    [
        ([InBatch(), Uniform(5)], SEEN),
        ([InBatch(), Unmet(2)], None),
        ([InBatch(), WithoutOwn()], SEEN),
        ([InBatch(), Hard(2, window=(0, 4))], None),
    ],
)
def test_negatives_that_ask_what_was_met_need_all_events(negatives, length):
    model = built(models.TwoTower, negatives=negatives, correct=False)
    assert model.history_needed == length
    assert replayed(model, 0.5) == 0.5


def test_no_item_of_before_is_an_unmet_one():
    """The user has had eight of ten items, of which histories hold two, and takes the ninth."""
    rows = [("a", f"i{step}", step) for step in range(8)] + [("b", "i8", 8), ("b", "i9", 9)]
    columns = ["user_id", "item_id", "timestamp"]
    first = Interactions(pd.DataFrame(rows, columns=columns))
    user = [Categorical("user_id"), History(length=2)]
    model = models.NeuralCF(Features(user, [Categorical("item_id")]).adapt(first), dim=2)
    day = Interactions(pd.DataFrame([("a", "i8", 20)], columns=columns))
    grown = model.grow(model.features.grow(day))
    since = recent(first, day, length=grown.history_needed, replay=0)
    left = grown.features.item_vocabulary.encode(["i9"])
    batches = list(grown.training_data(since.to_learn, batch_size=64))
    assert len(batches) == 1
    drawn = batches[0]["item_id"].numpy()[batches[0]["label"].numpy() == 0]
    assert len(drawn)
    assert np.isin(drawn, left).all()
    assert replayed(grown, 1.0) == 1.0


def test_what_counts_all_events_of_a_user_learns_none_again():
    assert replayed(built(models.ItemCF), 1.0) == 0.0


def test_events_of_other_types_are_not_read():
    events = pd.DataFrame({"user_id": "a", "item_id": list("xyzxy"), "timestamp": range(5)})
    events["event_type"] = ["click", "booking", "rejection", "impression", "view"]
    users = pd.DataFrame({"user_id": ["a"], "age": "old"})
    items = pd.DataFrame({"item_id": list("xyz"), "kind": "flat"})
    log = Interactions(events, users, items)
    features = Features(
        [Categorical("age"), History()], [Categorical("item_id"), Categorical("kind")]
    ).adapt(log)
    of_types = models.AirbnbType(features, dim=2)
    assert events["event_type"][of_types.reads(events)].tolist() == ["booking", "rejection"]
    listings = models.AirbnbListing(features, dim=2, clicked=("click", "view"))
    read = events["event_type"][listings.reads(events)].tolist()
    assert read == ["click", "booking", "view"]
    untyped = events.drop(columns="event_type")
    assert of_types.reads(untyped).all()
    assert listings.reads(untyped).all()
    assert built(models.TwoTower).reads(events).all()
