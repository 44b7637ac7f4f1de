"""Ids on the command line follow the rule of files: any id can be given, and no other is meant."""

import pathlib

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tfrec_recall.cli.application import main
from tfrec_recall.cli.commands import recommend as command


class Asked:
    """A retriever that keeps the histories it is asked with, and recommends the first items."""

    def __init__(self, item_ids, users=None):
        self.item_ids = np.array(item_ids, dtype=object if isinstance(item_ids[0], str) else None)
        self.items = None
        self.path = pathlib.Path("export/1")
        self.card = {"data": {"data": users}}
        kind = tf.string if self.item_ids.dtype == object else tf.int64
        self.inputs = {"history": tf.TensorSpec([None, None], kind)}
        self.histories = []

    def __call__(self, queries, k, exclude, filters=None):
        for row in queries["history"].numpy().tolist():
            ids = [item.decode() if isinstance(item, bytes) else item for item in row]
            self.histories.append([item for item in ids if item not in ("", -1)])
        rows = len(queries["history"])
        first = tf.constant([self.item_ids[:1].tolist()] * rows)
        return first, tf.ones([rows, 1])


def ask(monkeypatch, retriever, *arguments):
    monkeypatch.setattr(command, "load_export", lambda _: retriever)
    with pytest.raises(SystemExit) as raised:
        main(["recommend", "export", *arguments])
    assert raised.value.code == 0
    return retriever.histories


TEXT = ["A,001", " s003", "007", "7", "a;b", "-x", "1e5"]
NUMBERS = [7, 10, 2**63 - 1, -5]


@pytest.mark.parametrize(
    ("held", "arguments", "expected"),
    [
        (TEXT, ["--history", "A,001"], ["A,001"]),
        (TEXT, ["--history", " s003,007, 7"], [" s003", "007", "7"]),
        (TEXT, ["--item", "A,001", "--item", "7", "--item", "A,001"], ["A,001", "7", "A,001"]),
        (TEXT, ["--item", "-x"], ["-x"]),
        (NUMBERS, ["--history", "7, 10"], [7, 10]),
        (NUMBERS, ["--item", str(2**63 - 1), "--item", "-5"], [2**63 - 1, -5]),
    ],
)
def test_items_are_found_as_they_are_written(held, arguments, expected, monkeypatch, capsys):
    assert ask(monkeypatch, Asked(held), *arguments) == [expected]
    assert "Not in" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("held", "arguments", "said"),
    [
        (NUMBERS, ["--history", "007,10"], "007 (there is 7)"),
        (NUMBERS, ["--history", "1_0"], "1_0"),
        (NUMBERS, ["--history", "9" * 20], "9" * 20),
        (NUMBERS, ["--history", "3"], "3"),
        (["007", "8"], ["--item", "7"], "7 (there is 007)"),
        (["caf\u00e9"], ["--item", "cafe\u0301"], "'cafe\\u0301' (there is caf\u00e9)"),
        (["8"], ["--history", ""], "''"),
    ],
)
def test_other_ids_are_not_in_the_catalogue(held, arguments, said, monkeypatch, capsys):
    ask(monkeypatch, Asked(held), *arguments)
    assert f"Not in the catalogue: {said}." in capsys.readouterr().err


@given(ids=st.lists(st.text(st.characters(exclude_categories=["C"])), min_size=1, max_size=3))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_found(ids, monkeypatch):
    ids = [one for one in ids if one] or ["x"]
    arguments = [f"--item={one}" for one in ids]
    assert ask(monkeypatch, Asked(ids), *arguments) == [ids]


def test_a_user_asked_for_twice_is_answered_twice(tmp_path, monkeypatch, capsys):
    rows = {"user_id": [3, 3, 10], "item_id": [7, 10, 7], "timestamp": 1_600_000_000}
    pd.DataFrame(rows).to_csv(tmp_path / "events.csv", index=False)
    users = ["3", "10", "3", "003", "9" * 20, "x"]
    arguments = [part for user in users for part in ("--user", user)]
    histories = ask(monkeypatch, Asked(NUMBERS, str(tmp_path)), *arguments)
    assert [sorted(history) for history in histories] == [[7, 10], [7], [7, 10], [], [], []]
    shown = capsys.readouterr()
    titles = [line.strip() for line in shown.out.splitlines()]
    assert [titles.count(f"For user {user}") for user in users] == [2, 1, 2, 1, 1, 1]
    assert f"003 (there is 3), {'9' * 20}, x: not in" in shown.err


@pytest.mark.parametrize("items", [[70, 71], ["s1", "s2"]], ids=["others", "text"])
def test_data_of_other_items_are_refused(items, tmp_path, monkeypatch, capsys):
    rows = {"user_id": [3, 3], "item_id": items, "timestamp": 1_600_000_000}
    pd.DataFrame(rows).to_csv(tmp_path / "events.csv", index=False)
    monkeypatch.setattr(command, "load_export", lambda _: Asked(NUMBERS, str(tmp_path)))
    with pytest.raises(SystemExit):
        main(["recommend", "export", "--user", "3"])
    told = " ".join(capsys.readouterr().err.split())
    assert "no item in common" in told
    assert f"Received: items {items} in the data, [7, 10, {2**63 - 1}] in the export" in told
