"""What may be tried of each setting, by the name that it has in all models."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Number = int | float


@dataclasses.dataclass(frozen=True)
class Ratio:
    """From a part of the default to as many times it, on a logarithmic scale.

    Args:
        factor: the ends are the default divided by it, and multiplied.
        otherwise: taken for the default where that is no number above 0.
        whole: whole numbers alone.
        most: not above this.
    """

    factor: float
    otherwise: Number
    whole: bool = False
    most: float = float("inf")

    def start(self, default: Any) -> Number:
        """Where the search begins: the default, as far as it lies within."""
        number = isinstance(default, int | float) and default is not True and default > 0
        found = min(default if number else self.otherwise, self.most)
        return max(1, round(found)) if self.whole else float(found)

    def distribution(self, default: Any) -> BaseDistribution:
        from optuna.distributions import FloatDistribution, IntDistribution

        start = self.start(default)
        low, high = start / self.factor, min(start * self.factor, self.most)
        if self.whole:
            return IntDistribution(max(1, round(low)), max(1, round(high)), log=True)
        return FloatDistribution(low, high, log=True)


@dataclasses.dataclass(frozen=True)
class Between:
    """From one number to another, evenly."""

    low: float
    high: float

    def start(self, default: Any) -> float:
        """The default, as far as it lies within."""
        number = isinstance(default, int | float) and default is not True
        return min(max(float(default) if number else self.low, self.low), self.high)

    def distribution(self, default: Any) -> BaseDistribution:
        from optuna.distributions import FloatDistribution

        return FloatDistribution(self.low, self.high)


@dataclasses.dataclass(frozen=True)
class Times:
    """The default times each of some numbers, in whole numbers."""

    factors: tuple[float, ...]

    def start(self, default: Any) -> int:
        """The default."""
        return int(default)

    def distribution(self, default: Any) -> BaseDistribution:
        from optuna.distributions import CategoricalDistribution

        return CategoricalDistribution([max(1, round(default * one)) for one in self.factors])


Range = Ratio | Between | Times

RANGES: Mapping[str, Range] = {
    # The training of models that descend.
    "learning_rate": Ratio(4, 2e-3),
    "weight_decay": Ratio(30, 3e-4, most=0.1),
    # Vectors, and what is between them.
    "dim": Times((0.5, 1, 2)),
    "temperature": Ratio(3, 0.2),
    "dropout": Between(0.0, 0.6),
    "interests": Ratio(2, 4, whole=True),
    "margin": Ratio(4, 0.2),
    "l2": Ratio(10, 0.01),
    # Neighbours, windows and walks.
    "neighbours": Ratio(5, 100, whole=True),
    "nearby": Ratio(4, 10.0),
    "shrinkage": Between(0.0, 50.0),
    "alpha": Between(0.0, 1.0),
    "window": Ratio(3, 10, whole=True),
    "rate": Ratio(3, 0.05),
    "power": Between(0.0, 1.0),
    # How a history becomes a query.
    "half_life": Ratio(4, 4.0),
    "half_life_days": Ratio(30, 30.0),
    "popularity": Between(0.0, 0.6),
}
"""Of settings that are not here, nothing is known of what could be tried: they stay as they are."""


@dataclasses.dataclass(frozen=True)
class Space:
    """The settings that are searched, and where each begins.

    Args:
        defaults: as a run with them came to, name -> value; those that are searched.
    """

    defaults: Mapping[str, Any]

    @classmethod
    def of(cls, settings: Mapping[str, Any], only: Sequence[str] | None = None) -> Self:
        """Of a model's settings, those of which it is known what to try, or of them these alone.

        Raises: ValueError for one that is not known, or that the model does not have.

        >>> Space.of({"dim": 64, "normalize": True, "dropout": 0.2}).defaults
        {'dim': 64, 'dropout': 0.2}
        """
        known = {name: value for name, value in settings.items() if name in RANGES}
        odd = [name for name in only or () if name not in known]
        if odd or not known:
            raise ValueError(
                f"Of this model these settings can be searched: {', '.join(known) or 'none'}. "
                f"Received: {', '.join(odd) or 'a model without any'}."
            )
        return cls({name: v for name, v in known.items() if only is None or name in only})

    def distributions(self) -> dict[str, BaseDistribution]:
        """What the search draws from, by name."""
        return {name: RANGES[name].distribution(v) for name, v in self.defaults.items()}

    def start(self) -> dict[str, Number]:
        """Where the search begins: the defaults, as far as they lie within the ranges."""
        return {name: RANGES[name].start(value) for name, value in self.defaults.items()}
