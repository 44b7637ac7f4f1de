"""Each command line of the documentation is one that the program takes; the guide's run."""

import pathlib
import re

import pytest

from tests.cli.conftest import printed
from tests.command_lines import NAMES, command, refusal
from tests.documented import ROOT, blocks, commands, of_benchmarks, whole, within
from tfrec_recall.cli.application import ANYWHERE

OF_OTHERS = {  # programs: scripts of benchmarks, and TensorFlow Serving
    ("--peer",),
    ("--scann",),
    ("--size",),
    ("--model",),
    ("--models", "graph-sage", "pin-sage"),
    ("--file_system_poll_wait_seconds",),
    ("--monitoring_config_file",),
}
GUIDE = blocks((ROOT / "docs" / "guides" / "own_data.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("train two-tower --exports saved_models/shop", "No such option"),
        ("train two-towers", "Did you mean two-tower"),
        ("train two-tower --index faiss", "'faiss' is not one of"),
        ("train two-tower --checkpoint-every 5", "needs --checkpoints"),
        ("train two-tower more", "unexpected extra argument"),
        ("tune two-tower --budget soon", "length of time"),
        ("tune two-tower --search colour", "AssertionError"),
        ("compare --models popular --settings sdm=published", "are not compared"),
        ("compare --seeds 0", "greater than or equal to 1"),
        ("evaluate", "Missing"),
        ("trian popular", "No such command"),
    ],
)
def test_what_is_wrong_with_a_line_is_found(line, said):
    assert said in str(refusal(line.split()))


def test_every_command_of_a_block_is_taken():
    found = whole()
    assert {words[0] for _, words in found} == NAMES
    refused = [(page, words, refusal(words)) for page, words in found]
    assert not [one for one in refused if one[2] is not None]


def test_what_is_said_of_a_command_is_taken():
    found = within(NAMES)
    assert {"README.md", "CHANGELOG.md", "docs/serving.md"} < {page for page, _ in found}
    assert not [
        (page, words, refusal(words, in_part=True))
        for page, words in found
        if not words[0].startswith("-") and refusal(words, in_part=True)
    ]


def test_each_option_that_is_told_alone_is_one_of_a_command():
    options = {tuple(words) for _, words in within(NAMES) if words[0].startswith("-")}
    options = {words for words in options if words[0] not in ANYWHERE}
    assert len(options) > 50
    lost = [
        words
        for words in options
        if words not in OF_OTHERS
        and (words[0],) not in OF_OTHERS
        and all(refusal([name, *words], in_part=True) for name in sorted(NAMES))
    ]
    assert not lost


def test_options_that_the_program_names_are_there():
    """In messages and in what helps."""
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "tfrec_recall").rglob("*.py")]
    option = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*[a-z0-9]")
    named = {one for text in sources for one in option.findall(text)}
    of_commands = [one for each in command().commands.values() for one in each.params]
    known = {name for one in of_commands for name in (*one.opts, *one.secondary_opts)}
    others = {"--help", "--version", "--logdir", "--porcelain", "--untracked-files", "--verify"}
    assert named - known - {*ANYWHERE, *others, "--table"} == set()  # of git, and of a benchmark


def test_scripts_of_benchmarks_are_there_and_know_their_options():
    wrong = []
    for page, (name, *words) in of_benchmarks():
        script = ROOT / (name if name.endswith(".py") else f"{name.replace('.', '/')}.py")
        if not script.exists():
            wrong.append((page, name))
            continue
        text = script.read_text(encoding="utf-8")
        parts = re.findall(r"^from benchmarks\.(\w+) import", text, re.MULTILINE)
        text += "".join((ROOT / f"benchmarks/{part}.py").read_text("utf-8") for part in parts)
        options = [word.partition("=")[0] for word in words if word.startswith("--")]
        wrong += [(page, name, option) for option in options if f'"{option}"' not in text]
    assert len(of_benchmarks()) > 50
    assert not wrong


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """A folder with what the guide's till wrote, 1,200 sales more, and products; and the orders of
    the README."""
    monkeypatch.chdir(tmp_path)
    (first,) = [block for block in GUIDE if block.startswith("Customer Ref.;")]
    sold = [
        (f"C-{12347 + n % 60}", 1642 + n * 7 % 83, f"{n // 60:02d}", n % 60) for n in range(1200)
    ]
    sales = [f"{who};{what};1;01/01/2011 {hour}:{minute:02d}" for who, what, hour, minute in sold]
    pathlib.Path("sales.csv").write_text("\n".join([*first.splitlines(), *sales]))
    products = ["1642;Inflatable Political Globe;4,95", "2284;Tea Towel;2,50"]
    products += [f"{sku};Lunch Box {sku};{sku % 40},95" for sku in range(1643, 1725)]
    pathlib.Path("products.csv").write_text(
        "\n".join(["SKU (internal);Product Name;Unit Price", *products])
    )
    orders = [f"{who},{what},2011-01-01T{hour}:{minute:02d}" for who, what, hour, minute in sold]
    pathlib.Path("orders.csv").write_text(
        "\n".join(["Customer Ref.,SKU (internal),Time of Purchase", *orders])
    )


def lacking(block, output):
    """What a block shows, between its dots, and the output does not have."""
    parts = [" ".join(part.split()) for part in block.split("…")]
    return [part for part in parts if part not in " ".join(output.split())]


def test_the_first_calls_of_the_guide_say_what_it_shows(shop, capsys):
    (asked,) = [block for block in GUIDE if block.startswith("$ tfrec-recall train popular")]
    (words,) = commands(asked)
    said = printed(*_in_order(words, capsys), code=1).err
    assert not lacking(asked.partition("\n")[2], said)
    (of_times,) = [block for block in GUIDE if "column 'timestamp' has type" in block]
    named = next(words for block in GUIDE for words in commands(block) if "--rename" in words)
    assert named[-2] == "--time-format"
    assert not lacking(of_times, printed(*_in_order(named[:-2], capsys), code=1).err)


@pytest.mark.programs
def test_the_commands_of_the_guide_run(shop, capsys):
    lines = [words for block in GUIDE for words in commands(block)]
    (features,) = [block for block in GUIDE if block.startswith("Features of users")]
    said = ""
    for words in lines[2:]:  # after the demo, and the call that fails
        if words[0] != "serve":
            said += printed(*_in_order(words, capsys)).err
    lines = [line for line in features.splitlines() if line not in said]
    assert not lines, said


@pytest.mark.programs
def test_the_commands_of_the_readme_run(shop, capsys):
    readme = blocks((ROOT / "README.md").read_text(encoding="utf-8"))
    (block,) = [one for one in readme if "orders.csv" in one]
    train, recommend, _ = commands(block)
    said = printed(*_in_order(train, capsys))
    for line in ("Features of users: user_id (Categorical)", "Exported to saved_models/shop/1"):
        assert line in block
        assert line in said.err
    assert "For user C-12347" in printed(*_in_order(recommend, capsys)).out


def _in_order(words, capsys):
    """As `printed` takes them."""
    return [words[0], capsys, *words[1:]]
