"""Files of users that hold a column in several types of Arrow are one list of users."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from tests.retrieval.toys import retriever
from tfrec_recall.data import Interactions
from tfrec_recall.operations import EveryUser, UsersOfFile
from tfrec_recall.operations.arrow_tensors import raw_feature
from tfrec_recall.operations.columns_of_users import needed
from tfrec_recall.operations.users_of_file import _check_lengths
from tfrec_recall.retrieval import EmbeddingRetriever

pytestmark = pytest.mark.usefixtures("untraced")

TEXTS = pa.list_(pa.string())
NOTHING = pa.list_(pa.null())
HISTORIES = [["item 1"], ["item 2", "item 3"]]


@pytest.fixture(scope="module")
def toy():
    return retriever(5)


@pytest.fixture(scope="module")
def of_ages():
    """Is asked with an integer and a number."""
    inputs = {"age": tf.TensorSpec([None], tf.int64), "spent": tf.TensorSpec([None], tf.float32)}
    return EmbeddingRetriever(lambda raw: raw["age"], ["a"], [[1.0]], inputs=inputs)


def folder(path, *tables):
    for number, columns in enumerate(tables):
        pq.write_table(pa.table(columns), path / f"{number}.parquet")
    return path


def read(path, retriever, size=3):
    """The ids, and the batches, of parts that span the files."""
    parts = list(UsersOfFile(path, retriever).parts(size))
    ids = [one for part in parts for one in part.ids.to_pylist()]
    batches = [part.batch(np.arange(len(part.ids))) for part in parts]
    return ids, batches, np.concatenate([part.lengths for part in parts]).tolist()


@pytest.mark.parametrize(
    "kind",
    [
        pa.list_(pa.large_string()),
        pa.large_list(pa.string()),
        pa.list_(pa.field("element", pa.string(), nullable=False)),
        pa.list_(pa.dictionary(pa.int32(), pa.string())),
        pa.list_(pa.string_view()),
    ],
    ids=str,
)
def test_lists_of_texts_of_several_types_are_one_column(toy, tmp_path, kind):
    ids = [pa.array(["a", "b"]), pa.array(["c", "d"], pa.large_string())]
    tables = [
        {"user_id": own, "history": pa.array(HISTORIES, one)}
        for own, one in zip(ids, (TEXTS, kind), strict=True)
    ]
    found, batches, lengths = read(folder(tmp_path, *tables), toy)
    assert found == ["a", "b", "c", "d"]
    assert lengths == [1, 2, 1, 2]
    asked = [row for queries, _ in batches for row in queries["history"].to_list()]
    assert asked == [[one.encode() for one in row] for row in HISTORIES * 2]


@pytest.mark.parametrize("nothing", [pa.null(), NOTHING], ids=str)
@pytest.mark.parametrize("others", [TEXTS, None], ids=str)
def test_a_file_without_any_history_has_empty_ones(toy, tmp_path, nothing, others):
    """Beside a file that has some, and alone; what is left out is read alike."""
    empty = pa.array([None if nothing == pa.null() else []] * 2, nothing)
    tables = [{"user_id": ["a", "b"], "history": empty, "exclude": empty}]
    if others is not None:
        some = pa.array(HISTORIES, others)
        tables.append({"user_id": ["c", "d"], "history": some, "exclude": some})
    ids, batches, lengths = read(folder(tmp_path, *tables), toy)
    expected = [[], [], ["item 1"], ["item 2", "item 3"]][: len(ids)]
    assert lengths == [len(row) for row in expected]
    texts = [[one.encode() for one in row] for row in expected]
    assert [row for queries, _ in batches for row in queries["history"].to_list()] == texts
    left_out = [row for _, exclude in batches for row in exclude.to_list()]
    assert left_out == [2 * row for row in texts]  # the history's, and those of `exclude`


def test_numbers_are_in_a_type_that_holds_those_of_all_files(of_ages, tmp_path):
    large = 2**53 + 1
    tables = [
        {"user_id": pa.array([7], pa.int32()), "age": pa.array([30], pa.int8()), "spent": [2]},
        {"user_id": [large], "age": [large], "spent": pa.array([0.5], pa.float32())},
        {"user_id": [8], "age": pa.nulls(1), "spent": [large]},
    ]
    ids, [(queries, exclude)], _ = read(folder(tmp_path, *tables), of_ages)
    assert ids == [7, large, 8]
    assert exclude is None
    assert queries["age"].numpy().tolist() == [30, large, -1]
    np.testing.assert_array_equal(queries["spent"], np.array([2, 0.5, large], "float32"))


@pytest.mark.parametrize("kind", [pa.uint8(), pa.uint64(), pa.bool_(), pa.int8()], ids=str)
def test_a_missing_integer_is_padding_in_a_type_without_negative_ones(of_ages, tmp_path, kind):
    missing = pa.array([True, None], pa.bool_()).cast(kind)
    path = folder(tmp_path, {"user_id": [7, 8], "age": missing, "spent": missing})
    _, [(queries, _)], _ = read(path, of_ages)
    assert queries["age"].numpy().tolist() == [1, -1]
    np.testing.assert_array_equal(queries["spent"], np.array([1, np.nan], "float32"))


def test_a_missing_integer_is_padding_of_a_list_of_unsigned_ones():
    column = pa.array([[2, None], None], pa.list_(pa.uint32()))
    found = raw_feature(column, tf.TensorSpec([None, None], tf.int64), "history")
    assert found.to_list() == [[2, -1], []]
    large = pa.array([2**53 + 1, None])  # which a float rounds, with and without a missing one
    for some in (large, large[:1]):
        found = raw_feature(some, tf.TensorSpec([None], tf.float32), "spent")
        assert found.numpy()[0] == np.float32(2**53)


def test_integers_that_are_none_of_int64_are_named(of_ages, tmp_path):
    """They would become negative ones, which are other ids."""
    told = "Column '{}' is read as int64: convert it.*Received: Integer value {} not in range"
    whole = {"age": [1], "spent": [1]}
    huge = pa.array([2**63], pa.uint64())
    path = folder(tmp_path, {"user_id": huge, **whole})
    assert read(path, of_ages)[0] == [2**63]  # nobody looks it up
    everyone = EveryUser(Interactions(pd.DataFrame({"user_id": [1], "item_id": ["x"]})), {})
    with pytest.raises(ValueError, match=f"{told.format('user_id', 2**63)}.*of uint64"):
        UsersOfFile(path, of_ages, everyone)
    for tables in ([{"age": huge}], [{"age": [5]}, {"age": huge}]):
        path = folder(tmp_path, *({"user_id": [1], **whole, **own} for own in tables))
        with pytest.raises(ValueError, match=told.format("age", 2**63)):
            read(path, of_ages)


def test_categories_that_all_files_have_stay_categories(toy, tmp_path):
    ids = [pa.array(one).dictionary_encode() for one in (["a", "b"], ["c", "d"])]
    tables = [{"user_id": own, "history": pa.array(HISTORIES, TEXTS)} for own in ids]
    (part,) = UsersOfFile(folder(tmp_path, *tables), toy).parts(4)
    assert pa.types.is_dictionary(part.ids.type)
    assert part.ids.to_pylist() == ["a", "b", "c", "d"]


@pytest.mark.parametrize("ids", [pa.array(["c"]), pa.array([1.5])], ids=["text", "fractions"])
def test_types_that_have_none_in_common_are_told_with_their_files(of_ages, tmp_path, ids):
    tables = [{"user_id": own, "age": [1], "spent": [1]} for own in ([1], ids)]
    said = rf"'user_id' is of one type.*Received: int64 in .*0.parquet, {ids.type} in .*1.parquet"
    with pytest.raises(ValueError, match=said):
        UsersOfFile(folder(tmp_path, *tables), of_ages)


RATED = {"history": pa.array([["x", "y"], None, ["z"]], TEXTS)}
STRANGERS = {"user_id": ["a", "b", "c"]}


@pytest.fixture(scope="module")
def of_ratings():
    """Is asked with items and what was given to each."""
    inputs = {
        "history": tf.TensorSpec([None, None], tf.string),
        "history_rating": tf.TensorSpec([None, None], tf.float32),
    }
    return EmbeddingRetriever(lambda raw: raw["history_rating"], ["x"], [[1.0]], inputs=inputs)


@pytest.mark.parametrize("name", ["history", "history_rating"])
def test_a_part_of_the_histories_is_refused_beside_the_data_too(of_ratings, tmp_path, name):
    """The data have other events: their ratings are not those of the file's items."""
    events = pd.DataFrame({"user_id": ["a"] * 2, "item_id": ["x", "z"], "rating": [1.0, 2.0]})
    everyone = EveryUser(Interactions(events), of_ratings.inputs)
    column = pa.array([["x"], [], []], TEXTS) if name == "history" else [[1.0], [], []]
    path = folder(tmp_path, {**STRANGERS, name: column})
    (other,) = {"history", "history_rating"} - {name}
    said = rf"the same events.*add {other}, .*leave {name} out. Received columns: user_id, {name}"
    for data in (everyone, None):
        with pytest.raises(ValueError, match=said):
            UsersOfFile(path, of_ratings, data)
    pq.write_table(pa.table(STRANGERS), path / "0.parquet")
    (part,) = UsersOfFile(path, of_ratings, everyone).parts(3)
    queries, _ = part.batch(np.array([0]))
    assert queries["history_rating"].numpy().tolist() == [[1.0, 2.0]]


