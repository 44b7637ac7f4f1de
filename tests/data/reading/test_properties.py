"""Whatever an id is, it comes back as it was written; whatever cannot be read is named."""

import io
import pathlib
import tempfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.data.reading.forms import FORMS, IDS, fits, pack
from tfrec_recall.data import Interactions
from tfrec_recall.data.ids import asked

NOW = 1_600_000_000


@pytest.mark.parametrize("form", FORMS)
@given(ids=IDS)
@settings(max_examples=12)
def test_ids_come_back_and_are_found(form, ids):
    assume(fits(form, ids))
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place)
        columns = {"user_id": [5] * len(ids), "item_id": ids, "timestamp": [NOW] * len(ids)}
        FORMS[form](folder, columns)
        events = Interactions.from_folder(folder).events
    back = events["item_id"].tolist()
    assert sorted(map(str, back)) == sorted(map(str, ids))
    if isinstance(ids[0], int):
        assert set(back) == set(ids)
    assert set(asked(map(str, ids), events["item_id"])) == set(back)


GOOD = ["a,b", "7,8", '"a",b', '"a,""b",c', '"a\nb",c', 'a,b"c', ","]
BAD = ["a", "a,b,c", "a,b,", "# a", '"a,b', 'a,"b', '"a"b,c', 'a,"b"c']
UNQUOTED = [record for record in GOOD + BAD if '"' not in record]
TEXTS = {  # separator, records that may come, those of them that are bad
    ".csv": (",", GOOD + BAD, BAD),
    ".csv.bz2": (",", GOOD + BAD, BAD),
    ".tsv": ("\t", GOOD + BAD, BAD),
    ".tsv.zst": ("\t", GOOD + BAD, BAD),
    ".dat": ("::", UNQUOTED, BAD),
    ".dat.gz": ("::", UNQUOTED, BAD),
}


@pytest.mark.parametrize("suffix", TEXTS)
@given(data=st.data())
@settings(max_examples=40)
def test_a_bad_record_is_named_or_the_file_read_whole(suffix, data):
    separator, kinds, refused = TEXTS[suffix]
    records = data.draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=8))
    text = "\n".join(["user_id,item_id", *records, ""]).replace(",", separator)
    bad = [place for place, record in enumerate(records) if record in refused]
    with tempfile.TemporaryDirectory() as place:
        path = pathlib.Path(place, f"events{suffix}")
        pack(path, text.encode())
        if not bad and "," not in records:
            assert len(Interactions.from_csv(path, mend_ids=False).events) == len(records)
            return
        line = 2 + "".join(f"{record}\n" for record in records[: bad[0]]).count("\n") if bad else 0
        with pytest.raises(ValueError, match=rf"line {line}\b" if bad else "missing values"):
            Interactions.from_csv(path, mend_ids=False)


JSON = {
    "ok": '{"user_id": 1, "item_id": "a"}',
    "cut": '{"user_id": 1, "it',
    "list": "[1, 2]",
    "other": '{"user_id": "x", "item_id": "a"}',
    "twice": '{"user_id": 1, "user_id": 2, "item_id": "a"}',
}


@pytest.mark.parametrize("suffix", [".jsonl", ".json.zst"])
@given(
    values=st.lists(
        st.sampled_from(["ok", "cut", "list", "other", "twice"]), min_size=1, max_size=6
    )
)
@settings(max_examples=40)
def test_a_bad_line_of_json_is_named_or_the_file_read_whole(suffix, values):
    assume(values[0] != "list")  # it would be an array
    kinds = [place for place, value in enumerate(values) if value in ("cut", "list", "twice")]
    kinds += [place for place, value in enumerate(values) if value != values[0]]
    with tempfile.TemporaryDirectory() as place:
        path = pathlib.Path(place, f"events{suffix}")
        pack(path, "\n".join(JSON[value] for value in values).encode())
        if not kinds:
            assert len(Interactions.from_json(path).events) == len(values)
            return
        with pytest.raises(ValueError, match=rf"line {min(kinds) + 1}\b"):
            Interactions.from_json(path)


VALUES = {  # of columns that have to be numbers or times: some that are, some that are not
    "rating": (["4", "3.5", "-1"], ["x", "?", "$4", "4/5"]),
    "timestamp": ([str(NOW), str(NOW + 9)], ["x", "?", "12:30"]),
}


@pytest.mark.parametrize("form", [".csv", ".tsv.gz", ".dat", ".jsonl", "Parquet"])
@pytest.mark.parametrize("column", VALUES)
@given(data=st.data())
@settings(max_examples=10)
def test_a_value_that_cannot_be_read_is_named_or_the_table_read_whole(form, column, data):
    good, bad = VALUES[column]
    cells = data.draw(st.lists(st.sampled_from(good + bad), min_size=1, max_size=6))
    cells += good * len(cells)  # most can be read
    strange = [row for row, cell in enumerate(cells) if cell in bad]
    assume(strange or form.startswith((".csv", ".tsv", ".dat")))  # text of a typed source is text
    columns = {"user_id": [5] * len(cells), "item_id": [7] * len(cells), column: cells}
    with tempfile.TemporaryDirectory() as place:
        FORMS[form](pathlib.Path(place), columns)
        if not strange:
            events = Interactions.from_folder(place).events
            assert events[column].tolist() == [float(cell) for cell in cells]
            return
        with pytest.raises(ValueError, match=rf"'{column}' has .*0\): row {strange[0]}: "):
            Interactions.from_folder(place)


@given(whole=st.lists(st.booleans(), min_size=1, max_size=4), cut=st.integers(1, 600))
@settings(max_examples=30)
def test_a_damaged_part_of_parquet_is_named_or_all_are_read(whole, cut):
    buffer = io.BytesIO()
    pq.write_table(pa.table({"user_id": [1, 2], "item_id": ["a", "b"]}), buffer)
    content = buffer.getvalue()
    with tempfile.TemporaryDirectory() as place:
        for part, is_whole in enumerate(whole):
            data = content if is_whole else content[: -min(cut, len(content))]
            pathlib.Path(place, f"part-{part}.parquet").write_bytes(data)
        if all(whole):
            assert len(Interactions.from_parquet(place).events) == 2 * len(whole)
            return
        with pytest.raises(ValueError, match=rf"part-{whole.index(False)}\.parquet is no whole"):
            Interactions.from_parquet(place)
