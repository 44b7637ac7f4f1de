"""`watch --item-vectors`: what servers hold is taken apart as it stands, or refused."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tfrec_recall.cli.commands.watch import _vectors

KINDS = [pa.list_(pa.float32()), pa.large_list(pa.float64()), pa.list_(pa.float32(), 2)]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_each_item_has_its_own_vector(tmp_path, kind):
    vectors = pa.array([[1, 2], [3, 4], [5, 6]], kind)
    pq.write_table(pa.table({"vector": vectors, "item_id": ["a", "b", "c"]}), tmp_path / "parquet")
    ids, found = _vectors(tmp_path / "parquet")
    assert ids.tolist() == ["a", "b", "c"]
    np.testing.assert_array_equal(found, np.array([[1, 2], [3, 4], [5, 6]], "float32"))


@pytest.mark.parametrize(
    ("vectors", "received"),
    [
        ([[1, 2, 3, 4], None], "1 of 2 rows whose width is not 4, the first of item 8 with 0"),
        ([[1], [2, 3, 4]], "1 of 2 rows whose width is not 3, the first of item 7 with 1"),
        ([None, []], "2 of 2 rows whose width is not 1, the first of item 7 with 0"),
    ],
)
def test_rows_without_a_vector_or_of_another_width_are_refused(tmp_path, vectors, received):
    """As the rows of a delta that removes items; the others would be taken apart wrongly."""
    column = pa.array(vectors, pa.list_(pa.float32()))
    pq.write_table(pa.table({"item_id": [7, 8], "vector": column}), tmp_path / "items.parquet")
    with pytest.raises(ValueError, match=f"a vector in each row.*Received: {received}"):
        _vectors(tmp_path / "items.parquet")
