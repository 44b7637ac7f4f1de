"""Our docstrings as Markdown: bold sections, lists of call arguments, doctests as code."""

import re
import textwrap

import griffe

TITLES = "Source|Departs|Input|Output|Returns|Raises"
ONE_LINE = re.compile(rf"^({TITLES}): (?=\S)", re.MULTILINE)
LISTED = re.compile(rf"^({TITLES}|Call arguments[^\n]*?):\n((?:[ ]+[^\n]*\n?|\n(?=[ ]))+)", re.M)
ARGS = re.compile(r"^(Args:\n)((?:[ ]+[^\n]*\n?|\n(?=[ ]))+)", re.MULTILINE)
ENTRY = re.compile(r"^(\w+(?:, \w+)*): ", re.MULTILINE)
TOGETHER = re.compile(r"^( {4})(\w+(?:,\s+\w+)+): (.*(?:\n {8}.*)*)", re.MULTILINE)
DOCTEST = re.compile(r"^>>> .*(?:\n(?!\n).+)*", re.MULTILINE)


class Docstrings(griffe.Extension):
    """Rewrites each docstring as it is read."""

    def on_object(self, *, obj, **_):
        if obj.docstring:
            obj.docstring.value = as_markdown(obj.docstring.value)


def as_markdown(text: str) -> str:
    """`Args:` stays a section of Google's style, one entry an argument; the rest becomes text."""
    text = DOCTEST.sub(lambda found: f"```pycon\n{found[0]}\n```", text)
    text = ARGS.sub(lambda found: "\n" + found[1] + _one_each(found[2]) + "\n", text)
    text = LISTED.sub(_list, text)
    return ONE_LINE.sub(r"\n**\1:** ", text)


def _list(found: re.Match) -> str:
    content = textwrap.dedent(found[2])
    if not content.lstrip().startswith("- "):
        content = ENTRY.sub(r"- **`\1`**: ", content)
    return f"\n**{found[1]}:**\n\n{content}\n"


def _one_each(block: str) -> str:
    def apart(found: re.Match) -> str:
        names = re.split(r",\s+", found[2])
        return "\n".join(f"{found[1]}{name}: {found[3]}" for name in names)

    return TOGETHER.sub(apart, block)
