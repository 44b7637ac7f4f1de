"""Folders of parts in text and JSON lines are one table, as folders of Parquet parts are."""

import gzip

import pandas as pd
import pytest

from tfrec_recall.data import part_events, streaming
from tfrec_recall.data.interactions import Interactions
from tfrec_recall.data.notices import ReadingNotice
from tfrec_recall.data.reading.parquet import parquet_tables
from tfrec_recall.operations.columns_of_users import files_of

HEADER = "user_id,item_id,rating\n"


def written(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = content.encode()
        path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return folder


TEXT = {
    "part-00000-3f2a-c000.csv": HEADER + "1,007,4\n2,10,5\n",
    "part-00001-3f2a-c000.csv.gz": "item_id,user_id,rating\n7,3,\n",  # in another order
    "part-00002-3f2a-c000.csv": HEADER,
    "part-00003-3f2a-c000.csv": "",
    "_SUCCESS": "",
    ".part-00000-3f2a-c000.csv.crc": "x",
}
JSON = {
    "part-00000.jsonl": '{"user_id": 1, "item_id": "007", "rating": 4}\n'
    '{"user_id": 2, "item_id": "10", "rating": 5}\n',
    "part-00001.json.gz": '{"item_id": "7", "user_id": 3}\n',
    "part-00002.jsonl": "",
}


@pytest.mark.parametrize("files", [TEXT, JSON], ids=["text", "JSON lines"])
@pytest.mark.parametrize("below", ["", "events/"], ids=["alone", "named"])
def test_parts_become_one_table(tmp_path, files, below):
    written(tmp_path, {f"{below}{name}": content for name, content in files.items()})
    events = Interactions.from_folder(tmp_path).events
    assert events["user_id"].tolist() == [1, 2, 3]
    assert events["item_id"].tolist() == ["007", "10", "7"]  # of one type in all parts
    assert events["rating"].isna().tolist() == [False, False, True]


@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "jsonl"])
def test_names_of_folders_are_columns_of_text(tmp_path, suffix):
    row = '{"user_id": 1}\n' if suffix == "jsonl" else "user_id\n1\n"
    codes = ["007", "a%2Fb", "__HIVE_DEFAULT_PARTITION__"]
    written(tmp_path, {f"events/day=03/sku={code}/data.{suffix}": row for code in codes})
    read = Interactions.from_folder
    rename = {"sku": "item_id"}
    with pytest.raises(ValueError, match=r"'item_id' has missing values in 1 of 3 rows"):
        read(tmp_path, rename=rename)
    (tmp_path / f"events/day=03/sku={codes.pop()}/data.{suffix}").unlink()
    events = read(tmp_path, rename=rename).events
    assert events["item_id"].tolist() == ["007", "a/b"]
    assert events["day"].tolist() == ["03", "03"]  # a code, as in a CSV file
    assert list(read(tmp_path, rename=rename, columns=[]).events) == ["user_id", "item_id"]


def test_whole_numbers_in_names_of_folders_are_integers(tmp_path):
    files = {f"item_id={code}/part-0.csv": "user_id\n1\n" for code in (7, 5_000_000_001)}
    events = Interactions.from_folder(written(tmp_path, files)).events
    assert events["item_id"].tolist() == [5_000_000_001, 7]


@pytest.mark.parametrize("ids", [[7, 7], ["7", "7"]], ids=["integers", "text"])
@pytest.mark.parametrize("suffix", ["parquet", "jsonl", "csv"])
def test_a_column_may_stand_in_the_part_and_in_the_name_of_its_folder(tmp_path, suffix, ids):
    frame = pd.DataFrame({"user_id": [1, 2], "item_id": ids})
    write = {
        "parquet": frame.to_parquet,
        "jsonl": lambda path: frame.to_json(path, orient="records", lines=True),
        "csv": lambda path: frame.to_csv(path, index=False),
    }[suffix]
    for code in (7, 8):
        (tmp_path / f"item_id={code}").mkdir()
    write(tmp_path / f"item_id=7/part-0.{suffix}")
    events = Interactions.from_folder(tmp_path).events
    assert events["item_id"].astype("int64").tolist() == [7, 7]
    write(tmp_path / f"item_id=8/part-0.{suffix}")
    message = rf"item_id=8/part-0\.{suffix}.*'item_id' is in the part and.*'?7'? in item_id=8"
    with pytest.raises(ValueError, match=message):
        Interactions.from_folder(tmp_path)


