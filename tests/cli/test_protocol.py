"""What options say of the measurement, and what an export remembers of it."""

import warnings

import numpy as np
import pandas as pd
import pytest

from tfrec_recall.cli.arguments.protocol import Protocol, parse_cuts, protocol
from tfrec_recall.cli.arguments.split_text import cut
from tfrec_recall.data import Interactions

DAY = 86_400
FIRST = 1_600_000_000


@pytest.fixture(scope="module")
def data():
    rows = [(u, i, FIRST + i * DAY + u) for u in range(6) for i in range(12)]
    return Interactions(pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"]))


@pytest.mark.parametrize(
    ("text", "minimum", "name"),
    [
        (None, None, "last_events_out(test=5, validation=5)"),
        ("standard", 3, "last_events_out(test=5, validation=5, minimum=3)"),
        ("last", None, "last_events_out(test=5, validation=5)"),
        ("last:1", None, "last_events_out(test=1, validation=1)"),
        ("last:3, 2", 4, "last_events_out(test=3, validation=2, minimum=4)"),
        ("last:2,validation=0", None, "last_events_out(test=2, validation=0)"),
        ("random:0.2", None, "random_events_out(test=0.2, validation=0.2, seed=0)"),
        (
            "random:0.2,0,seed=3",
            5,
            "random_events_out(test=0.2, validation=0.0, seed=3, minimum=5)",
        ),
        ("temporal:2020-09-20", None, "temporal(2020-09-20T00:00:00)"),
        ("temporal:1600300000,1600500000.5", None, None),
        ("temporal:2020-09-20T06:00:00", 2, "temporal(2020-09-20T06:00:00, minimum=2)"),
        (
            "temporal:1600300000,test_from=1600500000.5",
            None,
            "temporal(2020-09-16T23:46:40, 2020-09-19T07:20:00)",
        ),
        (
            "temporal:1600500000.5,validation_from=1600300000",
            None,
            "temporal(2020-09-16T23:46:40, 2020-09-19T07:20:00)",
        ),
        ("users:0.34,targets=2", None, "hold_out_users(0.34, 0.34, targets=2, seed=0)"),
    ],
)
def test_splits_are_named_as_text(text, minimum, name, data):
    split = cut(data, text, minimum)
    expected = "temporal(2020-09-16T23:46:40, 2020-09-19T07:20:00)" if name is None else name
    assert split.name == expected
    assert len(split.test.targets) > 0


def test_given_and_baskets_are_named_too(data):
    events = data.events.assign(split=["train", "test"] * 36)
    assert cut(Interactions(events), "given").published
    assert cut(Interactions(events), "last:1").name.startswith("last_events_out")
    baskets = Interactions(data.events.assign(session_id=data.events["item_id"] // 3))
    assert "minimum_baskets=4, new_items_only=True" in cut(baskets, "basket", 4).name
    assert "new_items_only=False" in cut(baskets, "basket", repeats=True).name
    assert "new_items_only=True" in cut(baskets, "basket:new_items_only=true", repeats=True).name


def test_what_cannot_be_measured_is_said_before_anything_is_trained():
    again = pd.DataFrame({"user_id": [1, 2] * 4, "item_id": [7, 8] * 4, "timestamp": range(8)})
    with pytest.raises(ValueError, match=r"All 2 test targets are items of their user's history"):
        Protocol("last:1").cut(Interactions(again))
    assert len(Protocol("last:1", repeats=True).cut(Interactions(again)).test.targets) == 2


@pytest.mark.parametrize(
    ("text", "minimum", "message"),
    [
        ("latest:5", None, r"--split takes last:TEST.*Received: 'latest:5'"),
        ("last:5,5,5", None, r"--split takes last.*Received: 'last:5,5,5'"),
        ("last:five", None, r"--split last:five: test is a whole number. Received: 'five'"),
        ("last:0.5", None, r"test is a whole number"),
        ("random:much", None, r"test is a number"),
        ("last:5,seed=1", None, r"--split last has the values test, validation"),
        ("basket:new_items_only=maybe", None, r"true or false. Received: 'maybe'"),
        ("temporal", None, r"needs a moment"),
        ("temporal:someday", None, r"Received: 'someday'"),
        (
            "last:2,test=3",
            None,
            r"last has test twice; .*, test, validation\. Received: 'last:2,test",
        ),
        ("random:0.2,seed=1,seed=2", None, r"random has seed twice"),
        ("basket:new_items_only=true,new_items_only=false", None, r"new_items_only twice.*, none"),
        ("temporal:1,2,test_from=3", None, r"temporal has test_from twice"),
        ("given", 3, r"leave --minimum out. Received: 3"),
        ("last:12", None, r"25 events or more.*--split last:1"),
    ],
)
def test_what_is_no_split_is_refused(text, minimum, message, data):
    with pytest.raises(ValueError, match=message):
        cut(data, text, minimum)


def test_four_events_a_user_have_a_way_on(data):
    short = data.take(np.asarray(data.events["item_id"] < 4))
    with pytest.raises(ValueError, match=r"--split last:1.*--minimum"):
        Protocol().cut(short)
    for way_on in (Protocol(split="last:1"), Protocol(minimum=4), Protocol(split="random:0.2")):
        assert len(way_on.cut(short).test.targets) >= 6


def test_what_the_standard_split_tells_is_printed(capsys):
    rows = [(u, 3 * u + i, FIRST // DAY * DAY + i // 3 * DAY) for u in range(50) for i in range(18)]
    data = Interactions(pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as the program does
        Protocol().cut(data)
        assert "100% of the events are at one time with another" in capsys.readouterr().err
        Protocol().cut(Interactions(data.events.drop(columns="timestamp")))
        assert "The events have no times: a tenth of each user's" in capsys.readouterr().err


def of_sizes(*sizes):
    rows = [(u, i, FIRST + i * DAY + u) for u, size in enumerate(sizes) for i in range(size)]
    return Interactions(pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"]))


def test_a_sliver_of_the_users_is_said(capsys):
    short = of_sizes(*[12] * 5, *[4] * 25)
    Protocol().cut(short)
    told = "Test asks 5 of 30 users, those with many events: --minimum 3 or --split last:1 asks"
    assert capsys.readouterr().err.count(told) == 1
    for asked in (Protocol(minimum=3), Protocol(split="last:1"), Protocol(split="last:5")):
        asked.cut(short)
    Protocol().cut(of_sizes(*[12] * 6, *[4] * 24))  # a fifth of them
    published = short.events.assign(split=["test"] + ["train"] * (len(short.events) - 1))
    Protocol().cut(Interactions(published))
    assert "Test asks" not in capsys.readouterr().err
    Protocol().cut(of_sizes(*[12] * 5, *[2] * 25))  # no way asks more
    assert "those with many events.\n" in capsys.readouterr().err
    baskets = short.events.assign(session_id=short.events["item_id"] // 4)
    baskets["timestamp"] = FIRST + baskets["session_id"] * DAY
    Protocol().cut(Interactions(baskets))
    told = "Test asks 5 of 30 users, those with many baskets: --split last:1 asks more."
    assert told in capsys.readouterr().err


def test_an_export_keeps_what_was_said():
    said = protocol(split="last:2", minimum=4, ties="file", repeats=True, minimum_rating=3.0)
    again = Protocol.recorded({"protocol": said.record(), "data": "somewhere"})
    assert again == said
    assert str(again) == "--split last:2 --minimum 4 --minimum-rating 3.0 --ties file --repeats"
    assert Protocol.recorded({}) == Protocol() == again.recorded({"protocol": None})
    changed = again.changed_by(protocol(split="last:1", repeats=False))
    assert changed == Protocol(split="last:1", ties="file", minimum_rating=3.0, repeats=False)


@pytest.mark.parametrize(
    "other",
    [
        *({"split": "last:2"}, {"minimum": 4}, {"minimum_rating": 4.0}, {"drop_duplicates": True}),
        *({"ties": "file"}, {"ties": "shuffled"}, {"minimum_rating": 3.0, "keep_unrated": True}),
    ],
)
def test_what_chooses_or_orders_events_cuts_them_otherwise(other):
    kept = Protocol(minimum_rating=3.0, ties="shuffled:1")
    assert not kept.changed_by(Protocol(**other)).cuts_as(kept)
    assert kept.changed_by(Protocol(ties="shuffled:01", drop_duplicates=False)).cuts_as(kept)
    usual = {"split": "standard", "ties": "hash", "drop_duplicates": False, "repeats": True}
    assert Protocol().cuts_as(Protocol(**usual))  # repeats is of what is asked


def test_events_that_do_not_count_are_said(capsys):
    events = pd.DataFrame(
        {
            "user_id": 1,
            "item_id": list("aabcde"),
            "rating": [5, 5, 4, 0, -1, np.nan],
            "timestamp": FIRST,
        }
    )
    data = Interactions(events)
    kept = Protocol(drop_duplicates=True, minimum_rating=0).counted(data).events
    assert kept["item_id"].tolist() == ["a", "b", "c"]
    told = capsys.readouterr().err
    assert "leaves 1 of 6 events out" in told
    assert "2 of 5 events have a rating below 0 or none: left out" in told
    unrated = Protocol(minimum_rating=4, keep_unrated=True).counted(data).events
    assert unrated["item_id"].tolist() == ["a", "a", "b", "e"]
    assert "tie_order" not in Protocol(ties="hash").counted(data).events
    assert Protocol(ties="file").counted(data).events["tie_order"].tolist() == [*range(6)]
    capsys.readouterr()
    assert Protocol().counted(data) is data
    assert "1 none, 1 one of 0, 1 a negative one" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("ties", ["rows", "shuffled:x", "file:1"])
def test_orders_of_ties_that_there_are_not(ties):
    with pytest.raises(ValueError, match=rf"--ties takes hash, file or.*Received: '{ties}'"):
        Protocol(ties=ties)


def test_options_that_go_with_others():
    with pytest.raises(ValueError, match="go with --minimum-rating"):
        Protocol(keep_unrated=True)


@pytest.mark.parametrize("text", ["", "5,ten", "0,5", "5;10", "-5", "2.5"])
def test_cuts_are_whole_numbers(text):
    assert parse_cuts("50, 5,5") == (5, 50)
    with pytest.raises(ValueError, match="--cuts takes whole numbers"):
        parse_cuts(text)
