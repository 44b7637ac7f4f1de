"""What programs write that is not quite CSV, JSON lines or Parquet: read right, or a way on."""

import gzip
import json
import os
import re

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tfrec_recall.data import Interactions
from tfrec_recall.data.notices import ReadingNotice
from tfrec_recall.data.reading import Layout, stream

ROWS = [(f"u{row % 2}", f"i{row}", 1_600_000_000 + row) for row in range(4)]
HEADER = "user_id,item_id,timestamp"
LINES = [",".join(map(str, row)) for row in ROWS]
CSV = "\n".join([HEADER, *LINES, ""])
OBJECTS = [json.dumps(dict(zip(HEADER.split(","), row, strict=True))) for row in ROWS]


def written(folder, content, name="events.csv", encoding="utf-8"):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


def rows_of(path, **options):
    events = Interactions.from_files(path, **options).events
    return list(events[HEADER.split(",")].itertuples(index=False, name=None))


READ = {
    "Excel's note": ("sep=;\r\n" + CSV.replace(",", ";").replace("\n", "\r\n"), "events.csv"),
    "the note behind a mark": ("\ufeffsep=\t\n" + CSV.replace(",", "\t"), "events.csv"),
    "names with marks": (CSV.replace("item_id", "\ufeffitem_id\u200b"), "events.csv"),
    "lone CR": (CSV.replace("\n", "\r"), "events.csv"),
    "mixed line ends": (CSV.replace("0\n", "0\r\n"), "events.csv"),
    "array": ("[" + ",\n".join(OBJECTS) + "]\n", "events.json"),
    "indented array": (json.dumps([json.loads(one) for one in OBJECTS], indent=2), "events.json"),
    "array in a line": ("\ufeff[" + ",".join(OBJECTS) + "]", "events.jsonl"),
    "objects in a line": ("".join(OBJECTS), "events.json"),
    "JSON lines with CR": ("\r\n".join(OBJECTS), "events.jsonl"),
    "packed lines in capitals": (gzip.compress("\n".join(OBJECTS).encode()), "EVENTS.JSONL.GZ"),
    "packed array in capitals": (
        gzip.compress(("[" + ",".join(OBJECTS) + "]").encode()),
        "Events.Json.Gz",
    ),
    "brackets and stars": (CSV, "a[1]*?/events.csv"),
}


@pytest.mark.parametrize(("content", "name"), READ.values(), ids=READ)
def test_it_is_read_right(tmp_path, content, name):
    assert rows_of(written(tmp_path, content, name)) == ROWS


def test_a_note_of_the_separator_holds_without_a_header_too(tmp_path):
    path = written(tmp_path, "sep=;\n" + "\n".join(LINES).replace(",", ";"))
    assert rows_of(path, names=HEADER.split(",")) == ROWS
    with pytest.raises(ValueError, match=r"says that the separator is ';'.*separator=','"):
        rows_of(path, names=HEADER.split(","), separator=",")