@pytest.mark.parametrize(
    ("ratings", "received"),
    [
        (
            [[5.0, 4.0], [], [3.0, 2.0]],
            "1 and, in .*, 2 values in row 2, the first of 1",
        ),
        ([[5.0], [4.0], None], "2 and, in 'history_rating', 1 values in row 0, the first of 2"),
    ],
)
def test_lists_of_the_same_events_are_of_one_length(of_ratings, tmp_path, ratings, received):
    path = folder(tmp_path, {**STRANGERS, **RATED, "history_rating": ratings})
    with pytest.raises(ValueError, match=f"history, history_rating tell.*{received} such rows"):
        UsersOfFile(path, of_ratings)


def test_a_history_that_is_not_known_is_held_to_no_other():
    table = pa.table({"history_brand": [None, ["a"]], "history_kind": [["x", "y"], ["z"]]})
    _check_lengths(table, ["history_brand", "history_kind"], 0)
    table = table.append_column("history_size", pa.array([[1], [2]]))
    with pytest.raises(ValueError, match="2 and, in 'history_size', 1 values in row 0"):
        _check_lengths(table, table.column_names, 0)


def test_only_lists_tell_of_each_event():
    inputs = {
        "history": tf.TensorSpec([None, None], tf.string),
        "history_length": tf.TensorSpec([None], tf.int64),
    }
    assert needed(["user_id", "history"], inputs) == ["history_length"]


@pytest.mark.parametrize(
    ("ratings", "found"),
    [([[5.0, None], None, None], 5.0), (pa.nulls(3), np.nan)],
    ids=["some", "none"],
)
def test_of_a_history_may_be_known_no_more_than_the_items(of_ratings, tmp_path, ratings, found):
    _, [(queries, exclude)], lengths = read(
        folder(tmp_path, {**STRANGERS, **RATED, "history_rating": ratings}), of_ratings
    )
    assert lengths == [2, 0, 1]
    assert queries["history"].numpy().tolist() == [[b"x", b"y"], [b"", b""], [b"z", b""]]
    expected = np.full((3, 2), np.nan)
    expected[0, 0] = found
    np.testing.assert_array_equal(queries["history_rating"], expected)
    assert exclude.to_list() == [[b"x", b"y"], [], [b"z"]]


def test_what_a_writer_of_parts_has_not_finished_is_left(toy, tmp_path):
    columns = {"user_id": ["a"], "history": pa.array([["item 1"]], TEXTS)}
    for place in ("day=1", "_temporary/0", ".spark-staging-5"):
        (tmp_path / place).mkdir(parents=True)
        folder(tmp_path / place, columns)
    assert len(UsersOfFile(tmp_path, toy)) == 1
