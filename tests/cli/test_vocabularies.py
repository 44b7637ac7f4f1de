"""Thresholds and hashes of vocabularies, as settings give them."""

import pytest

from tfrec_recall.cli.runs.vocabularies import with_vocabularies
from tfrec_recall.features import Categorical, Features, History, MultiValued

FEATURES = Features(
    user=[Categorical("user_id", unknown_rate=0.1), History(length=7)],
    item=[Categorical("item_id"), MultiValued("tags", length=3)],
    left_out=[("items", "title", "it is a title")],
)


def test_features_have_the_arguments_that_settings_give():
    given = {"min_count": {"item_id": 2, "tags": 3}, "hash_buckets": {"user_id": 9}}
    found = with_vocabularies(FEATURES, given)
    assert found.user == (
        Categorical("user_id", unknown_rate=0.1, hash_buckets=9),
        FEATURES.user[1],
    )
    assert found.item == (
        Categorical("item_id", min_count=2),
        MultiValued("tags", min_count=3, length=3),
    )
    assert found.left_out == FEATURES.left_out
    assert FEATURES.item[0].min_count == 1
    assert with_vocabularies(FEATURES, {}) is FEATURES


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"hash_buckets": {"item_id": 9}}, "hash_buckets is of .* here user_id. .* of item_id"),
        ({"hash_buckets": {"tags": 9}}, "hash_buckets is of .* here user_id. .* of tags"),
        ({"min_count": {"history": 2}}, "here user_id, item_id, tags. .*min_count of history"),
        ({"min_count": {"brand": 2}}, "here user_id, item_id, tags. .*min_count of brand"),
        (
            {"min_count": {"user_id": 2}, "hash_buckets": {"user_id": 9}},
            "hash_buckets or min_count",
        ),
    ],
)
def test_what_would_have_no_effect_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        with_vocabularies(FEATURES, given)
