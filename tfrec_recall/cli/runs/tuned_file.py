"""The settings that a search found, as `train --settings` takes them, with what each brought."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from tfrec_recall.cli.arguments.durations import shown

if TYPE_CHECKING:
    from tfrec_recall.search import Study


def changed(study: Study, defaults: Mapping[str, Any]) -> list[str]:
    """The settings that are other than their defaults, those that brought most first."""
    best, brought, tells = study.best.settings, study.brought(), study.importances()
    names = [name for name in best if best[name] != defaults[name]]
    return sorted(names, key=lambda name: (-brought.get(name, 0.0), -tells.get(name, 0.0), name))


def text(
    study: Study, defaults: Mapping[str, Any], base: Mapping[str, Any], figure: str, about: str
) -> str:
    """A TOML file: what was given before the search, then each setting that the search changed.

    What was given stands in it as it is, also where it was searched and nothing else is better:
    without it, training would take the model's own default.

    Args:
        base: settings that all trials had.
        figure: what the values are.
        about: the first lines, each a comment.
    """
    best, first, names = study.best, study.tried[0], changed(study, defaults)
    brought, tells = study.brought(), study.importances()
    lines = [f"# {line}" for line in about.splitlines()]
    lines.append(f"# {figure}: {_figure(best.value)}; by the defaults {_figure(first.value)}.")
    lines += [_line(name, value) for name, value in base.items() if name not in names]
    for name in names:
        told = [f"given {base[name]}" if name in base else f"by default {defaults[name]}"]
        if name in brought:
            told.append(f"brought {brought[name]:+.4f}")
        if name in tells:
            told.append(f"tells {tells[name]:.0%} of what parts good trials from others")
        lines.append(f"{_found(name, best.settings[name])}  # {'; '.join(told)}")
    if not names:
        alone = len(study.tried) == 1
        what = (
            "but the defaults was tried" if alone else "that was tried is better than the defaults"
        )
        lines.append(f"# Nothing {what}.")
    return "\n".join(lines) + "\n"


def not_over(trial: Mapping[str, Any], study: Study) -> str:
    """What is to be known of a trial that the next call goes on with.

    Args:
        trial: as `Searching.not_over` has it.
    """
    told = ", ".join(f"{name} {_short(value)}" for name, value in trial["settings"].items())
    curve, took = trial["curve"], shown(trial["seconds"])
    far = f"{curve[-1]:.4f} after {took}" if curve else f"{took} so far"
    beside = study.best.curve[: len(curve)]
    if curve and len(beside) == len(curve):
        far += f", where the best one had {beside[-1]:.4f}"
    return f"Not over: {told}: {far}. The same command goes on with it."


def table(study: Study, defaults: Mapping[str, Any]) -> Table:
    """Each setting: its default, what was found, what it brought, what it tells."""
    best, brought, tells = study.best.settings, study.brought(), study.importances()
    made = Table(box=SIMPLE_HEAD, pad_edge=False)
    made.add_column("setting")
    for column in ("default", "found", "brought", "tells"):
        made.add_column(column, justify="right")
    names = changed(study, defaults)
    for name in [*names, *(name for name in best if name not in names)]:
        made.add_row(
            name,
            _short(defaults[name]),
            _short(best[name]) if name in names else "",
            f"{brought[name]:+.4f}" if name in names and name in brought else "",
            f"{tells[name]:.0%}" if name in tells else "",
        )
    return made


def _figure(value: float | None) -> str:
    return "none" if value is None else f"{abs(value):.4f}"


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _line(name: str, value: Any) -> str:
    """A setting that was given, as it is."""
    if value is None:  # which TOML lacks
        return f"# {name} is null in the file that was given: give that file to `train` as well."
    return f"{name} = {_toml(value)}"


def _found(name: str, value: Any) -> str:
    """A setting that the search drew; four digits of a number say enough."""
    if value is None:
        return f"# {name} is none, which TOML lacks"
    return f"{name} = {_toml(float(f'{value:.4g}') if isinstance(value, float) else value)}"


def _toml(value: Any) -> str:
    """A value as TOML writes it.

    >>> _toml(0.25), _toml(True), _toml([128, 64]), _toml("auto")
    ('0.25', 'true', '[128, 64]', '"auto"')
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_toml(name)} = {_toml(one)}' for name, one in value.items())}}}"
    if isinstance(value, int | float):
        return repr(value)
    return json.dumps(str(value), ensure_ascii=False)
