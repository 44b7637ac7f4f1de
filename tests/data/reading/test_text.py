"""Text files: every record whole or the bad one named, and nothing changed on the way."""

import gzip
import re
import warnings

import pandas as pd
import pytest

from tfrec_recall.data import Interactions
from tfrec_recall.data.notices import ReadingNotice
from tfrec_recall.data.reading import stream


def text(folder, content, name="events.csv", encoding="utf-8"):
    content = content.encode(encoding)
    (folder / name).write_bytes(gzip.compress(content) if name.lower().endswith(".gz") else content)
    return folder / name


def log(titles):
    """Events of a user each, with a title between ids and times."""
    rows = [f"u{row},i{row},{title},{1_600_000_000 + row}" for row, title in enumerate(titles)]
    return "\n".join(["user_id,item_id,title,timestamp", *rows, ""])


SWALLOWED = {
    "two that open": (['"one', "two", "three", '"four', "five"], r"line 2: .*text follows its end"),
    "one that opens, one that closes": (
        ["one", '"two', "three", 'four"', "five"],
        r"line 3: .*one record of 3 lines that are records",
    ),
    "in neighbours": (['"one', 'two"', "three"], r"line 2: .*one record of 2 lines"),
    "never closed": (["one", '"two', "three"], r"line 3: .*nothing closes it"),
    "in a line": (['"one" two', "three"], r"line 2: .*text follows its end"),
}


@pytest.mark.parametrize(("titles", "message"), SWALLOWED.values(), ids=SWALLOWED)
def test_a_stray_quotation_mark_swallows_no_rows(tmp_path, titles, message):
    path = text(tmp_path, log(titles))
    with pytest.raises(ValueError, match=rf"events\.csv cannot be read.*{message}.*--no-quotes"):
        Interactions.from_csv(path)
    events = Interactions.from_csv(path, quotes=False).events
    assert events["title"].tolist() == titles


def test_quoted_cells_may_hold_all_there_is(tmp_path):
    titles = ["a\nb", "a, b\nc", 'say "a"\n\nand, "b"', "\n", 'x"y', '7" single']
    quoted = ['"' + title.replace('"', '""') + '"' for title in titles]
    quoted[-2:] = titles[-2:]  # a mark within a cell that is not quoted is a character
    assert Interactions.from_csv(text(tmp_path, log(quoted))).events["title"].tolist() == titles


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("user_id,item_id\n1,2\n3\n4\n", r"line 3 has 1 cells, and 2 are expected.*Received: '3'"),
        ('user_id,item_id\n"a\nb",2\n3\n', r"line 4 has 1 cells"),
        ("user;item, no.;n\n1;2;3\n", r"as many ';' as the first line: .*\(--separator ';'\)"),
        ("user;item, no.;n\n1;2\n", "Is it cut short"),
        ("user_id,item_id\n1,2\n\n1,2,3\n", r"line 4 has 3 cells.*separator ','"),
        ("user_id,item_id,item_id\n1,2,3\n", r"\['item_id'\] comes more than once"),
        ("user_id;item_id\n1;2\n", r"separator=';' \(--separator ';'\)"),
        ("user_id\titem_id\n1\t2\n", r"--separator '\\t'"),
        ("1,25,100\n2,27,102\n", r"looks like a record.*--no-header user_id,item_id,…"),
        ("", r"No columns"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, content, message):
    with pytest.raises(ValueError, match=rf"events.*{message}"):
        Interactions.from_csv(text(tmp_path, content))


def test_bytes_of_another_encoding_are_named(tmp_path):
    path = text(tmp_path, "user_id,item_id\n1,tea\n2,thé\n", encoding="latin-1")
    with pytest.raises(
        ValueError, match=r"'utf-8' is not the encoding of line 3: byte 0xe9.*--enc"
    ):
        Interactions.from_csv(path)
    assert Interactions.from_csv(path, encoding="latin-1").items["item_id"].tolist() == [
        "tea",
        "thé",
    ]
    text(tmp_path, "user_id,item_id\n1,thé\n", encoding="utf-16")
    assert Interactions.from_csv(path, encoding="utf-16").items["item_id"].tolist() == ["thé"]


