"""What kinds of negatives draw from, once the data is known."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tfrec_recall.data import Interactions
from tfrec_recall.data.notices import ReadingNotice
from tfrec_recall.features import Categorical, Features
from tfrec_recall.sampling import (
    Hard,
    InBatch,
    LogUniform,
    Popularity,
    PopularityNegatives,
    Shown,
    Uniform,
    UniformNegatives,
    WithoutOwn,
    kinds_of,
)


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


@pytest.mark.parametrize(
    "kind",
    [
        InBatch(np.True_),
        Uniform(np.int64(5)),
        Popularity(np.int32(5), power=np.float32(0.5)),
        LogUniform(np.int64(5)),
        Hard(np.int64(3), window=(np.int64(2), np.int64(6)), every=np.int8(2)),
        WithoutOwn(np.int64(9)),
        UniformNegatives(np.int64(5)),
        PopularityNegatives(np.arange(5), np.float64(0.5)),
    ],
)
def test_numbers_of_numpy_are_plain_in_the_config(kind):
    config = json.dumps(kind.get_config())
    assert json.dumps(type(kind).from_config(json.loads(config)).get_config()) == config


TRAIN = Interactions(
    pd.DataFrame({"user_id": ["7", "8", "9"], "item_id": [10, 11, 12], "timestamp": [1, 2, 3]})
)
FEATURES = Features([Categorical("user_id")], [Categorical("item_id")]).adapt(TRAIN)


def shown(user_id, item_id):
    return Shown(2, pd.DataFrame({"user_id": user_id, "item_id": item_id}))


def test_what_was_shown_is_found_by_the_users_of_training_in_any_form():
    """Users and items that training does not know, and a missing one, are passed over."""
    users = ["9", "stranger", None, "7", "7"]
    kinds = shown(users, [10, 11, 11, 12, 99]), shown(pd.Categorical(users), [10, 11, 11, 12, 99])
    expected = FEATURES.ids("item_id").encode(pd.Series([12, 10]))
    with warnings.catch_warnings():
        warnings.simplefilter("error", ReadingNotice)
        for kind in kinds:
            drawn = kind.sampler(FEATURES, TRAIN).sample(tf.range(3), 2, seed=[0, 1]).numpy()
            rows = TRAIN.users["user_id"].tolist()
            found = [drawn[rows.index(user)].tolist() for user in ("7", "8", "9")]
            assert found == [[expected[0]] * 2, [0, 0], [expected[1]] * 2]


@pytest.mark.parametrize(
    ("kind", "column"), [(shown([7, 8], [10, 11]), "user"), (shown(["7", "8"], ["10"] * 2), "item")]
)
def test_ids_of_another_type_than_trainings_are_refused_by_name(kind, column):
    with pytest.raises(ValueError, match=rf"Shown takes .* {column}_id is of the type.*Received: "):
        kind.sampler(FEATURES, TRAIN)


@pytest.mark.parametrize(
    "kind",
    [shown(["x", "y"], [10, 11]), shown(["7", "8"], [98, 99]), shown(["7", "8"], [10, 11])],
    ids=["strangers", "unknown items", "chosen"],
)
def test_it_is_told_where_nothing_is_left_to_draw(kind):
    with pytest.warns(ReadingNotice, match=r"Shown draws nothing: none of 2 impressions .*user_id"):
        sampler = kind.sampler(FEATURES, TRAIN)
    assert not sampler.sample(tf.range(3), 2, seed=[0, 1]).numpy().any()


def test_files_of_settings_tell_kinds_by_their_names():
    told = [
        {"kind": "InBatch", "across_replicas": False},
        {"kind": "Hard", "count": 2, "window": [1, 6]},
        {"kind": "WithoutOwn"},
    ]
    expected = (InBatch(across_replicas=False), Hard(2, window=(1, 6)), WithoutOwn())
    assert kinds_of("TwoTower", told) == expected
    assert kinds_of("TwoTower", {"kind": "Uniform", "count": 7}) == (Uniform(7),)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"kind": "Shown", "count": 2}, "negatives as tables with a kind of InBatch, Uniform, .*"),
        ({"count": 2}, "negatives as tables with a kind of InBatch.*"),
        ({"kind": "Uniform"}, "negatives as Uniform with its arguments, count.*"),
        (
            {"kind": "InBatch", "count": 2},
            "negatives as InBatch with its arguments, across_replicas.*",
        ),
    ],
)
def test_what_is_told_otherwise_is_refused(told, said):
    with pytest.raises(ValueError, match=rf"TwoTower takes {said}Received: negatives=.'"):
        kinds_of("TwoTower", [told])