REFUSED = {
    "comment": (f"# by me\n{CSV}", r"line 1 is no header.*comment.*grep -v '\^#'"),
    "comments": (f"# by me\n# 2020\n{CSV}", r"line 1 is no header.*comment"),
    "comment behind": (f"{CSV}# end\n", r"line 6 has 1 cells.*comment.*'# end'"),
    "commas at line ends": (CSV.replace("0\n", "0,\n"), r"line 2 has 4 cells.*ends in the sep"),
    "header again": (CSV + CSV, r"line 6 is the header once more"),
    "blank header": (f"  \n{CSV}", r"line 1 is blank"),
    "other quotes": (re.sub(r"([^,\n]+)", r"'\1'", CSV), r"other marks than \""),
    "blanks": (CSV.replace(",", " "), r"--separator ' '"),
    "quoted cells": (
        re.sub(r"([^,\n]+)", r'"\1"', CSV).replace(",", ";"),
        r"separator=';' .*right",
    ),
    "quoted lines": (re.sub(r"(.+)", r'"\1"', CSV), r"lines that were quoted whole.*outer marks"),
    "R's row names": (re.sub(r"\n(?=u)", "\n1,", CSV), r"begin the header with ','"),
    "NULs": ("\0" * 99, r"most of its bytes are NUL"),
    "UTF-16 without a mark": (CSV.encode("utf-16-be"), r"--encoding utf-16-be"),
    "UTF-32": (CSV.encode("utf-32"), r"--encoding utf-32"),
    "web page": ("<!DOCTYPE html>\n<p>404, gone</p>", r"a web page"),
    "pointer": ("version https://git-lfs.github.com/spec/v1\n", r"git lfs pull"),
    "data base": ("SQLite format 3\0" + "\0" * 9, r"a data base"),
    "xz": (b"\xfd7zXZ\0\0", r"packed by xz, which is not read"),
    "packed by name": ((CSV, "events.csv.gz"), r"ends in \.gz, and it is not packed so"),
    "array of lists": (("[[1, 2], [3, 4]]", "events.json"), r"line 1: a list is no object"),
    "array cut": (("[\n" + ",\n".join(OBJECTS), "events.json"), r"line 5: a comma or \] is"),
    "array and more": (("[]\n{}", "events.json"), r"something follows the array"),
    "types in an array": (('[{"user_id": 1}, {"user_id": "x"}]', "a.json"), r"str in element 2"),
    "objects and commas": ((",\n".join(OBJECTS), "a.jsonl"), r"put them between \[ and \]"),
    "Python": ((str(json.loads(OBJECTS[0])), "a.jsonl"), r"json\.dumps writes JSON"),
    "columns": (('{"user_id": {"0": 1}, "item_id": {"0": 2}}', "a.json"), r"orient='records'"),
    "one object": (('{"events": [{"user_id": 1}]}', "a.json"), r"one object for all records"),
    "nothing": (("\n", "a.jsonl"), r"there is no object"),
    "key twice": (
        ('{"user_id": 1}\n{"user_id": 1, "user_id": 2}', "a.jsonl"),
        r"'user_id' comes twice in one object of line 2",
    ),
    "latin-1 in JSON": (('{"user_id": "é"}'.encode("latin-1"), "a.jsonl"), r"line 1.*iconv"),
    "JSON by another name": ("\n".join(OBJECTS), r"it is JSON: its name ends in \.jsonl"),
    "CSV by another name": ((CSV, "a.jsonl"), r"Is it CSV"),
    "UTF-16 in JSON": (('{"user_id": 1}'.encode("utf-16"), "a.jsonl"), r"UTF-16.*iconv -f utf-16"),
}


@pytest.mark.parametrize(("content", "message"), REFUSED.values(), ids=REFUSED)
def test_it_is_refused_with_a_way_on(tmp_path, content, message):
    content, name = content if isinstance(content, tuple) else (content, "events.csv")
    path = written(tmp_path, content, name)
    with pytest.raises(ValueError, match=rf"(?s){re.escape(path.name)}.*{message}"):
        Interactions.from_files(path)


def test_a_header_alone_is_a_table_without_rows(tmp_path):
    for content in (HEADER, HEADER + "\n"):
        assert len(Interactions.from_csv(written(tmp_path, content)).events) == 0
    content = f"{HEADER.strip()},rating,weight\n"
    events = Interactions.from_csv(written(tmp_path, content)).events
    assert [events[name].dtype.kind for name in ("timestamp", "rating", "weight")] == list("iff")


@pytest.mark.parametrize(
    ("content", "message", "columns"),
    [
        (CSV.replace("\n", ",\n"), "'Unnamed: 3' has no value in any row", HEADER),
        (CSV.replace("\n", ",\n").replace("stamp,", "stamp,rating"), "'rating' has no", HEADER),
        (CSV.replace("time", "Time"), "(--rename events.Timestamp=timestamp)", None),
        (CSV.replace("timestamp", "date"), "(--rename events.date=timestamp)", None),
        (CSV.replace("timestamp", "Item_Id"), "'item_id', 'Item_Id' are different", None),
        (CSV.replace(",i", ", i"), "4 of 4 item_ids have blanks around them", None),
        (CSV.replace("u1", "1.2E+11"), "1 of 2 user_ids look like numbers that a spread", None),
    ],
)
def test_what_is_passed_over_is_told(tmp_path, content, message, columns):
    path = written(tmp_path, content)
    with pytest.warns(ReadingNotice, match=re.escape(message)):
        events = Interactions.from_csv(path).events
    assert columns is None or list(events) == columns.split(",")


