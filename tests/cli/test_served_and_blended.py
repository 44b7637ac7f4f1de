"""What `train` is told to offer, `recommend` asks for; and several exports become one."""

import json
import pathlib
import shlex
import types

import numpy as np
import pandas as pd
import pytest

from tests.cli.conftest import printed, run
from tfrec_recall.cli.commands.blend import _alike, _by_name, _weights
from tfrec_recall.export import load
from tfrec_recall.export.version_files import EXTRA
from tfrec_recall.health import read_reference
from tfrec_recall.operations.reindex import reindexed

USERS, ITEMS = 18, 24


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """Users of two countries, each taking items of its own half; prices rise with the number."""
    path = tmp_path_factory.mktemp("shop")
    generator = np.random.default_rng(4)
    rows = []
    for user in range(USERS):
        own = np.arange(user % 2, ITEMS, 2)
        for place, item in enumerate(generator.permutation(own)[:11]):
            rows.append((f"u{user}", f"i{item}", 1_600_000_000 + 86_400 * place + user))
    columns = ["user_id", "item_id", "timestamp"]
    pd.DataFrame(rows, columns=columns).to_csv(path / "events.csv", index=False)
    users = {"user_id": [f"u{n}" for n in range(USERS)], "country": ["fr", "uk"] * 9}
    users["spent"] = np.arange(USERS) / 4
    pd.DataFrame(users).to_csv(path / "users.csv", index=False)
    items = pd.DataFrame({"item_id": [f"i{n}" for n in range(ITEMS)]})
    items["category"] = ["lamps", "cups", "lamps"] * 8
    items["price"] = np.arange(ITEMS) / 2
    items.to_csv(path / "items.csv", index=False)
    return path


@pytest.fixture(scope="module")
def exports(shop):
    """Two models that offer filters, one of which has what is popular by country."""
    for model, offered in (*(("popular", ["--k", "7"]), ("item-cf", ["--popular-by", "country"])),):
        place = shop / "exports" / model
        offered = ["--filterable", "category,price", *offered]
        run("train", model, "--data", shop, "--split", "last:2", "--export", place, *offered)
    return shop / "exports"


def test_lists_are_chosen_by_the_attributes_that_were_named(exports, capsys):
    arguments = ["recommend", exports / "item-cf", "--item", "i3", "--k", "4", "--json", "-"]
    chosen = ["--where", "category=cups", "--min", "price=2", "--max", "price=9"]
    found = json.loads(printed(arguments[0], capsys, *arguments[1:], *chosen).out)
    listed = [int(one["item_id"][1:]) for one in found["lists"][0]["items"]]
    assert len(listed) == 4
    assert all(item % 3 == 1 and 2 <= item / 2 <= 9 for item in listed)
    said = printed(arguments[0], capsys, *arguments[1:], "--where-not", "colour=red", code=1).err
    assert "--where-not takes what this export was told to choose by" in said
    assert "category" in said
    said = printed(arguments[0], capsys, *arguments[1:], "--min", "price=cheap", code=1).err
    assert "--min takes a number here" in said


def test_what_no_item_has_is_told_and_what_none_can_have_refused(exports, capsys):
    asked = ["recommend", capsys, exports / "item-cf", "--item", "i3", "--k", "4"]
    said = " ".join(printed(*asked, "--where", "category=Lamps").err.split())
    assert "No item has category 'Lamps'; there are 'lamps', 'cups'." in said
    assert "Nothing is listed for this history: no other item is as --where" in said
    said = printed(*asked, "--where", "category=lamps", "--where", "category=mugs").err
    assert "No item has category 'mugs'" in said
    assert "Nothing is listed" not in said
    said = printed(*asked, "--where", "category=cups", "--where-not", "category=lamps").err
    assert "No item" not in said
    bounds = ["--min", "price=10", "--max", "price=5"]
    said = " ".join(printed(*asked, *bounds, code=1).err.split())
    assert "Received: --min price=10, --max price=5" in said
    both = ["--where", "category=cups", "--where-not", "category=cups"]
    assert "has and has not the same category" in printed(*asked, *both, code=1).err


