"""CSV and Parquet: no id changes on the way in, and a damaged file is named."""

import json
import shutil

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tfrec_recall.data.interactions import Interactions
from tfrec_recall.data.notices import ReadingNotice
from tfrec_recall.data.reading.json_lines import read_json_lines
from tfrec_recall.data.reading.layout import Layout

EVENTS = """user_id,item_id,timestamp,rating
1,10,1600000005,4
2,20,1600000006,3.5
2,20,1600000006,3.5
"""


def table(**columns):
    return pd.DataFrame({"user_id": [1, 2], "item_id": ["a", "b"], **columns})


def csv(folder, text, name="events.csv"):
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def test_csv_becomes_typed_events(tmp_path):
    data = Interactions.from_csv(csv(tmp_path, EVENTS))
    assert data.events["user_id"].tolist() == [1, 2, 2]
    assert data.events.dtypes.astype(str).to_dict() == {
        "user_id": "int64",
        "item_id": "int64",
        "timestamp": "int64",
        "rating": "float64",
    }
    assert data.name == "events"


CODES = ["007", "+7", "8.0", "1e3", "x", "NA", " 8", "9" * 19, "-0", "-07", "0x1F", "1_0", "\u0663"]


@pytest.mark.parametrize("code", CODES)
def test_csv_ids_that_a_number_would_change_stay_text(tmp_path, code):
    data = Interactions.from_csv(csv(tmp_path, f"user_id,item_id\n1,7\n2,{code}\n"))
    assert data.events["item_id"].tolist() == ["7", code]
    assert data.events["user_id"].tolist() == [1, 2]


def test_csv_ids_have_one_type_in_all_tables(tmp_path):
    csv(tmp_path, EVENTS)
    csv(tmp_path, "item_id,title\n10,tea\n020,cup\n", "items.csv")
    data = Interactions.from_csv(tmp_path, mend_ids=False)
    assert data.items["item_id"].tolist() == ["10", "020", "20"]


def test_csv_takes_whole_64_bit_ids(tmp_path):
    data = Interactions.from_csv(csv(tmp_path, f"user_id,item_id\n{2**63 - 1},{-(2**63)}\n"))
    assert data.events.iloc[0].tolist() == [2**63 - 1, -(2**63)]


def test_csv_features_keep_leading_zeros_and_whole_numbers(tmp_path):
    csv(tmp_path, EVENTS)
    csv(tmp_path, "user_id,zip,age,height\n1,01234,30,1.5\n2,99999,,\n", "users.csv")
    users = Interactions.from_csv(tmp_path).users
    assert users["zip"].tolist() == ["01234", "99999"]
    assert users["age"].tolist() == [30, pd.NA]
    assert users["height"].dtype == np.float64
    again = Interactions.from_csv(tmp_path, dtype={"age": "str", "zip": "int64"}).users
    assert again["age"].tolist()[0] == "30"
    assert again["zip"].tolist() == [1234, 99999]


def test_csv_cells_with_quotes_line_breaks_and_unicode(tmp_path):
    text = '\ufeffuser_id,item_id\n"a ""b""","c\nd"\n" é, ö ",😀\n'
    events = Interactions.from_csv(csv(tmp_path, text)).events
    assert events.to_numpy().tolist() == [['a "b"', "c\nd"], [" é, ö ", "😀"]]


def test_csv_timestamps_in_iso_8601(tmp_path):
    text = "user_id,item_id,timestamp\n1,1,2001-09-10\n1,2,2001-09-09 00:00:07\n"
    text += "1,3,2001-09-09T00:00:08Z\n1,4,2001-09-09T02:00:09+02:00\n1,5,2001-09-09 00:00:01 UTC\n"
    midnight = 11_574 * 86_400
    assert Interactions.from_csv(csv(tmp_path, text)).events["timestamp"].tolist() == [
        midnight + later for later in (86_400, 7, 8, 9, 1)
    ]


