"""What a comparison is of, models and exports, by the names of rows, and with which settings."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tfrec_recall.cli.arguments.settings import read_all
from tfrec_recall.cli.discovery import entries, entry
from tfrec_recall.comparison.runs import YARDSTICK

NAME = re.compile(r"\w[\w.-]*")  # which files begin with


def parse_models(text: str | None) -> dict[str, str]:
    """The models of --models, by the names of their rows; None is all, the yardstick first.

    Of an export, which is named like its directory, it is the path of the version.

    >>> parse_models("popular, tuned=two-tower")
    {'popular': 'popular', 'tuned': 'two-tower'}

    Raises: ValueError for an unknown model, a name that no file can have, that is another model's,
        or that two models have; FileNotFoundError for a path that is no export's.
    """
    if text is None:
        return {name: name for name in sorted(entries(), key=lambda name: name != YARDSTICK)}
    found: dict[str, str] = {}
    for one in text.split(","):
        name, _, model = (part.strip() for part in one.partition("="))
        model = model or name
        if model not in entries() and ("/" in model or pathlib.Path(model).is_dir()):
            given, model = pathlib.Path(model).resolve(), str(_version(model))
            if name == one.strip():
                name = given.parent.name if str(given) == model else given.name
        else:
            model = entry(model).name
        if not NAME.fullmatch(name) or (name in entries() and name != model):
            raise ValueError(
                "--models takes MODEL or EXPORT, or NAME=MODEL with a name of letters, digits, "
                f"dots and dashes that is no other model's. Received: {one!r}."
            )
        if found.setdefault(name, model) != model:
            raise ValueError(
                f"--models has {name!r} for two models: give each a name. Received: {text}."
            )
    return found


def _version(place: str) -> pathlib.Path:
    from tfrec_recall.export.version_files import newest_version

    return newest_version(pathlib.Path(place)).resolve()


def parse_settings(
    pairs: Sequence[str], models: Mapping[str, str]
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """What --settings says, by the names of rows: the settings, and who has the paper's.

    Args:
        models: as of `parse_models`.

    Raises: ValueError for models that are not compared, or that have no paper, and for exports.
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
    exports = [name for name in sources if models[name] not in entries()]
    if exports:
        raise ValueError(
            "--settings is of models that are trained: leave it out for exports. "
            f"Received: {', '.join(exports)}."
        )
    read = {name: read_all(of_one) for name, of_one in sources.items()}
    published = [name for name, (is_published, _) in read.items() if is_published]
    for name in published:
        entry(models[name]).load().plain_form()
    return {name: settings for name, (_, settings) in read.items() if settings}, published
