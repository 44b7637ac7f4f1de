"""Groups of items by training events, and of users by the length of their history."""

import numpy as np
import pytest

from tfrec_recall.comparison.groups import NAMES, HistoryGroups, ItemGroups
from tfrec_recall.comparison.shown import COMPARED, USERS, Shown


def names(popularity):
    return [NAMES[group] for group in ItemGroups.by(np.array(popularity)).of]


def test_frequent_items_hold_half_of_the_events_and_rare_ones_the_last_fifth():
    # 100 events: the first two hold 50, the next two 30, the last four 20.
    found = names([30, 20, 18, 12, 5, 5, 5, 5, 0])
    assert found == ["frequent"] * 2 + ["middle"] * 2 + ["rare"] * 4 + ["new"]


def test_items_with_equal_counts_are_in_one_group():
    assert names([1] * 10) == ["frequent"] * 10
    assert names([4, 1, 4, 1, 4, 0, 1]) == [
        *("frequent", "rare", "frequent", "rare", "frequent", "new", "rare")
    ]


def test_the_order_of_items_is_no_matter():
    popularity = np.array([30, 20, 18, 12, 5, 5, 5, 5, 0])
    order = np.random.default_rng(0).permutation(len(popularity))
    assert names(popularity[order]) == [names(popularity)[place] for place in order]


def test_groups_are_described_by_their_counts():
    described = ItemGroups.by(np.array([30, 20, 18, 12, 5, 5, 5, 5, 0])).described()
    assert described[0] == {"name": "new", "items": 1, "events": 0, "least": 0, "most": 0}
    assert described[1] == {"name": "rare", "items": 4, "events": 20, "least": 5, "most": 5}
    assert sum(group["events"] for group in described) == 100


@pytest.mark.parametrize(
    ("lengths", "expected"),
    [
        ([1, 2, 3, 4, 5, 6], ("1 to 2", "3 to 4", "5 to 6")),
        ([7, 7, 7, 7], ("7",)),
        ([0, 0, 0, 0, 9], ("0", "9")),
    ],
)
def test_histories_are_cut_in_thirds_with_ties_together(lengths, expected):
    groups = HistoryGroups.by(np.array(lengths))
    assert groups.names == expected
    for value in set(lengths):
        assert len({g for g, v in zip(groups.of, lengths, strict=True) if v == value}) == 1


def test_picked_users_go_from_short_histories_to_long_ones():
    lengths = np.random.default_rng(1).permutation(1000)
    shown = Shown.of(lengths)
    picked = lengths[shown.picked]
    assert (len(picked), picked[0], picked[-1]) == (USERS, 0, 999)
    assert (np.diff(picked) > 0).all()
    assert len(set(shown.compared.tolist())) == COMPARED
    few = Shown.of(np.array([3, 1]))
    assert (few.picked.tolist(), few.compared.tolist()) == ([1, 0], [0, 1])
