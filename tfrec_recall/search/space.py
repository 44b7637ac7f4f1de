"""What may be tried of each setting, by the name that it has in all models."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Number = int | float
FOLLOWING = (None, "auto")  # the defaults of settings that follow the data


@dataclasses.dataclass(frozen=True)
class Ratio:
    """From a part of the default to as many times it, on a logarithmic scale.

    Args:
        factor: the ends are the default divided by it, and multiplied.
        whole: whole numbers alone.
    """

    factor: float
    whole: bool = False

    def takes(self, default: Any) -> bool:
        return _is_number(default) and default > 0

    def distribution(self, default: Any) -> BaseDistribution:
        from optuna.distributions import FloatDistribution, IntDistribution

        low, high = default / self.factor, default * self.factor
        if self.whole:
            return IntDistribution(max(1, round(low)), round(high), log=True)
        return FloatDistribution(low, high, log=True)


@dataclasses.dataclass(frozen=True)
class Between:
    """From one number to another, evenly."""

    low: float
    high: float

    def takes(self, default: Any) -> bool:
        return _is_number(default) and self.low <= default <= self.high

    def distribution(self, default: Any) -> BaseDistribution:
        from optuna.distributions import FloatDistribution

        return FloatDistribution(self.low, self.high)


@dataclasses.dataclass(frozen=True)
class Times:
    """The default times each of some numbers, in whole numbers."""

    factors: tuple[float, ...]

    def takes(self, default: Any) -> bool:
        return _is_number(default) and default >= 1

    def distribution(self, default: Any) -> BaseDistribution:
        from optuna.distributions import CategoricalDistribution

        values = [max(1, round(default * one)) for one in self.factors]
        return CategoricalDistribution(list(dict.fromkeys(values)))


@dataclasses.dataclass(frozen=True)
class Choices:
    """One of these, among which the default is."""

    values: tuple[Number | None, ...]

    def takes(self, default: Any) -> bool:
        return default in self.values

    def distribution(self, default: Any) -> BaseDistribution:
        from optuna.distributions import CategoricalDistribution

        return CategoricalDistribution(list(self.values))


@dataclasses.dataclass(frozen=True)
class Widths:
    """Of hidden layers: half of the default ones, the same, twice as many, and one layer more."""

    def takes(self, default: Any) -> bool:
        return isinstance(default, list | tuple) and bool(default) and all(map(_is_number, default))

    def distribution(self, default: Any) -> BaseDistribution:
        """Of the widths as text, as lists are none that optuna keeps."""
        from optuna.distributions import CategoricalDistribution

        half, twice = [max(1, one // 2) for one in default], [2 * one for one in default]
        values = (half, list(default), twice, [twice[0], *default])
        return CategoricalDistribution([json.dumps(one) for one in values])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


Range = Ratio | Between | Times | Choices | Widths

RANGES: Mapping[str, Range] = {
    # The training of models that descend.
    "learning_rate": Ratio(4),
    "weight_decay": Choices((0.0, 1e-4, 1e-3, 1e-2)),
    "batch_size": Times((0.5, 1, 2)),
    "epochs": Times((0.5, 1, 2)),
    # Vectors, and what is between them.
    "dim": Times((0.5, 1, 2)),
    "hidden": Widths(),
    "negatives": Times((0.25, 1, 4)),
    "temperature": Ratio(3),
    "dropout": Between(0.0, 0.6),
    "interests": Ratio(2, whole=True),
    "heads": Times((0.5, 1, 2)),
    "margin": Ratio(4),
    "l2": Ratio(10),
    # Neighbours, windows and walks.
    "neighbours": Ratio(5, whole=True),
    "nearby": Ratio(4),
    "shrinkage": Between(0.0, 50.0),
    "amplification": Ratio(2),
    "alpha": Between(0.0, 1.0),
    "window": Ratio(3, whole=True),
    "walks": Times((0.5, 1, 2)),
    "length": Times((0.5, 1, 2)),
    "rate": Ratio(3),
    "power": Between(0.0, 1.0),
    # How a history becomes a query.
    "half_life": Ratio(4),
    "half_life_days": Choices((None, 7.0, 30.0, 90.0, 365.0)),
    "popularity": Between(-0.6, 0.6),
}
"""Of settings that are not here, nothing is known of what could be tried: they stay as they are.
So do those that are switched off by default, such as a half-life of None."""
ASKED = ("batch_size", "epochs", "heads", "hidden", "length", "negatives", "walks")
"""Settings that are searched only where they are named: by them a trial may take far longer."""
OF_TIMES = ("half_life", "half_life_days", "nearby")
"""Settings that are refused, or change nothing, where events have no times."""


@dataclasses.dataclass(frozen=True)
class Space:
    """The settings that are searched, and the default of each, where the search begins."""

    defaults: Mapping[str, Any]

    @classmethod
    def of(
        cls,
        settings: Mapping[str, Any],
        only: Sequence[str] | None = None,
        has_time: bool = True,
    ) -> Self:
        """Of a model's settings, those of which it is known what to try, or of them these alone.

        Those of `ASKED` are left out unless they are named.

        Args:
            has_time: whether the events have times; else settings of times stay as they are.

        Raises: ValueError for one that is not known, or that the model does not have.

        >>> Space.of({"dim": 64, "normalize": True, "dropout": 0.2}).defaults
        {'dim': 64, 'dropout': 0.2}
        """
        known = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in settings.items()
            if name in RANGES and RANGES[name].takes(value) and (has_time or name not in OF_TIMES)
        }
        _refuse_others(known, only, has_time)
        return cls({name: known[name] for name in _searched(known, only)})

    @staticmethod
    def check(
        settings: Mapping[str, Any], only: Sequence[str] | None = None, has_time: bool = True
    ) -> None:
        """Before any training, that its settings may come to a space of these.

        Args:
            settings: of the model, where those that follow the data are None or "auto".
            has_time: as for `of`.

        Raises: ValueError for names that `of` refuses, whatever the data make of the settings.

        >>> Space.check({"dim": 64, "alpha": "auto"}, ["alpha"])
        """
        known = [
            name
            for name, value in settings.items()
            if name in RANGES
            and (RANGES[name].takes(value) or _may_follow(name, value))
            and (has_time or name not in OF_TIMES)
        ]
        _refuse_others(known, only, has_time)

    @staticmethod
    def kept(settings: Mapping[str, Any]) -> dict[str, Any]:
        """Settings as the search keeps them: lists as text.

        >>> Space.kept({"hidden": [256, 128], "dim": 64})
        {'hidden': '[256, 128]', 'dim': 64}
        """
        return {n: json.dumps(v) if isinstance(v, list) else v for n, v in settings.items()}

    @staticmethod
    def read(kept: Mapping[str, Any]) -> dict[str, Any]:
        """The settings that the search keeps so.

        >>> Space.read({"hidden": "[256, 128]", "dim": 64})
        {'hidden': [256, 128], 'dim': 64}
        """
        return {n: json.loads(v) if isinstance(v, str) else v for n, v in kept.items()}

    def distributions(self) -> dict[str, BaseDistribution]:
        """What the search draws from, by name."""
        return {name: RANGES[name].distribution(v) for name, v in self.defaults.items()}


def _may_follow(name: str, value: Any) -> bool:
    """Whether the data may make a number of a setting; of widths nothing says what they become."""
    return not isinstance(RANGES[name], Widths) and value in FOLLOWING


def _searched(known: Collection[str], only: Sequence[str] | None) -> list[str]:
    return [name for name in known if (name not in ASKED if only is None else name in only)]


def _refuse_others(known: Collection[str], only: Sequence[str] | None, has_time: bool) -> None:
    """Raises ValueError where there is nothing to search, or not all of what is asked for."""
    odd = [name for name in only or () if name not in known]
    if odd or not _searched(known, only):
        raise ValueError(
            f"Of this model{'' if has_time else ', on events without times,'} these settings can "
            f"be searched: {', '.join(known) or 'none'}. "
            f"Received: {', '.join(odd) or 'a model without any'}."
        )
