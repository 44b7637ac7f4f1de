"""What is known of a run, as far as it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Self

ERRORS = ("val_rmse",)  # figures on validation of which less is better
RISE = 0.1  # of the figure at the end of a schedule, by which it was less when measured before


@dataclasses.dataclass(frozen=True)
class Curve:
    """A figure on validation, and the loss, after epochs.

    Args:
        name: of the figure.
        epochs: those that were measured, by their numbers from 1.
        values, losses: of each.
        learnt: how many epochs there were.
        by_schedule: what the last epoch made was kept, and not what the best one did.
    """

    name: str
    epochs: Sequence[int]
    values: Sequence[float]
    losses: Sequence[float]
    learnt: int
    by_schedule: bool = False

    @classmethod
    def of(cls, epochs: Sequence[Mapping[str, float]], by_schedule: bool = False) -> Self | None:
        """The curve of epochs as `train --json` has them; None where nothing was measured."""
        names = [name for epoch in epochs for name in epoch if name.startswith("val_")]
        if not names:
            return None
        measured = [(n, one) for n, one in enumerate(epochs, start=1) if names[0] in one]
        return cls(
            names[0],
            [number for number, _ in measured],
            [epoch[names[0]] for _, epoch in measured],
            [epoch.get("loss", float("nan")) for _, epoch in measured],
            len(epochs),
            by_schedule,
        )

    @property
    def place(self) -> int:
        """Of the best one among the values, from 0."""
        choose = min if self.name in ERRORS else max
        return self.values.index(choose(self.values))

    @property
    def best(self) -> int:
        """The number of the best epoch, from 1."""
        return self.epochs[self.place]

    @property
    def goes_on_rising(self) -> bool:
        """Whether more epochs would bring more.

        By a schedule the last part brings a share of a few hundredths however many epochs there
        are (.03 to .07 of `item2vec`, with 5 to 80 of them): less than `RISE` tells nothing.
        """
        if self.best < self.learnt:
            return False
        if not self.by_schedule or len(self.values) == 1:
            return True
        return self.values[-1] - self.values[-2] >= RISE * self.values[-1]

    @property
    def shown(self) -> str:
        return f"{self.name.removeprefix('val_')} on validation"


@dataclasses.dataclass(frozen=True)
class Evidence:
    """What is known of the run of a model; what is None or empty is not known.

    Args:
        model: its name.
        curve: of its training.
        has_epochs: whether it has learnt in epochs, measured or not.
        settings: all of them.
        stopped: the budget ended its training.
        indexes: what each says of itself, by what it finds; "" for the lists of users.
        ablation: what each feature is worth, as `comparison.ablation` finds.
        field_weights: what SENet lets through of the features of a side, by side and name.
        exposure: the share of the first 50 places that new, rare, middle and frequent items have.
        features: what the model's specification says of each, as `Features.describe`.
        facts: of the data, as `comparison.facts` has them.
        above_popular: its recall@50 less that of most-popular, `mean`, and `low` and `high`, the
            95% interval over users; of a comparison with `popular`.
    """

    model: str
    curve: Curve | None = None
    has_epochs: bool = False
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    stopped: bool = False
    indexes: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    ablation: Sequence[Mapping[str, Any]] = ()
    field_weights: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)
    exposure: Sequence[float] = ()
    features: Sequence[Mapping[str, Any]] = ()
    facts: Mapping[str, Any] | None = None
    above_popular: Mapping[str, float] | None = None

    @classmethod
    def of(cls, row: Mapping[str, Any], facts: Mapping[str, Any] | None) -> Self:
        """Of a model's row in a comparison, or of a run with the same figures."""
        epochs = row.get("epochs") or []
        first = epochs[0] if epochs and isinstance(epochs[0], list) else epochs
        best = row.get("best_epoch", True)  # a row of a comparison has one a seed
        by_schedule = not (any(best) if isinstance(best, list) else best)
        features = row.get("features")  # of an export that Python wrote, anything
        told = {"": row.get("index"), "similar items": row.get("similar_items_index")}
        return cls(
            model=row.get("of") or row["model"],
            curve=Curve.of(first, by_schedule),
            has_epochs=bool(first),
            settings=row.get("settings") or {},
            stopped=bool(row.get("stopped")),
            indexes=row.get("indexes") or {name: one for name, one in told.items() if one},
            ablation=row.get("ablation") or (),
            field_weights=row.get("field_weights") or {},
            exposure=row.get("exposure") or (),
            features=features if isinstance(features, list) else (),
            facts=facts,
            above_popular=row.get("above_popular"),
        )

    @property
    def not_looked_at(self) -> list[str]:
        """What cannot be found, as nothing was measured on validation after the epochs of training,
        or as a schedule is at its best at its end anyway; empty of a model that learns in one pass.
        """
        if self.curve is not None:
            curve, is_best = self.curve, self.curve.best == self.curve.learnt
            unclear = curve.by_schedule and is_best and not curve.goes_on_rising
            return ["under-trained"] if unclear and not self.stopped else []
        if not self.has_epochs and "epochs" not in self.settings:
            return []
        return ["overfits"] if self.stopped else ["overfits", "under-trained"]

    def column(self, side: str, name: str) -> str:
        """The column that a feature reads, as `--columns` takes it: `items.Unit Price`."""
        return self._column(side, name, "name") or f"{side}s.{name}"

    def shuffled(self, side: str, name: str) -> str:
        """As `column`, of what the ablation calls so: of users what a request does, by the column;
        of items, and of users in reports of earlier versions, the feature."""
        found = self._column(side, name, "column") if side == "user" else None
        return found or self.column(side, name)

    def _column(self, side: str, name: str, key: str) -> str | None:
        for one in self.features:
            if not isinstance(one, Mapping) or (one.get("side"), one.get(key)) != (side, name):
                continue
            if key == "column" and one.get("kind") == "History":
                continue  # which a request calls otherwise
            table = "events" if one.get("context") else f"{side}s"
            return f"{table}.{one.get('column', name)}"
        return None

    def has(self, *names: str) -> list[str]:
        """Those of these settings that the model has."""
        return [name for name in names if name in self.settings]
