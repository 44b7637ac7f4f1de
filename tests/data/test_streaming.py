import itertools
import tracemalloc

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.references import examples as reference
from tfrec_recall.data import streaming
from tfrec_recall.data.streaming import batches, gather_histories, parquet


def passes(dataset, count):
    return [[rows.tolist() for rows in dataset.as_numpy_iterator()] for _ in range(count)]


def flat(batches_of_a_pass):
    return list(itertools.chain.from_iterable(batches_of_a_pass))


# batches


def test_without_a_seed_rows_stay_in_order():
    assert passes(batches(7, 3), 2) == [[[0, 1, 2], [3, 4, 5], [6]]] * 2


@settings(max_examples=20)
@given(st.integers(1, 40), st.integers(1, 50), st.integers(-(2**40), 2**40), st.booleans())
def test_each_pass_has_every_row_once(count, batch_size, seed, drop_remainder):
    if drop_remainder and count < batch_size:
        with pytest.raises(ValueError, match=f"no batch.*Received: {count} rows"):
            batches(count, batch_size, seed=seed, drop_remainder=True)
        return
    dataset = batches(count, batch_size, seed=seed, drop_remainder=drop_remainder)
    for batches_of_a_pass in passes(dataset, 2):
        assert len(batches_of_a_pass) == int(dataset.cardinality())
        rows = flat(batches_of_a_pass)
        assert len(set(rows)) == len(rows)
        assert set(rows) <= set(range(count))
        sizes = [len(batch) for batch in batches_of_a_pass]
        assert sizes[:-1] == [batch_size] * (len(sizes) - 1)
        assert len(rows) == (count - count % batch_size if drop_remainder else count)


def test_each_pass_has_its_own_order_which_seed_and_epoch_decide():
    first = passes(batches(50, 8, seed=3), 4)
    orders = {tuple(flat(batches_of_a_pass)) for batches_of_a_pass in first}
    assert len(orders) == 4
    assert passes(batches(50, 8, seed=3), 4) == first
    assert passes(batches(50, 8, seed=3, first_epoch=2), 2) == first[2:]
    assert not orders & {tuple(flat(epoch)) for epoch in passes(batches(50, 8, seed=4), 4)}


def test_the_order_does_not_depend_on_the_batch_size_or_the_global_seed():
    tf.random.set_seed(1)
    wide = flat(passes(batches(50, 50, seed=3), 1)[0])
    tf.random.set_seed(2)
    assert flat(passes(batches(50, 7, seed=3), 1)[0]) == wide


def test_an_iterator_that_is_not_read_is_no_pass():
    dataset = batches(50, 8, seed=3)
    iter(dataset)
    assert passes(dataset, 1) == passes(batches(50, 8, seed=3), 1)


def test_repeat_goes_through_the_epochs():
    repeated = flat(passes(batches(50, 8, seed=3).repeat(3), 1)[0])
    assert repeated == flat(flat(passes(batches(50, 8, seed=3), 3)))


def test_every_place_is_as_likely_for_every_row():
    places = np.array(passes(batches(5, 5, seed=0).repeat(1000), 1)[0])
    drawn = np.stack([(places == row).mean(axis=0) for row in range(5)])  # [row, place]
    assert np.abs(drawn - 0.2).max() < 5 * np.sqrt(0.2 * 0.8 / 1000)
    assert len({tuple(order) for order in places.tolist()}) == 120  # all orders there are


