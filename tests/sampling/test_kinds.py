"""What kinds of negatives draw from, once the data is known."""

import numpy as np
import pandas as pd
import pytest

from tfrec_recall.data import Interactions
from tfrec_recall.features import Categorical, Features
from tfrec_recall.sampling import LogUniform, Popularity, Uniform


@pytest.mark.parametrize("kind", [Uniform(5), Popularity(5, power=1.0), LogUniform(5)])
def test_items_that_are_too_rare_to_be_known_are_not_drawn(kind):
    items = ["a"] * 5 + ["b"] * 3 + [f"rare {n}" for n in range(20)]
    events = pd.DataFrame({"user_id": "u", "item_id": items})
    features = Features([Categorical("user_id")], [Categorical("item_id", min_count=3)])
    features.adapt(Interactions(events))
    assert features.item_counts[1] == 20
    sampler = kind.sampler(features)
    assert set(sampler.sample([200], seed=[0, 1]).numpy()) == {2, 3}
    probability = sampler.probability_of(np.arange(4)).numpy()
    np.testing.assert_allclose(probability[:2], 0)
    assert probability.sum() == pytest.approx(1)