def test_the_length_of_a_list_is_chosen(exports):
    assert [load(exports / name).k for name in ("popular", "item-cf")] == [7, 100]


def test_strangers_get_what_is_popular_in_their_country(exports):
    retriever = load(exports / "item-cf")
    assert retriever.report["fallback"]["by"] == "country"
    query = {"country": ["fr", "uk", "se"], "history": [[""]] * 3}
    ids = np.char.decode(retriever(query, k=12)[0].numpy().astype(bytes))
    halves = [{int(item[1:]) % 2 for item in row} for row in ids]
    assert halves == [{0}, {1}, {0, 1}]


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--filterable", "colour"], "--filterable names columns of the items. Received: colour"),
        (["--popular-by", "age"], "--popular-by is a column of the users. Received: age"),
        (["--popular-by", "spent"], "make a column of buckets of one that holds something else"),
        (
            ["--filterable", "price", "--rename", "users.country=min_price"],
            "Users have a column 'min_price', by which requests choose items of some 'price'",
        ),
        (["--filterable", "price,price"], "Filters name columns of the items, each once."),
    ],
)
def test_columns_that_do_not_fit_are_told_before_training(
    shop, tmp_path, capsys, option, message, monkeypatch
):
    monkeypatch.setattr("tfrec_recall.cli.runs.training.train_model", None)
    place = ["--export", tmp_path / "export"]
    said = printed("train", capsys, "item-cf", "--data", shop, *option, *place, code=1).err
    assert message in " ".join(said.split())


def test_filters_are_of_an_export(shop, capsys):
    said = printed("train", capsys, "item-cf", "--data", shop, "--filterable", "price", code=2).err
    assert "--filterable" in said
    assert "say where the export goes" in said


