"""Raw ids to integers and back, on disk and as Keras' lookup layers."""

import hashlib
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfrec_recall.data.files import replacing
from tfrec_recall.data.vocabulary import PADDING, UNKNOWN, Vocabulary

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6).filter(
    lambda text: not text.endswith("\0")
)
NUMBER = st.integers(-(2**63), 2**63 - 1).filter(lambda number: number != -1)
AWKWARD = [
    "a\nb",
    "a\r",
    "\t",
    " a ",
    '"a"',
    "a\\n",
    "é",
    "e\u0301",
    "\u2028",
    "😀",
    "a\0b",
    "007",
    "7",
    "[UNK]",
]


@given(st.lists(TEXT, max_size=20), st.lists(TEXT | st.sampled_from(["", None]), max_size=20))
def test_encode_equals_a_dictionary(known, values):
    known = list(dict.fromkeys(known))
    places = {"": PADDING, None: PADDING, **{one: rank + 2 for rank, one in enumerate(known)}}
    result = Vocabulary(known).encode(np.array(values, dtype=object))
    assert result.tolist() == [places.get(value, UNKNOWN) for value in values]
    assert result.dtype == np.int32


@given(st.lists(NUMBER, min_size=1, max_size=20, unique=True), st.lists(NUMBER | st.just(-1)))
def test_encode_of_integers_equals_a_dictionary(known, values):
    places = {-1: PADDING, **{one: rank + 2 for rank, one in enumerate(known)}}
    result = Vocabulary(known).encode(np.array(values, dtype=np.int64))
    assert result.tolist() == [places.get(value, UNKNOWN) for value in values]


@pytest.mark.parametrize(
    "values",
    [
        [["tea", "cup", None], ["", "pot", "tea"]],
        np.array([["tea", "cup", ""], ["", "pot", "tea"]]),
        np.array([["tea", "cup", np.nan], ["", "pot", "tea"]], dtype=object),
        np.array([[b"tea", b"cup", b""], [b"", b"pot", b"tea"]], dtype=object),
    ],
)
def test_encode_keeps_the_shape(values):
    encoded = Vocabulary(["tea", "cup"]).encode(values)
    assert encoded.tolist() == [[2, 3, 0], [0, 1, 2]]


@pytest.mark.parametrize(
    "dtype", ["str", "object", "string", "category", pd.ArrowDtype(pa.string()), "string[python]"]
)
def test_encode_takes_every_kind_of_text_column(dtype):
    column = pd.Series(["tea", None, "pot", "cup", ""], dtype=dtype, index=[9, 8, 7, 6, 5])
    assert Vocabulary(["tea", "cup"]).encode(column).tolist() == [2, 0, 1, 3, 0]


@pytest.mark.parametrize("dtype", ["int8", "Int64", "float64", "category", "object"])
def test_encode_takes_every_kind_of_integer_column(dtype):
    values = [7, 5, -1, 9] if dtype == "int8" else [7, 5, -1, 9, None]
    encoded = Vocabulary([5, 7]).encode(pd.Series(values, dtype=dtype))
    assert encoded.tolist() == [3, 2, 0, 1, 0][: len(values)]


@pytest.mark.parametrize("values", [[], np.array([]), np.zeros((3, 0)), pd.Series([], dtype="str")])
def test_encode_of_nothing(values):
    assert Vocabulary(["a"]).encode(values).shape == np.shape(values)
    assert Vocabulary([1]).encode(values).dtype == np.int32


