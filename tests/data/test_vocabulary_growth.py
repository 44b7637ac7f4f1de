"""Vocabularies that grow, against what counting all events at once gives."""

import numpy as np
import pandas as pd
import pytest

from tfrec_recall.data import Vocabulary
from tfrec_recall.data.vocabulary_growth import grow, kept


def counted(values):
    return pd.Series(list(values)).value_counts()


@pytest.mark.parametrize("min_count", [1, 2, 3])
def test_counts_are_those_of_all_values_at_once(min_count):
    generator = np.random.default_rng(3)
    parts = [generator.choice(list("abcdefghijklmn"[: 6 + 4 * n]), 9) for n in range(3)]
    known, waiting = Vocabulary.build(parts[0], min_count), None
    unseen = counted(parts[0])  # those below the minimum are forgotten but for their number
    unseen = unseen[unseen < min_count]
    for part in parts[1:]:
        known, waiting = grow(known, counted(part), min_count, waiting)
    every = counted(np.concatenate(parts)).sub(unseen, fill_value=0)
    every = every[every >= min_count]
    found = pd.Series(known.counts[2:], known.ids)
    pd.testing.assert_series_equal(
        found.sort_index(), every.sort_index(), check_dtype=False, check_names=False
    )
    assert known.counts.sum() == sum(map(len, parts))


def test_known_integers_stay_and_spare_ones_are_taken_first():
    known = Vocabulary(list("abcd"), [9, 5, 2, 1], unknown_count=4)
    grown, _ = grow(known, counted("xxxyyzb"), spare=[5, 3, 4])  # d, b (which came), c
    assert grown.ids.tolist() == ["a", "b", "y", "x", "z"]
    assert grown.counts.tolist() == [0, 4 + 1 + 2, 9, 6, 2, 3, 1]
    assert kept(known, grown).tolist() == [True, True, True, True, False, False, False]
    assert grow(known, counted("a"), spare=[5, 4])[0].ids.tolist() == list("abcd")


def test_integers_stay_integers_and_nothing_is_nothing():
    known = Vocabulary([7, 3], [1, 1])
    grown, _ = grow(known, pd.Series({9: 2, -1: 5}))
    assert grown.ids.tolist() == [7, 3, 9]
    assert grown.holds_integers
    assert grow(known, pd.Series(dtype="int64"))[0] is known


@pytest.mark.parametrize("after", [["a"], [1, 2, 3]])
def test_what_did_not_grow_out_of_it_is_an_error(after):
    with pytest.raises(ValueError, match=r"model\.features\.grow\(interactions\).*Received: Voc"):
        kept(Vocabulary(["a", "b"]), Vocabulary(after))
