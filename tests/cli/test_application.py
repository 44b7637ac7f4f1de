"""The command line before any work is done: help, names, exit codes, and no TensorFlow."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

import tfrec_recall
from tfrec_recall.cli import application
from tfrec_recall.cli.application import app, main

HEAVY = {"tensorflow", "keras", "tf_keras", "numpy", "pandas", "pyarrow", "scipy"}


def run(*arguments):
    return CliRunner().invoke(app, arguments)


def exit_of(*arguments):
    with pytest.raises(SystemExit) as raised:
        main(arguments)
    return raised.value.code


def test_help_lists_every_command():
    result = run("--help")
    assert result.exit_code == 0
    for command in ("datasets", "models", "train", "evaluate", "recommend", "show", "diff", "demo"):
        assert command in result.output


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("train", ["--data", "--rename", "--seed", "--settings", "--index", "--export", "--json"]),
        ("evaluate", ["--data", "--rename", "--on", "--k", "--candidates", "--lists", "--json"]),
        ("recommend", ["--user", "--history", "--k", "--data", "--rename"]),
        ("demo", ["--data", "--seed", "--export"]),
    ],
)
def test_help_of_a_command_names_its_options(command, options):
    result = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    assert [option for option in options if option not in result.output] == []


def test_version():
    assert run("--version").output == f"tfrec-recall {tfrec_recall.__version__}\n"


LIGHT = [
    (["--help"], 0),
    (["train", "--help"], 0),
    (["models"], 0),
    (["datasets"], 0),
    (["train", "two-tower", "--data", "./not a folder"], 1),
    (["train", "two-tower", "--export", "a[b]"], 1),
    (["train", "two-towers"], 1),
    (["recommend", "./not an export", "--user", "1"], 1),
]
CHILDREN = f"""if True:
    import os, sys
    from tfrec_recall.cli import main
    for arguments, _ in {LIGHT}:
        print(end="", flush=True)
        child = os.fork()
        if not child:
            try:
                main(arguments)
            except SystemExit as end:
                print(end.code, sorted({HEAVY} & set(sys.modules)), "\\0", flush=True)
            os._exit(0)
        os.waitpid(child, 0)
"""


def test_nothing_is_imported_that_is_not_needed():
    """What makes a start slow is what it imports; a clock would measure the machine.

    Commands are children of one process that has imported what all of them need.
    """
    done = subprocess.run(
        [sys.executable, "-c", CHILDREN], capture_output=True, text=True, check=True
    )
    *said, _ = done.stdout.split("\0")
    for (arguments, code), printed in zip(LIGHT, said, strict=True):
        assert printed.splitlines()[-1] == f"{code} [] ", arguments


@pytest.mark.parametrize(
    "arguments",
    [
        ("trian",),
        ("train",),
        ("train", "popular", "--index", "faiss"),
        ("train", "popular", "--settings", "nowhere.json"),
        ("evaluate", "somewhere", "--on", "train"),
        ("evaluate", "somewhere", "--k", "0"),
        ("recommend", "somewhere"),
        ("recommend", "somewhere", "--user", "1", "--history", "2"),
    ],
)
def test_a_wrong_call_exits_with_2(arguments, capsys):
    assert exit_of(*arguments) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_foreseen_failure_is_its_message_and_exits_with_1(capsys):
    assert exit_of("train", "two-towers") == 1
    captured = capsys.readouterr()
    assert "Models are " in captured.err
    assert "Did you mean two-tower?" in captured.err
    assert "Traceback" not in captured.err
    assert captured.out == ""


@pytest.mark.parametrize("place", [0, 1, 2])
def test_debug_shows_where_it_comes_from_wherever_it_stands(place):
    arguments = ["train", "two-towers"]
    arguments.insert(place, "--debug")
    with pytest.raises(ValueError, match="Did you mean two-tower"):
        main(arguments)


def test_an_unforeseen_failure_names_its_type_and_shows_no_traceback(monkeypatch, capsys):
    def broken(arguments, prog_name):
        raise KeyError("user_id")

    monkeypatch.setattr(application, "app", broken)
    assert exit_of("models") == 1
    message = capsys.readouterr().err
    assert "KeyError: 'user_id'" in message
    assert "fault of tfrec-recall" in message
    assert "Traceback" not in message


def test_brackets_in_a_message_are_no_markup(monkeypatch, capsys):
    def broken(arguments, prog_name):
        raise ValueError("Received: [red], shape [batch, dim]")

    monkeypatch.setattr(application, "app", broken)
    exit_of("models")
    assert "Received: [red], shape [batch, dim]" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["[/b]", "[red]shop", ":tea:"])
def test_brackets_in_a_path_are_no_markup(name, capsys):
    assert exit_of("train", "popular", "--data", name) == 1
    assert f"Received: {name!r}" in capsys.readouterr().err
    assert exit_of("train", "popular", "--settings", f"{name}.json") == 2
    assert f"'{name}.json'" in " ".join(capsys.readouterr().err.split())


def test_an_interrupt_exits_with_130(monkeypatch):
    def interrupted(model):
        raise KeyboardInterrupt

    monkeypatch.setattr("tfrec_recall.cli.commands.train.entry", interrupted)
    assert exit_of("train", "popular") == 130


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["train", "popular", "--data", ""], "--data"),
        (["train", "popular", "--export="], "--export"),
        (["evaluate", ""], "An argument"),
        (["recommend", "export", "--user", "", "--quiet"], "--user"),
    ],
)
def test_an_empty_text_is_no_data_set_and_no_folder(arguments, named, capsys):
    assert exit_of(*arguments) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert f"Error: {named} is an empty text: is a variable of the shell not set?" in said


def test_an_empty_history_is_one():
    assert application._empty(["recommend", "export", "--history", "", "--k", "3"]) is None
    assert application._empty(["recommend", "export", "--where", "category="]) is None