def test_encode_of_a_scalar_and_of_missing_values_only():
    vocabulary = Vocabulary(["tea"])
    assert vocabulary.encode("tea").shape == ()
    assert vocabulary.encode([None, np.nan]).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("known", "values", "message"),
    [
        (["a"], [1, 2], r"holds strings.*\.astype\('str'\).*Received: int64, the first \[1, 2\]"),
        ([1], ["1", "2"], r"holds integers.*\.astype\('int64'\).*the first \['1', '2'\]"),
        ([1], [0.5], r"holds integers.*Received: float64, the first \[0.5\]"),
        ([1], [2.0**60], r"holds integers.*Received: float64"),
        (["a"], ["a", 1], r"holds strings.*Received: object, the first \['a', 1\]"),
        ([1], [True], r"holds integers.*Received: bool"),
        (["a"], pd.Categorical([3]), r"holds strings.*Received: int64"),
    ],
)
def test_encode_of_another_type_is_an_error(known, values, message):
    with pytest.raises(ValueError, match=message):
        Vocabulary(known).encode(values)


def test_encode_of_integers_that_int64_cannot_hold():
    vocabulary = Vocabulary([-5, 7])
    assert vocabulary.encode([10**30, 7, -1]).tolist() == [UNKNOWN, 3, PADDING]
    beyond = np.array([2**64 - 5, 2**64 - 1, 7], "uint64")  # -5 and -1 if they were turned around
    assert vocabulary.encode(beyond).tolist() == [UNKNOWN, UNKNOWN, 3]
    assert Vocabulary([0]).encode([10**30]).tolist() == [UNKNOWN]  # whatever stands in its place


def test_bytes_are_text_or_refused():
    assert Vocabulary(["a"]).encode(np.array([b"a", b"b"])).tolist() == [2, UNKNOWN]
    with pytest.raises(ValueError, match=r"bytes\.hex.*Received: b'\\xff'"):
        Vocabulary.build([b"\xff"])
    with pytest.raises(ValueError, match=r"min_count as a whole number from 1 up.*1\.5"):
        Vocabulary.build(["a"], min_count=1.5)


def test_a_list_that_mixes_types_does_not_become_text():
    with pytest.raises(ValueError, match=r"vocabulary: column 'id' has mixed types, int"):
        Vocabulary(["a", "b", 1])


def test_unknown_is_not_padding():  # TRAPS 5
    vocabulary = Vocabulary(["a"])
    assert vocabulary.encode(["b", ""]).tolist() == [UNKNOWN, PADDING]
    assert vocabulary.unknown([["b", "a"], ["", "c"]]) == 2
    assert vocabulary.unknown([]) == 0


@given(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=60), st.integers(1, 4))
def test_build_orders_by_falling_frequency_then_hash(values, min_count):  # TRAPS 6
    counts = {one: values.count(one) for one in set(values)}
    known = sorted(
        (one for one in counts if counts[one] >= min_count),
        key=lambda one: (-counts[one], hashlib.sha256(one.encode()).hexdigest()),
    )
    vocabulary = Vocabulary.build(values, min_count=min_count)
    assert vocabulary.ids.tolist() == known
    rare = sum(count for count in counts.values() if count < min_count)
    assert vocabulary.counts.tolist() == [0, rare, *(counts[one] for one in known)]
    assert vocabulary.counts.sum() == len(values)
    assert len(vocabulary) == len(known) + 2


def test_build_does_not_depend_on_the_order_of_rows():
    values = np.arange(100).repeat(2)
    shuffled = np.random.default_rng(0).permutation(values)
    built = Vocabulary.build(values).ids
    assert built.tolist() == Vocabulary.build(shuffled).ids.tolist()
    assert 0.35 < np.mean(np.diff(built) > 0) < 0.65  # equal counts: not by id


def test_build_counts_neither_missing_nor_padding_values():
    text = Vocabulary.build(pd.Series(["a", None, "", "a", "b"]))
    assert (text.ids.tolist(), text.counts.tolist()) == (["a", "b"], [0, 0, 2, 1])
    years = Vocabulary.build(pd.Series([1995.0, np.nan, -1, 1995]))
    assert (years.ids.tolist(), years.ids.dtype, years.padding) == ([1995], np.int64, -1)


