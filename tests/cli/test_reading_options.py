"""Every option that says how data is written does what the table in the guide says of it."""

import inspect
import pathlib
import shlex

import pytest
import typer

from tfrec_recall.cli.application import app
from tfrec_recall.cli.arguments import options
from tfrec_recall.cli.arguments.protocol import protocol

GUIDES = pathlib.Path(__file__).parents[2] / "docs" / "guides"
TIMES = "user_id,item_id,timestamp\n1,7,{}\n"
# an option: files, the arguments, and a table, its column and what comes out of it
CASES = {
    "--rename": (
        {"d/events.csv": "visitorid,item_id\n5,a\n", "d/users.csv": "id,age\n5,40\n"},
        "--data d --rename visitorid=user_id --rename users.id=user_id",
        ("users", "age", [40]),
    ),
    "--users": (
        {"log.csv": "user_id,item_id\n5,a\n", "people.csv": "user_id,age\n5,40\n"},
        "--data log.csv --users people.csv",
        ("users", "age", [40]),
    ),
    "--items": (
        {"log.csv": "user_id,item_id\n5,a\n", "goods.jsonl": '{"item_id": "a", "price": 2.5}'},
        "--data log.csv --items goods.jsonl",
        ("items", "price", [2.5]),
    ),
    "--no-header": (
        {"e.csv": "5,a,1600000000\n", "i.csv": "a,Tea\n"},
        "--data e.csv --items i.csv --no-header user_id,item_id,timestamp "
        "--no-header items=item_id,title",
        ("items", "title", ["Tea"]),
    ),
    "--separator": ({"e.txt": "user_id;item_id\n5;a,b\n"}, "--separator ';'", ["a,b"]),
    "--separator tab": ({"e.txt": "user_id\titem_id\n5\ta\n"}, "--separator tab", ["a"]),
    "--encoding": ({"e.csv": "user_id,item_id\n5,é\n"}, "--encoding latin-1", ["é"]),
    "--decimal": (
        {"e.csv": 'user_id,item_id,rating\n5,a,"1,500"\n'},
        "--decimal ,",
        ("events", "rating", [1.5]),
    ),
    "--decimal .": (
        {"e.csv": 'user_id,item_id,rating\n5,a,"1,500"\n'},
        "--decimal .",
        ("events", "rating", [1500]),
    ),
    "--no-quotes": ({"e.csv": 'user_id,item_id\n5,"a\n6,b"\n'}, "--no-quotes", ['"a', 'b"']),
    "--escape": (
        {"e.csv": 'user_id,item_id\n5,"a \\"b\\", c"\n'},
        r"--escape '\'",
        ['a "b", c'],
    ),
    "--columns": (
        {"d/events.csv": "user_id,item_id,x\n5,a,1\n", "d/items.csv": "item_id,y,z\na,1,2\n"},
        "--data d --columns items.y",
        ("items", None, ["item_id", "y"]),
    ),
    "--type": (
        {"e.csv": "user_id,item_id,zip\n5,a,123\n"},
        "--type zip=str",
        ("events", "zip", ["123"]),
    ),
    "--list": (
        {"e.csv": "user_id,item_id\n5,a\n", "i.csv": 'item_id,tags\na,"x,y"\n'},
        "--data e.csv --items i.csv --list tags=,",
        ("items", "tags", [["x", "y"]]),
    ),
    **{
        f"--time-unit {unit}": (
            {"e.csv": TIMES.format(written)},
            f"--time-unit {unit}",
            ("events", "timestamp", [read]),
        )
        for unit, written, read in (
            ("s", 1_600_000_000, 1_600_000_000),
            ("ms", 1_600_000_000_500, 1_600_000_000.5),
            ("us", 1_600_000_000_000_000, 1_600_000_000),
            ("ns", 1_600_000_000_000_000_000, 1_600_000_000),
            ("days", 18_518, 18_518 * 86_400),
            ("spreadsheet", 44_087.5, 18_518 * 86_400 + 43_200),
            ("order", 3, 3),
        )
    },
    "--time-format": (
        {"e.csv": TIMES.format(20200913)},
        "--time-format %Y%m%d",
        ("events", "timestamp", [18_518 * 86_400]),
    ),
    "--mend-ids": (
        {"e.csv": "user_id,item_id\n5,7\n", "i.csv": "item_id\n 007\n"},
        "--data e.csv --items i.csv --mend-ids",
        ["007"],
    ),
    "--keep-ids": (
        {"e.csv": "user_id,item_id\n5,7\n", "i.csv": "item_id\n 007\n"},
        "--data e.csv --items i.csv --keep-ids",
        ["7"],
    ),
    "--drop-bad-rows": (
        {"e.csv": "user_id,item_id,rating\n5,7,-\n5,8,3\nTotal,,40\n5,9,\n"},
        "--drop-bad-rows",
        ("events", "item_id", [8, 9]),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_option_does_what_the_guide_says(name, tmp_path, monkeypatch):
    files, arguments, expected = CASES[name]
    for file, content in files.items():
        (tmp_path / file).parent.mkdir(exist_ok=True)
        encoding = "latin-1" if "latin-1" in arguments else "utf-8"
        (tmp_path / file).write_bytes(content.encode(encoding))
    monkeypatch.chdir(tmp_path)
    if "--data" not in arguments:
        arguments = f"--data {next(iter(files))} {arguments}"
    command = typer.main.get_command(app).commands["train"]
    given = command.make_context("train", ["popular", *shlex.split(arguments)]).params
    data = options.source(**{one: given[one] for one in options.DATA}).load()
    table, column, values = (
        expected if isinstance(expected, tuple) else ("events", "item_id", expected)
    )
    frame = getattr(data, table)
    assert (list(frame) if column is None else frame[column].tolist()) == values


def test_the_guides_have_every_option():
    pages = [GUIDES / "reading_data.md", GUIDES / "measuring.md"]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    read = {f"--{name.replace('_', '-')}" for name in options.DATA}
    measured = {f"--{name.replace('_', '-')}" for name in inspect.signature(protocol).parameters}
    for option in sorted(read | measured | {"--no-quotes", "--keep-ids", "--cuts"}):
        option = {"--quotes": "--no-quotes"}.get(option, option)
        assert f"`{option}" in text or f" {option}" in text, option
    assert read - {"--data", "--quotes"} <= {name.split()[0] for name in CASES}
