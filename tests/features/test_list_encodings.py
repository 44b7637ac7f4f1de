"""Lists, also those in texts: the same in bulk and in the graph, and none widens the table."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tfrec_recall.features import MultiValued, Numeric, Words
from tfrec_recall.features.kinds import separator_of
from tfrec_recall.features.list_encodings import length_for, without_locale

TEXTS = ["Action|Drama", None, " War | Action|", "", "Drama", "||", "new|Drama"]


def test_texts_that_list_values_are_split_alike():
    genres = pd.Series(TEXTS)
    encoding = MultiValued("genres", separator="|").adapt(genres[:5])
    ids = list(encoding.vocabulary.ids)
    action, drama, war = (ids.index(name) + 2 for name in ("Action", "Drama", "War"))
    bulk = encoding.encode(genres)
    expected = [[action, drama], [0, 0], [war, action], [0, 0], [drama, 0], [0, 0], [1, drama]]
    assert bulk.tolist() == expected
    assert encoding.graph()(tf.constant(genres.fillna("").tolist())).numpy().tolist() == expected


def test_lists_as_python_and_json_write_them_are_read_alike():
    lines = '[\n  "blue",\r\n  "new"\n]\n'
    written = pd.Series(["['new', 'red']", '["red"]', "[]", "[ 'red' , 'blue' ]", lines])
    assert separator_of(written) == separator_of(written.astype(object)) == ","
    encoding = MultiValued("tags", separator=",").adapt(written)
    ids = ["", "?", *encoding.vocabulary.ids]
    bulk = encoding.encode(written)
    assert [[ids[code] for code in row if code] for row in bulk] == [
        ["new", "red"],
        ["red"],
        [],
        ["red", "blue"],
        ["blue", "new"],
    ]
    np.testing.assert_array_equal(encoding.graph()(tf.constant(written.tolist())), bulk)


def test_words_are_those_of_training_whatever_the_locale_of_a_server():
    """In Turkish, Azeri and Lithuanian these capitals are lowered as nowhere else."""
    texts = [
        "TITLE Il\u0131k",
        "\u0130stanbul",
        "J\u0301 I\u0307",
        "\u00cdSLAND \u00ccn \u0128",
        "\u012e AB",
    ]
    titles = pd.Series(texts)
    plain = b"".join(without_locale(tf.constant(texts)).numpy()).decode()
    assert not set("IJ\u0130\u00cc\u00cd\u0128\u012e") & set(plain)
    encoding = Words("title").adapt(titles)
    bulk = encoding.encode(titles)
    assert (bulk != 1).all()
    np.testing.assert_array_equal(encoding.graph()(tf.constant(texts)), bulk)


@pytest.mark.parametrize(
    ("feature", "long", "raw"),
    [
        (MultiValued("c", length=2), [["a"], list("abc")], [["a", "", ""], ["", "a", "b"]]),
        (MultiValued("c", length=2, separator="|"), ["a", "a|b|c"], ["a", "a||b|c"]),
        (Words("c", length=2), ["a", "a b c"], ["a", "A, b, c"]),
    ],
)
def test_the_first_values_are_kept(feature, long, raw):
    encoding = feature.adapt(pd.Series(long))
    assert (encoding.length, encoding.longer) == (2, 1)
    assert encoding.vocabulary.ids[0] == "a"
    b = list(encoding.vocabulary.ids).index("b") + 2
    assert encoding.encode(pd.Series(long)).tolist() == [[2, 0], [2, b]]
    assert encoding.graph()(tf.constant(raw)).numpy().tolist() == [[2, 0], [2, b]]
    assert feature.told(encoding).endswith("the first 2 values (1 lists have more)")


def test_one_long_list_does_not_widen_the_table():
    tags = pd.Series([["a", "b"]] * 1999 + [[f"t{number}" for number in range(3000)]])
    encoding = MultiValued("tags").adapt(tags)
    values = 2 * 1999 + 3000
    assert encoding.encode(tags).size <= 8 * values
    assert (encoding.length, encoding.longer) == (8 * values // 2000, 1)


@pytest.mark.parametrize(
    ("sizes", "length", "longer"),
    [
        ([3, 1, 0, 6], 6, 0),  # all of it is no waste
        ([2] * 999 + [500], 19, 1),  # what 8 cells a value allow
        ([0] * 9900 + [5] * 99 + [900], 5, 1),  # what 99 of 100 lists need
        ([0, 0], 1, 0),
    ],
)
def test_the_length_is_what_values_and_most_lists_need(sizes, length, longer):
    lists = pd.Series([["v"] * size for size in sizes], index=[0] * len(sizes))
    assert length_for(lists, None) == (length, longer)


def test_texts_without_a_separator_and_lists_that_are_none_are_refused():
    with pytest.raises(ValueError, match=r"MultiValued\('c'\).* separator='\|'.*Received: 'a\|b'"):
        MultiValued("c").adapt(pd.Series(["a|b"]))
    for arguments, message in [
        ({"length": 0}, "length as a whole number from 1 up, or None. Received: length=0"),
        ({"separator": ""}, "Received: separator=''"),
    ]:
        with pytest.raises(ValueError, match=message):
            MultiValued("c", **arguments)


@pytest.mark.parametrize("buckets", [None, 3])
@pytest.mark.parametrize(
    ("decimal", "texts"),
    [
        (",", ["1.234,5", "0,25", None, " 7 ", "-3", "1\u00a0000,5"]),
        (".", ["1,234.5", "0.25", None, " 7 ", "-3", "1\u202f000.5"]),
    ],
)
def test_numbers_in_texts_are_read_alike(decimal, texts, buckets):
    prices = pd.Series(texts)
    encoding = Numeric("price", buckets=buckets, decimal=decimal).adapt(prices)
    numbers = pd.Series([1234.5, 0.25, np.nan, 7, -3, 1000.5])
    expected = Numeric("price", buckets=buckets).adapt(numbers).encode(numbers)
    np.testing.assert_allclose(encoding.encode(prices), expected)
    raw = tf.constant(prices.fillna("").tolist())
    np.testing.assert_allclose(encoding.graph()(raw), expected, rtol=1e-5)
    with pytest.raises(ValueError, match=r"Numeric\('price'\).*1 values are none.*'cheap'"):
        Numeric("price", decimal=decimal).adapt(pd.Series(["1", "cheap"]))
    with pytest.raises(ValueError, match=r"decimal='\.' or ','\. Received: ';'"):
        Numeric("price", decimal=";")
