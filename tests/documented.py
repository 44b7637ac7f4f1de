"""The command lines of the documentation, in its blocks and within its text, as lists of words."""

import json
import pathlib
import re
import shlex

ROOT = pathlib.Path(__file__).resolve().parents[1]
TEXTS = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "benchmarks").glob("*.md"),
        *(ROOT / "saved_models").glob("*.md"),
    ]
)
FENCED = re.compile(r"^ *```([^\n]*)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
OURS = re.compile(r"^(?:.*?\bexec |\$ | *)tfrec-recall +(.*)$", re.MULTILINE)
BENCHMARK = re.compile(r"^(?:.*;)? *python (?:-m )?(benchmarks[./].*)$", re.MULTILINE)
ENTRY = re.compile(r'^ENTRYPOINT (\["tfrec-recall", .*\])$', re.MULTILINE)
ARRAY = re.compile(r"^(\w+)=\((.*?)\)$", re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r"""(?:'[^']*'|"[^"]*"|[^'"|;&>])*""")  # to what ends it for a shell
QUOTED = re.compile(r"(?<!`)(`{2,})(?!`).*?(?<!`)\1(?!`)", re.DOTALL)  # what holds backticks


def whole():
    """Commands of blocks, after the name of the program: pairs of the page and the words."""
    found = []
    for page, text in texts():
        for block in blocks(text):
            found += [(page, words) for words in commands(block)]
    return found


def commands(block):
    """Those of one block."""
    return [words_of(line) for line in OURS.findall(block)]


def within(names):
    """Commands in sentences, and in images, which may lack what these are not about: pairs as of
    `whole`.

    Args:
        names: of the commands, which are often given without the program's; options alone begin
            with themselves.
    """
    found = []
    for page, text in texts():
        found += [(page, json.loads(entry)[1:]) for entry in ENTRY.findall(text)]
        for line in spans(text):
            first, _, rest = line.partition(" ")
            if first == "tfrec-recall" and rest:
                found.append((page, words_of(rest)))
            elif (first in names and rest) or re.match(r"--[a-z]", first):
                found.append((page, words_of(line)))
    return [(page, words) for page, words in found if words]


def of_benchmarks():
    """Pairs of the page and a command after `python`, wherever it stands: a script and options."""
    return [
        (page, words_of(line))
        for page, text in texts()
        for part in (*blocks(text), *spans(text))
        for line in BENCHMARK.findall(part)
    ]


def texts():
    """Pairs of the page and its text."""
    return [(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")) for path in TEXTS]


def blocks(text):
    """What stands in fences, a command a line; lists of a shell, `DATA=(…)`, where they go."""
    found = []
    for _, block in FENCED.findall(text):
        for name, words in ARRAY.findall(block):
            block = block.replace(f'"${{{name}[@]}}"', " ".join(words.split()))
        found.append(block.replace("\\\n", " "))
    return found


def spans(text):
    """What stands between backticks within a paragraph, each as one line."""
    plain = QUOTED.sub("", FENCED.sub("", text))
    found = [span for part in plain.split("\n\n") for span in re.findall(r"`([^`]+)`", part)]
    return [" ".join(span.replace("\\|", "|").split()) for span in found]


def words_of(line):
    """As a shell parts it, up to what ends the command; without dots in the place of words."""
    begin = COMMAND.match(line)[0]
    return [word for word in shlex.split(begin, comments=True) if word not in ("…", "...")]