def test_csv_timestamps_that_may_mean_two_days_are_refused(tmp_path):
    path = csv(tmp_path, "user_id,item_id,timestamp\n1,1,01/02/2020\n")
    with pytest.raises(ValueError, match=r"'timestamp' has type str.*--time-format '%d/%m/%Y'"):
        Interactions.from_csv(path)


def test_csv_missing_ids_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"'item_id' has missing values in 1 of 2 rows.*row 1"):
        Interactions.from_csv(csv(tmp_path, "user_id,item_id\n1,1\n2,\n"))


def test_rename_and_separator(tmp_path):
    csv(tmp_path, "member;sku\n007;x\n")
    csv(tmp_path, "member;age\n007;30\n", "people.csv")
    data = Interactions.from_csv(
        tmp_path / "events.csv",
        users=tmp_path / "people.csv",
        rename={"member": "user_id", "sku": "item_id"},
        separator=";",
        name="shop",
    )
    assert data.users.to_dict("list") == {"user_id": ["007"], "age": [30]}
    assert data.name == "shop"


def test_drop_duplicates_is_a_choice(tmp_path):
    path = csv(tmp_path, EVENTS)
    assert len(Interactions.from_csv(path).events) == 3
    assert len(Interactions.from_csv(path, drop_duplicates=True).events) == 2
    table().loc[[0, 0, 1]].to_parquet(tmp_path / "events.parquet")
    assert len(Interactions.from_parquet(tmp_path, drop_duplicates=True).events) == 2


def test_parquet_keeps_types_and_ignores_the_index(tmp_path):
    frame = table(rank=pd.array([1, None], dtype="Int64"), tags=[["x"], []])
    frame.set_index(pd.Index([5, 9])).to_parquet(tmp_path / "events.parquet")
    pd.DataFrame({"user_id": [2, 1], "age": [3, 4]}).set_index("user_id").to_parquet(
        tmp_path / "users.parquet"
    )
    data = Interactions.from_parquet(tmp_path)
    assert list(data.events) == ["user_id", "item_id", "rank", "tags"]
    assert data.events["rank"].tolist() == [1, pd.NA]
    assert data.users.to_dict("list") == {"user_id": [2, 1], "age": [3, 4]}
    assert data.users["age"].dtype == np.int64


@pytest.mark.parametrize("form", ["parquet", "jsonl"])
def test_lists_of_a_file_stay_where_lists_says_how_text_is_parted(tmp_path, form):
    nested = [{"a": 1}, {"a": 2}]
    events = table(genres=[["a", "b"], None], note=["x|y", None], where=nested, n=[5, 6])
    if form == "parquet":
        events.to_parquet(tmp_path / "events.parquet")
    else:
        events.to_json(tmp_path / "events.jsonl", orient="records", lines=True)
    lists = dict.fromkeys(["genres", "note", "n"], "|")
    with pytest.warns(ReadingNotice, match=r"'genres' holds lists already, such as .*not parted"):
        found = Interactions.from_folder(tmp_path, lists=lists).events
    assert list(found["genres"][0]) == ["a", "b"]
    assert found["genres"].isna().tolist() == [False, True]
    assert found[["note", "n"]].to_dict("list") == {"note": [["x", "y"], []], "n": [["5"], ["6"]]}
    with pytest.raises(ValueError, match=r"events: lists=\{'where': ','\}.*Received: \{'a': 1\}"):
        Interactions.from_folder(tmp_path, lists={"where": ","})