def test_utf_8_that_is_read_otherwise_is_told(tmp_path):
    path = text(tmp_path, "user_id,item_id\n1,tea\n2,thé\n")
    with pytest.warns(
        ReadingNotice, match=r"events\.csv: its text is UTF-8.*'latin-1'.*--encoding"
    ):
        Interactions.from_csv(path, encoding="latin-1")
    text(tmp_path, "user_id,item_id\n1,tea\n2,thé\n", encoding="latin-1")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Interactions.from_csv(path, encoding="latin-1")
    text(tmp_path, "user_id,item_id\n1,tea\n2,thé\n", encoding="utf-8-sig")
    with pytest.raises(ValueError, match=r"first bytes it is UTF-8.*--encoding utf-8"):
        Interactions.from_csv(path, encoding="cp1252")


@pytest.mark.parametrize(
    "name", ["events.tsv", "events.tsv.gz", "events.csv.gz", "events.dat", "EVENTS.CSV.GZ"]
)
def test_the_name_says_how_a_file_is_written(tmp_path, name):
    separator = {"t": "\t", "c": ",", "d": "::"}[name[7].lower()]
    content = log(["a:b", "c", ""]).replace(",", separator)
    text(tmp_path, content, name)
    events = Interactions.from_folder(tmp_path).events
    assert events["title"].tolist()[:2] == ["a:b", "c"]
    assert events["title"].isna().tolist() == [False, False, True]


@pytest.mark.parametrize("name", ["events.dat", "events.dat.gz"])
@pytest.mark.parametrize("separator", ["::", "||", "^|^", "::|"])
def test_a_block_may_end_anywhere_in_a_separator(tmp_path, monkeypatch, name, separator):
    titles = ["one", "", f"{separator[0]}ends", "é", "and more"]
    path = text(tmp_path, log(titles).replace(",", separator), name)
    whole = Interactions.from_files(path, separator=separator).events
    assert len(whole) == len(titles)
    for size in range(1, 41):
        monkeypatch.setattr(stream, "_BLOCK", size)
        torn = Interactions.from_files(path, separator=separator).events
        pd.testing.assert_frame_equal(torn, whole)


def test_a_file_without_a_header(tmp_path):
    text(tmp_path, "7::x::1600000000\n", "ratings.dat")
    text(tmp_path, "x::A :B\n", "movies.dat")
    names = {"events": ["user_id", "sku", "timestamp"], "items": ["item_id", "title"]}
    data = Interactions.from_files(
        tmp_path / "ratings.dat",
        items=tmp_path / "movies.dat",
        names=names,
        rename={"sku": "item_id"},
    )
    assert data.events.iloc[0].tolist() == [7, "x", 1_600_000_000]
    assert data.items["title"].tolist() == ["A :B"]
    with pytest.raises(ValueError, match=r"line 1 has 3 cells, and 2 are expected"):
        Interactions.from_files(tmp_path / "ratings.dat", names=["user_id", "item_id"])
    with pytest.raises(ValueError, match=r"names gives the columns of users, and there is no"):
        Interactions.from_files(tmp_path / "ratings.dat", names={**names, "users": ["user_id"]})


def test_a_record_is_no_header_also_if_it_is_renamed(tmp_path):
    path = text(tmp_path, "1,25,1600000000\n2,27,1600000009\n")
    rename = {"1": "user_id", "25": "item_id", "1600000000": "timestamp"}
    with pytest.raises(ValueError, match=r"looks like a record.*--no-header"):
        Interactions.from_csv(path, rename=rename)
    path = text(tmp_path, "0,1,2\n1,25,1600000000\n")
    rename = {"0": "user_id", "1": "item_id", "2": "timestamp"}
    assert len(Interactions.from_csv(path, rename=rename).events) == 1
    path = text(tmp_path, "user_id,item_id,2019\n1,25,3\n")
    assert len(Interactions.from_csv(path).events) == 1


