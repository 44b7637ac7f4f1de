"""A day is read as the training's files were, in whichever form it is and of whichever tables."""

import pandas as pd
import pytest

from tests.cli.conftest import printed, run
from tfrec_recall.cli.arguments.source import layout_of
from tfrec_recall.cli.commands.update import _read, spelled_as
from tfrec_recall.cli.recorded_layout import layout_for
from tfrec_recall.data import Interactions
from tfrec_recall.export import load
from tfrec_recall.upkeep.state import TrainingState

START, DAY = 1_600_000_000, 24 * 3600
OF_ITEMS = {
    "columns": ["items.category"],
    "rename": {"items.sku": "item_id", "users.id": "user_id"},
    "dtype": {"items.zip": "str", "age": "int64"},
    "lists": {"genres": "|"},
    "names": {"items": ["item_id", "category"]},
}


def visits(number, of=30):
    """Events of a day, of ids with leading zeros."""
    rows = range(number, number + of)
    return pd.DataFrame(
        {
            "user_id": [f"u{row % 10}" for row in rows],
            "item_id": [f"01{row * row % 17:02d}" for row in rows],
            "timestamp": [START + number * DAY + 60 * row for row in rows],
        }
    )


def dated(events):
    return events.assign(timestamp=pd.to_datetime(events["timestamp"], unit="s"))


@pytest.mark.parametrize(
    ("row", "rename", "expected"),
    [
        ("item_id,product,user_id\n7,a,u\n", {"item_id": "sku", "product": "item_id"}, ["a"]),
        ("item_id,user_id,id\na,u,s\n", {"events.id": "session_id", "id": "user_key"}, ["a"]),
        ("item_id,user_id,id\na,u,s\n", {"id": "user_key", "events.id": "session_id"}, ["a"]),
    ],
)
def test_columns_take_each_others_names_and_those_of_a_table_come_first(
    row, rename, expected, tmp_path
):
    path = tmp_path / "day.csv"
    path.write_text(row)
    layout = layout_for({"events": path}, {"rename": rename}, {})
    read = Interactions.from_files(path, **layout).events
    assert read["item_id"].tolist() == expected
    assert ("session_id" in read) == ("events.id" in rename)


@pytest.mark.parametrize("option", OF_ITEMS)
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_what_is_recorded_of_other_tables_is_not_of_events(option, suffix, tmp_path):
    path = tmp_path / f"day.{suffix}"
    day = visits(0)
    day.to_csv(path, index=False) if suffix == "csv" else day.to_parquet(path)
    layout = layout_for({"events": path}, {option: OF_ITEMS[option]}, {})
    read = Interactions.from_files(path, **layout).events
    assert read["item_id"].tolist() == day["item_id"].tolist()


def test_what_is_recorded_of_columns_that_are_there_stays(tmp_path):
    events, items = tmp_path / "day.csv", tmp_path / "items.csv"
    events.write_text("sku;user_id;when\n007;u;1\n")
    items.write_text("sku;item_id;genres;zip\n1;007;a/b;01\n")
    recorded = {
        "rename": {"sku": "item_id", "when": "timestamp"},
        "dtype": {"items.zip": "str", "users.age": "int64"},
        "lists": {"genres": "/"},
        "separator": ";",
        "quotes": False,
        "time_unit": "order",
    }
    files = {"events": events, "items": items}
    layout = layout_for(files, recorded, {"dtype": {"items.zip": "int64"}})
    assert layout == {
        "rename": {"events.sku": "item_id", "events.when": "timestamp"},
        "dtype": {"items.zip": "int64"},
        "lists": {"genres": "/"},
        "separator": ";",
        "quotes": False,
        "time_unit": "order",
    }
    said = layout_for(files, recorded, {"dtype": {"users.age": "int64"}})  # which has to fit
    with pytest.raises(ValueError, match="dtype names columns after renaming"):
        Interactions.from_files(events, None, items, **said)


