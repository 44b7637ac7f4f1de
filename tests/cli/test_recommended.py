"""Recommended lists as they are shown: by title, by id where there is none; nothing is markup."""

import pandas as pd
import pytest

from tfrec_recall.cli.console import results
from tfrec_recall.cli.lists import Recommended, as_json, show, titles_of

LONG = "urn:listing:" + "0123456789" * 9
LISTS = [
    Recommended("[/x]", ["[red]a", "b"], [("[bold]c[/bold]", 1.5), (":tea:", 0.25), (LONG, 0.125)]),
    Recommended(None, [], []),
]
ITEMS = pd.DataFrame(
    {
        "item_id": ["[red]a", "b", "[bold]c[/bold]", ":tea:", LONG],
        "title": ["[A]", None, "[/C] [red]", " ", "long"],
    }
)


@pytest.fixture
def shown(capsys):
    def of(items):
        show(LISTS, items, results())
        return capsys.readouterr().out

    return of


def test_titles_are_shown_and_ids_where_there_is_none(shown):
    lines = shown(ITEMS).splitlines()
    assert lines[0] == "Had: [A]; b"
    assert lines[1].strip() == "For user [/x]"
    rows = [line.split() for line in lines if line.split() and line.split()[0].isdecimal()]
    assert rows[0] == ["1", "[bold]c[/bold]", "[/C]", "[red]", "1.500"]
    assert rows[1] == ["2", ":tea:", ":tea:", "0.250"]
    assert "Had: nothing" in lines
    assert any(line.strip() == "For this history" for line in lines)


def test_without_titles_there_are_ids_alone_and_none_is_cut(shown):
    output = shown(ITEMS[["item_id"]])
    assert "Had: [red]a; b" in output
    assert "title" not in output
    assert LONG in "".join(part for part in output.split() if part not in ("3", "0.125"))
    assert shown(None) == output


def test_a_program_gets_plain_values():
    first, second = as_json(LISTS, ITEMS)
    assert first["user"] == "[/x]"
    assert first["history"] == ["[red]a", "b"]
    assert first["items"][:2] == [
        {"item_id": "[bold]c[/bold]", "title": "[/C] [red]", "score": 1.5},
        {"item_id": ":tea:", "title": None, "score": 0.25},
    ]
    assert second == {"user": None, "history": [], "items": []}


@pytest.mark.parametrize(
    ("columns", "title"),
    [
        ({"Product Name": ["tea", "cup"], "brand_name": ["A", "A"]}, "tea"),
        ({"description": ["long", "longer"], "title": ["short", "shorter"]}, "short"),
        ({"itemTitle": ["tea", "cup"], "surname": ["x", "y"]}, None),
        ({"name length": [3, 4]}, None),
    ],
)
def test_titles_are_found_among_the_words_of_a_name(columns, title):
    assert titles_of(pd.DataFrame({"item_id": [1, 2], **columns})).get(1) == title