def test_missing_words_are_missing_among_numbers_alone(tmp_path):
    content = "user_id,country,age,plan,since\n1,DE,30,None,\n2,NA,NULL,Gold,\nNA,ZA,31,NA,\n"
    text(tmp_path, content, "users.csv")
    text(tmp_path, "user_id,item_id\n1,a\n2,a\nNA,a\n")
    users = Interactions.from_csv(tmp_path).users
    assert users["user_id"].tolist() == ["1", "2", "NA"]
    assert users["country"].tolist() == ["DE", "NA", "ZA"]
    assert users["plan"].tolist() == ["None", "Gold", "NA"]
    assert users["age"].tolist() == [30, pd.NA, 31]
    assert users["since"].isna().all()
    assert Interactions.from_csv(tmp_path, dtype={"age": "str"}).users["age"].tolist() == [
        "30", "NULL", "31",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["0E3", "1E5"], ["0E3", "1E5"]),
        (["1e5", "20"], ["1e5", "20"]),
        (["1.5e+20", "1E-05"], [1.5e20, 1e-5]),
        (["1.0E5", "2."], [1e5, 2.0]),
        (["01", "2"], ["01", "2"]),
        (["1_0", "2"], ["1_0", "2"]),
        (["+4", "2"], ["+4", "2"]),
        (["-0.5", ".5"], [-0.5, 0.5]),
        ([" 4", "2 "], [4, 2]),
        (["12345678901234567890", "1"], ["12345678901234567890", "1"]),
        (["True", "False"], ["True", "False"]),
    ],
)
def test_text_becomes_numbers_only_where_it_is_written_as_one(tmp_path, cells, expected):
    path = text(tmp_path, "user_id,item_id,x\n" + "".join(f"1,2,{cell}\n" for cell in cells))
    assert Interactions.from_csv(path).events["x"].tolist() == expected


def test_decimal_commas_are_seen_and_told(tmp_path):
    path = text(tmp_path, "user_id;item_id;rating\n1;1;3,5\n1;2;4\n", "events.csv")
    with pytest.warns(
        ReadingNotice, match=r"'rating' has decimal commas.*'3,5'.*--type rating=str"
    ):
        assert Interactions.from_csv(path, separator=";").events["rating"].tolist() == [3.5, 4.0]
    path = text(tmp_path, "user_id;item_id;price\n1;1;1,500\n1;2;2,000\n", "events.csv")
    with pytest.warns(ReadingNotice, match=r"'price' is kept as text.*--decimal ,"):
        kept = Interactions.from_csv(path, separator=";").events["price"].tolist()
    assert kept == ["1,500", "2,000"]
    data = Interactions.from_csv(path, separator=";", decimal=",")
    assert data.events["price"].tolist() == [1.5, 2.0]
    path = text(tmp_path, "user_id;item_id;timestamp\n1;1;44087,5\n1;2;44088,25\n", "events.csv")
    with pytest.warns(ReadingNotice, match=r"'timestamp' has decimal commas.*'44087,5'"):
        data = Interactions.from_csv(path, separator=";", time_unit="spreadsheet")
    assert data.events["timestamp"].tolist() == [1_599_998_400, 1_600_063_200]


def test_decimal_commas_are_seen_beside_missing_values(tmp_path):
    path = text(tmp_path, "user_id;item_id;price\n1;1;3,5\n1;2;NA\n1;3;4,25\n", "events.csv")
    with pytest.warns(ReadingNotice, match=r"'price' has decimal commas.*'3,5'"):
        prices = Interactions.from_csv(path, separator=";").events["price"]
    assert prices.dropna().tolist() == [3.5, 4.25]


def test_words_for_none_among_ids_are_told_and_can_be_left_out(tmp_path):
    path = text(tmp_path, "user_id,item_id\n1,a\nNULL,b\n2,nan\n", "events.csv")
    with pytest.warns(ReadingNotice) as told:
        assert Interactions.from_csv(path).events["user_id"].tolist() == ["1", "NULL", "2"]
    said = " ".join(str(one.message) for one in told)
    assert "'user_id' has 'NULL' in 1 rows, which is taken for an id and makes all ids text" in said
    assert "'item_id' has 'nan' in 1 rows, which is taken for an id; leave" in said
    with pytest.warns(ReadingNotice, match="1 of 3 rows are left out"):
        data = Interactions.from_csv(path, dtype={"user_id": "Int64"}, drop_bad_rows=True)
    assert data.events["user_id"].tolist() == [1, 2]


