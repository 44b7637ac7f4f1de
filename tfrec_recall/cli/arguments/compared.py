"""Which models a comparison is of, by the names of their rows, and with which settings."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tfrec_recall.cli.arguments.settings import read_all
from tfrec_recall.cli.discovery import entries, entry
from tfrec_recall.comparison.runs import YARDSTICK

NAME = re.compile(r"\w[\w.-]*")  # which files begin with


def parse_models(text: str | None) -> dict[str, str]:
    """The models of --models, by the names of their rows; None is all, the yardstick first.

    >>> parse_models("popular, tuned=two-tower")
    {'popular': 'popular', 'tuned': 'two-tower'}

    Raises: ValueError for an unknown model, a name that no file can have, that is another model's,
        or that two models have.
    """
    if text is None:
        return {name: name for name in sorted(entries(), key=lambda name: name != YARDSTICK)}
    found: dict[str, str] = {}
    for one in text.split(","):
        name, _, model = (part.strip() for part in one.partition("="))
        model = entry(model or name).name
        if not NAME.fullmatch(name) or (name in entries() and name != model):
            raise ValueError(
                "--models takes MODEL, or NAME=MODEL with a name of letters, digits, dots and "
                f"dashes that is no other model's. Received: {one!r}."
            )
        if found.setdefault(name, model) != model:
            raise ValueError(
                f"--models has {name!r} for two models: give each a name. Received: {text}."
            )
    return found


def parse_settings(
    pairs: Sequence[str], models: Mapping[str, str]
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """What --settings says, by the names of rows: the settings, and who has the paper's.

    Args:
        models: as of `parse_models`.

    Raises: ValueError for models that are not compared, or that have no paper.
    """
    sources: dict[str, list[str]] = {}
    for pair in pairs:
        name, _, source = pair.partition("=")
        if not name or not source:
            raise ValueError(
                "--settings takes MODEL=FILE or MODEL=published, by the name that the model has "
                f"in --models. Received: {pair!r}."
            )
        sources.setdefault(name, []).append(source)
    others = [name for name in sources if name not in models]
    if others:
        raise ValueError(
            f"--settings is of models that are compared: add {', '.join(others)} to --models, or "
            f"leave it out. Received: --models {','.join(models)}."
        )
    read = {name: read_all(of_one) for name, of_one in sources.items()}
    published = [name for name, (is_published, _) in read.items() if is_published]
    for name in published:
        entry(models[name]).load().plain_form()
    return {name: settings for name, (_, settings) in read.items() if settings}, published
