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


CLICKS = ["user_id", "item_id", "timestamp", "event_type"]


def grown_by(model, day):
    return model.grow(model.features.grow(day))


def test_a_booking_of_today_is_a_context_of_the_clicks_that_it_ends():
    rows = [("a", f"i{step}", 60 * step, "click") for step in range(15)]
    rows += [("z", "i3", 0, "click"), ("z", "i4", 60, "booking")]
    first = Interactions(pd.DataFrame(rows, columns=CLICKS))
    day = Interactions(pd.DataFrame([("a", "i15", 900, "booking")], columns=CLICKS))
    features = models.AirbnbListing.default_features(first).adapt(first)
    grown = grown_by(models.AirbnbListing(features, dim=2, gap=1800.0), day)
    booked = grown.features.item_vocabulary.encode(["i15"])
    since = recent(first, day, length=grown.history_needed, replay=0)
    found = next(iter(grown.training_data(since.to_learn)))["booked"].numpy()
    assert (found == booked).sum() == 16  # of the clicks and of itself
    alone = models.AirbnbListing(features, dim=2, global_context=False)
    assert alone.history_needed == alone.window


@pytest.mark.parametrize("model_class", [models.BGE, models.GraphSAGE])
def test_edges_reach_as_far_into_what_was_before(model_class):
    rows = [(f"u{user}", f"i{(user + step) % 20}", step) for user in range(9) for step in range(12)]
    first = Interactions(pd.DataFrame(rows, columns=CLICKS[:3]))
    day = Interactions(pd.DataFrame([("u0", "i19", 99)], columns=CLICKS[:3]))
    features = Features([History(length=3)], [Categorical("item_id")]).adapt(first)
    grown = grown_by(model_class(features, dim=2, reach=10), day)
    item = grown.features.item_vocabulary.encode(["i19"])[0]
    since = recent(first, day, length=grown.history_needed, replay=0)
    assert (grown.graph(since.to_learn).toarray()[:, item] > 0).sum() == 10
    untimed = Interactions(first.events.drop(columns="timestamp"))
    features = Features([History()], [Categorical("item_id")]).adapt(untimed)
    assert models.BGE(features, dim=2).history_needed == 256  # of a set, whose items are all joined


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
