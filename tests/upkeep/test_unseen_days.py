"""An update gives up what was not seen for long, by all events that were learnt."""

import pandas as pd

from tests.upkeep.conftest import DAY, day, exported
from tfrec_recall.data import Interactions
from tfrec_recall.upkeep import update
from tfrec_recall.upkeep.state import TrainingState


def test_events_that_waited_make_nobody_old(tmp_path):
    """The last event of a user who left two years ago waits, as training is measured with it."""
    first, second = day(0), day(1)
    left = first.events.head(1).assign(timestamp=first.events["timestamp"].min() - 730 * DAY)
    path = exported(tmp_path / "popular", first, waiting=left)
    fresh = second.events.assign(item_id=second.events["item_id"] + " anew")
    new = Interactions(pd.concat([second.events, fresh], ignore_index=True), mend_ids=False)
    found = update(path, new, force=True, unseen_days=30)
    features = TrainingState.of(found.version).model().features
    assert set(first.events["item_id"]) <= set(features.item_vocabulary.ids)
    assert set(fresh["item_id"]) <= set(features.item_vocabulary.ids)
