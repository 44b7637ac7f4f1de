"""What a model's page has from elsewhere: departures from the code, figures from their page.

A page says by `model: TwoTower` in its front matter which model it is of.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).parents[2]
TABLE = re.compile(  # below its title, and above what is noted of its marks
    r"^([A-Z][^\n|]*):\n\n(\| model \|.*?)(\n\n† [^\n]*)?(?=\n\n|\n?\Z)",
    re.DOTALL | re.MULTILINE,
)


def on_page_markdown(markdown, page, **_):
    name = page.meta.get("model")
    if name is None:
        return markdown
    return "\n\n".join([markdown.rstrip(), *departed(name), *measured(name), *further(name)])


def departed(name: str) -> list[str]:
    """Which paper, what differs by default and what takes it back."""
    sys.path.insert(0, str(ROOT))  # the tests read the docstrings, and so does the site
    from tests.contract.departures import departures, shown, trained
    from tfrec_recall import models

    model_class = getattr(models, name)
    if model_class.PUBLISHED is None:
        return []
    plain = model_class.plain_form()
    training = trained(model_class)
    text = [
        "## Departures from the paper",
        f"`{name}.published(features)` is the plain form of {plain.paper}, "
        "`--settings published` on the command line. Argument by argument:",
        "\n".join(
            ["| the defaults depart | the paper's |", "| --- | --- |"]
            + [f"| {each.what} | {shown(each, plain)} |" for each in departures(model_class)]
        ),
    ]
    if training:
        text.append(f"The plain form trains with {training}.")
    return text


def measured(name: str) -> list[str]:
    """The rows of the tables of figures that are the model's."""
    figures = (ROOT / "docs" / "figures.md").read_text(encoding="utf-8")
    command, found = command_of(name), []
    for title, table, note in TABLE.findall(figures):
        head, rule, *rows = table.splitlines()
        own = [row for row in rows if command in _models(row)]
        if own:
            most = [row for row in rows if "popular" in _models(row) and row not in own]
            shown = "\n".join([head, rule, *most, *own])
            found.append(f"{title}:\n\n{shown}{note * ('†' in shown)}")
    if not found:
        return []
    how = "Full ranking of the catalogue on test; [Figures](../figures.md) has all models, and how."
    return ["## Measured", how, *found]


def _models(row: str) -> list[str]:
    """Those that a row of a table is of."""
    return re.findall(r"`([^`]+)`", row.split("|")[1])


def further(name: str) -> list[str]:
    return [
        f"All arguments: [`{name}`](../reference/models.md#tfrec_recall.models.{name}). "
        f"On the command line: `tfrec-recall train {command_of(name)} --data NAME_OR_PATH`."
    ]


def command_of(name: str) -> str:
    """The name on the command line, which that of the page is too."""
    from tfrec_recall.cli.discovery import entries

    (command,) = [each.name for each in entries().values() if each.class_name == name]
    return command
