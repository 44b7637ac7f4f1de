"""What the models' docstrings say of how they depart from their papers.

    python -m tests.contract.departures  # the table of all of them

A line of it, below `Departs:`, is `- what differs: `argument=value`.`, with the paper's value.
"""

from __future__ import annotations

import inspect
import re
from typing import Any, NamedTuple

from tfrec_recall import graph, sampling
from tfrec_recall.models import RecallModel
from tfrec_recall.models.published import Published

BLOCK = re.compile(r"^Departs:(.*?)(?:\n\n|\Z)", re.DOTALL | re.MULTILINE)
ITEM = re.compile(r"^- (.*?)(?=^- |\Z)", re.DOTALL | re.MULTILINE)
LINE = re.compile(r"(?P<what>.*?): (?P<arguments>`\w+=.*`)\.")
CHOSEN = " (chosen here)"  # by whoever wrote the model, as the paper leaves it open
ARGUMENT = re.compile(r"`(\w+)=([^`]*)`")


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
        name, paper = f"`{model_class.__name__}`", plain.paper
        for departure in departures(model_class):
            said = shown(departure, plain)
            rows.append(f"| {name} | {paper} | {departure.what} | {said} |")
            name = paper = ""
        training = trained(model_class)
        if training:
            rows.append(f"| {name} | {paper} | training | {training} |")
    return "\n".join(rows)


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
    from tests.contract.model_cases import CASES

    print(table([c for c in CASES if c.PUBLISHED is not None]))
