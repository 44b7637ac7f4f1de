"""Online Retail is cleaned by the protocol's rule, says what was dropped, and travels whole."""

import hashlib
import importlib.util
import time

import pandas as pd
import pytest

from tfrec_recall.data import splits
from tfrec_recall.data.datasets import location, online_retail
from tfrec_recall.data.datasets.titles import title

COLUMNS = [
    *("invoice", "item_id", "description", "quantity", "timestamp", "price", "user_id", "country")
]
FIRST, SECOND, LATER = "2010-12-01 08:26:00", "2010-12-01 08:27:00", "2011-01-02 00:00:00"
LINES = [
    # ann's basket, with a product in two lines and codes in both cases
    ("536365", "85123a", "WHITE HEART", 6, SECOND, 2.5, "ann", "France"),
    ("536365", "85123A", "WHITE HEART ", 2, FIRST, 3.5, "ann", "France"),
    ("536365", "71053", "LANTERN,  RED", 1, SECOND, 1.0, "ann", "France"),
    ("536365", "22423", "CAKE STAND", 1, SECOND, 8.0, "ann", "France"),
    # another invoice, another country: France has most lines
    ("536400", "71053", "LANTERN WHITE", 3, LATER, 3.0, "ann", "Spain"),
    # bob's: as many lines of one description as of the other, so the first in the alphabet
    ("536500", "71053", "LANTERN WHITE", 1, LATER, 2.0, "bob", "Spain"),
    ("536501", "71053", "LANTERN,  RED", 1, LATER, 2.0, "bob", "Italy"),
    # dropped, one by each rule
    ("536600", "71053", "LANTERN", 1, LATER, 1.0, None, "France"),
    ("C36601", "71053", "LANTERN", 1, LATER, 1.0, "ann", "France"),
    ("536602", "71053", "LANTERN", 0, LATER, 1.0, "ann", "France"),
    ("536603", "71053", "LANTERN", 1, LATER, 0.0, "ann", "France"),
    ("536604", "POST", "POSTAGE", 1, LATER, 9.0, "ann", "France"),
    ("536605", "1234", "SHORT", 1, LATER, 9.0, "ann", "France"),
]


def lines(rows=LINES):
    frame = pd.DataFrame(rows, columns=COLUMNS)
    return frame.assign(timestamp=pd.to_datetime(frame["timestamp"]))


def digest(user, item):
    return hashlib.sha256(f"{user}:{item}".encode()).hexdigest()


def test_lines_become_events_of_baskets():
    data, _ = online_retail.clean(lines())
    start, later = 1291191960, 1293926400
    basket = [("ann", item, start, "536365") for item in ("85123A", "71053", "22423")]
    expected = [
        *sorted(basket, key=lambda event: digest(*event[:2])),
        ("ann", "71053", later, "536400"),
        ("bob", "71053", later, "536500"),
        ("bob", "71053", later, "536501"),
    ]
    columns = ["user_id", "item_id", "timestamp", "session_id"]
    assert list(data.events[columns].itertuples(index=False, name=None)) == expected
    quantity = data.events.set_index(["session_id", "item_id"])["quantity"]
    assert quantity["536365", "85123A"] == 8
    assert quantity["536400", "71053"] == 3


def test_users_and_items_have_what_most_of_their_lines_have():
    data, _ = online_retail.clean(lines())
    assert data.users.to_dict("list") == {
        "user_id": ["ann", "bob"],
        "country": ["France", "Italy"],  # bob's are a draw
    }
    assert data.items.to_dict("list") == {
        "item_id": ["22423", "71053", "85123A"],
        "description": ["Cake Stand", "Lantern White", "White Heart"],  # 71053's are a draw
        "price": [8.0, 2.0, 3.0],
    }


def test_what_each_rule_dropped_is_said():
    _, report = online_retail.clean(lines())
    assert report.lines == 13
    assert report.table["dropped"].tolist() == [1, 1, 1, 1, 2, 1]
    assert report.table["left"].tolist() == [12, 11, 10, 9, 7, 6]
    assert "- 2 the stock code begins with five digits: 7 left" in str(report)


def test_the_order_of_the_raw_lines_means_nothing():
    one, _ = online_retail.clean(lines())
    other, _ = online_retail.clean(lines(LINES[::-1]))
    for table in ("events", "users", "items"):
        pd.testing.assert_frame_equal(getattr(one, table), getattr(other, table))