class Recorder(tf.keras.Model):
    """Learns nothing, and notes the rows of every training step."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def call(self, rows):
        return rows

    def train_step(self, rows):
        tf.numpy_function(lambda these: self.seen.append(these.tolist()), [rows], [])
        return {"loss": 0.0}


def fitted(dataset, **options):
    model = Recorder()
    model.compile()
    model.fit(dataset, verbose=0, **options)
    return model.seen


def test_fit_sees_one_order_an_epoch_and_goes_on_where_it_stopped():
    wanted = flat(passes(batches(10, 4, seed=5), 4))
    assert fitted(batches(10, 4, seed=5), epochs=4) == wanted
    resumed = fitted(batches(10, 4, seed=5, first_epoch=2), epochs=4, initial_epoch=2)
    assert resumed == wanted[2 * 3 :]


def test_fetch_maps_whole_slices():
    values = tf.constant([10, 11, 12, 13, 14])
    calls = []

    def fetch(rows):
        calls.append(rows.shape)
        past = gather_histories(values, rows, rows + 1, length=3)
        return {"value": tf.gather(values, rows), "past": past}, rows

    dataset = batches(5, 2, fetch, seed=0)
    assert calls == [[None]]  # traced once, for a slice
    for batch, rows in dataset:
        np.testing.assert_array_equal(batch["value"], rows.numpy() + 10)
    fixed = batches(5, 2, fetch, seed=0, drop_remainder=True)
    assert fixed.element_spec[0]["value"].shape == [2]
    assert fixed.element_spec[0]["past"].shape == [2, 3]


@pytest.mark.parametrize(
    ("count", "batch_size", "message"),
    [(0, 4, "no batch.*Received: 0 rows"), (4, 0, "at least 1.*Received: 0")],
)
def test_nothing_to_feed_is_an_error(count, batch_size, message):
    with pytest.raises(ValueError, match=message):
        batches(count, batch_size)


# gather_histories

RUNS = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)).map(sorted), min_size=1)


@settings(max_examples=50)
@given(RUNS, st.integers(1, 15))
def test_gather_histories_equals_the_reference(runs, length):
    start, end = np.array(runs).T
    values = np.arange(12) + 100
    wanted = reference.padded([values[a:b] for a, b in runs], length)
    found = gather_histories(tf.constant(values), start, end, length)
    np.testing.assert_array_equal(found, np.array(wanted).reshape(len(runs), length))


def test_gather_histories_of_text_and_of_several_values():
    text = gather_histories(tf.constant(["a", "b", "c"]), [0, 2], [3, 2], length=2)
    assert text.numpy().tolist() == [[b"b", b"c"], [b"", b""]]
    genres = tf.constant([[1, 2], [3, 4], [5, 6]])
    found = gather_histories(genres, [1], [3], length=3)
    assert found.numpy().tolist() == [[[3, 4], [5, 6], [0, 0]]]


# parquet


def write(folder, rows=100, files=2, row_group_size=10):
    """`rows` numbered rows in each file; `history` holds the numbers below the row's last digit."""
    for file in range(files):
        number = np.arange(file * rows, (file + 1) * rows)
        frame = pd.DataFrame(
            {
                "number": number,
                "item_id": [f"item-{n}" for n in number],
                "price": number / 2,
                "history": [np.arange(1, n % 10 + 1) for n in number],
            }
        )
        frame.to_parquet(folder / f"part-{file}.parquet", row_group_size=row_group_size)
    return folder


def numbers(dataset):
    return [batch["number"].tolist() for batch in dataset.as_numpy_iterator()]


def test_parquet_in_order(tmp_path):
    dataset = parquet(write(tmp_path), ["number"], batch_size=30)
    assert numbers(dataset) == [list(range(s, min(s + 30, 200))) for s in range(0, 200, 30)]
    assert int(dataset.cardinality()) == 7
    dropped = parquet(tmp_path, ["number"], batch_size=30, drop_remainder=True)
    assert numbers(dropped) == numbers(dataset)[:-1]
    assert dropped.element_spec["number"].shape == [30]
    one_file = parquet(tmp_path / "part-1.parquet", ["number"], batch_size=100)
    assert numbers(one_file) == [list(range(100, 200))]


def test_parquet_columns_keep_their_rows_together(tmp_path):
    columns = ["item_id", "price", "history", "number"]
    dataset = parquet(write(tmp_path), columns, 32, lengths={"history": 4}, shuffle_rows=50)
    assert list(dataset.element_spec) == columns
    for batch in dataset.as_numpy_iterator():
        number = batch["number"]
        assert batch["item_id"].tolist() == [f"item-{n}".encode() for n in number]
        np.testing.assert_array_equal(batch["price"], number / 2)
        past = reference.padded([np.arange(1, n % 10 + 1) for n in number], 4)  # the latest kept
        np.testing.assert_array_equal(batch["history"], past)


def test_parquet_lists_are_as_long_as_the_longest_of_the_batch(tmp_path):
    frame = pd.DataFrame({"tags": [["a"], [], None, ["b", None, "c"], ["d", "e"], ["f"]]})
    frame.to_parquet(tmp_path / "x.parquet")
    first, second = parquet(tmp_path, ["tags"], batch_size=4).as_numpy_iterator()
    assert first["tags"].tolist() == [
        [b"a", b"", b""],
        [b"", b"", b""],
        [b"", b"", b""],
        [b"b", b"", b"c"],
    ]
    assert second["tags"].tolist() == [[b"d", b"e"], [b"f", b""]]