def test_commas_between_thousands(tmp_path):
    path = written(tmp_path, 'user_id,item_id,price\n1,2,"1,500.25"\n1,3,70\n')
    with pytest.warns(ReadingNotice, match=r"'price' has commas between thousands"):
        assert Interactions.from_csv(path).events["price"].tolist() == [1500.25, 70.0]
    path = written(tmp_path, 'user_id,item_id,price\n1,2,"1,500"\n1,3,70\n')
    with pytest.warns(ReadingNotice, match=r"kept as text.*decimal='\.' thousands"):
        assert Interactions.from_csv(path).events["price"].tolist() == ["1,500", "70"]
    assert Interactions.from_csv(path, decimal=".").events["price"].tolist() == [1500, 70]


def test_points_between_thousands(tmp_path):
    path = written(tmp_path, 'user_id,item_id,price\n1,2,"1.500,25"\n1,3,70\n1,4,NA\n')
    with pytest.warns(ReadingNotice, match=r"'price' has points between thousands"):
        assert Interactions.from_csv(path).events["price"].tolist()[:2] == [1500.25, 70.0]
    path = written(tmp_path, "user_id,item_id,price\n1,2,1.500\n1,3,70\n1,4,NA\n")
    assert Interactions.from_csv(path).events["price"].tolist()[:2] == [1.5, 70.0]
    with pytest.warns(ReadingNotice, match=r"points between thousands, such as '1\.500'"):
        found = Interactions.from_csv(path, decimal=",").events["price"].tolist()
    assert found[:2] == [1500, 70]
    path = written(tmp_path, "user_id,item_id,price\n1,2,1.5\n1,3,70\n")
    assert Interactions.from_csv(path, decimal=",").events["price"].tolist() == [1.5, 70.0]


def test_whole_numbers_in_json_keep_their_digits(tmp_path):
    line = '{{"user_id": {}, "item_id": 1, "x": {}}}'
    lines = [line.format(10**25 + row, 2**70 + row) for row in (0, 1)]
    events = Interactions.from_json(written(tmp_path, "\n".join(lines), "a.jsonl")).events
    assert events["user_id"].tolist() == [str(10**25), str(10**25 + 1)]
    assert events["x"].tolist() == [str(2**70), str(2**70 + 1)]
    lines = [line.format(1, x) for x in ("1e300", "NaN", "Infinity")]
    x = Interactions.from_json(written(tmp_path, "\n".join(lines), "a.jsonl")).events["x"]
    assert x.isna().tolist() == [False, True, False]
    assert x.tolist()[::2] == [1e300, float("inf")]


def test_types_of_data_bases_in_parquet(tmp_path):
    path = tmp_path / "events.parquet"
    ids = pa.array([7, 8, 7])
    table = {
        "user_id": ids.cast(pa.decimal128(38, 0)),
        "item_id": pa.array([b"a", b"\xc3\xa9", b"c"]),
        "timestamp": pa.array([1_600_000_000_000] * 3, pa.timestamp("ms", "Asia/Tokyo")),
        "rating": pa.array([1.5, None, 2.0]).cast(pa.decimal128(20, 2)),
        "kind": pa.array(["x", "y", "x"]).dictionary_encode(),
    }
    pq.write_table(pa.table(table), path)
    events = Interactions.from_parquet(path).events
    assert events["user_id"].tolist() == [7, 8, 7]
    assert events["item_id"].tolist() == ["a", "é", "c"]
    assert events["timestamp"].tolist() == [1_600_000_000] * 3
    assert events["rating"].fillna(0).tolist() == [1.5, 0.0, 2.0]
    pq.write_table(pa.Table.from_arrays([ids, ids], ["user_id", "user_id"]), path)
    with pytest.raises(ValueError, match=r"\['user_id'\] comes more than once"):
        Interactions.from_parquet(path)
    pq.write_table(pa.table({"user_id": pa.array([True]), "item_id": ["a"]}), path)
    with pytest.raises(ValueError, match=r"'user_id' has bool.*--type user_id=str"):
        Interactions.from_parquet(path)
    assert Interactions.from_parquet(path, dtype={"user_id": "str"}).users["user_id"][0] == "True"


