"""What is different between two catalogues is what they say, not how they hold it."""

import numpy as np
import pandas as pd
import pytest

from tfrec_recall.operations.catalogue_changes import CatalogueChanges

OLD = pd.DataFrame({"item_id": ["a", "b", "c"], "pages": [7, 8, 9], "big": [2**60, 1, 2]})


@pytest.mark.parametrize(
    ("pages", "changed"),
    [
        ([7.0, 8.0, 9.0], []),
        ([7.0, np.nan, 9.0], ["b"]),
        ([7.5, 8.0, 9.0], ["a"]),
        (pd.array([7, 8, None], "Int64"), ["c"]),
        (["7", "8", "9"], []),
        ([float("inf"), 8.0, 1e300], ["a", "c"]),
    ],
)
def test_whole_numbers_are_the_same_in_any_type(pages, changed):
    new = OLD.assign(pages=pages)
    ids = pd.Index(OLD["item_id"])
    assert CatalogueChanges.between(ids, ids, OLD, new).changed == changed
    assert CatalogueChanges.between(ids, ids, new, OLD).changed == changed