def test_ids_of_a_given_type_are_mended_too(tmp_path):
    csv(tmp_path, "user_id,item_id\n1,' 7'\n2,007\n".replace("'", '"'))
    csv(tmp_path, "item_id,kind\n7,a\n8,b\n", "items.csv")
    for dtype in ({"item_id": "str"}, {"events.item_id": "str"}, {"items.item_id": "str"}):
        with pytest.warns(ReadingNotice, match=r"1 of 2 item_ids were mended, such as ' 7' to '7'"):
            data = Interactions.from_csv(tmp_path, dtype=dtype, mend_ids=True)
        assert data.events["item_id"].tolist() == ["7", "7"]
        assert data.items["item_id"].tolist() == ["7", "8"]
    events = table().assign(item_id=["7.0", "8"])
    events.to_parquet(tmp_path / "events.parquet")
    (tmp_path / "events.csv").unlink()
    with pytest.warns(ReadingNotice, match=r"1 of 2 item_ids were mended"):
        data = Interactions.from_folder(tmp_path, dtype={"item_id": "str"}, mend_ids=True)
    assert data.items["item_id"].tolist() == ["7", "8"]


def test_parquet_times_may_be_categories(tmp_path):
    given = pd.DataFrame({"user_id": [1, 2], "item_id": 3, "timestamp": ["2020-09-13", "2020-09"]})
    given.astype({"timestamp": "category"}).to_parquet(tmp_path / "events.parquet")
    events = Interactions.from_folder(tmp_path).events
    assert events["timestamp"].tolist() == [1_599_955_200, 1_598_918_400]


def test_parquet_parts_become_one_table(tmp_path):
    parts = tmp_path / "events"
    for name, user, split in [("b", 2, "test"), ("a", 1, "train")]:
        (parts / f"split={split}").mkdir(parents=True)
        part = pd.DataFrame({"user_id": [user], "item_id": [name]})
        if name == "b":
            part["rating"] = 4
        part.to_parquet(parts / f"split={split}" / f"{name}.parquet")
    (parts / "_temporary").mkdir()
    (parts / "_temporary" / "half.parquet").write_bytes(b"PAR1")
    (parts / "_SUCCESS").touch()
    for place in (tmp_path, parts):
        events = Interactions.from_parquet(place).events
        assert events.sort_values("user_id")["split"].tolist() == ["train", "test"]
        assert events.sort_values("user_id")["rating"].tolist() == [pd.NA, 4]


@pytest.mark.parametrize(
    ("train", "test"),
    [("train", "test"), ("train-00000-of-00001", "val-00000-of-00001"), ("gowalla_Train", "TEST")],
)
def test_parquet_parts_of_a_split_are_not_one_table(tmp_path, train, test):
    (tmp_path / "events").mkdir()
    for name in (train, test):
        for place in (tmp_path, tmp_path / "events"):
            table().to_parquet(place / f"{name}.parquet")
    for _ in range(2):
        with pytest.raises(ValueError, match=r"what is tested would be learnt.*split=train/"):
            Interactions.from_parquet(tmp_path)
        shutil.rmtree(tmp_path / "events", ignore_errors=True)
    for name, part in ((train, "train"), (test, "test")):
        (tmp_path / f"split={part}").mkdir()
        (tmp_path / f"{name}.parquet").rename(tmp_path / f"split={part}/{name}.parquet")
    assert set(Interactions.from_parquet(tmp_path).events["split"]) == {"train", "test"}


@pytest.mark.parametrize(
    ("names", "refused"),
    [
        (("train/part-0", "test/part-0"), True),
        (("train/day=3/part-0", "day=3/valid/part-0"), True),
        (("day=3/train", "day=3/test"), True),
        (("ab-test/train", "ab-test/val"), True),
        (("train/ab-test", "test/ab-test"), True),
        (("set=train/train", "set=test/test"), False),
        (("ab-test/a", "ab-test/b"), False),
        (("part-0", "test/part-0"), False),
    ],
)
def test_folders_called_after_parts_of_a_split_are_not_one_table(tmp_path, names, refused):
    for name in names:
        place = tmp_path / "events" / f"{name}.parquet"
        place.parent.mkdir(parents=True, exist_ok=True)
        table().to_parquet(place)
    for place in (tmp_path, tmp_path / "events"):
        if refused:
            with pytest.raises(ValueError, match=r"would be learnt.*events/split=.*Received: \["):
                Interactions.from_parquet(place)
        else:
            assert len(Interactions.from_parquet(place).events) == 2 * len(table())


