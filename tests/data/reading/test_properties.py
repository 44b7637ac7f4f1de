"""Whatever an id is, it comes back as it was written; whatever cannot be read is named."""

import csv
import gzip
import json
import pathlib
import tempfile

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfrec_recall.data import Interactions
from tfrec_recall.data.ids import asked
from tfrec_recall.data.matching import bare

NOW = 1_600_000_000


def text_file(folder, columns, name, separator):
    opened = gzip.open if name.endswith(".gz") else open
    with opened(folder / name, "wt", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=separator)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def json_lines(folder, columns, name):
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    content = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    (folder / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)


def partitions(folder, columns):
    pq.write_to_dataset(pa.table(columns), str(folder / "events"), partition_cols=["item_id"])


def parts(folder, columns):
    for place, row in enumerate(zip(*columns.values(), strict=True)):
        one = {name: [value] for name, value in zip(columns, row, strict=True)}
        text_file(folder, one, f"part-{place:05}.csv", ",")


FORMS = {
    "CSV": lambda folder, columns: text_file(folder, columns, "events.csv", ","),
    "packed CSV": lambda folder, columns: text_file(folder, columns, "events.csv.gz", ","),
    "TSV": lambda folder, columns: text_file(folder, columns, "events.tsv", "\t"),
    "JSON lines": lambda folder, columns: json_lines(folder, columns, "events.jsonl"),
    "packed JSON lines": lambda folder, columns: json_lines(folder, columns, "events.jsonl.gz"),
    "Parquet": lambda folder, columns: pq.write_table(pa.table(columns), folder / "events.parquet"),
    "partitions": partitions,
    "parts of CSV": parts,
}
CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
CODES = st.from_regex(
    r"[ 0-9]{0,3}(NA|null|True|[0-9]{1,4}(\.0|e5)?|[\"',|\n\t;:%/=]{1,3})", fullmatch=True
)
TEXT = st.one_of(st.text(CHARACTERS, min_size=1, max_size=12), CODES)
INTEGERS = st.integers(-(2**63), 2**63 - 1).filter(lambda number: number != -1)


def without_twins(ids):
    """Ids of which no two are alike but for blanks and `.0`, which are refused."""
    forms = bare(pd.Series(ids, dtype="str"))
    return not forms.duplicated().any()


IDS = st.one_of(
    st.lists(TEXT, min_size=1, max_size=6, unique=True).filter(without_twins),
    st.lists(INTEGERS, min_size=1, max_size=6, unique=True),
)


@pytest.mark.parametrize("write", FORMS.values(), ids=FORMS)
@given(ids=IDS)
@settings(max_examples=40)
def test_ids_come_back_and_are_found(write, ids):
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place)
        write(folder, {"user_id": [5] * len(ids), "item_id": ids, "timestamp": [NOW] * len(ids)})
        events = Interactions.from_folder(folder).events
    back = events["item_id"].tolist()
    assert sorted(map(str, back)) == sorted(map(str, ids))
    if isinstance(ids[0], int):
        assert set(back) == set(ids)
    assert set(asked(map(str, ids), events["item_id"])) == set(back)


GOOD = ["a,b", "7,8", '"a",b', '"a,""b",c', '"a\nb",c', 'a,b"c', ","]
BAD = ["a", "a,b,c", '"a,b', 'a,"b', '"a"b,c', 'a,"b"c']


@given(records=st.lists(st.sampled_from(GOOD + BAD), min_size=1, max_size=8))
def test_a_bad_record_is_named_or_the_file_read_whole(records):
    text = "\n".join(["user_id,item_id", *records, ""])
    bad = [place for place, record in enumerate(records) if record in BAD]
    with tempfile.TemporaryDirectory() as place:
        path = pathlib.Path(place, "events.csv")
        path.write_text(text)
        if not bad and "," not in records:
            assert len(Interactions.from_csv(path, mend_ids=False).events) == len(records)
            return
        line = 2 + "".join(f"{record}\n" for record in records[: bad[0]]).count("\n") if bad else 0
        with pytest.raises(ValueError, match=rf"line {line}\b" if bad else "missing values"):
            Interactions.from_csv(path, mend_ids=False)


@given(
    values=st.lists(st.sampled_from(["ok", "cut", "list", "other"]), min_size=1, max_size=6),
)
def test_a_bad_line_of_json_is_named_or_the_file_read_whole(values):
    written = {
        "ok": '{"user_id": 1, "item_id": "a"}',
        "cut": '{"user_id": 1, "it',
        "list": "[1, 2]",
        "other": '{"user_id": "x", "item_id": "a"}',
    }
    kinds = [place for place, value in enumerate(values) if value in ("cut", "list")]
    kinds += [place for place, value in enumerate(values) if value != values[0]]
    with tempfile.TemporaryDirectory() as place:
        path = pathlib.Path(place, "events.jsonl")
        path.write_text("\n".join(written[value] for value in values))
        if not kinds:
            assert len(Interactions.from_json(path).events) == len(values)
            return
        with pytest.raises(ValueError, match=rf"line {min(kinds) + 1}\b"):
            Interactions.from_json(path)
