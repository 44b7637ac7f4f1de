"""`recommend` by user and by history: the export's own lists, by title, without what was had."""

import functools
import json
import shutil

import pytest

from tests.cli.conftest import RENAME, printed

run = functools.partial(printed, "recommend")


def listed(output):
    """(place, item, title, score) of every row."""
    rows = [line.split() for line in output.splitlines()]
    return [
        (int(row[0]), row[1], " ".join(row[2:-1]), float(row[-1]))
        for row in rows
        if len(row) > 3 and row[0].isdecimal()
    ]


def test_a_history_is_asked_about_and_left_out(exported, capsys):
    output = run(capsys, exported, "--history", "s00, s02,s03", "--k", 3).out
    assert "Had: Thing [0]; Thing [2]; Thing [3]" in output
    assert [row[:3] for row in listed(output)] == [
        (1, "s04", "Thing [4]"),
        (2, "s06", "Thing [6]"),
        (3, "s08", "Thing [8]"),
    ]
    assert listed(output)[0][3] == pytest.approx(3 - 4 / 30, abs=1e-3)


def test_users_are_asked_with_all_their_events(exported, split, capsys):
    output = run(capsys, exported, "--user", "v01", "--user", "v05", "--k", 30).out
    events = split.interactions.events
    had = {user: set(events.loc[events["user_id"] == user, "item_id"]) for user in ("v01", "v05")}
    _, first, second = output.split("For user ")
    for part, user in ((first, "v01"), (second, "v05")):
        items = [row[1] for row in listed(part)]
        assert set(items) == {f"s{item:02d}" for item in range(30)} - had[user]
    latest = events[events["user_id"] == "v01"].sort_values("timestamp")["item_id"].tolist()[-8:]
    titles = "; ".join(f"Thing [{int(item[1:])}]" for item in latest)
    assert f"others, then {titles}" in " ".join(output.split())


def test_data_is_that_of_the_training_unless_given(exported, folder, capsys):
    own = run(capsys, exported, "--user", "v01").out
    assert run(capsys, exported, "--user", "v01", "--data", folder, *RENAME).out == own


def test_a_stranger_is_asked_about_as_a_newcomer(exported, capsys):
    captured = run(capsys, exported, "--user", "nobody", "--k", 2)
    assert "nobody: not in" in captured.err
    assert "Had: nothing" in captured.out
    assert [row[1] for row in listed(captured.out)] == ["s00", "s01"]


def test_an_unknown_item_is_said(exported, capsys):
    captured = run(capsys, exported, "--history", "s00,s99")
    assert "Not in the catalogue: s99" in captured.err
    assert listed(captured.out)


def test_lists_are_json_on_request(exported, capsys):
    arguments = [exported, "--user", "v01", "--user", "nobody", "--k", 2, "--json", "-"]
    captured = run(capsys, *arguments)
    written = json.loads(captured.out)
    assert written["export"] == str(exported / "1")
    first, stranger = written["lists"]
    assert (first["user"], len(first["items"])) == ("v01", 2)
    assert len(first["history"]) == 15
    assert stranger == {
        "user": "nobody",
        "history": [],
        "items": [
            {"item_id": "s00", "title": "Thing [0]", "score": 0.0},
            {"item_id": "s01", "title": "Thing [1]", "score": pytest.approx(-1 / 30)},
        ],
    }
    assert [row[1] for row in listed(captured.err)][-2:] == ["s00", "s01"]


def test_data_that_was_moved_is_asked_for(exported, tmp_path, capsys):
    moved = tmp_path / "moved"
    shutil.copytree(exported, moved)
    card = moved / "1" / "assets.extra" / "model_card.json"
    values = json.loads(card.read_text())
    values["data"]["data"] = str(tmp_path / "gone [1]")
    card.write_text(json.dumps(values))
    said = run(capsys, moved, "--user", "v01", code=1).err
    assert f"{tmp_path / 'gone [1]'}, which is not there any more: give --data" in said
    del values["data"]["data"]
    card.write_text(json.dumps(values))
    assert "which data it is from: give --data" in run(capsys, moved, "--user", "v01", code=1).err
