"""What a list on the command line is chosen from, by attributes of the items."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tfrec_recall.cli.arguments.source import parse_pairs

if TYPE_CHECKING:
    from tfrec_recall.export import LoadedRetriever

PANEL = "Choice of items"
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

        Raises: ValueError for an attribute that the export cannot choose by, or a text where it
            takes numbers.
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
        return found


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