LOGS = {
    "Delta Lake": ("_delta_log/00000000000000000000.json", "delta", "delta_scan", "part-0.parquet"),
    "Apache Hudi": (".hoodie/hoodie.properties", "hudi", "", "day=3/x_0-1-0_2024.parquet"),
    "Apache Iceberg": (
        "metadata/v1.metadata.json", "iceberg", "iceberg_scan", "data/day=3/0.parquet",
    ),
}  # fmt: skip


@pytest.mark.parametrize("called", LOGS)
@pytest.mark.parametrize("below", ["", "events/"], ids=["alone", "named"])
def test_a_table_whose_log_says_which_files_count_is_refused(tmp_path, called, below):
    log, form, function, part = LOGS[called]
    written(tmp_path, {f"{below}{log}": "{}"})
    part = tmp_path / below / part
    part.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame({"user_id": [1], "item_id": [2]}).to_parquet(part)
    message = rf"{called}: its log .*'{form}'.*write\.parquet.*{function}.*Received: {log[:4]}"
    for folder in dict.fromkeys([tmp_path, tmp_path / below, part.parent]):
        for read in (
            Interactions.from_folder,
            lambda path: part_events(path, tmp_path / "parts"),
            lambda path: streaming.parquet(path, ["user_id"], 1),
            files_of,
        ):
            with pytest.raises(ValueError, match=message):
                read(folder)
    place = written(tmp_path / "shop", {f"items/{log}": "{}", "events.csv": HEADER + "1,2,3\n"})
    with pytest.raises(ValueError, match=message):
        Interactions.from_folder(place)
    pd.DataFrame({"item_id": [2], "kind": ["a"]}).to_parquet(tmp_path / "plain.parquet")
    items = Interactions.from_folder(place, items=tmp_path / "plain.parquet").items
    assert items["kind"].tolist() == ["a"]


