"""Arguments of constructors, refused by name where their value cannot be meant.

Models and data take these from `data.arguments`; layers and losses, which know no other part of the
package, from here.

>>> number("Tower", 0.5, "rate", least=0, below=1)
>>> whole("Tower", 2.5, "dim")
Traceback (most recent call last):
ValueError: Tower takes dim as a whole number from 1 up. Received: dim=2.5.
"""

from __future__ import annotations

import functools
import inspect
import math
import numbers
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

Auto = Literal["auto"]  # a value that follows the data, by a rule that the argument states


def whole(owner: str, value: Any, name: str, least: int = 1, optional: bool = False) -> None:
    """Raises ValueError unless `value` is a whole number from `least` up.

    Args:
        owner: whose argument it is.
        optional: None is meant as well.
    """
    if optional and value is None:
        return
    if not isinstance(value, numbers.Integral) or _is_flag(value) or value < least:
        refuse(owner, value, name, f"a whole number from {least} up", optional)


def number(
    owner: str,
    value: Any,
    name: str,
    above: float | None = None,
    least: float | None = None,
    below: float | None = None,
    most: float | None = None,
    optional: bool = False,
) -> None:
    """Raises ValueError unless `value` is a finite number within these bounds."""
    if optional and value is None:
        return
    fits = isinstance(value, numbers.Real) and not _is_flag(value) and math.isfinite(value)
    fits = fits and (above is None or value > above) and (least is None or value >= least)
    if not (fits and (below is None or value < below) and (most is None or value <= most)):
        bounds = (("above", above), ("at least", least), ("below", below), ("at most", most))
        said = " and ".join(f"{word} {bound:g}" for word, bound in bounds if bound is not None)
        refuse(owner, value, name, f"a number {said}".strip(), optional)


def flag(owner: str, value: Any, name: str, optional: bool = False) -> None:
    """Raises ValueError unless `value` is True or False: "no" and 2 are neither."""
    if not (_is_flag(value) or (optional and value is None)):
        refuse(owner, value, name, "True or False", optional)


def flags(owner: str, **given: Any) -> None:
    """Raises ValueError unless each of these arguments is True or False."""
    for name, value in given.items():
        flag(owner, value, name)


def widths(owner: str, value: Any, name: str, optional: bool = False) -> None:
    """Raises ValueError unless `value` is a sequence, maybe empty, of positive whole numbers."""
    if optional and value is None:
        return
    fits = isinstance(value, Sequence) and not isinstance(value, str)
    if not fits or not all(
        isinstance(width, int | np.integer) and not _is_flag(width) and width > 0 for width in value
    ):
        refuse(owner, value, name, "positive whole numbers, such as (128, 64)", optional)


def without_effect(owner: str, value: Any, default: Any, name: str, because: str) -> None:
    """Raises ValueError for an argument that is set where nothing reads it."""
    if value != default:
        raise ValueError(
            f"{owner} reads {name} {because}: leave it out. Received: {name}={value!r}."
        )


def kind(owner: str, value: Any, name: str, wanted: type | tuple[type, ...], expected: str) -> None:
    """Raises ValueError unless `value` is None or of this kind of object."""
    if value is not None and not isinstance(value, wanted):
        refuse(owner, value, name, expected, optional=True)


def refuse(owner: str, value: Any, name: str, expected: str, optional: bool = False) -> None:
    """Raises the ValueError that says what was expected."""
    or_none = ", or None" * optional
    raise ValueError(f"{owner} takes {name} as {expected}{or_none}. Received: {name}={value!r}.")


def plain(value: Any) -> Any:
    """NumPy's numbers as Python's own, within lists and tuples as well; all else as it is.

    >>> import json
    >>> json.dumps(plain({"units": (np.int64(3), 2), "rate": np.float64(0.5)}))
    '{"units": [3, 2], "rate": 0.5}'
    """
    if isinstance(value, np.generic):
        return value.item()
    if type(value) is dict:
        return {name: plain(part) for name, part in value.items()}
    return type(value)(map(plain, value)) if type(value) in (list, tuple) else value


def with_plain_arguments(cls: type) -> type:
    """Class decorator: a constructor that takes NumPy's numbers and has plain ones made of them."""
    own = cls.__init__  # type: ignore[misc]

    @functools.wraps(own)
    def __init__(self, *args, **kwargs):
        own(self, *plain(args), **plain(kwargs))

    __init__.__signature__ = inspect.signature(own)  # type: ignore[attr-defined]  # as Keras 3 asks
    cls.__init__ = __init__  # type: ignore[misc]
    return cls


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool | np.bool_)