@settings(max_examples=15)
@given(
    st.integers(1, 40),
    st.integers(1, 3),
    st.integers(1, 12),
    st.integers(1, 30),
    st.integers(1, 60),
)
def test_parquet_shuffled_has_every_row_once(
    tmp_path_factory, rows, files, row_group_size, batch_size, shuffle_rows
):
    folder = write(tmp_path_factory.mktemp("data"), rows, files, row_group_size)
    dataset = parquet(folder, ["number"], batch_size, shuffle_rows=shuffle_rows)
    for _ in range(2):
        found = numbers(dataset)
        assert sorted(flat(found)) == list(range(rows * files))
        assert {len(batch) for batch in found[:-1]} <= {batch_size}


def test_parquet_order_depends_on_seed_and_epoch_alone(tmp_path):
    write(tmp_path)

    def epochs(count, **options):
        dataset = parquet(tmp_path, ["number"], 30, shuffle_rows=60, **options)
        return [flat(numbers(dataset)) for _ in range(count)]

    first = epochs(3, seed=1)
    assert len({tuple(order) for order in first}) == 3
    assert epochs(3, seed=1) == first
    assert epochs(1, seed=1, first_epoch=2) == first[2:]
    assert epochs(1, seed=2) != first[:1]
    beginnings = {tuple(np.unique(np.array(order[:30]) // 10)) for order in first}
    assert len(beginnings) == 3  # row groups of both files come in another order too


def test_fit_resumes_a_stream(tmp_path):
    write(tmp_path, rows=10, row_group_size=3)

    def rows(**options):
        dataset = parquet(tmp_path, ["number"], 8, shuffle_rows=10, **options)
        return dataset.map(lambda batch: batch["number"])

    wanted = fitted(rows(), epochs=3)
    assert len(wanted) == 9
    assert fitted(rows(first_epoch=1), epochs=3, initial_epoch=1) == wanted[3:]


def test_parquet_reads_what_pandas_and_spark_write(tmp_path):
    times = pd.to_datetime(["2024-01-01T00:00:01.5", "1969-12-31T23:59:58.5"])
    frame = pd.DataFrame(
        {
            "bought": [True, False],
            "brand": pd.Categorical(["x", "y"]),
            "seen": times,
            "zoned": times.tz_localize("Europe/Paris"),
            "price": [np.nan, 2.0],
            "shop": ["s", None],
        }
    )
    frame.to_parquet(tmp_path / "a.parquet")
    (tmp_path / "_SUCCESS").write_text("")
    (tmp_path / "_metadata.parquet").write_text("no data")
    (tmp_path / ".part.parquet").write_text("half written")
    (batch,) = parquet(tmp_path, list(frame), batch_size=2).as_numpy_iterator()
    assert batch["bought"].tolist() == [True, False]
    assert batch["brand"].tolist() == [b"x", b"y"]
    assert batch["seen"].tolist() == [1_704_067_201, -2]
    assert batch["zoned"].tolist() == [1_704_067_201 - 3600, -2 - 3600]
    np.testing.assert_array_equal(batch["price"], [np.nan, 2.0])
    assert batch["shop"].tolist() == [b"s", b""]


def test_parquet_leaves_what_a_writer_of_parts_has_not_finished(tmp_path):
    for place in (".", "day=1", "_temporary/0", ".spark-staging-5/day=1"):
        (tmp_path / place).mkdir(parents=True, exist_ok=True)
        pd.DataFrame({"x": [1, 2]}).to_parquet(tmp_path / place / "part-0.parquet")
    assert int(parquet(tmp_path, ["x"], batch_size=2).cardinality()) == 2


def test_parquet_reads_every_width_of_text_and_list_as_one(tmp_path):
    for name, text, lists in [
        ("a", pa.string(), pa.list_(pa.int64())),
        ("b", pa.large_string(), pa.large_list(pa.int64())),
        ("c", pa.dictionary(pa.int32(), pa.string()), pa.list_(pa.int64(), 2)),
    ]:
        table = pa.table({"text": pa.array([name], text), "list": pa.array([[1, 2]], lists)})
        pq.write_table(table, tmp_path / f"{name}.parquet")
    (batch,) = parquet(tmp_path, ["text", "list"], batch_size=3).as_numpy_iterator()
    assert batch["text"].tolist() == [b"a", b"b", b"c"]
    assert batch["list"].tolist() == [[1, 2]] * 3


class CountedFile(pq.ParquetFile):
    now = most = 0

    def __enter__(self):
        CountedFile.now += 1
        CountedFile.most = max(CountedFile.most, CountedFile.now)
        return super().__enter__()

    def __exit__(self, *error):
        CountedFile.now -= 1
        return super().__exit__(*error)


def test_memory_does_not_grow_with_the_data(tmp_path, monkeypatch):
    """Eight times the data, and Arrow and NumPy hold less than three times as much at any batch.

    (Three, because a reading may fall between a buffer and its permuted copy.)
    """
    monkeypatch.setattr(streaming.pq, "ParquetFile", CountedFile)
    most = {}
    for files in (1, 8):
        folder = tmp_path / str(files)
        folder.mkdir()
        write(folder, rows=8_000, files=files, row_group_size=1_000)
        dataset = parquet(folder, ["item_id", "history", "number"], 200, shuffle_rows=1_500)
        before = pa.total_allocated_bytes()
        tracemalloc.start()
        rows = arrow = 0
        for batch in dataset:
            rows += len(batch["number"])
            arrow = max(arrow, pa.total_allocated_bytes() - before)
        most[files] = arrow + tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert rows == 8_000 * files
    assert most[8] < 3 * most[1]
    assert (CountedFile.now, CountedFile.most) == (0, 1)


def test_a_truncated_file_is_named(tmp_path):
    write(tmp_path)
    whole = (tmp_path / "part-1.parquet").read_bytes()
    for size in (0, 3, len(whole) // 2, len(whole) - 1):
        (tmp_path / "part-1.parquet").write_bytes(whole[:size])
        with pytest.raises(ValueError, match=r"cannot read .*part-1\.parquet: "):
            parquet(tmp_path, ["number"], batch_size=10)


def test_a_damaged_page_is_named_when_it_is_read(tmp_path):
    write(tmp_path, files=1)
    path = tmp_path / "part-0.parquet"
    content = bytearray(path.read_bytes())
    content[4:400] = bytes(396)  # the first pages, not the footer
    path.write_bytes(content)
    dataset = parquet(tmp_path, ["number"], batch_size=10)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"cannot read .*part-0\.parquet"):
        numbers(dataset)


def test_missing_integers_are_named_when_they_are_read(tmp_path):
    pq.write_table(pa.table({"number": [1, None, 3]}), tmp_path / "gap.parquet")
    dataset = parquet(tmp_path, ["number"], batch_size=10)
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"gap\.parquet: column 'number' has 1 missing value"
    ):
        numbers(dataset)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": ["absent"]}, r"part-0\.parquet: .*no column 'absent'. Received columns: \["),
        ({"columns": ["map"]}, r"must hold numbers.*Received: struct"),
        ({"lengths": {"number": 3}}, r"lengths are for columns of lists.*Received: \['number'\]"),
        ({"batch_size": 0}, "batch_size is at least 1. Received: 0"),
        ({"batch_size": 1000, "drop_remainder": True}, "no batch.*Received: 2 rows"),
        ({"shuffle_rows": 0}, "shuffle_rows is at least 1, or None.*Received: 0"),
    ],
)
def test_wrong_requests_are_refused_at_once(tmp_path, options, message):
    pd.DataFrame({"number": [1, 2], "map": [{"a": 1}, {"a": 2}]}).to_parquet(
        tmp_path / "part-0.parquet"
    )
    with pytest.raises(ValueError, match=message):
        parquet(tmp_path, **{"columns": ["number"], "batch_size": 1, **options})


def test_files_that_disagree_are_named(tmp_path):
    pd.DataFrame({"x": [1]}).to_parquet(tmp_path / "a.parquet")
    pd.DataFrame({"x": ["1"]}).to_parquet(tmp_path / "b.parquet")
    with pytest.raises(
        ValueError, match=r"'x' as string in .*b\.parquet, as int64 in .*a\.parquet"
    ):
        parquet(tmp_path, ["x"], batch_size=1)


def test_no_file_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"reads the .*Received: "):
        parquet(tmp_path, ["x"], batch_size=1)
    with pytest.raises(ValueError, match=r"nowhere\.parquet is no file"):
        parquet([tmp_path / "nowhere.parquet"], ["x"], batch_size=1)
