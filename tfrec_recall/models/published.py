"""The plain form of a model: its paper's, without what this package adds."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

TRAINING = ("epochs", "batch_size", "learning_rate")
# Of a constructor: beside which value of an argument, `Other` or `Such`, which others are not read,
# or would be refused as the plain form has them.
Unread = Mapping[tuple[str, Any], tuple[str, ...]]


@dataclasses.dataclass(frozen=True)
class Other:
    """Any value of an argument but these, in the keys of `UNREAD`.

    Args:
        than: those that leave the others read.
        such_as: one that does not, by which it can be tried.
    """

    than: tuple[Any, ...]
    such_as: Any


@dataclasses.dataclass(frozen=True)
class Such:
    """Any value of an argument of which this is true, in the keys of `UNREAD`.

    Args:
        that: says so of a value, which may be of any type.
        such_as: one of them, by which it can be tried.
    """

    that: Callable[[Any], bool]
    such_as: Any


def example(value: Any) -> Any:
    """A value that a key of `UNREAD` is of."""
    return value.such_as if isinstance(value, Other | Such) else value


def left_out(given: Mapping[str, Any], unread: Unread) -> set[str]:
    """The arguments that nothing reads beside those that are given.

    >>> left_out({"correct": False}, {("correct", False): ("rate",), ("dim", 8): ("heads",)})
    {'rate'}
    >>> left_out({"window": 5}, {("window", Other((None,), such_as=9)): ("all_pairs",)})
    {'all_pairs'}
    >>> left_out({"power": 1.5}, {("power", Such(lambda p: p > 1, such_as=2)): ("raised",)})
    {'raised'}
    """
    here = [names for (name, of), names in unread.items() if name in given and _is(given[name], of)]
    return {name for names in here for name in names}


def _is(value: Any, of: Any) -> bool:
    """Whether a key of `UNREAD` is of this value."""
    if isinstance(of, Such):
        return of.that(value)
    return value not in of.than if isinstance(of, Other) else bool(value == of)


@dataclasses.dataclass(frozen=True)
class Published:
    """What a model's paper has where the defaults have something else, and how it was trained.

    Each argument stands in the model's docstring below `Departs:`, after what it takes back.

    Args:
        paper: as the docstring's `Source:` names it.
        arguments: of the constructor, where the paper's value is not the default.
        optimizer: makes the paper's optimiser from its learning rate; it is kept however large the
            tables are. None where the paper does not say: then the model's own, `optimizer_class`,
            which follows the tables.
        learning_rate, batch_size, epochs: of the paper's training; None where it does not say: then
            they are those of any training.
        chosen: names of those that the paper leaves open, and that are chosen here.

    >>> plain = Published("KDD 2018", {"residual": False}, tf.keras.optimizers.Adagrad, 0.05)
    >>> plain.settings
    {'learning_rate': 0.05, 'residual': False}
    """

    paper: str
    arguments: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    optimizer: Callable[..., tf.keras.optimizers.Optimizer] | None = None
    learning_rate: float | None = None
    batch_size: int | None = None
    epochs: int | None = None
    chosen: tuple[str, ...] = ()

    @property
    def settings(self) -> dict[str, Any]:
        """Of training and of the model, as a settings file would hold them."""
        training = {name: getattr(self, name) for name in TRAINING}
        return {**{n: v for n, v in training.items() if v is not None}, **self.arguments}
