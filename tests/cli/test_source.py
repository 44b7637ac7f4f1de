"""What a name on the command line means, and what is written down of it."""

import pytest

from tests.cli.conftest import printed
from tfrec_recall.cli.arguments.source import KINDS, Source, layout_of
from tfrec_recall.data import datasets
from tfrec_recall.features import kinds


def test_a_name_stays_that_of_the_data_set_beside_a_folder_of_that_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "simulated").mkdir()
    assert Source("simulated").recorded()["data"] == "simulated"
    assert Source("./simulated").recorded()["data"] == str(tmp_path / "simulated")
    assert Source().recorded()["data"] == datasets.names()[0]


def test_files_are_found_from_anywhere_or_asked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop").mkdir()
    (tmp_path / "link").symlink_to("shop")
    (tmp_path / "ours.csv").write_text("item_id\n")
    card = Source("link", items="ours.csv").recorded()
    monkeypatch.chdir("/")
    found = Source().or_of_card(card)
    assert (found.place, found.items) == (str(tmp_path / "shop"), str(tmp_path / "ours.csv"))
    (tmp_path / "ours.csv").rename(tmp_path / "theirs.csv")
    with pytest.raises(FileNotFoundError, match=r"trained on .*ours.csv.*any more: give --items"):
        Source().or_of_card(card)
    elsewhere = Source(items=str(tmp_path / "theirs.csv")).or_of_card(card)
    assert elsewhere.place == str(tmp_path / "shop")
    with pytest.raises(FileNotFoundError, match=r"trained on .*lost.*any more: give --data"):
        Source().or_of_card({"data": str(tmp_path / "lost")})
    with pytest.raises(ValueError, match=r"does not say which data it is from: give --data"):
        Source().or_of_card({})


def test_what_an_export_remembers_as_false_is_not_forgotten(tmp_path):
    layout = layout_of(quotes=False, mend_ids=False, separator=None, rename=[])
    assert layout == {"quotes": False, "mend_ids": False}
    card = {"data": str(tmp_path), "layout": layout}
    assert {**Source().or_of_card(card).layout, "rename": None} == {**layout, "rename": None}
    assert Source(layout={"quotes": True}).or_of_card(card).layout["quotes"] is True


def test_the_kind_of_a_feature_is_not_the_readers():
    assert layout_of(columns=["items.title=Words, age", "a=b"]) == {
        "columns": ["items.title", "age", "a=b"]
    }
    assert set(KINDS) == {name.lower() for name in kinds.KINDS}


def test_columns_of_a_built_in_data_set_say_the_features(capsys):
    source = Source("simulated", layout={"columns": ["category"]}, columns=["category"])
    assert "brand" in source.load().items
    with pytest.raises(ValueError, match="--separator is for folders and files"):
        Source("simulated", layout={"separator": ";"}).load()


def test_options_are_called_by_their_own_names():
    layout = layout_of(type=["zip=str"], list=["a=|"], no_header=["a,b"], quotes=False)
    layout |= {"mend_ids": False, "time_unit": "s"}
    said = "--users, --type, --list, --no-header, --no-quotes, --keep-ids, --time-unit are for fold"
    with pytest.raises(ValueError, match=said):
        Source("simulated", users="people.csv", layout=layout).load()
    with pytest.raises(ValueError, match="--quotes, --mend-ids are for folders"):
        Source("simulated", layout={"quotes": True, "mend_ids": True}).load()


def test_a_mistyped_column_of_a_built_in_data_set_is_refused():
    columns = ["items.brand", "catgory"]
    with pytest.raises(ValueError, match=r"--columns .* no table has \['catgory'\].*'category'"):
        Source("simulated", layout={"columns": columns}).load()


def test_a_table_of_events_without_a_row_is_refused_as_one(tmp_path):
    (tmp_path / "events.csv").write_text("user_id,item_id,timestamp\n")
    with pytest.raises(ValueError, match=r"the table of events has no row.*'timestamp'"):
        Source(str(tmp_path)).load()


def test_what_is_told_is_shown_also_where_reading_fails(tmp_path, capsys):
    (tmp_path / "events.csv").write_text("user_id,item_id,Timestamp,rating\n1,2,9,x\n")
    with pytest.raises(ValueError, match="'rating'"):
        Source(str(tmp_path)).load()
    assert "--rename events.Timestamp=timestamp" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    [
        "recommend EXPORT --history s1 --data nope.csv",
        "recommend EXPORT --item s1 --rename sku=item_id",
        "batch EXPORT --what similar-items --out OUT --data nope.csv",
        "batch EXPORT --what item-vectors --out OUT --items nope.csv",
        "diff EXPORT EXPORT --sample 0 --data nope.csv",
        "serve EXPORT --no-page --data nope.csv",
    ],
)
def test_what_is_said_of_data_that_nothing_reads_is_refused(command, capsys, tmp_path):
    places = {"EXPORT": tmp_path, "OUT": tmp_path / "out"}
    name, *options = (places.get(word, word) for word in command.split())
    said = printed(name, capsys, *options, code=2).err.replace("│", "")
    assert f"leave {options[-2]} out" in " ".join(said.split())


def test_of_no_user_no_length_of_lists_is_told(capsys, tmp_path):
    said = printed("diff", capsys, tmp_path, tmp_path, "--sample", 0, "--k", 5, code=2).err
    assert "of 0 users no list is compared" in " ".join(said.split())
