"""Ids that were written in two ways: refused, mended and told on request, or kept on request."""

import contextlib
import re
import warnings

import pandas as pd
import pyarrow as pa
import pytest

from tfrec_recall.data import Interactions
from tfrec_recall.data.checking.matching import check_new, near, tell_of_new
from tfrec_recall.data.notices import ReadingNotice


def events(*items, users=1):
    return pd.DataFrame({"user_id": users, "item_id": list(items)})


def items(*ids):
    return pd.DataFrame({"item_id": list(ids), "genre": "a"})


WRITTEN_TWICE = {
    "a blank before": (events(" 13", "14"), items("13", "14")),
    "a blank behind": (events("13", "14"), items("13 ", "14")),
    "in one table": (events("13", "13\t", "14"), None),
    "of a float": (events("13.0", "14.0"), items("13", "14")),
    "no-break blank": (events("13\u00a0"), items("13", "15")),
    "both dressed": (events(" 13", "15"), items("13.0", "15")),
    "a mark without width": (events("13\u200b", "14"), items("13", "14")),
    "a line end": (events("13\n", "14"), items("13", "14")),
}


@pytest.mark.parametrize(("given", "known"), WRITTEN_TWICE.values(), ids=WRITTEN_TWICE)
def test_ids_that_blanks_or_decimals_part_are_refused_or_mended(given, known):
    with pytest.raises(ValueError, match=r"blanks around.*--mend-ids.*--keep-ids.*beside"):
        Interactions(given, items=known)
    kept = Interactions(given, items=known, mend_ids=False)
    assert kept.events["item_id"].tolist() == given["item_id"].tolist()
    with pytest.warns(ReadingNotice, match=r"item_ids were mended"):
        mended = Interactions(given, items=known, mend_ids=True)
    assert set(mended.items["item_id"]) <= {"13", "14", "15"}
    assert len(mended.items) < len(kept.items)


@pytest.mark.parametrize(
    ("one", "two"),
    [("caf\u00e9", "cafe\u0301"), ("\uac00", "\u1100\u1161"), ("\u00c5", "\u212b")],
)
def test_ids_of_two_normal_forms_are_refused_or_mended(one, two):
    message = rf"1 of 2 ids.*accent.*{re.escape(ascii(two))} beside {one!r}"
    with pytest.raises(ValueError, match=message):
        Interactions(events(two), items=items(one))
    with pytest.raises(ValueError, match=message):
        Interactions(events(one, two))
    assert len(Interactions(events(one, two), mend_ids=False).items) == 2
    with pytest.warns(ReadingNotice, match=rf"mended, such as {re.escape(ascii(two))}"):
        mended = Interactions(events(two, one), mend_ids=True)
    assert mended.items["item_id"].tolist() == [one]
    assert near([two], pd.Series([one, "x"])) == {two: one}


def test_ids_that_never_meet_are_refused_with_both_sides():
    given = events(*(f"{number}" for number in range(108_700, 108_740)))
    known = items(*(f"0{number}" for number in range(108_700, 108_740)))
    message = r"almost no item_id of events.*0 of 40.*leading zeros, 40.*'108700'.*'0108700'"
    with pytest.raises(ValueError, match=message):
        Interactions(given, items=known)
    with pytest.warns(ReadingNotice, match=r"40 item_ids were written as in.*'0108700'"):
        mended = Interactions(given, items=known, mend_ids=True)
    assert mended.events["item_id"].tolist() == known["item_id"].tolist()
    assert len(mended.items) == 40
    assert len(Interactions(given, items=known, mend_ids=False).items) == 80


def test_ids_that_meet_but_for_those_with_zeros_are_refused():
    """From 100 up they have no zeros to lose."""
    given = events(*(f"{number}" for number in range(1, 1000)), "new")
    known = items(*(f"{number:03}" for number in range(1, 1000)))
    message = r"items: 99 of 100 item_ids of events that.*zeros alone.*--keep-ids.*'1', .*'001', "
    with pytest.raises(ValueError, match=message):
        Interactions(given, items=known)
    with pytest.raises(ValueError, match=r"users: 1 of 1 user_ids of events"):
        Interactions(events(1, 2, users=["7", "10"]), users=pd.DataFrame({"user_id": ["07", "10"]}))
    with pytest.warns(ReadingNotice, match=r"99 item_ids were written as in.*'001'"):
        assert len(Interactions(given, items=known, mend_ids=True).items) == 1000
    assert len(Interactions(given, items=known, mend_ids=False).items) == 1099