def test_parquet_parts_called_alike_are_one_table(tmp_path):
    for name in ("train-00000-of-00002", "train-00001-of-00002", "contests"):
        table().to_parquet(tmp_path / f"{name}.parquet")
    assert len(Interactions.from_parquet(tmp_path).events) == 3 * len(table())


def test_parquet_parts_may_pack_a_column_or_not(tmp_path):
    for name, dtype in (("a", "category"), ("b", "str"), ("c", "category")):
        table(user_id=[name, "x"]).astype({"user_id": dtype}).to_parquet(
            tmp_path / f"{name}.parquet"
        )
    events = Interactions.from_parquet(tmp_path).events
    assert events["user_id"].tolist() == ["a", "x", "b", "x", "c", "x"]


def test_parquet_parts_of_other_types_are_named(tmp_path):
    table().to_parquet(tmp_path / "0.parquet")
    table(user_id=["x", "y"]).to_parquet(tmp_path / "1.parquet")
    with pytest.raises(ValueError, match=r"1\.parquet has other types.*user_id"):
        Interactions.from_parquet(tmp_path)


@pytest.mark.parametrize("keep", [0, 3, 100, -5])
def test_a_truncated_parquet_file_is_named(tmp_path, keep):
    path = tmp_path / "events.parquet"
    table().to_parquet(path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match=r"events\.parquet is no whole Parquet file"):
        Interactions.from_parquet(tmp_path)


def test_a_parquet_part_with_garbled_pages_is_named(tmp_path):
    for name in ("0", "1"):
        pq.write_table(pa.table({"user_id": [1], "item_id": [2]}), tmp_path / f"{name}.parquet")
    content = bytearray((tmp_path / "1.parquet").read_bytes())
    content[4:40] = b"\xff" * 36
    (tmp_path / "1.parquet").write_bytes(content)
    with pytest.raises(ValueError, match=r"1\.parquet is damaged"):
        Interactions.from_parquet(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"events\.csv cannot be read as CSV: No columns"),
        (b"user_id,item_id\n1,2\n1,2,3,4\n", r"events\.csv cannot be read as CSV"),
        (b"user_id,item_id\n1,2,3\n1,2,3\n", r"events\.csv cannot be read as CSV"),
        (b"user_id,item_id\n1,\xff\xfe\n", r"events\.csv cannot be read as CSV: 'utf-8'"),
        (b"user,item_id\n1,2\n", r"column 'user_id' is missing.*Received columns: \['user'"),
    ],
)
def test_a_garbled_csv_file_is_named(tmp_path, content, message):
    (tmp_path / "events.csv").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        Interactions.from_csv(tmp_path)


def test_the_folder_we_are_in_has_a_name(tmp_path, monkeypatch):
    csv(tmp_path, "user_id,item_id\n1,2\n")
    (tmp_path / "below").mkdir()
    for here, place in ((tmp_path, "."), (tmp_path / "below", "..")):
        monkeypatch.chdir(here)
        assert Interactions.from_files(place).name == tmp_path.name


def test_a_folder_may_mix_both_forms(tmp_path):
    table(user_id=[1, 2]).to_parquet(tmp_path / "events.parquet")
    csv(tmp_path, "user_id,age\n2,30\n", "users.csv")
    data = Interactions.from_folder(tmp_path)
    assert data.users["age"].tolist() == [30, pd.NA]
    assert data.name == tmp_path.name