GENRES = (
    "item_id,genres,title\n1,Action|Drama,A|B\n2,Drama,C\n3,,D|E\n4,Action|Drama,F\n5,Drama,G\n"
)


def test_lists_in_text_are_seen_and_told(tmp_path):
    text(tmp_path, "user_id,item_id\n1,1\n")
    path = text(tmp_path, GENRES, "items.csv")
    with pytest.warns(ReadingNotice) as told:
        items = Interactions.from_csv(tmp_path).items
    assert items["genres"].tolist() == [
        ["Action", "Drama"],
        ["Drama"],
        [],
        ["Action", "Drama"],
        ["Drama"],
    ]
    assert items["title"].tolist() == ["A|B", "C", "D|E", "F", "G"]  # no part comes again
    assert [str(one.message)[:23] for one in told] == ["items: column 'genres' "]
    kept = Interactions.from_csv(tmp_path, dtype={"items.genres": "str"}).items["genres"]
    assert kept.tolist()[0] == "Action|Drama"
    path.write_text(GENRES.replace("|", " / "))
    split = Interactions.from_csv(tmp_path, lists={"genres": " / "}).items["genres"].tolist()
    assert split[0] == ["Action", "Drama"]
    path.write_text("item_id,tags\n1,\"['a', 'b']\"\n2,[]\n")
    with pytest.warns(ReadingNotice, match=r"'tags' holds written lists"):
        assert Interactions.from_csv(tmp_path).items["tags"].tolist() == [["a", "b"], []]
    path.write_text("item_id,tags\n1,['a' 'b c']\n2,[]\n3,\"[\"\"it's ' '\"\"]\"\n")  # NumPy's
    with pytest.warns(ReadingNotice, match=r"'tags' holds written lists"):
        tags = Interactions.from_csv(tmp_path).items["tags"].tolist()
    assert tags == [["a", "b c"], [], ["it's ' '"]]
    path.write_text('item_id,tags\n1,"[nan, 1.5]"\n2,[0.   1.  ]\n3,[]\n')
    with pytest.warns(ReadingNotice, match=r"'tags' holds written lists"):
        tags = Interactions.from_csv(tmp_path).items["tags"].tolist()
    assert tags == [[None, 1.5], [0.0, 1.0], []]
    path.write_text('item_id,tags\n1,"[""a"", null]"\n2,"[\'b\', nan]"\n')
    with pytest.warns(ReadingNotice, match=r"'tags' holds written lists"):
        assert Interactions.from_csv(tmp_path).items["tags"].tolist() == [["a", None], ["b", None]]
    for strange in ("['a' 'b', 'c']", "['a' 'b]", "[('a' 'b']"):  # a comma may be missing
        path.write_text(f'item_id,tags\n1,"{strange}"\n')
        assert Interactions.from_csv(tmp_path).items["tags"].tolist() == [strange]


def test_row_numbers_are_left_out_and_told(tmp_path):
    path = text(tmp_path, ",user_id,item_id,index\n0,1,7,5\n1,2,7,6\n")
    with pytest.warns(ReadingNotice, match=r"'Unnamed: 0' numbers the rows.*--type"):
        assert list(Interactions.from_csv(path).events) == ["user_id", "item_id", "index"]
    text(tmp_path, ",user_id,item_id,index\n9,1,7,9\n4,2,7,4\n")  # of rows that were shuffled
    with pytest.warns(ReadingNotice, match=r"'Unnamed: 0' numbers the rows.*--type"):
        assert list(Interactions.from_csv(path).events) == ["user_id", "item_id", "index"]
    text(tmp_path, ",user_id,item_id\n9,1,7\n9,2,7\n")
    assert Interactions.from_csv(path).events["Unnamed: 0"].tolist() == [9, 9]
    text(tmp_path, ",user_id,item_id,index\n0,1,7,5\n1,2,7,6\n")
    kept = Interactions.from_csv(path, rename={"Unnamed: 0": "place"}).events
    assert kept["place"].tolist() == [0, 1]
    text(tmp_path, "user_id,item_id,index\n1,7,0\n2,7,1\n")
    for asked in ({"columns": ["events.index"]}, {"dtype": {"events.index": "int64"}}):
        assert Interactions.from_csv(path, **asked).events["index"].tolist() == [0, 1]


