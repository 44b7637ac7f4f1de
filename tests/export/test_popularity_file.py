"""What fills short lists comes back from disk as it was counted."""

import pandas as pd
import pytest

from tfrec_recall.export.popularity_file import read_popularity, write_popularity
from tfrec_recall.retrieval import Popularity


@pytest.mark.parametrize("segments", [[2**53 + 1, 2**53, -1], ["de", "fr", ""]], ids=["int", "str"])
def test_segments_are_those_that_were_written(segments, tmp_path):
    within = pd.DataFrame({"segment": segments, "item_id": ["a", "b", "b"], "score": [1.0, 2, 3]})
    write_popularity(tmp_path, Popularity(["a", "b"], [5.0, 6.0], "code", within, 30.0, 1.6e9))
    found = read_popularity(tmp_path)
    assert (list(found.item_ids), list(found.scores)) == (["a", "b"], [5.0, 6.0])
    assert (found.by, found.half_life_days, found.newest) == ("code", 30.0, 1.6e9)
    pd.testing.assert_frame_equal(found.in_segments, within)