@pytest.mark.parametrize(
    ("files", "read", "message"),
    [
        (["items.csv"], Interactions.from_folder, r"no table of events.*\['items.csv'\]"),
        (["events.csv"], Interactions.from_parquet, r"events.parquet or a folder events"),
        (
            ["events.csv", "events.parquet"],
            Interactions.from_folder,
            r"events is there twice.*\['events.parquet', 'events.csv'\]",
        ),
    ],
)
def test_folders_without_a_clear_table_are_refused(tmp_path, files, read, message):
    for name in files:
        (tmp_path / name).touch()
    with pytest.raises(ValueError, match=message):
        read(tmp_path)


def test_files_that_are_not_there_are_named(tmp_path):
    path = csv(tmp_path, EVENTS)
    with pytest.raises(ValueError, match=r"events: there is no file or folder .*nowhere"):
        Interactions.from_folder(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"users: there is no file or folder .*people\.csv"):
        Interactions.from_csv(path, users=tmp_path / "people.csv")


@pytest.mark.parametrize(
    ("dtype", "message"),
    [
        ({"zip": "str"}, r"no table has \['zip'\]. Received: \{'events': \['user_id'"),
        ({"rating": "int64"}, r"events: column 'rating' cannot become dtype='int64'"),
    ],
)
def test_dtype_errors(tmp_path, dtype, message):
    with pytest.raises(ValueError, match=message):
        Interactions.from_csv(csv(tmp_path, EVENTS), dtype=dtype)


@pytest.mark.parametrize(
    ("cells", "dtype", "expected"),
    [
        (["True", "False"], "bool", [True, False]),
        (["1", "0"], "bool", [True, False]),
        (["yes", "no"], "bool", r"flags are True and False.*'yes'"),
        (["True", ""], "bool", r"1 values are missing.*'boolean' holds such"),
        (["True", "False", ""], "boolean", [True, False, None]),
        (["1", "2", "NA"], "Int64", [1, 2, None]),
        (["1", "NA"], "int32", r"1 values are missing.*'Int32' holds such"),
        (["1.5", "x"], "float64", r"float64 is of numbers.*'x'"),
        (["9007199254740993", ""], "Int64", [9007199254740993, None]),
        (["300", "1"], "int8", r"300"),
        (["1", ""], "int64", r"Beside missing values, 'Int64'"),
    ],
)
def test_types_of_text_are_what_it_says(tmp_path, cells, dtype, expected):
    csv(tmp_path, "user_id,item_id,x\n" + "".join(f"1,2,{cell}\n" for cell in cells))
    if isinstance(expected, list):
        events = Interactions.from_csv(tmp_path, dtype={"x": dtype}).events
        found = events["x"].astype("object").where(events["x"].notna(), None)
        assert found.tolist() == expected
    else:
        with pytest.raises(ValueError, match=rf"events: column 'x' cannot become.*{expected}"):
            Interactions.from_csv(tmp_path, dtype={"x": dtype})


@pytest.mark.parametrize(
    ("values", "dtype"), [([300, 1], "int8"), ([4.5, 1.0], "int64"), ([2, 1], "bool")]
)
def test_a_type_changes_no_number(tmp_path, values, dtype):
    table(user_id=[1, 2], x=values).to_parquet(tmp_path / "events.parquet")
    with pytest.raises(ValueError, match=r"cannot become.*1 values would be others, such as"):
        Interactions.from_parquet(tmp_path, dtype={"x": dtype})


def test_ids_under_awkward_names_are_told_both_at_once_as_a_shell_takes_them(tmp_path):
    path = tmp_path / "shop.csv"
    path.write_text("Customer Ref.,SKU (internal),Qty\nC-1,1000,1\n")
    expected = (
        r"columns 'user_id' and 'item_id' are missing\. .*"
        r"--rename 'events\.Customer Ref\.=user_id' --rename 'events\.SKU \(internal\)=item_id'"
    )
    with pytest.raises(ValueError, match=expected):
        Interactions.from_files(path)
    path.write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match=r"If they have .*their_user=user_id.*their_item=item_id"):
        Interactions.from_files(path)