@pytest.mark.parametrize("option", [["--popular-by", "country"], ["--popular-half-life", "3"]])
def test_what_fills_lists_is_refused_for_the_model_whose_lists_nothing_fills(shop, capsys, option):
    said = printed("train", capsys, "popular", "--data", shop, *option, code=1).err
    said = " ".join(said.split())
    assert "Popular lists what is popular of all for everybody: leave them out" in said
    assert f"Received: {' '.join(option)}" in said.replace("3.0", "3")


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["de/two_tower/1", "item_cf/3"], ["two_tower", "item_cf"]),
        (["de/two_tower/1", "fr/two_tower/1"], ["de/two_tower", "fr/two_tower"]),
        (
            ["de/two_tower/1", "de/two_tower/2", "fr/two_tower/1", "item_cf/1"],
            ["de/two_tower/1", "de/two_tower/2", "fr/two_tower", "item_cf"],
        ),
        (["a/x/two_tower/1", "b/x/two_tower/1"], ["a/x/two_tower", "b/x/two_tower"]),
        (["1", "../item_cf/2"], ["{here}", "item_cf"]),
        (["../{here}/1", "2"], ["{here}/1", "{here}/2"]),
    ],
)
def test_channels_are_called_by_what_tells_them_apart(paths, names, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    here = [[one.format(here=tmp_path.name) for one in many] for many in (paths, names)]
    loaded = [types.SimpleNamespace(path=pathlib.Path(path)) for path in here[0]]
    found = _by_name(loaded)
    assert list(found) == here[1]
    assert list(found.values()) == loaded


@pytest.mark.parametrize("again", ["two_tower/1", "./x/../two_tower/1", "newest/1"])
def test_one_export_is_blended_once(again, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "two_tower" / "1").mkdir(parents=True)
    (tmp_path / "x").mkdir()
    (tmp_path / "newest").symlink_to("two_tower")
    loaded = [types.SimpleNamespace(path=pathlib.Path(path)) for path in ("two_tower/1", again)]
    with pytest.raises(ValueError, match=r"Each export is blended once\. Received: .*1 twice\."):
        _by_name(loaded)


def test_weights_are_given_where_there_is_no_validation(exports, tmp_path, capsys):
    command = ["blend", capsys, exports / "popular", exports / "item-cf", "--split", "last:2,0"]
    said = " ".join(printed(*command, code=1).err.split())
    assert "give them, --weights popular=0.5,item-cf=0.5, or take another split" in said
    said = printed(*command, "--k", "150", "--depth", "120", code=2).err
    assert "150 items or more" in " ".join(said.split())
    weights = ["--weights", "popular=0", "--weights", "item-cf=3"]
    shown = printed(*command, *weights, "--json", tmp_path / "f.json")
    assert "popular has a weight of 0" in shown.err
    values = json.loads((tmp_path / "f.json").read_text())
    assert values["settings"]["weights"] == {"popular": 0.0, "item-cf": 3.0}
    adds = {one["channel"]: one for one in values["channels"]}
    assert adds["popular"]["without"] == adds["item-cf"]["alone"]
    assert adds["item-cf"]["without"] == adds["popular"]["alone"]
    said = " ".join(printed(*command, "--weights", "popular=1", code=1).err.split())
    assert "a weight from 0 for each channel" in said
    for given in ("popular=1,item-cf", "=1", "item-cf=much", "item-cf=1,item-cf=2"):
        with pytest.raises(ValueError, match=f"NAME=NUMBER.*Received: '{given.split(',')[-1]}'"):
            _weights([given])
    with pytest.raises(ValueError, match="Received: 'popular=2'"):
        _weights(["popular=1"], ["popular=2"])


def test_the_weight_of_a_name_with_a_comma_is_given_by_itself():
    names = ["cups,lamps", "item cf"]
    assert _alike(names) == "--weight cups,lamps=0.5 --weight 'item cf=0.5'"
    assert _alike(names[1:]) == "--weights 'item cf=1'"
    given = shlex.split(_alike(names))[1::2]
    assert _weights(None, given) == dict.fromkeys(names, 0.5)


def test_exports_are_blended_with_weights_of_validation(shop, exports, tmp_path, capsys):
    channels = [exports / "popular", exports / "item-cf"]
    place = tmp_path / "blend"
    options = ["--export", place, "--json", tmp_path / "f.json", "--k", "20"]
    shown = printed("blend", capsys, *channels, *options)
    assert "What each channel adds" in shown.out
    assert "another split" not in shown.err
    other = printed("blend", capsys, *channels, "--split", "last:1", "--cuts", "10")
    assert "Trained on another split (--split last:2)" in other.err
    values = json.loads((tmp_path / "f.json").read_text())
    assert [one["channel"] for one in values["channels"]] == ["popular", "item-cf"]
    blended = load(place)
    assert (blended.report["kind"], blended.k, blended.report["depth"]) == ("blend", 20, 100)
    assert set(blended.filter_inputs) >= {"where_category", "max_price"}
    query = {"country": ["fr", "uk", "se"], "history": [[""]] * 3, "user_id": ["new"] * 3}
    listed = np.char.decode(blended(query, k=12)[0].numpy().astype(bytes))
    assert [{int(item[1:]) % 2 for item in row} for row in listed] == [{0}, {1}, {0, 1}]
    again = printed("evaluate", capsys, place, "--json", tmp_path / "again.json")
    assert again.out
    measured = json.loads((tmp_path / "again.json").read_text())["metrics"]
    assert measured["recall@10"] == pytest.approx(values["metrics"]["recall@10"])
    cards = [one.card["data"] for one in (blended, load(exports / "item-cf"))]
    for name in ("fingerprint", "rows"):
        assert cards[0][name] == cards[1][name]
    usual, of_a_channel = (
        read_reference(one.path / EXTRA) for one in (blended, load(exports / "item-cf"))
    )
    np.testing.assert_array_equal(usual.known.hashes, of_a_channel.known.hashes)
    assert usual.about == of_a_channel.about
    assert usual.lists is not None
    made = reindexed(blended, pd.read_csv(shop / "items.csv")[2:])
    assert (made.report["merging"], made.k) == (blended.report["merging"], 20)
    assert set(made.filter_inputs) == set(blended.filter_inputs)
    assert len(made.item_ids) == ITEMS - 2
    said = printed("watch", capsys, place, "--events", shop / "events.csv", code=3).err
    assert said.count("before and") == 1  # these days themselves made the items so popular
    assert "popularity of what is taken" in said
