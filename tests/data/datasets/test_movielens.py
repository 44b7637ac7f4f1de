"""MovieLens is read from GroupLens' own files, and nothing else is taken for it."""

import dataclasses
import hashlib
import zipfile

import numpy as np
import pandas as pd
import pytest

from tfrec_recall.data.datasets import location, movielens
from tfrec_recall.data.datasets.movielens_layouts import GENRES_100K


def flags(*genres):
    return "|".join("1" if genre in genres else "0" for genre in GENRES_100K)


ML_100K = {
    "u.data": "1\t10\t5\t881250949\n2\t11\t3\t891717742\n1\t12\t1\t878887116\n",
    "u.user": "1|24|M|technician|85711\n2|53|F|other|T8H1N\n",
    "u.item": (
        f"10|Toy Story (1995)|01-Jan-1995||http://us.imdb.com/x|{flags('Animation', 'Comedy')}\n"
        f'11|Misérables, Les "Uncut" (1995)|01-Jan-1995||url|{flags("Drama")}\n'
        f"12|Balto III (1997) (V)|01-Jan-1998||url|{flags()}\n"
        f"13|Alphaville|23-Feb-1996||url|{flags('Drama', 'Sci-Fi')}\n"
        f"14|NA||||{flags('unknown')}\n"
    ),
}
ML_1M = {
    "ratings.dat": "1::1193::5::978300760\n2::661::3::978302109\n",
    "users.dat": "1::F::1::10::48067\n2::M::56::16::02460\n",
    "movies.dat": (
        "1193::Star Wars: Episode IV - A New Hope (1977)::Action|Sci-Fi\n"
        "661::Cité des enfants perdus, La (1995)::Adventure\n"
    ),
}
ML_CSV = {
    "ratings.csv": "userId,movieId,rating,timestamp\n7,31,2.5,1260759144\n8,007,4,1260759179\n",
    "movies.csv": (
        "movieId,title,genres\n"
        "31,Dangerous Minds (1995),Drama\n"
        '007,"NA, The (2006–2007)",(no genres listed)\n'
        "5,null,Drama\n"
        '9,"Café ""Été"" ",Comedy|Drama\n'
    ),
    "tags.csv": "userId,movieId,tag,timestamp\n",
}
LAYOUTS = {"100k": ML_100K, "1m": ML_1M, "25m": ML_CSV, "latest-small": ML_CSV}


def encoded(name, text):
    return text.encode("utf-8" if name.endswith(".csv") else "latin-1")