def test_links_are_followed_and_none_leads_nowhere(tmp_path):
    written(tmp_path, CSV, "elsewhere/data.csv")
    folder = tmp_path / "events"
    folder.mkdir()
    (folder / "day=01").symlink_to(tmp_path / "elsewhere")
    (folder / "day=02").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "loop").symlink_to(folder)
    events = Interactions.from_folder(tmp_path).events
    assert events["day"].value_counts().to_dict() == {"01": 4, "02": 4}
    (folder / "part-7.csv").symlink_to(tmp_path / "gone.csv")
    with pytest.raises(ValueError, match=r"part-7\.csv is a link to .*gone\.csv, which is not"):
        Interactions.from_folder(tmp_path)


@pytest.mark.parametrize(
    ("column", "cells", "message"),
    [
        ("rating", ["4", "good", "$5", "3"], r"no number in 2 of 4 rows.*row 1: .*'good'"),
        ("timestamp", ["1600000000", "?", "1600000001", "x"], r"2 of 4 rows.*row 1: .*'\?'"),
        ("timestamp", ["2020-01-01", "2020-01-02", "2020-01-03", "13/01/2020"], r"%d/%m/%Y.*row 3"),
        ("timestamp", ["2020-01-01", "1600000000", "2020-01-02", "2020-01-03"], r"row 1: "),
        ("timestamp", ["1600000000000"] * 3 + ["1600000000"], r"ms.*all to one unit.*row 0"),
    ],
)
def test_rows_that_cannot_be_read_are_named(tmp_path, column, cells, message):
    content = f"user_id,item_id,{column}\n" + "".join(f"1,2,{cell}\n" for cell in cells)
    with pytest.raises(ValueError, match=rf"'{column}' has .*{message}"):
        Interactions.from_csv(written(tmp_path, content))


def test_marks_of_what_is_missing_among_numbers(tmp_path):
    content = "user_id,item_id,rating\n1,2,4\n1,3,\\N\n1,4,#N/A\n1,5,<NA>\n"
    events = Interactions.from_csv(written(tmp_path, content)).events
    assert events["rating"].tolist() == [4, pd.NA, pd.NA, pd.NA]


def test_times_that_a_spreadsheet_shortened_are_refused(tmp_path):
    path = written(tmp_path, CSV.replace("1600000000", "1.6E+09"))
    with pytest.raises(ValueError, match=r"'timestamp' has 1 numbers that a spreadsheet shor.*E"):
        Interactions.from_csv(path)
    assert rows_of(written(tmp_path, CSV.replace("1600000000", "1.600000000E+09"))) == ROWS


def test_rows_of_items_that_are_copies_are_left_out_aloud(tmp_path):
    path = written(tmp_path, CSV)
    items = written(tmp_path, "item_id,kind\ni1,a\ni0,b\ni1,a\n", "items.csv")
    with pytest.warns(ReadingNotice, match=r"items: 1 rows repeat another in every column"):
        assert Interactions.from_csv(path, items=items).items["item_id"].tolist()[:2] == [
            "i1",
            "i0",
        ]
    items = written(tmp_path, "item_id,kind\ni1,a\ni1,b\n", "items.csv")
    with pytest.raises(ValueError, match=r"items: column 'item_id' has repeated ids in 2 of 2"):
        Interactions.from_csv(path, items=items)


def test_labels_of_rows_that_come_again_cost_no_item(tmp_path):
    path = written(tmp_path, CSV)
    some = pd.DataFrame({"item_id": ["i0", "i1", "i2"], "kind": ["a", "b", "c"]})
    for months in ([some, some], [some, some[:1].assign(item_id="i3", kind="d"), some[:1]]):
        every = pd.concat(months)
        every.to_parquet(tmp_path / "items.parquet")
        with pytest.warns(ReadingNotice, match=r"items: [13] rows repeat another"):
            items = Interactions.from_files(path, items=tmp_path / "items.parquet").items
        known = items.dropna().set_index("item_id")["kind"].to_dict()
        assert known == dict(every.itertuples(index=False))


def test_a_pipe_is_refused(tmp_path):
    os.mkfifo(tmp_path / "events.csv")
    with pytest.raises(ValueError, match=r"is a pipe or a device.*write"):
        Interactions.from_csv(tmp_path / "events.csv")