def test_what_writers_have_not_finished_is_no_part(tmp_path):
    frame = pd.DataFrame({"user_id": [1], "item_id": [2]})
    for name in ("part-0.parquet", "_temporary/0/part-1.parquet", ".spark/part-2.parquet"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        frame.to_parquet(tmp_path / name)
    assert files_of(tmp_path) == [tmp_path / "part-0.parquet"]
    assert streaming.parquet(tmp_path, ["user_id"], 1).cardinality() == 1


def test_parts_without_a_header_or_a_suffix(tmp_path):
    files = {"part-00000": "1;a\n", "part-00001.gz": "2;b\n", "part-00002": ""}
    written(tmp_path, files)
    with pytest.raises(ValueError, match=r"part-00000: say how the file is written.*--separator"):
        Interactions.from_folder(tmp_path)
    options = {"separator": ";", "names": ["user_id", "item_id"]}
    events = Interactions.from_folder(tmp_path, **options).events
    assert events.to_numpy().tolist() == [[1, "a"], [2, "b"]]


def test_ids_of_json_parts_have_one_type(tmp_path):
    files = {"part-0.jsonl": '{"user_id": 13, "item_id": 1}', "part-1.jsonl": ""}
    files["part-1.jsonl"] = '{"user_id": 13.0, "item_id": 1}\n{"user_id": 14.0, "item_id": 2}'
    written(tmp_path, files)
    with pytest.raises(ValueError, match=r"'13\.0' beside '13'"):
        Interactions.from_folder(tmp_path)
    with pytest.warns(ReadingNotice, match=r"2 of 3 user_ids were mended"):
        events = Interactions.from_folder(tmp_path, mend_ids=True).events
    assert events["user_id"].tolist() == [13, 13, 14]


def test_long_whole_numbers_of_json_parts_keep_their_digits(tmp_path):
    line = '{{"user_id": {}, "item_id": 1, "code": {}, "price": {}}}\n'
    files = {
        "part-0.jsonl": line.format(2**53 + 1, 2**53 + 1, 3) + line.format(2**53, 2**53, 4),
        "part-1.jsonl": line.format("13.0", 2**70, 4.5),
    }
    whole = written(tmp_path / "whole", {"events.jsonl": "".join(files.values())})
    for folder in (written(tmp_path / "parts", files), whole):
        events = Interactions.from_folder(folder, mend_ids=False).events
        assert events["user_id"].tolist() == [str(2**53 + 1), str(2**53), "13.0"]
        assert events["code"].tolist() == [str(2**53 + 1), str(2**53), str(2**70)]
        assert events["price"].tolist() == [3.0, 4.0, 4.5]


def test_long_whole_numbers_in_lists_of_json_parts_are_refused_by_name(tmp_path):
    line = '{{"user_id": 1, "item_id": 1, "codes": [{}]}}\n'
    files = {f"part-{place}.jsonl": line.format(code) for place, code in ((0, 2**53 + 1), (1, 0.5))}
    with pytest.raises(ValueError, match=r"(parts have|part-1\.jsonl has) other types than"):
        Interactions.from_folder(written(tmp_path, files))


def test_long_whole_numbers_beside_doubles_of_another_part_are_named(tmp_path):
    (tmp_path / "events").mkdir()
    frame = pd.DataFrame({"user_id": [1, 2], "item_id": 3})
    frame.assign(code=[2**53 + 1, 4]).to_parquet(tmp_path / "events/a.parquet")
    frame.assign(code=[7.5, None]).to_parquet(tmp_path / "events/b.parquet")
    message = r"a\.parquet: column 'code' is int64 here and double .*one type in all parts"
    with pytest.raises(ValueError, match=message):
        Interactions.from_folder(tmp_path)
    with pytest.raises(ValueError, match=message):
        list(parquet_tables(tmp_path / "events", 10))
    frame.assign(code=[2**53, 4]).to_parquet(tmp_path / "events/a.parquet")
    found = Interactions.from_folder(tmp_path).events["code"]
    assert found.tolist()[:3] == [2.0**53, 4.0, 7.5]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"part-1.csv": "user_id,sku,rating\n1,2,3\n"}, r"part-1\.csv has other columns"),
        ({"part-1.csv": "1,8,5\n2,9,4\n"}, r"part-1\.csv.*looks like a record.*--no-header"),
        ({"part-1.csv": HEADER + "1,2,3\n1,2\n"}, r"part-1\.csv cannot.*line 3 has 2 cells"),
        ({"part-1.jsonl": '{"user_id": 1}'}, r"in one form.*part-0\.csv.*part-1\.jsonl"),
        (
            {"rating=3/part-1.csv": HEADER + "1,2,4\n"},
            r"'rating' is in the part and in the name of its folder.*'4' in rating=3",
        ),
    ],
)
def test_a_part_that_does_not_fit_is_named(tmp_path, files, message):
    written(tmp_path, {"part-0.csv": HEADER + "1,7,5\n", **files})
    with pytest.raises(ValueError, match=message):
        Interactions.from_folder(tmp_path)


def test_json_parts_of_other_types_are_named(tmp_path):
    files = {"part-0.jsonl": '{"user_id": 1}', "part-1.jsonl": '{"user_id": "x"}'}
    with pytest.raises(ValueError, match=r"part-1\.jsonl has other types.*user_id"):
        Interactions.from_folder(written(tmp_path, files))


def test_several_tables_of_other_names_are_no_parts(tmp_path):
    written(tmp_path, {"sales.csv": HEADER + "1,2,3\n", "goods.csv": "item_id\n2\n"})
    with pytest.raises(ValueError, match=r"no table of events.*\['goods\.csv', 'sales\.csv'\]"):
        Interactions.from_folder(tmp_path)
    numbered = {"export-000.csv": HEADER + "1,2,3\n", "export-001.csv": HEADER + "2,2,3\n"}
    folder = written(tmp_path / "numbered", numbered)
    assert len(Interactions.from_folder(folder).events) == 2