@pytest.mark.parametrize(
    ("given", "known", "told"),
    [
        (["ab0x", "cd1x"], ["AB0X", "CD1X"], "But for capital letters, 2 would be"),
        (["item_0", "item_1"], ["0", "1"], "But for what stands around their digits, 2"),
        (["ab-0", "ab-1"], ["ab0", "ab1"], "But for signs among letters and digits, 2"),
        (["'5'", "'7'"], ["5", "7"], "But for signs among letters and digits, 2"),
        (["+13", "1,234"], ["13", "1234"], "But for signs among letters and digits, 2"),
        (["\uff11", "\uff12"], ["1", "2"], "But for characters of other widths, 2"),
        (["x", "y"], ["0", "1"], "Do both tables speak of the same ids"),
    ],
)
def test_what_nothing_mends_is_named_and_not_offered_to_be_mended(given, known, told):
    given, known = events(*given), items(*known)
    for mend in (None, True):  # the same error once more would be a circle
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ReadingNotice)
            with pytest.raises(ValueError, match=rf"{told}.*Write both alike.*--keep-ids") as error:
                Interactions(given, items=known, mend_ids=mend)
        assert "--mend-ids" not in str(error.value)
    with pytest.warns(ReadingNotice, match=r"items: 2 of 2 item_ids of events.*beside the 2 that"):
        kept = Interactions.from_frames(given, items=known, mend_ids=False)
    assert len(kept.items) == 4


def test_one_id_that_could_be_mended_is_no_way_for_all():
    given = events(*(f"a{number}" for number in range(99)), "7 ")
    known = items("7", *(f"b{number}" for number in range(99)))
    with pytest.raises(ValueError, match="blanks around"):  # the two forms of this one
        Interactions(given, items=known)
    with pytest.warns(ReadingNotice), pytest.raises(ValueError, match="around their digits, 99"):
        Interactions(given, items=known, mend_ids=True)


def test_integers_that_never_meet_are_refused():
    with pytest.raises(ValueError, match=r"users: almost no user_id.*0 of 1.*same ids"):
        Interactions(events(1, 2, users=5), users=pd.DataFrame({"user_id": [7, 8]}))


def test_ids_that_meet_in_part_are_legal():
    known = items(*range(20))
    with pytest.warns(ReadingNotice, match=r"items: 2 of 3 item_ids of events.*20, 21"):
        assert len(Interactions(events(19, 20, 21), items=known).items) == 22
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Interactions(events(18, 19, 20), items=known)
    assert len(Interactions(events("7", "007", "a b"), items=items("7", "0007")).items) == 4


def test_whole_floats_are_mended():
    given = pd.DataFrame({"user_id": [1.0, 2.0], "item_id": "x"})
    with pytest.raises(ValueError, match=r"floating-point numbers.*mend_ids"):
        Interactions(given)
    with pytest.warns(ReadingNotice, match=r"read as integers"):
        assert Interactions(given, mend_ids=True).events["user_id"].tolist() == [1, 2]


def test_ids_as_objects_are_mended_like_others():
    """As Spark's `toPandas` and old pickles bring them."""
    text, numbers = pd.Series(["7", "8"], dtype=object), pd.Series([7, 8], dtype=object)
    for given in (text, numbers, numbers.map(float).astype(object)):
        frame = pd.DataFrame({"user_id": 1, "item_id": given})
        with pytest.warns(ReadingNotice):
            found = Interactions(frame, None, items("007", "008"), mend_ids=True)
        assert found.events["item_id"].tolist() == ["007", "008"]
        assert len(found.items) == 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        frame = pd.DataFrame({"user_id": 1, "item_id": numbers})
        found = Interactions(frame, None, items(7, 8), mend_ids=True)
    assert found.events["item_id"].tolist() == [7, 8]


