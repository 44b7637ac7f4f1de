"""Splits as the command line names them: last:5, temporal:2011-11-01, random:0.2."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfrec_recall.data import Interactions, PartedInteractions, PartedSplit, Split

FORMS = (
    "last:TEST[,VALIDATION] events of each user; basket; temporal:[VALIDATION_FROM,]TEST_FROM, as "
    "dates or Unix seconds; random:TEST[,VALIDATION], shares of each user's events; "
    "users:TEST[,VALIDATION], shares of the users; given, by the column split; standard. "
    "name=value sets what else there is, such as random:0.2,seed=3"
)


def _whole(text: str) -> int:
    return int(text)


def _moment(text: str) -> float | str:
    return float(text) if text.replace(".", "", 1).isdecimal() else text


def _yes(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


@dataclasses.dataclass(frozen=True)
class _Form:
    """A function of `tfrec_recall.data` in text.

    Args:
        function: its name.
        types: of its arguments.
        places: the arguments that are given without a name, in this order.
        minimum: what the function calls the least number of events; None if it has none.
        paired: validation is as large as test, if test alone is given.
    """

    function: str
    types: Mapping[str, Callable[[str], Any]]
    places: tuple[str, ...] = ()
    minimum: str | None = "minimum"
    paired: bool = False


_SIZES = ("test", "validation")
_FORMS = {
    "last": _Form("last_events_out", {"test": _whole, "validation": _whole}, _SIZES, paired=True),
    "basket": _Form("last_basket_out", {"new_items_only": _yes}, (), "minimum_baskets"),
    "temporal": _Form(
        "temporal",
        {"validation_from": _moment, "test_from": _moment},
        ("validation_from", "test_from"),
    ),
    "random": _Form(
        "random_events_out",
        {"test": float, "validation": float, "seed": _whole},
        _SIZES,
        paired=True,
    ),
    "users": _Form(
        "hold_out_users",
        {"test": float, "validation": float, "targets": _whole, "seed": _whole},
        _SIZES,
        paired=True,
    ),
    "given": _Form("given", {}, minimum=None),
}


def cut(
    interactions: Interactions, text: str | None, minimum: int | None = None, repeats: bool = False
) -> Split:
    """The split that --split names, or the standard one.

    Args:
        minimum: that of --minimum.
        repeats: items that the user had before are targets, where the split could leave them out.

    Raises: ValueError for a text that names no split, or what the split itself refuses.

    >>> import pandas as pd
    >>> from tfrec_recall.data import Interactions
    >>> events = pd.DataFrame({"user_id": 1, "item_id": range(4), "timestamp": range(4)})
    >>> cut(Interactions(events), "last:1").name
    'last_events_out(test=1, validation=1)'
    """
    from tfrec_recall import data

    if text is None or text == "standard":
        return data.standard(interactions, minimum, repeats)
    found: Split = _named(text, minimum, repeats)(interactions)
    return found


def cut_parts(
    parted: PartedInteractions, text: str | None, minimum: int | None = None, repeats: bool = False
) -> PartedSplit:
    """As `cut`, of events in parts: each part is cut by itself, and the standard fits all."""
    from tfrec_recall.data import split_parts
    from tfrec_recall.data.splits.of_parts import standard_cut

    if text is None or text == "standard":
        return split_parts(parted, standard_cut(parted, minimum, repeats))
    return split_parts(parted, _named(text, minimum, repeats))


def _named(text: str, minimum: int | None, repeats: bool) -> Callable[[Interactions], Split]:
    """The function of a text, with its arguments."""
    from tfrec_recall import data

    form, arguments = _parsed(text)
    if minimum is not None:
        if form.minimum is None:
            raise ValueError(
                f"--split {text} is followed as it is: leave --minimum out. Received: {minimum}."
            )
        arguments[form.minimum] = minimum
    if form.function == "last_basket_out" and repeats:
        arguments.setdefault("new_items_only", False)
    return partial(getattr(data, form.function), **arguments)


def _parsed(text: str) -> tuple[_Form, dict[str, Any]]:
    name, _, values = text.partition(":")
    form = _FORMS.get(name.strip())
    if form is None:
        raise ValueError(f"--split takes {FORMS}. Received: {text!r}.")
    given: list[tuple[str, str]] = []
    unnamed = []
    for value in filter(None, (part.strip() for part in values.split(","))):
        key, equals, rest = value.partition("=")
        if not equals:
            unnamed.append(value)
        elif key in form.types:
            given.append((key, rest))
        else:
            known = ", ".join(form.types) or "none"
            raise ValueError(f"--split {name} has the values {known}. Received: {text!r}.")
    places = form.places
    if form.function == "temporal" and len(unnamed) == 1 and "test_from" not in dict(given):
        places = ("test_from",)
    if len(unnamed) > len(places):
        raise ValueError(f"--split takes {FORMS}. Received: {text!r}.")
    arguments: dict[str, Any] = {}
    for key, value in [*given, *zip(places, unnamed, strict=False)]:
        if key in arguments:
            raise ValueError(
                f"--split {name} has {key} twice; values without a name are, in this order, "
                f"{', '.join(form.places) or 'none'}. Received: {text!r}."
            )
        arguments[key] = _typed(form, key, value, text)
    if form.function == "temporal":
        arguments.setdefault("validation_from", None)
        if "test_from" not in arguments:
            raise ValueError(
                "--split temporal needs a moment: temporal:2011-11-01 tests from then on, "
                f"temporal:2011-10-01,2011-11-01 validates before. Received: {text!r}."
            )
    if form.paired and "test" in arguments:
        arguments.setdefault("validation", arguments["test"])
    return form, arguments


def _typed(form: _Form, key: str, value: str, text: str) -> Any:
    try:
        return form.types[key](value)
    except (ValueError, KeyError):
        kinds = {_whole: "a whole number", float: "a number", _yes: "true or false"}
        raise ValueError(
            f"--split {text}: {key} is {kinds[form.types[key]]}. Received: {value!r}."
        ) from None
