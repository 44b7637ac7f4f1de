"""Neighbours that were found elsewhere are taken as if the model had found them."""

import numpy as np
import pandas as pd
import pytest

from tfrec_recall.data import Interactions, Vocabulary
from tfrec_recall.data.notices import ReadingNotice
from tfrec_recall.models import ItemCF

EVENTS = pd.DataFrame({"user_id": np.arange(90) % 13, "item_id": np.arange(90) ** 2 % 17})
DATA = Interactions(EVENTS.assign(timestamp=10**9 + np.arange(90) * 7))


@pytest.fixture(scope="module")
def fitted():
    model = ItemCF(ItemCF.default_features(DATA).adapt(DATA), neighbours=4)
    model.fit(DATA)
    return model


def as_table(model, numbers):
    """A pair a row, as Spark writes it; numbers of ids by another vocabulary."""
    ids, weights = model.neighbour_ids.numpy(), model.neighbour_weights.numpy()
    item, place = np.nonzero(ids >= 0)
    table = pd.DataFrame({"id": numbers[item], "neighbour": numbers[ids[item, place]]})
    return table.assign(weight=weights[item, place].astype("float64")).sample(
        frac=1, random_state=0
    )


def test_lists_are_those_of_a_model_that_has_learnt(fitted):
    ours = fitted.features.item_vocabulary
    theirs = Vocabulary([*ours.ids[::-1], 99])
    numbers = np.r_[0, 1, np.arange(len(ours) - 2)[::-1] + 2]
    model = ItemCF(fitted.features, neighbours=4)
    for table, vocabulary in (
        (as_table(fitted, np.arange(len(ours))), None),
        (as_table(fitted, numbers), theirs),
    ):
        model.assign_neighbours(table, vocabulary)
        assert (model.neighbour_weights.numpy() == fitted.neighbour_weights.numpy()).all()
        raw = {"history": [[0, 4]]}
        lists = [one.retriever(DATA.items, k=5)(raw, k=5) for one in (model, fitted)]
        np.testing.assert_allclose(lists[0][1], lists[1][1])
    assert (model.popularity.numpy()[2:] == fitted.features.item_counts[2:]).all()
    few = ItemCF(fitted.features, neighbours=2)
    few.assign_neighbours(as_table(fitted, np.arange(len(ours))))
    assert (few.neighbour_weights.numpy() == fitted.neighbour_weights.numpy()[:, :2]).all()


def test_what_cannot_be_taken_is_refused_and_what_is_unknown_told(fitted):
    table = pd.DataFrame({"id": [2, 3], "neighbour": [3, 2], "weight": [0.5, 0.5]})
    model = ItemCF(fitted.features, neighbours=4)
    with pytest.raises(ValueError, match=r"columns id, neighbour and weight.*Received: .*other"):
        model.assign_neighbours(table.rename(columns={"weight": "other"}))
    for weight in (0.0, -1.0, np.inf, None):
        with pytest.raises(ValueError, match="finite and above 0"):
            model.assign_neighbours(table.assign(weight=[0.5, weight]))
    for column, number in (("id", 1), ("neighbour", 1000), ("id", 2.5)):
        with pytest.raises(ValueError, match=rf"'{column}' has numbers of a vocabulary, 2 to "):
            model.assign_neighbours(table.assign(**{column: [2, number]}))
    with pytest.raises(ValueError, match="ratings=True, a table"):
        ItemCF(fitted.features, neighbours=4, ratings=True).assign_neighbours(table)
    strange = Vocabulary([*fitted.features.item_vocabulary.ids[:2], 99])
    with pytest.warns(ReadingNotice, match="1 of 2 neighbours are left out"):
        model.assign_neighbours(table.assign(neighbour=[4, 2]), strange)
    assert model.neighbour_weights.numpy().sum() == 0.5