def test_text_of_arrow_is_mended():
    given = events(" x", "x")
    given["item_id"] = given["item_id"].astype(pd.ArrowDtype(pa.string()))
    with pytest.warns(ReadingNotice, match=r"1 of 2 item_ids were mended"):
        assert Interactions(given, mend_ids=True).items["item_id"].tolist() == ["x"]


FLOATS = {
    "pyarrow": pd.array([1.0, 2.0], dtype="double[pyarrow]"),
    "categories": pd.Categorical([1.0, 2.0]),
    "nullable": pd.array([1.0, 2.0], dtype="Float64"),
}


@pytest.mark.parametrize("ids", FLOATS.values(), ids=FLOATS)
def test_floats_of_all_types_are_mended(ids):
    with pytest.warns(ReadingNotice, match=r"read as integers"):
        given = Interactions(pd.DataFrame({"user_id": ids, "item_id": "x"}), mend_ids=True)
    assert given.events["user_id"].tolist() == [1, 2]


@pytest.mark.parametrize(
    "ids",
    [
        pd.Series([2.0**53, 1]),
        pd.Series([-1e300, 1]),
        pd.array([2.0**60, None], dtype="Float64"),
        pd.Series([2.0**24 + 2, 1], dtype="float32"),
    ],
)
def test_floats_that_have_lost_digits_are_refused(ids):
    given = pd.DataFrame({"user_id": ids, "item_id": "x"})
    message = r"events: column 'user_id' has floating-point numbers from .* up in 1 of 2 rows"
    with pytest.raises(ValueError, match=message):
        Interactions(given, mend_ids=True)


def test_ids_of_categories_are_mended():
    given = events(" 13", "13").astype({"item_id": "category"})
    with pytest.warns(ReadingNotice, match=r"item_ids were mended"):
        assert Interactions(given, mend_ids=True).items["item_id"].tolist() == ["13"]


@pytest.mark.parametrize("one", ["1.23457E+17", "1.2345678901234568e+18", "1e+05"])
def test_ids_that_a_program_shortened_are_told(one):
    with pytest.warns(ReadingNotice, match=r"1 of 2 item_ids look like numbers.*shortened"):
        assert set(Interactions(events(one, "17")).items["item_id"]) == {one, "17"}


@pytest.mark.parametrize(
    ("new", "known", "message"),
    [
        (["13 ", "14"], ["13"], r"the day: 1 item_ids that are new.*'13 ' beside '13'"),
        (["13"], ["13.0", "1"], r"'13' beside '13\.0'"),
        (["13", "13 ", "14"], ["13", "13 "], None),  # both are known
        ([13], ["13 "], None),
        (
            ["7", "8", "x"],
            ["007", "008", "9"],
            r"the day: 2 of 3 item_ids that are new .*leading zeros.*'7', '8' beside '007', '008'",
        ),
        (["7", "x"], ["007", "9"], None),  # not most of the new ones
        (["7"], ["007", "07"], None),  # zeros tell ids apart
    ],
)
def test_new_ids_that_differ_by_their_form_are_refused(new, known, message):
    arguments = (pd.Series(new), pd.Series(known), "the day", "item_id")
    refused = pytest.raises(ValueError, match=message) if message else contextlib.nullcontext()
    with refused:
        check_new(*arguments)


@pytest.mark.parametrize(
    ("new", "known", "told"),
    [
        (["1", "2"], ["u1", "u2"], r"Of 2 user_ids .* knows 0, .*around their digits, 2 would be"),
        ([1, 2], [3], r"knows 0, .*Are they the same ids\? Received: 1, 2, .* knows 3\."),
        ([1, 2], [2, 3], None),
        ([], [3], None),
        (["u1"], [], None),  # nothing to be like
    ],
)
def test_new_ids_of_which_almost_none_is_known_are_told(new, known, told):
    telling = pytest.warns(ReadingNotice, match=told) if told else contextlib.nullcontext()
    with telling:
        tell_of_new(pd.Series(new), pd.Series(known), "user_id")


def test_near_ids_are_found_in_both_types():
    assert near(["07", "1_0", 9], pd.Series([7, 10])) == {"07": 7}
    assert near(["7", "a"], pd.Series(["007", " a"])) == {"7": "007", "a": " a"}
