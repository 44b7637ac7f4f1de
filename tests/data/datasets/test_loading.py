"""Data sets by name, and folders."""

import pathlib

import pandas as pd
import pytest

from tfrec_recall.cli.arguments.source import Source
from tfrec_recall.data import Interactions, datasets
from tfrec_recall.data.datasets import tables

TIMES = [1_600_000_001, 1_600_000_002]
EVENTS = pd.DataFrame({"user_id": ["a", "b"], "item_id": ["x", "y"], "timestamp": TIMES})


def test_names_are_those_that_load_knows():
    sizes = ("100k", "1m", "20m", "25m", "32m", "latest-small")
    expected = ("online-retail", *(f"movielens-{size}" for size in sizes), "simulated")
    assert datasets.names() == expected
    assert all(datasets.BUILT_IN[name].about for name in expected)


def test_the_default_needs_no_network_and_no_variable(monkeypatch):
    monkeypatch.setenv("HOME", "/nowhere")
    assert datasets.load().name == "online-retail"


def test_options_reach_the_data_set():
    assert len(datasets.load("simulated", events=100, seed=4).events) == 100
    with pytest.raises(FileNotFoundError, match="no file or folder"):
        datasets.load("movielens-1m", path="nowhere")
    with pytest.raises(TypeError, match="'evnets'"):
        datasets.load("simulated", evnets=100)


@pytest.mark.parametrize("as_path", [str, pathlib.Path])
def test_a_folder_is_read(tmp_path, as_path):
    EVENTS.to_csv(tmp_path / "events.csv", index=False)
    assert len(datasets.load(as_path(tmp_path)).events) == 2
    renamed = EVENTS.rename(columns={"user_id": "member"})
    renamed.to_csv(tmp_path / "events.csv", index=False)
    data = datasets.load(as_path(tmp_path), rename={"member": "user_id"})
    assert data.events["user_id"].tolist() == ["a", "b"]


def test_a_built_in_name_wins_unless_it_is_written_as_a_path(tmp_path, monkeypatch):
    (tmp_path / "online-retail").mkdir()
    EVENTS.to_parquet(tmp_path / "online-retail" / "events.parquet")
    monkeypatch.chdir(tmp_path)
    assert len(datasets.load("online-retail").events) == 386_326
    assert len(datasets.load("./online-retail").events) == 2
    assert len(datasets.load(pathlib.Path("online-retail")).events) == 2


def test_a_folder_is_found_where_the_variable_says(tmp_path, monkeypatch):
    there, here = tmp_path / "there", tmp_path / "here"
    for folder, items in ((there / "shop", ["a"]), (here / "shop", ["b"])):
        folder.mkdir(parents=True)
        pd.DataFrame({"user_id": [1], "item_id": items}).to_csv(folder / "events.csv", index=False)
    monkeypatch.setenv("TFREC_RECALL_DATA", str(there))
    monkeypatch.chdir(tmp_path)
    assert datasets.load("shop").events["item_id"].tolist() == ["a"]
    assert Source("shop").recorded()["data"] == str(there / "shop")
    with pytest.raises(ValueError, match="no data set, file or folder"):
        datasets.load("./shop")
    monkeypatch.chdir(here)  # a path that is there is what is meant
    assert datasets.load("shop").events["item_id"].tolist() == ["b"]


def test_an_unknown_name_is_refused_with_those_there_are():
    with pytest.raises(
        ValueError, match=r"mean 'movielens-100k'\? Data sets: online-retail, .* Re"
    ):
        datasets.load("movielens-10k")


def test_tables_are_written_whole_or_not_at_all(tmp_path, monkeypatch):
    data = Interactions(EVENTS, name="small")
    written = tables.pq.write_table

    def full_disk(table, path, **options):
        if path.name == "items.parquet":
            raise OSError(28, "No space left on device")
        written(table, path, **options)

    monkeypatch.setattr(tables.pq, "write_table", full_disk)
    with pytest.raises(OSError, match="No space left"):
        tables.write_tables(data, tmp_path / "cache" / "small")
    assert not list((tmp_path / "cache").iterdir())


def test_of_two_that_write_the_same_tables_one_wins(tmp_path):
    data = Interactions(EVENTS, name="small")
    tables.write_tables(data, tmp_path / "small")
    tables.write_tables(data, tmp_path / "small")
    assert [path.name for path in tmp_path.iterdir()] == ["small"]
    pd.testing.assert_frame_equal(Interactions.from_parquet(tmp_path / "small").events, data.events)


def test_a_path_that_cannot_be_written_to_is_an_error(tmp_path):
    (tmp_path / "small").write_text("a file")
    with pytest.raises(OSError, match="small"):
        tables.write_tables(Interactions(EVENTS), tmp_path / "small")
    assert [path.name for path in tmp_path.iterdir()] == ["small"]
