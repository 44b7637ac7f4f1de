"""Writers of one table in every form that is read, and the ids that they are given."""

import bz2
import csv
import gzip
import io
import json

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

from tfrec_recall.data.checking.matching import bare

PACKINGS = {
    "": bytes,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".zst": lambda data: pa.compress(data, "zstd", asbytes=True),
}


def pack(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(PACKINGS[path.suffix if path.suffix in PACKINGS else ""](data))


def text(columns, separator):
    if len(separator) > 1:  # no cell can be quoted
        rows = [columns, *zip(*columns.values(), strict=True)]
        return "".join(separator.join(map(str, row)) + "\n" for row in rows).encode()
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=separator)
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return file.getvalue().encode()


def objects(columns):
    rows = zip(*columns.values(), strict=True)
    lines = [json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False) for row in rows]
    return "".join(f"{line}\n" for line in lines).encode()


def array(columns):
    return b"[" + objects(columns).strip().replace(b"}\n{", b"},\n{") + b"]"


SEPARATORS = {".csv": ",", ".tsv": "\t", ".dat": "::"}


def as_file(name):
    suffix = "." + name.split(".")[1]
    separator = SEPARATORS.get(suffix)
    return lambda folder, columns: pack(
        folder / name, objects(columns) if separator is None else text(columns, separator)
    )


def one_by_one(columns):
    for row in zip(*columns.values(), strict=True):
        yield {name: [value] for name, value in zip(columns, row, strict=True)}


def parts(suffix, make):
    def write(folder, columns):
        for place, one in enumerate(one_by_one(columns)):
            pack(folder / f"events/part-{place:05}{suffix}", make(one))

    return write


def quoted(letter):
    return "".join(f"%{byte:02X}" for byte in letter.encode())


def partitions(suffix, make):
    """A row in a folder that is called by its item, as Spark and Hive write it."""

    def write(folder, columns):
        for place, one in enumerate(one_by_one(columns)):
            name = "".join(  # every character that is not plain, so that no name of a folder is odd
                letter if letter.isascii() and letter.isalnum() else quoted(letter)
                for letter in str(one.pop("item_id")[0])
            )
            pack(folder / f"events/item_id={name}/part-{place}{suffix}", make(one))

    return write


FORMS = {
    **{
        f"{suffix}{packing}": as_file(f"events{suffix}{packing}")
        for suffix in (*SEPARATORS, ".jsonl")
        for packing in PACKINGS
    },
    "array": lambda folder, columns: pack(folder / "events.json", array(columns)),
    "parts of text": parts(".csv.bz2", lambda one: text(one, ",")),
    "parts of JSON": parts(".json.zst", objects),
    "partitions of text": partitions(".tsv.gz", lambda one: text(one, "\t")),
    "partitions of JSON": partitions(".ndjson", objects),
    "Parquet": lambda folder, columns: pq.write_table(pa.table(columns), folder / "events.parquet"),
    "partitions of Parquet": lambda folder, columns: pq.write_to_dataset(
        pa.table(columns), str(folder / "events"), partition_cols=["item_id"]
    ),
}
CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
CODES = st.from_regex(
    r"[ 0-9]{0,3}(NA|null|True|[0-9]{1,4}(\.0|e5)?|[\"',|\n\t;:%/=#]{1,3})", fullmatch=True
)
TEXT = st.one_of(st.text(CHARACTERS, min_size=1, max_size=12), CODES)
INTEGERS = st.integers(-(2**63), 2**63 - 1).filter(lambda number: number != -1)


def without_twins(ids):
    """Whether no two ids are alike but for blanks, `.0` and accents, which is refused."""
    return not bare(pd.Series(ids, dtype="str")).duplicated().any()


IDS = st.one_of(
    st.lists(TEXT, min_size=1, max_size=6, unique=True).filter(without_twins),
    st.lists(INTEGERS, min_size=1, max_size=6, unique=True),
)


def fits(form, ids):
    """Whether a form can hold these ids: with a separator of two characters no cell is quoted."""
    return not form.startswith(".dat") or not set(":\r\n\x1f") & set("".join(map(str, ids)))
