"""What the models' docstrings say of how they depart from their papers.

    python -m tests.contract.departures  # the table of all of them

A line of it, below `Departs:`, is `- what differs: `argument=value`.`, with the paper's value.
"""

from __future__ import annotations

import inspect
import re
from typing import Any, NamedTuple

from tfrec_recall import graph, models, sampling
from tfrec_recall.models import RecallModel
from tfrec_recall.models.published import Published

BLOCK = re.compile(r"^Departs:(.*?)(?:\n\n|\Z)", re.DOTALL | re.MULTILINE)
ITEM = re.compile(r"^- (.*?)(?=^- |\Z)", re.DOTALL | re.MULTILINE)
LINE = re.compile(r"(?P<what>.*?): (?P<arguments>`\w+=.*`)\.")
CHOSEN = " (chosen here)"  # by whoever wrote the model, as the paper leaves it open
ARGUMENT = re.compile(r"`(\w+)=([^`]*)`")
SOURCE = re.compile(r"^Source: (.*?)(?=\n+Departs:|\n\n|\Z)", re.DOTALL | re.MULTILINE)


class Departure(NamedTuple):
    """What differs, and the arguments that take it back, as they are written and as values."""

    what: str
    text: str
    arguments: dict[str, Any]


def departures(model_class: type[RecallModel]) -> list[Departure]:
    """Those of the class, and those that it has from the models it is derived from: what its own
    plain form does not take back of these it does not do.
    """
    found, taken_back = _own(model_class), model_class.plain_form().arguments
    for cls in model_class.__mro__[1:]:
        if issubclass(cls, RecallModel):
            found = [d for d in _own(cls) if d.arguments.keys() & taken_back.keys()] + found
    return found


def source(model_class: type[RecallModel]) -> str:
    """The papers that the docstring is after, in full, with what of them the model takes."""
    found = SOURCE.search(inspect.cleandoc(vars(model_class).get("__doc__") or ""))
    if found is None:
        raise ValueError(
            f'A model\'s docstring says `Source: "TITLE", VENUE YEAR`. Received: none of '
            f"{model_class.__name__}."
        )
    joined = re.sub(r"(?<=\w-)\n", "", found[1])  # a word that goes on in the next line
    return " ".join(joined.split())


def paper(model_class: type[RecallModel]) -> str:
    """The title and the venue of the paper that the plain form is of."""
    venue, said = model_class.plain_form().paper, source(model_class)
    found = re.search(rf'"[^"]+", {re.escape(venue)}', said)
    if found is None:
        raise ValueError(
            f"The docstring's `Source:` has a title before the venue of the published form, "
            f"{venue}. Received: {said!r} of {model_class.__name__}."
        )
    return found[0]


def _own(cls: type) -> list[Departure]:
    block = BLOCK.search(inspect.cleandoc(vars(cls).get("__doc__") or ""))
    found = []
    for item in ITEM.findall(inspect.cleandoc(block[1]) if block else ""):
        line = LINE.fullmatch(" ".join(item.split()))
        if line is None:
            raise ValueError(
                f"{cls.__name__} departs by lines `- what: `argument=value`.`. Received: {item!r}."
            )
        names = {**vars(graph), **vars(sampling)}
        arguments = {n: eval(value, names) for n, value in ARGUMENT.findall(line["arguments"])}
        found.append(Departure(line["what"], line["arguments"], arguments))
    return found


def table(model_classes: list[type[RecallModel]]) -> str:
    """Model, paper, each departure, its argument, and the paper's training, in Markdown."""
    rows = ["| model | paper | the defaults depart | the paper's |", "| --- | --- | --- | --- |"]
    for model_class in model_classes:
        plain = model_class.plain_form()
        name, of = f"`{model_class.__name__}`", paper(model_class)
        for departure in departures(model_class):
            said = shown(departure, plain)
            rows.append(f"| {name} | {of} | {departure.what} | {said} |")
            name = of = ""
        training = trained(model_class)
        if training:
            rows.append(f"| {name} | {of} | training | {training} |")
    return "\n".join(rows)


def of_papers() -> list[type[RecallModel]]:
    """The models that have a paper, in the order in which the package offers them."""
    found = [getattr(models, name) for name in models.__all__]
    return [each for each in found if each.PUBLISHED is not None]


def shown(departure: Departure, plain: Published) -> str:
    """What takes it back; what is chosen here is not told as the paper's."""
    return departure.text + CHOSEN * any(name in plain.chosen for name in departure.arguments)


def trained(model_class: type[RecallModel]) -> str:
    """The optimiser, if its paper names one, and the settings of the plain form's training; nothing
    where it says nothing.
    """
    plain = model_class.plain_form()
    training = {n: v for n, v in plain.settings.items() if n not in plain.arguments}
    said = [f"`{n}={v}`" + CHOSEN * (n in plain.chosen) for n, v in training.items()]
    if plain.optimizer is not None:
        said = [f"`{type(plain.optimizer(0.1)).__name__}`", *said]
    return ", ".join(said)


if __name__ == "__main__":
    print(table(of_papers()))