def test_sessions_are_mended_as_other_ids_are():
    events = pd.DataFrame({"user_id": [1, 1], "item_id": [2, 3], "session_id": [7.0, 8.0]})
    with pytest.raises(ValueError, match=r"'session_id' has floating-point numbers.*mend_ids"):
        Interactions(events)
    with pytest.warns(ReadingNotice, match=r"session_ids are whole floating-point numbers"):
        assert Interactions(events, mend_ids=True).events["session_id"].tolist() == [7, 8]


def test_a_header_where_none_is_said_to_be_is_refused(tmp_path):
    path = written(tmp_path, CSV)
    with pytest.raises(ValueError, match=r"line 1 looks like a header.*--no-header.*'user_id,it"):
        Interactions.from_csv(path, names=HEADER.split(","))
    for header in ("user_id,item_id", "User,Item ID"):  # though no column has numbers
        path = written(tmp_path, f"{header}\nu0,i0\nu1,i1\n")
        with pytest.raises(ValueError, match=r"line 1 looks like a header.*--no-header"):
            Interactions.from_csv(path, names=["user_id", "item_id"])
    path = written(tmp_path, "u0,i0\nu1,i1\n")
    assert len(Interactions.from_csv(path, names=["user_id", "item_id"]).events) == 2
    path = written(tmp_path, "A7,i0,1600000000\n8,i1,1600000001\n")
    assert Interactions.from_csv(path, names=HEADER.split(",")).users["user_id"].tolist() == [
        "8", "A7",
    ]  # fmt: skip


def test_a_record_may_be_long(tmp_path):
    path = written(tmp_path, CSV + f'u9,"{"x" * 2**23}",1600000009\n')
    assert len(rows_of(path)) == 5


def test_names_of_files_in_capitals_are_found_and_other_forms_named(tmp_path):
    written(tmp_path, CSV, "Events.CSV")
    assert rows_of(tmp_path) == ROWS
    (tmp_path / "Events.CSV").rename(tmp_path / "events.xlsx")
    with pytest.raises(ValueError, match=r"events\.xlsx is there by its name alone.*workbooks"):
        rows_of(tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": "item_id"}, r"columns is a list of names.*Received: 'item_id'"),
        ({"names": "user_id,item_id"}, r"names is a list of names"),
        ({"encoding": "rot13"}, r"encoding is one that Python knows"),
        ({"time_format": "yyyy-mm-dd"}, r"in the language of strftime.*'yyyy-mm-dd'"),
        ({"time_format": "%Q"}, r"time_format='%Q' is no format of strftime"),
        ({"dtype": {"x": "str"}, "lists": {"x": ","}}, r"and not both.*\['x'\]"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        Interactions.from_csv(written(tmp_path, CSV), **options)


ESCAPED = [
    r'u0,i0,"say \"hi\", you"',
    r'u1,i1,"a line' + "\n" + r'and \" another"',
    r'u2,i2,"a folder C:\x\\"',
    r'u3,i3,"\""',
]
SAID = ['say "hi", you', 'a line\nand " another', "a folder C:\\x\\", '"']


@pytest.mark.parametrize("block", [2, 7, 2**22])
def test_marks_behind_backslashes_are_read_where_it_is_said(block, tmp_path, monkeypatch):
    monkeypatch.setattr(stream, "_BLOCK", block)
    path = tmp_path / "events.csv"
    path.write_text("user_id,item_id,said\n" + "\n".join(ESCAPED) + "\n")
    found = Interactions.from_files(path, escape="\\").events
    assert found["said"].tolist() == SAID
    with pytest.raises(ValueError, match=r"escape='\\\\' \(--escape '\\'\) reads.*--no-quotes"):
        Interactions.from_files(path)
    path.write_text(path.read_text() + "u4\n")
    with pytest.raises(ValueError, match=r"line 7 has 1 cells, and 3 are expected"):
        Interactions.from_files(path, escape="\\")


@pytest.mark.parametrize("said", [{"escape": "^"}, {"escape": "\\", "quotes": False}])
def test_what_is_no_escape_is_refused(said, tmp_path):
    with pytest.raises(ValueError, match=r"escape is a backslash, before.*Received: escape="):
        Layout(**said)
    path = tmp_path / "events.dat"
    path.write_text("user_id::item_id\n1::2\n")
    with pytest.raises(ValueError, match=r"escape is for quoted cells, .*'::' unless quotes=True"):
        Interactions.from_files(path, escape="\\")
