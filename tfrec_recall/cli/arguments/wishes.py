"""What a list on the command line is chosen from, by attributes of the items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tfrec_recall.cli.arguments.source import parse_pairs
from tfrec_recall.cli.console import warn

if TYPE_CHECKING:
    from tfrec_recall.export import LoadedRetriever

PANEL = "Choice of items"
PREFIXES = ("where_not_", "where_", "min_", "max_")
SHOWN = 5  # values that items have
Given = tuple[tuple[str, str, str], ...]


class Wishes:
    """Filters as they are written: `--where category=a`, `--min price=3`.

    Args:
        given: the beginning of the filter's name, the option, and what was written; each.
    """

    def __init__(self, given: Sequence[tuple[str, str, Sequence[str]]]):
        self._given = given

    def __bool__(self) -> bool:
        """Whether anything was written."""
        return any(texts for *_, texts in self._given)

    def of(self, retriever: LoadedRetriever) -> dict[str, Any]:
        """The filters of a request of one row, or one for all.

        Values that no item of the export's table has are told.

        Raises: ValueError for an attribute that the export cannot choose by, a text where it takes
            numbers, or what no item can have at once.
        """
        found: dict[str, Any] = {}
        for prefix, option, texts in self._given:
            for text in texts:
                ((column, value),) = parse_pairs([text], option).items()
                name = f"{prefix}{column}"
                if name not in retriever.filter_inputs:
                    kind = "max_" if prefix in ("min_", "max_") else "where_not_"
                    can = [n.removeprefix(kind) for n in retriever.filter_inputs if kind in n]
                    raise ValueError(
                        f"{option} takes what this export was told to choose by (train "
                        f"--filterable): {', '.join(can) or 'nothing'}. Received: {text}."
                    )
                spec = retriever.filter_inputs[name]
                one = _value(option, text, value, spec.dtype)
                if spec.shape.rank == 2:
                    found.setdefault(name, [[]])[0].append(one)
                elif name in found:
                    raise ValueError(f"{option} has one bound for {column}. Received: {text} too.")
                else:
                    found[name] = [one]
        _check_together(found)
        _tell_strangers(found, retriever)
        return found


def _check_together(filters: Mapping[str, Any]) -> None:
    """Raises ValueError for bounds that leave no number, and values that are all left out."""
    for name, value in filters.items():
        way, column = _parts(name)
        least, most = value, filters.get(f"max_{column}")
        if way == "min" and most is not None and least[0] > most[0]:
            raise ValueError(
                f"No number is at least --min and at most --max of {column}: give a larger --max. "
                f"Received: --min {column}={least[0]:g}, --max {column}={most[0]:g}."
            )
        without = filters.get(f"where_not_{column}", [[]])[0]
        if way == "where" and set(value[0]) <= set(without):
            raise ValueError(
                f"No item has and has not the same {column}: leave one of both options out. "
                f"Received: --where and --where-not {', '.join(map(str, value[0]))}."
            )


def _tell_strangers(filters: Mapping[str, Any], retriever: LoadedRetriever) -> None:
    """Says which values are chosen by that no item has, and some that there are."""
    from tfrec_recall.operations.new_values import texts_in

    for name, value in filters.items():
        way, column = _parts(name)
        if way in ("min", "max") or retriever.items is None or column not in retriever.items:
            continue
        counts = texts_in(retriever.items[column], retriever.filter_inputs[name]).value_counts()
        strange = [one for one in map(str, value[0]) if one not in counts.index]
        if strange:
            told = ", ".join(map(repr, strange))
            there = ", ".join(map(repr, counts.index[:SHOWN]))
            more = ", …" if len(counts) > SHOWN else ""
            warn((f"No item has {column} {told}; there are {there}{more}.", "yellow"))


def _parts(name: str) -> tuple[str, str]:
    """The beginning of a filter's name, and the attribute.

    >>> _parts("where_not_category"), _parts("min_price")
    (('where_not', 'category'), ('min', 'price'))
    """
    prefix = next(one for one in PREFIXES if name.startswith(one))
    return prefix.removesuffix("_"), name.removeprefix(prefix)


def _value(option: str, text: str, value: str, dtype: Any) -> Any:
    if dtype.name == "string":
        return value
    try:
        return int(value) if dtype.is_integer else float(value)
    except ValueError as error:
        kind = "whole number" if dtype.is_integer else "number"
        raise ValueError(f"{option} takes a {kind} here. Received: {text}.") from error


def _option(help: str, *names: str) -> Any:
    return typer.Option(
        *names, metavar="NAME=VALUE", help=help, show_default=False, rich_help_panel=PANEL
    )


def wishes(
    where: Annotated[
        list[str] | None,
        _option("Items of this value alone, of these if given several times: category=shoes."),
    ] = None,
    where_not: Annotated[
        list[str] | None, _option("No item of this value; may be given several times.")
    ] = None,
    min: Annotated[list[str] | None, _option("Items of at least this number: price=3.")] = None,
    max: Annotated[list[str] | None, _option("Items of at most this number.")] = None,
) -> Wishes:
    """What items are chosen from, by the options that say so."""
    return Wishes(
        [
            ("where_", "--where", where or ()),
            ("where_not_", "--where-not", where_not or ()),
            ("min_", "--min", min or ()),
            ("max_", "--max", max or ()),
        ]
    )