def write_zip(path, size, files=None):
    """An archive as GroupLens makes them: one folder, with the files in it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in (files or LAYOUTS[size]).items():
            archive.writestr(f"{movielens.ARCHIVES[size].stem}/{name}", encoded(name, text))
    return path


def assert_same(one, other):
    assert one.name == other.name
    for table in ("events", "users", "items"):
        pd.testing.assert_frame_equal(getattr(one, table), getattr(other, table))


def test_100k_is_what_its_files_say(tmp_path):
    data = movielens.load("100k", write_zip(tmp_path / "any.zip", "100k"))
    assert data.name == "movielens-100k"
    expected = {
        "user_id": ["1", "2", "1"],
        "item_id": ["10", "11", "12"],
        "timestamp": [881250949, 891717742, 878887116],
        "rating": np.array([5, 3, 1], dtype="float32"),
    }
    pd.testing.assert_frame_equal(data.events, pd.DataFrame(expected))
    assert data.users["age"].tolist() == [24, 53]
    assert data.users["gender"].tolist() == ["M", "F"]
    assert data.users["occupation"].tolist() == ["technician", "other"]
    assert data.users["zip_code"].tolist() == ["85711", "T8H1N"]
    titles = ["Toy Story", 'Misérables, Les "Uncut"', "Balto III", "Alphaville", "NA"]
    assert data.items["title"].tolist() == titles
    assert data.items["release_year"].tolist() == [1995, 1995, 1997, 1996, pd.NA]
    genres = [["Animation", "Comedy"], ["Drama"], [], ["Drama", "Sci-Fi"], ["unknown"]]
    assert data.items["genres"].tolist() == genres


def test_1m_is_what_its_files_say(tmp_path):
    data = movielens.load("1m", write_zip(tmp_path / "any.zip", "1m"))
    assert data.events["item_id"].tolist() == ["1193", "661"]
    assert data.events["timestamp"].tolist() == [978300760, 978302109]
    assert data.events["rating"].tolist() == [5, 3]
    assert data.users["age"].tolist() == [1, 56]
    assert data.users["gender"].tolist() == ["F", "M"]
    assert data.users["occupation"].tolist() == ["K-12 student", "self-employed"]
    assert data.users["zip_code"].tolist() == ["48067", "02460"]
    titles = ["Star Wars: Episode IV - A New Hope", "Cité des enfants perdus, La"]
    assert data.items["title"].tolist() == titles
    assert data.items["release_year"].tolist() == [1977, 1995]
    assert data.items["genres"].tolist() == [["Action", "Sci-Fi"], ["Adventure"]]


def test_csv_sets_are_what_their_files_say(tmp_path):
    data = movielens.load("25m", write_zip(tmp_path / "any.zip", "25m"))
    assert data.name == "movielens-25m"
    assert data.events["user_id"].tolist() == ["7", "8"]
    assert data.events["item_id"].tolist() == ["31", "007"]
    assert data.events["rating"].tolist() == [2.5, 4]
    assert data.users.columns.tolist() == ["user_id"]
    assert data.items["item_id"].tolist() == ["31", "007", "5", "9"]
    assert data.items["title"].tolist() == ["Dangerous Minds", "NA, The", "null", 'Café "Été"']
    assert data.items["release_year"].tolist() == [1995, 2006, pd.NA, pd.NA]
    assert data.items["genres"].tolist() == [["Drama"], [], ["Drama"], ["Comedy", "Drama"]]


@pytest.mark.parametrize("size", LAYOUTS)
def test_a_folder_is_read_as_its_archive_is(tmp_path, size):
    path = write_zip(tmp_path / "a.zip", size)
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "unpacked")
    inner = tmp_path / "unpacked" / movielens.ARCHIVES[size].stem
    for folder in (tmp_path / "unpacked", inner):
        assert_same(movielens.load(size, folder), movielens.load(size, path))


@pytest.mark.parametrize("place", ["movielens-1m.zip", "ml-1m.zip", "ml-1m"])
def test_the_data_folder_comes_before_cache_and_download(tmp_path, monkeypatch, place):
    path = write_zip(tmp_path / "data" / "ml-1m.zip", "1m")
    if place == "ml-1m":
        with zipfile.ZipFile(path) as archive:
            archive.extractall(path.parent)
        path.unlink()
    else:
        path.rename(path.parent / place)
    monkeypatch.setenv(location.VARIABLE, str(tmp_path / "data"))
    assert len(movielens.load("1m", mirror="http://127.0.0.1:9").events) == 2


def test_the_published_100k_is_read_from_parquet(data_folder):
    data = movielens.load("100k", download=False)
    assert repr(data) == "Interactions('movielens-100k': 100,000 events, 943 users, 1,682 items)"
    assert data.events.dtypes["timestamp"] == np.int64
    assert data.items["genres"][0] == ["Animation", "Children's", "Comedy"]
    assert data.items["release_year"].isna().sum() == 2


def with_digest(monkeypatch, size, path):
    archive = movielens.ARCHIVES[size]
    digest = f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
    replaced = dataclasses.replace(archive, digest=digest)
    monkeypatch.setitem(movielens.ARCHIVES, size, replaced)


@pytest.mark.parametrize("size", ["100k", "25m"])
def test_a_download_is_cached_and_read_from_there(tmp_path, monkeypatch, cache, size):
    path = write_zip(tmp_path / "web" / f"ml-{size}.zip", size)
    with_digest(monkeypatch, size, path)
    seen = []
    data = movielens.load(
        size, mirror=path.parent.as_uri(), progress=lambda *done: seen.append(done)
    )
    assert_same(data, movielens.load(size, path))
    assert seen[-1] == (path.stat().st_size, path.stat().st_size)
    assert sorted(file.name for file in cache.iterdir()) == [f"movielens-{size}"]
    path.unlink()
    assert_same(movielens.load(size, download=False), data)


def test_a_set_that_changes_is_compared_with_its_published_digest(tmp_path, cache):
    path = write_zip(tmp_path / "web" / "ml-latest-small.zip", "latest-small")
    published = path.with_name(f"{path.name}.md5")
    published.write_text(f"MD5 (ml-latest-small.zip) = {0:032}\n")
    mirror = path.parent.as_uri()
    with pytest.raises(ValueError, match="is not what was expected, and was not kept"):
        movielens.load("latest-small", mirror=mirror)
    assert not list(cache.iterdir())
    digest = hashlib.md5(path.read_bytes()).hexdigest()
    published.write_text(f"{digest}  ml-latest-small.zip\n")
    assert len(movielens.load("latest-small", mirror=mirror).events) == 2


def test_another_file_than_expected_is_not_kept(tmp_path, cache):
    path = write_zip(tmp_path / "web" / "ml-1m.zip", "1m")
    with pytest.raises(ValueError, match=r"Expected sha256 a6898adb.*Received: "):
        movielens.load("1m", mirror=path.parent.as_uri())
    assert not list(cache.iterdir())


def test_an_archive_that_cannot_be_read_leaves_no_cache(tmp_path, monkeypatch, cache):
    files = {**ML_1M, "ratings.dat": "1::1193::5::978300760\n2::661::3"}
    path = write_zip(tmp_path / "web" / "ml-1m.zip", "1m", files)
    with_digest(monkeypatch, "1m", path)
    with pytest.raises(ValueError, match=r"ratings\.dat is damaged"):
        movielens.load("1m", mirror=path.parent.as_uri())
    assert not list(cache.iterdir())


def test_when_nothing_is_found_all_places_are_named(tmp_path, monkeypatch, cache):
    with pytest.raises(FileNotFoundError) as error:
        movielens.load("1m", mirror="http://127.0.0.1:9")
    for said in (
        "'movielens-1m'",
        "a path: none was given",
        "TFREC_RECALL_DATA: not set",
        "movielens-1m or movielens-1m.zip or ml-1m or ml-1m.zip",
        "the package: it is not in there",
        f"the cache: no {cache / 'movielens-1m'}",
        "download: http://127.0.0.1:9/ml-1m.zip cannot be reached",
        "load('movielens-1m', path=",
    ):
        assert said in str(error.value)
    monkeypatch.setenv(location.VARIABLE, str(tmp_path))
    with pytest.raises(
        FileNotFoundError, match=rf"ml-1m.zip in {tmp_path}\n.*\n.*\n.*switched off"
    ):
        movielens.load("1m", download=False)


def test_a_damaged_cache_says_what_to_remove(tmp_path, monkeypatch, cache):
    path = write_zip(tmp_path / "web" / "ml-100k.zip", "100k")
    with_digest(monkeypatch, "100k", path)
    movielens.load("100k", mirror=path.parent.as_uri())
    events = cache / "movielens-100k" / "events.parquet"
    events.write_bytes(events.read_bytes()[:-100])
    with pytest.raises(ValueError, match=rf"remove {cache / 'movielens-100k'} and load again"):
        movielens.load("100k")


def test_a_hostile_archive_is_refused(tmp_path):
    files = {**ML_1M, "../../evil.txt": "x"}
    path = write_zip(tmp_path / "a.zip", "1m", files)
    with pytest.raises(ValueError, match=r"is refused, nothing was read: .*evil\.txt' leads out"):
        movielens.load("1m", path)


@pytest.mark.parametrize(
    ("size", "name", "text"),
    [
        ("100k", "u.data", "1\t10\tfive\t881250949\n"),
        ("100k", "u.data", "1\t10\t5\t8812\n2\t11"),
        ("100k", "u.data", "1\t10\t5\t881250949\t7\n"),
        ("100k", "u.user", "1|24|M|technician|85711\n2|young|F|other|1\n"),
        ("100k", "u.item", "10|Toy Story (1995)|01-Jan-1995\n"),
        ("1m", "ratings.dat", "1::1193::5::978300760\n2::66"),
        ("1m", "ratings.dat", "1::1193::5::978300760::7\n"),
        ("1m", "users.dat", "1::F::1::10\n"),
        ("1m", "movies.dat", "1::Toy Story (1995)\n"),
        ("25m", "ratings.csv", "userId,movieId,rating\n1,2,3\n"),
        ("25m", "ratings.csv", "userId,movieId,rating,timestamp\n1,2,3,yesterday\n"),
        ("25m", "ratings.csv", "userId,movieId,rating,timestamp\n1,2,3,4\n5,6"),
        ("25m", "movies.csv", "movieId,title\n1,Toy Story\n"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, size, name, text):
    path = write_zip(tmp_path / "a.zip", size, {**LAYOUTS[size], name: text})
    with pytest.raises(ValueError, match=rf"a\.zip: {name} is damaged, or not of MovieLens"):
        movielens.load(size, path)


def test_one_set_is_not_taken_for_another(tmp_path):
    path = write_zip(tmp_path / "ml-1m.zip", "1m")
    with pytest.raises(ValueError, match=r"no file ratings.csv. Received: \['movies.dat', 'rat"):
        movielens.load("20m", path)


def test_an_unknown_size_is_refused():
    with pytest.raises(ValueError, match=r"sizes 100k, 1m, .* Received: '10k'"):
        movielens.load("10k")