def test_columns_are_chosen_and_renamed_by_table(tmp_path):
    text(tmp_path, "user,item,timestamp,rating,note\n1,a,1600000000,5,x\n")
    text(tmp_path, "id,age,country\n1,30,DE\n", "users.csv")
    text(tmp_path, "id,category,country\na,c,FR\n", "items.csv")
    rename = {"user": "user_id", "item": "item_id", "users.id": "user_id", "items.id": "item_id"}
    data = Interactions.from_csv(tmp_path, rename=rename, columns=["items.country", "age"])
    assert list(data.events) == ["user_id", "item_id", "timestamp", "rating"]
    assert list(data.users) == ["user_id", "age"]
    assert list(data.items) == ["item_id", "country"]
    with pytest.raises(ValueError, match=r"columns names.*no table has \['items.age'\]"):
        Interactions.from_csv(tmp_path, rename=rename, columns=["items.age"])
    rename = {"user": "user_id", "item": "item_id"}
    with pytest.raises(ValueError, match=r"users: .*'user_id' is missing.*--rename users\.id=user"):
        Interactions.from_csv(tmp_path, rename=rename)
    with pytest.raises(
        ValueError, match=r"items: .*--rename users\.id=user_id --rename items\.id=i"
    ):
        Interactions.from_csv(tmp_path, rename={**rename, "id": "user_id"})


def test_arguments_without_effect_are_refused(tmp_path):
    pd.DataFrame({"user_id": [1], "item_id": [2]}).to_parquet(tmp_path / "events.parquet")
    with pytest.raises(ValueError, match=r"separator, encoding are for text files, and none"):
        Interactions.from_folder(tmp_path, separator=";", encoding="latin-1")
    with pytest.raises(ValueError, match=r"time_unit='ms' is of the events' column 'timestamp'"):
        Interactions.from_folder(tmp_path, time_unit="ms")
    with pytest.raises(TypeError, match="seperator"):
        Interactions.from_folder(tmp_path, seperator=";")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (gzip.compress(b"user_id,item_id\n1,2\n"), r"packed by gzip: its name ends in \.gz"),
        (b"PK\x03\x04\x14\x00\x08\x08\xff\n", r"a zip archive, or a workbook"),
        (b"PAR1\x15\x04\xff\n", r"Parquet: its name ends in \.parquet"),
        ("user_id,item_id\n1,2\n".encode("utf-16"), r"UTF-16: encoding='utf-16'"),
    ],
    ids=["gzip", "zip", "Parquet", "UTF-16"],  # the bytes of gzip hold the time
)
def test_what_is_no_text_is_named(tmp_path, content, message):
    (tmp_path / "events.csv").write_bytes(content)
    with pytest.raises(ValueError, match=rf"events\.csv cannot.*{message}"):
        Interactions.from_csv(tmp_path)


@pytest.mark.parametrize(
    ("time", "format"),
    [
        ("09/13/2020 12:26:40 PM", "%m/%d/%Y %I:%M:%S %p"),
        ("13/Sep/2020:12:26:40 +0000", "%d/%b/%Y:%H:%M:%S %z"),
        ("Sun, 13 Sep 2020 12:26:40 +0000", "%a, %d %b %Y %H:%M:%S %z"),
        ("2020-09-13 12:26:40 PM", "%Y-%m-%d %I:%M:%S %p"),
        ("13.09.2020 12:26:40,000", "%d.%m.%Y %H:%M:%S,%f"),
        ("13-09-2020 12:26:40", "%d-%m-%Y %H:%M:%S"),
    ],
)
def test_a_time_in_another_form_is_refused_with_the_format_that_reads_it(tmp_path, time, format):
    path = tmp_path / "events.tsv"
    path.write_text(f"user_id\titem_id\ttimestamp\n1\t2\t{time}\n")
    with pytest.raises(ValueError, match=re.escape(f"(--time-format {format!r})")):
        Interactions.from_files(path)
    assert Interactions.from_files(path, time_format=format).events["timestamp"][0] == 1_600_000_000
