"""GroupLens' own files: `u.data` of 100k, `ratings.dat` of 1m, `ratings.csv` of all later sets."""

from __future__ import annotations

import contextlib
import csv
import pathlib
import warnings
from collections.abc import Iterator, Mapping
from typing import BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.csv

from tfrec_recall.data.datasets.archive import File
from tfrec_recall.data.reading import Tables

Files = Mapping[str, File]
EVENT_TYPES = {"user_id": "str", "item_id": "str", "rating": "float32", "timestamp": "int64"}

# The columns of u.item from the sixth on, in the order of u.genre.
GENRES_100K = [
    "unknown",
    "Action",
    "Adventure",
    "Animation",
    "Children's",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Fantasy",
    "Film-Noir",
    "Horror",
    "Musical",
    "Mystery",
    "Romance",
    "Sci-Fi",
    "Thriller",
    "War",
    "Western",
]

# The numbers that users.dat has for them, 0 to 20, by the README of ml-1m.
OCCUPATIONS_1M = [
    "other",
    "academic/educator",
    "artist",
    "clerical/admin",
    "college/grad student",
    "customer service",
    "doctor/health care",
    "executive/managerial",
    "farmer",
    "homemaker",
    "K-12 student",
    "lawyer",
    "programmer",
    "retired",
    "sales/marketing",
    "scientist",
    "self-employed",
    "technician/engineer",
    "tradesman/craftsman",
    "unemployed",
    "writer",
]
NO_GENRES = "(no genres listed)"

# "Usual Suspects, The (1995)", "Balto III (2005) (V)", "Death Note (2006–2007)"
_YEAR = r"\s*\((?P<year>\d{4})(?:\s*[-–]\s*(?:\d{4})?)?\s*\)\s*(?:\(V\))?\s*$"


def read_100k(files: Files, path: pathlib.Path) -> Tables:
    """The tables of ml-100k: u.data, u.item and u.user."""
    with _reading(files, "u.data", path) as file:
        events = _fields(file, "\t", EVENT_TYPES)
    with _reading(files, "u.user", path) as file:
        text = _text(["user_id", "age", "gender", "occupation", "zip_code"])
        users = _fields(file, "|", {**text, "age": "int16"})
    with _reading(files, "u.item", path) as file:
        text = _text(["item_id", "title", "released", "video", "url"])
        films = _fields(file, "|", {**text, **dict.fromkeys(GENRES_100K, "int8")})
    flags = films[GENRES_100K].to_numpy(dtype=bool)
    genres = [[genre for genre, of in zip(GENRES_100K, row, strict=True) if of] for row in flags]
    items = _films(films["item_id"], films["title"], genres)
    released = films["released"].str.extract(r"(\d{4})$")[0].astype("Int16")  # 01-Jan-1995
    items["release_year"] = items["release_year"].fillna(released)
    return {"events": events, "users": users, "items": items}


def read_1m(files: Files, path: pathlib.Path) -> Tables:
    """The tables of ml-1m: ratings.dat, movies.dat and users.dat, with `::` between the fields."""
    with _reading(files, "ratings.dat", path) as file:
        # Only numbers, so that between single colons every other field is empty.
        columns = ["user_id", "_1", "item_id", "_2", "rating", "_3", "timestamp"]
        events = _fields(file, ":", {**_text(columns), **EVENT_TYPES})[list(EVENT_TYPES)]
    with _reading(files, "users.dat", path) as file:
        users = _double_colons(file, ["user_id", "gender", "age", "occupation", "zip_code"])
        occupation = users["occupation"].astype("int64").map(dict(enumerate(OCCUPATIONS_1M)))
        users = users.assign(age=users["age"].astype("int16"), occupation=occupation)
    with _reading(files, "movies.dat", path) as file:
        films = _double_colons(file, ["item_id", "title", "genres"])
    items = _films(films["item_id"], films["title"], films["genres"].str.split("|"))
    return {"events": events, "users": users, "items": items}


def read_csv(files: Files, path: pathlib.Path) -> Tables:
    """The tables of ml-20m and all later sets: ratings.csv and movies.csv, nothing of users."""
    theirs = dict(zip(["userId", "movieId", "rating", "timestamp"], EVENT_TYPES, strict=True))
    with _reading(files, "ratings.csv", path) as file:
        types = {"userId": pa.string(), "movieId": pa.string(), "rating": pa.float32()}
        options = pyarrow.csv.ConvertOptions(
            include_columns=list(theirs), column_types={**types, "timestamp": pa.int64()}
        )
        ratings = pyarrow.csv.read_csv(file, convert_options=options)
        events = ratings.rename_columns(list(theirs.values())).to_pandas()
    with _reading(files, "movies.csv", path) as file:
        columns = ["movieId", "title", "genres"]
        films = pd.read_csv(file, dtype="str", keep_default_na=False, usecols=columns)
    genres = (
        films["genres"].replace(NO_GENRES, "").map(lambda text: text.split("|") if text else [])
    )
    return {
        "events": events,
        "users": None,
        "items": _films(films["movieId"], films["title"], genres),
    }


@contextlib.contextmanager
def _reading(files: Files, name: str, path: pathlib.Path) -> Iterator[BinaryIO]:
    """The file of this name; what is wrong with its content is said with its name."""
    if name not in files:
        raise ValueError(f"{path}: there is no file {name}. Received: {sorted(files)[:20]}.")
    try:
        with files[name].open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # more fields than columns
            yield file  # type: ignore[misc]
    except (ValueError, KeyError, pd.errors.ParserWarning) as error:
        raise ValueError(f"{path}: {name} is damaged, or not of MovieLens: {error}") from error


def _text(columns: list[str]) -> dict[str, str]:
    return dict.fromkeys(columns, "str")


def _fields(file: BinaryIO, separator: str, types: Mapping[str, str]) -> pd.DataFrame:
    """Lines without a header as columns of these types; nothing is taken for a missing value."""
    return pd.read_csv(
        file,
        sep=separator,
        names=list(types),
        dtype=types,
        index_col=False,
        encoding="latin-1",
        quoting=csv.QUOTE_NONE,
        keep_default_na=False,
    )


def _double_colons(file: BinaryIO, columns: list[str]) -> pd.DataFrame:
    lines = file.read().decode("latin-1").split("\n")
    rows = [line.rstrip("\r").split("::") for line in lines if line.strip()]
    for row in rows:
        if len(row) != len(columns):
            raise ValueError(f"a line has to have the fields {columns}. Received: {row}.")
    return pd.DataFrame(rows, columns=columns, dtype="str")


def _films(ids: pd.Series, titles: pd.Series, genres: list[list[str]] | pd.Series) -> pd.DataFrame:
    """item_id, title without the year, release_year (Int16), genres."""
    years = titles.str.extract(_YEAR)["year"]
    names = titles.str.replace(_YEAR, "", regex=True).str.strip()
    return pd.DataFrame(
        {"item_id": ids, "title": names, "release_year": years.astype("Int16"), "genres": genres}
    )