def test_a_column_that_speaks_of_time_is_told_to_be_none(tmp_path):
    path = tmp_path / "shop.csv"
    path.write_text("user_id,item_id,Time of Purchase,sentiment,updates\n1,2,3,4,5\n")
    with pytest.warns(ReadingNotice, match=r"'events\.Time of Purchase=timestamp'") as told:
        assert "timestamp" not in Interactions.from_files(path).events
    assert not [one for one in told if "sentiment" in str(one.message)]


@pytest.mark.parametrize(
    "times",
    [
        ["31.12.2023 23:59", None],
        ["2023-12-31", "2024-01-01"],
        ["Dec 31, 2023", "Jan 1, 2024"],
        pd.to_datetime(["2023-12-31", "2024-01-01"]),
    ],
)
def test_times_under_any_name_are_told_to_be_none(times, tmp_path):
    renamed = r"'wann' is one like others.*--rename events.wann=timestamp"
    with pytest.warns(ReadingNotice, match=renamed):
        Interactions.from_frames(table(wann=times))
    table(wann=times).to_csv(tmp_path / "log.csv", index=False)
    with pytest.warns(ReadingNotice, match=renamed):
        Interactions.from_csv(tmp_path / "log.csv")


@pytest.mark.parametrize("given", [{"user_id": [1], "item_id": [2]}, [1]])
def test_what_is_no_frame_is_refused(given):
    with pytest.raises(ValueError, match=r"events is a pandas DataFrame\. Received: "):
        Interactions.from_frames(given)


@pytest.mark.parametrize("values", [["01012024", "31122024"], ["4 for 3", "2/4"], [None, None]])
def test_what_is_no_time_is_not_told_to_be_one(values, recwarn):
    Interactions.from_frames(table(wann=values))
    assert not [one for one in recwarn if "timestamp" in str(one.message)]


def test_a_given_type_reads_decimals_as_the_file_writes_them(tmp_path):
    for cells, numbers in ((("1,5", "2,25"), [1.5, 2.25]), (("1.500", "2,5"), [1500, 2.5])):
        csv(tmp_path, "user_id,item_id,x\n" + "".join(f'1,2,"{cell}"\n' for cell in cells))
        events = Interactions.from_csv(tmp_path, dtype={"x": "float64"}, decimal=",").events
        assert events["x"].tolist() == numbers


@pytest.mark.parametrize("title", ["Sales report 2020", "My export", "My export,"])
def test_a_title_above_the_header_is_refused_with_the_way_to_take_it_out(tmp_path, title):
    path = tmp_path / "shop.csv"
    path.write_text(f"{title}\nuser_id,item_id\n1,2\n")
    with pytest.raises(ValueError, match=r"a title it seems.*tail -n \+2.*above 'user_id,item_id'"):
        Interactions.from_files(path)


def test_dates_within_lists_and_structs_of_json_stay_text(tmp_path):
    path = tmp_path / "shop.jsonl"
    line = {"user_id": 1, "item_id": 2, "since": "2020-01-01", "days": ["2020-01-01", "2020-02-01"]}
    line |= {"about": {"on": "2020-01-01T00:00:00Z", "size": 3, "all": [{"day": "2020-01-01"}]}}
    path.write_text(json.dumps(line) + "\n")
    found, _, _ = read_json_lines(path, "events", Layout())
    (row,) = found.to_dict("records")
    assert (row["since"], list(row["days"])) == (line["since"], line["days"])
    assert row["about"]["on"] == line["about"]["on"]
    assert list(row["about"]["all"]) == line["about"]["all"]


def test_half_a_character_is_named_with_its_line(tmp_path):
    path = tmp_path / "shop.jsonl"
    path.write_text(
        '{"user_id": 1, "item_id": 2, "note": "x"}\n'
        '{"user_id": 1, "item_id": 2, "note": "\\ud83d"}\n'
    )
    with pytest.raises(ValueError, match=r"'note' of line 2 has half of a character"):
        Interactions.from_files(path)