def test_build_of_nothing_knows_nothing():
    vocabulary = Vocabulary.build([])
    assert len(vocabulary) == 2
    assert vocabulary.encode(["a", ""]).tolist() == [1, 0]
    assert Vocabulary.build(pd.Series([], dtype="int64")).padding == -1


@pytest.mark.parametrize("known", [["b", "a", "é"], [30, -20, 10]])
def test_decode_turns_encode_around(known):
    vocabulary = Vocabulary(known)
    assert vocabulary.decode(vocabulary.encode([known, known[::-1]])).tolist() == [
        known,
        known[::-1],
    ]
    assert vocabulary.decode([0, 1]).tolist() == [vocabulary.padding] * 2
    assert vocabulary.decode(np.zeros((2, 0), dtype=int)).shape == (2, 0)
    assert vocabulary.ids.tolist() == known


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([3], r"from 0 to 2. Received: 3 to 3"),
        ([-1, 2], r"from 0 to 2. Received: -1 to 2"),
        ([0.0], r"encoded integers. Received: float64"),
    ],
)
def test_decode_of_what_was_never_encoded(ids, message):
    with pytest.raises(ValueError, match=message):
        Vocabulary(["a"]).decode(ids)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"ids": ["a", "b", "a"]}, r"each id stands once. Received: 1 repetitions.*\['a'\]"),
        ({"ids": ["a", ""]}, r"the padding value ''"),
        ({"ids": [1, -1]}, r"the padding value -1"),
        ({"ids": ["a", "a\0"]}, r"column 'id' has a trailing NUL character in 1 of 2 rows"),
        ({"ids": ["a", "\ud800"]}, r"column 'id' has text that UTF-8 cannot hold in 1 of 2 rows"),
        ({"ids": ["a", None]}, r"column 'id' has missing values in 1 of 2 rows"),
        ({"ids": ["a"], "counts": [1, 2]}, r"one integer an id, \(1,\). Received: int64 \(2,\)"),
        ({"ids": ["a"], "counts": [1.5]}, r"Received: float64"),
        ({"ids": ["a"], "counts": [-1]}, r"0 or more. Received: -1"),
    ],
)
def test_errors_of_a_vocabulary(arguments, message):
    with pytest.raises(ValueError, match=message):
        Vocabulary(**arguments)


def test_counts_that_nobody_gave_are_not_zeros():
    with pytest.raises(ValueError, match="has no counts"):
        _ = Vocabulary(["a"]).counts


def test_what_it_hands_out_is_read_only():
    vocabulary = Vocabulary(["a"], counts=[3])
    for array in (vocabulary.ids, vocabulary.counts):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


@pytest.mark.parametrize("suffix", [".txt", ".parquet"])
@given(data=st.data())
def test_what_is_saved_is_loaded(tmp_path_factory, suffix, data):
    known = data.draw(st.lists(TEXT, unique=True) | st.lists(NUMBER, min_size=1, unique=True))
    counted = data.draw(st.booleans())
    saved = Vocabulary(known, range(len(known)), 5) if counted else Vocabulary(known)
    path = tmp_path_factory.mktemp("saved") / f"items{suffix}"
    saved.save(path)
    loaded = Vocabulary.load(path)
    assert loaded.ids.tolist() == known
    assert (loaded.ids.dtype, loaded.padding) == (saved.ids.dtype, saved.padding)
    if counted:
        assert loaded.counts.tolist() == saved.counts.tolist()
    else:
        with pytest.raises(ValueError, match="has no counts"):
            _ = loaded.counts


@pytest.mark.parametrize("suffix", [".txt", ".parquet"])
def test_awkward_ids_survive(tmp_path, suffix):
    vocabulary = Vocabulary(AWKWARD)
    vocabulary.save(tmp_path / f"items{suffix}")
    loaded = Vocabulary.load(tmp_path / f"items{suffix}")
    assert loaded.ids.tolist() == AWKWARD
    assert loaded.encode(AWKWARD).tolist() == list(range(2, len(AWKWARD) + 2))