def test_lists_that_are_none_of_text_are_not_split(tmp_path):
    path = tmp_path / "items.parquet"
    pd.DataFrame({"item_id": ["a"], "genres": [["x", "y"]]}).to_parquet(path)
    layout = layout_for({"items": path}, {"lists": {"genres": "|"}, "decimal": ","}, {})
    assert layout == {"dtype": {}, "lists": {}, "rename": {}}


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    """Trained on text with most of what can be said of it."""
    folder = tmp_path_factory.mktemp("text")
    (folder / "data").mkdir()
    events = dated(pd.concat([visits(number) for number in range(3)], ignore_index=True))
    text = {"sep": ";", "index": False, "encoding": "latin-1"}
    how = "%d/%m/%Y %H:%M"
    events.to_csv(folder / "data" / "events.csv", date_format=how, **text)
    items = pd.DataFrame({"sku": sorted(set(events["item_id"]))})
    items = items.assign(category="caf\u00e9", zip="075", genres="x|y", size=1)
    items.to_csv(folder / "data" / "items.csv", **text)
    run(
        "train", "popular", "--data", folder / "data", "--export", folder / "export",
        "--keep-state", "--split", "last:1", "--separator", ";", "--encoding", "latin-1",
        "--no-quotes", "--time-format", how,
        "--columns", "items.category,items.zip,items.genres", "--rename", "items.sku=item_id",
        "--type", "items.zip=str", "--list", "genres=|",
    )  # fmt: skip
    dated(visits(4)).to_parquet(folder / "day.parquet")
    dated(visits(5)).to_csv(folder / "day.csv", date_format=how, **text)
    lost = visits(6).assign(item_id=lambda table: table["item_id"].str[1:])
    dated(lost).to_csv(folder / "lost.csv", date_format=how, **text)
    return folder / "export"


def test_a_day_of_events_alone_is_learnt_in_whichever_form(export):
    run("update", export, "--events", export.parent / "day.parquet")
    run("update", export, "--events", export.parent / "day.csv")
    assert TrainingState.of(export / "3").size() > TrainingState.of(export / "2").size()


def test_what_is_said_of_a_day_counts_instead(export):
    path = export.parent / "said.csv"
    day = visits(7).assign(timestamp=lambda table: 1_000 * table["timestamp"])
    day["item_id"] = " " + day["item_id"]
    day.rename(columns={"user_id": "visitor"}).to_csv(path, sep="|", index=False)
    serving = load(export)

    def read(mend_ids):
        said = {"separator": "|", "time_unit": "ms", "rename": ["visitor=user_id"]}
        layout = layout_of(**said, mend_ids=mend_ids)
        return _read(serving, path, None, None, layout).events

    with pytest.raises(ValueError, match="item_ids that are new differ from known ones by bl"):
        read(None)
    assert set(read(False)["item_id"].str[:3]) == {" 01"}
    mended = read(True)
    assert mended["item_id"].tolist() == visits(7)["item_id"].tolist()
    assert mended["timestamp"].tolist() == visits(7)["timestamp"].tolist()


def test_ids_that_lost_their_zeros_are_no_new_ones(export, capsys):
    path = export.parent / "lost.csv"
    said = " ".join(printed("update", capsys, export, "--events", path, code=1).err.split())
    assert "item_ids that are new differ from known ones by leading zeros alone" in said
    assert "beside '01" in said


def test_lost_zeros_are_given_back_on_request():
    known = {"user_id": pd.Series(["u"]), "item_id": pd.Series(["007", "08", "008", "9"])}
    events = pd.DataFrame({"user_id": "u", "item_id": ["7", "8", "9", "007"]})
    items = pd.DataFrame({"item_id": ["7"], "kind": ["a"]})
    with pytest.warns(UserWarning, match=r"1 item_ids were written .* such as '7' as '007'"):
        found = spelled_as(Interactions(events, items=items, mend_ids=False), known)
    assert found.events["item_id"].tolist() == ["007", "8", "9", "007"]
    assert found.items["item_id"].is_unique
    assert set(found.items["item_id"]) == {"007", "8", "9"}
