"""What a model's page has from elsewhere: departures from the code, figures from their page.

A page says by `model: TwoTower` in its front matter which model it is of, and by
`departures: true` that the table of all of them is below its text.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).parents[2]
TABLE = re.compile(  # below its title, and above what is noted of its marks
    r"^([A-Z][^\n|]*):\n\n(\| model \|.*?)(\n\n† [^\n]*)?(?=\n\n|\n?\Z)",
    re.DOTALL | re.MULTILINE,
)


if str(ROOT) not in sys.path:  # the tests read the docstrings, and so does the site
    sys.path.insert(0, str(ROOT))


def on_page_markdown(markdown, page, **_):
    name = page.meta.get("model")
    if page.meta.get("departures"):
        return "\n\n".join([markdown.rstrip(), all_departed()])
    if name is None:
        return markdown
    title, _, text = markdown.strip().partition("\n")
    parts = [title, *sourced(name), text.strip(), *departed(name), *measured(name), *further(name)]
    return "\n\n".join(parts)


def all_departed() -> str:
    """The table of every model that has a paper."""
    from tests.contract.departures import of_papers, table

    return table(of_papers())


def sourced(name: str) -> list[str]:
    """The papers that the model is after, in full."""
    from tests.contract.departures import source
    from tfrec_recall import models

    model_class = getattr(models, name)
    return [] if model_class.PUBLISHED is None else [f"Paper: {source(model_class)}"]


def departed(name: str) -> list[str]:
    """Which paper, what differs by default and what takes it back."""
    from tests.contract.departures import departures, paper, shown, trained
    from tfrec_recall import models

    model_class = getattr(models, name)
    if model_class.PUBLISHED is None:
        return []
    plain = model_class.plain_form()
    training = trained(model_class)
    text = [
        "## Departures from the paper",
        f"`{name}.published(features)` is the plain form of {paper(model_class)}, "
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