def test_rules_that_leave_nothing_say_which():
    with pytest.raises(ValueError, match=r"(?s)leave no line.*1 a customer is named: 0 left"):
        online_retail.clean(lines(LINES[7:8]))


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        ("SET OF 6 T-LIGHTS", "Set of 6 T-Lights"),
        ("THE KING GIFT BAG 25x24x12cm", "The King Gift Bag 25x24x12cm"),
        ("LED TEA LIGHTS S/3", "LED Tea Lights S/3"),
        ("FOLK ART CARD,pack/12", "Folk Art Card, Pack/12"),
        ('LETTER "A" BLING KEY RING', 'Letter "A" Bling Key Ring'),
        ("3 TRADITIONAl CUTTERS  SET", "3 Traditional Cutters Set"),
    ],
)
def test_descriptions_are_fit_to_read(raw, read):
    assert title(raw) == read


def test_the_packaged_set_is_the_protocols():
    data = online_retail.load()
    split = splits.last_basket_out(data)
    assert len(data.items) == 3659
    assert len(split.train.events) == 301_222
    assert (len(split.test.targets), split.test.targets["user_id"].nunique()) == (24_757, 1724)
    validation = split.validation.targets
    assert (len(validation), validation["user_id"].nunique()) == (27_893, 1763)


def test_the_packaged_set_is_fit_to_show():
    data = online_retail.load()
    assert data.items["description"].notna().all()
    assert not data.items["description"].str.isupper().any()
    assert not data.items["description"].str.contains(r"^\s|\s$|\s\s").any()
    assert (data.items["price"] > 0).all()
    assert data.users["country"].notna().all()
    assert data.users["country"].value_counts().index[0] == "United Kingdom"


def test_the_order_of_the_packaged_rows_means_nothing():
    events = online_retail.load().events
    code = pd.factorize(events["item_id"], sort=True)[0]
    same_basket = (events["session_id"] == events["session_id"].shift()).to_numpy()
    ascending = (code[1:] > code[:-1])[same_basket[1:]].mean()
    assert 0.49 < ascending < 0.51


def test_the_packaged_set_is_small_attributed_and_says_what_was_dropped():
    files = {file.name: file for file in online_retail.PACKAGED.iterdir()}
    assert sum(len(file.read_bytes()) for file in files.values()) < 3_000_000
    attribution = files["ATTRIBUTION.md"].read_text()
    for said in ("Chen, D.", "UCI Machine Learning Repository", "10.24432/C5BW33", "CC BY 4.0"):
        assert said in attribution
    report = online_retail.cleaning()
    assert report.lines == 541_909
    assert report.table["left"].iloc[-1] == len(online_retail.load().events)


def test_the_packaged_set_loads_in_under_a_second():
    seconds = []
    for _ in range(3):
        start = time.process_time()
        online_retail.load()
        seconds.append(time.process_time() - start)
    assert min(seconds) < 1


def test_rebuilt_from_the_raw_file_it_is_the_same(data_folder, tmp_path, monkeypatch):
    raw = data_folder / "online-retail" / "transactions.parquet"
    report = online_retail.write(raw, tmp_path / "rebuilt")
    assert report == online_retail.cleaning()
    monkeypatch.delenv(location.VARIABLE)
    packaged = online_retail.load()
    monkeypatch.setattr(online_retail, "PACKAGED", tmp_path / "rebuilt")
    rebuilt = online_retail.load()
    for table in ("events", "users", "items"):
        pd.testing.assert_frame_equal(getattr(rebuilt, table), getattr(packaged, table))
    with pytest.raises(FileExistsError, match="rebuilt is there already"):
        online_retail.write(raw, tmp_path / "rebuilt")


def test_the_data_folder_is_read_before_the_package(tmp_path, monkeypatch):
    (tmp_path / "online-retail").mkdir()
    lines().to_parquet(tmp_path / "online-retail" / "transactions.parquet")
    monkeypatch.setenv(location.VARIABLE, str(tmp_path))
    assert len(online_retail.load().events) == 6
    monkeypatch.delenv(location.VARIABLE)
    assert len(online_retail.load(tmp_path / "online-retail").events) == 6
    assert len(online_retail.load().events) == 386_326


def test_events_and_splits_are_those_of_the_protocol(data_folder):
    script = data_folder.parent / "protocol.py"
    if not script.exists():
        pytest.skip(f"no {script}")
    spec = importlib.util.spec_from_file_location("protocol", script)
    protocol = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(protocol)
    parts = protocol.online_retail()
    columns = ["user_id", "item_id", "session_id", "quantity", "timestamp"]
    whole = pd.concat([parts[name] for name in ("train", "validation", "test")])
    expected = whole.assign(
        timestamp=whole["timestamp"].astype("datetime64[s]").astype("int64"),
        quantity=whole["quantity"].astype("int32"),
        tie=protocol.hashed(whole),
        user_id=whole["user_id"].astype("str"),
    ).sort_values(["user_id", "timestamp", "session_id", "tie"], ignore_index=True)
    data = online_retail.load()
    pd.testing.assert_frame_equal(data.events[columns], expected[columns], check_dtype=False)
