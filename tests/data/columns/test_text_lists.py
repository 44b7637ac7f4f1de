"""Lists in texts, as programs write them."""

import pytest

from tfrec_recall.data.columns.text_lists import written


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[]", []),
        ("[ ]", []),
        ("[1,]", [1]),
        ("[-1 2.5e-3  .5 1.]", [-1, 0.0025, 0.5, 1.0]),
        ("[1.5, nan, inf]", [1.5, None, float("inf")]),
        ("['a' 'b']", ["a", "b"]),
        ("['a', None, 2]", ["a", None, 2]),
    ],
)
def test_what_programs_write_is_read(text, expected):
    found = written(text)
    assert found == expected
    assert [type(one) for one in found] == [type(one) for one in expected]


@pytest.mark.parametrize(
    "text", ["{}", "[", "[1 2 ... 3]", "[007 1]", "[1_0, 2]", "[a b]", "['a' 2, 3]"]
)
def test_other_text_is_no_list(text):
    with pytest.raises(ValueError, match=r"."):
        written(text)