def test_text_file_has_a_line_an_id(tmp_path):
    Vocabulary(["a\nb", "c"], counts=[4, 3]).save(tmp_path / "items.txt")
    assert (tmp_path / "items.txt").read_text().splitlines()[1:] == ['"a\\nb"\t4', '"c"\t3']


@pytest.mark.parametrize("suffix", [".txt", ".parquet"])
def test_a_file_cut_short_is_named(tmp_path, suffix):
    path = tmp_path / f"items{suffix}"
    Vocabulary([f"item {number}" for number in range(100)], counts=range(100)).save(path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ValueError, match=rf"items\{suffix} is (cut short|not a vocabulary)"):
        Vocabulary.load(path)


@pytest.mark.parametrize("content", ["", "\n", "tea\ncup\n", '{"known": 1}\n"a"\n'])
def test_another_text_file_is_no_vocabulary(tmp_path, content):
    (tmp_path / "items.txt").write_text(content)
    with pytest.raises(ValueError, match=r"items.txt is not a vocabulary"):
        Vocabulary.load(tmp_path / "items.txt")


def test_another_suffix_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"a \.txt or a \.parquet file. Received: .*items.pkl"):
        Vocabulary(["a"]).save(tmp_path / "items.pkl")


@pytest.mark.parametrize("suffix", [".txt", ".parquet"])
def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch, suffix):
    path = tmp_path / f"items{suffix}"
    Vocabulary(["old"]).save(path)

    def fail(descriptor):
        raise OSError("No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        Vocabulary(["new"]).save(path)
    assert Vocabulary.load(path).ids.tolist() == ["old"]
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_replacing_shows_the_old_file_until_the_end(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("old")
    with replacing(path) as sibling:
        sibling.write_text("new")
        assert path.read_text() == "old"
        assert sibling.parent == path.parent
    assert path.read_text() == "new"


LOOKUPS = """
import json, sys
import numpy as np
import tensorflow as tf
from tfrec_recall.data.vocabulary import Vocabulary

cases = json.loads(sys.argv[1])
for known, values in cases:
    vocabulary = Vocabulary(known)
    values = np.array(values, dtype=object if isinstance(known[0], str) else np.int64)
    layer = vocabulary.lookup()
    assert isinstance(layer, tf.keras.layers.Layer)
    reloaded = type(layer).from_config(layer.get_config())
    for lookup in (layer, reloaded):
        looked_up = lookup(tf.constant(values)).numpy()
        assert looked_up.tolist() == vocabulary.encode(values).tolist(), (known, looked_up)
print("equal under", tf.keras.layers.Layer.__module__)
"""


@pytest.mark.parametrize(("legacy", "module"), [("1", "tf_keras"), ("0", "keras.src")])
def test_lookup_equals_encode(legacy, module, monkeypatch, capsys):
    least = -(2**63)
    cases = [
        (["tea", "cup"], [["tea", "", "pot"], ["cup", "[UNK]", "tea"]]),
        (AWKWARD, [[*AWKWARD, "", "?", "[[UNK]]"]]),
        ([30, 10, -20], [[30, -1, 5], [-20, 10, least]]),
        ([least, 0], [[0, least, -1, least + 1, least + 2]]),
    ]
    if os.environ["TF_USE_LEGACY_KERAS"] == legacy:  # the Keras of this process
        monkeypatch.setattr(sys, "argv", ["", json.dumps(cases)])
        exec(LOOKUPS, {})
        assert f"equal under {module}" in capsys.readouterr().out
        return
    done = subprocess.run(
        [sys.executable, "-c", LOOKUPS, json.dumps(cases)],
        env={**os.environ, "TF_USE_LEGACY_KERAS": legacy},
        cwd=pathlib.Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"equal under {module}" in done.stdout


def test_an_empty_lookup_is_refused():
    with pytest.raises(ValueError, match=r"one known id at least.*Received: Vocabulary\(0 strings"):
        Vocabulary([]).lookup()
