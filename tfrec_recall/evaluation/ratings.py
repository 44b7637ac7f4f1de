"""How far foretold ratings are from those that users gave."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tfrec_recall.data.feeding.like_lengths import like_lengths
from tfrec_recall.data.ids import padding_of
from tfrec_recall.data.kinds import of_kinds
from tfrec_recall.evaluation.metrics import bootstrap_interval
from tfrec_recall.evaluation.queries import TIMESTAMP, Queries

if TYPE_CHECKING:
    from tfrec_recall.data.splits import Split
    from tfrec_recall.retrieval import Retriever

RATING = "rating"
SIGNATURE = "predict_rating"


@dataclasses.dataclass(frozen=True, eq=False)
class RatingReport:
    """Errors of the ratings of one part of one split; `evaluate_ratings` makes it.

    Args:
        title: the data, the split and the part.
        errors: user_id, item_id, rating and foretold, a row a rating.
        mean: of the ratings in train, the yardstick.
        notes: what a reader has to know besides the figures.
    """

    title: str
    errors: pd.DataFrame = dataclasses.field(repr=False)
    mean: float
    notes: tuple[str, ...] = ()

    @cached_property
    def metrics(self) -> dict[str, float]:
        """`ratings` (how many), `rmse`, `mae`, and these two of the mean rating of train."""
        figures = {"ratings": float(len(self.errors))}
        for end, foretold in (("", self.errors["foretold"]), ("_of_mean", self.mean)):
            error = (self.errors[RATING] - foretold).to_numpy()
            figures[f"rmse{end}"] = float(np.sqrt(np.mean(np.square(error))))
            figures[f"mae{end}"] = float(np.mean(np.abs(error)))
        return figures

    def interval(self, name: str, level: float = 0.95, seed: int = 0) -> tuple[float, float]:
        """Bootstrap interval over ratings of `rmse` or `mae`."""
        error = (self.errors[RATING] - self.errors["foretold"]).to_numpy()
        if name == "rmse":
            low, high = bootstrap_interval(np.square(error), level, seed=seed)
            return float(np.sqrt(low)), float(np.sqrt(high))
        if name == "mae":
            return bootstrap_interval(np.abs(error), level, seed=seed)
        raise ValueError(f"There are intervals of rmse and mae. Received: {name!r}.")

    def __str__(self) -> str:
        users, figures = self.errors["user_id"].nunique(), self.metrics
        lines = [f"{self.title}: {len(self.errors):,} ratings of {users:,} users"]
        for name in ("rmse", "mae"):
            low, high = self.interval(name)
            lines.append(
                f"{name:<8}{figures[name]:.4f}  95% interval {low:.4f} to {high:.4f}; "
                f"of the mean rating {figures[f'{name}_of_mean']:.4f}"
            )
        return "\n".join([*lines, *self.notes])


@of_kinds
def evaluate_ratings(
    retriever: Retriever,
    split: Split,
    on: str = "test",
    batch_size: int = 512,
    progress: Callable[[int, int], None] | None = None,
) -> RatingReport:
    """RMSE and MAE of the ratings that a retriever foretells, by `predict_rating`.

    What users rated in the part is foretold from their history with its ratings, users and items
    that training never saw included. Several ratings of one item by one user all count; targets
    without a rating do not.

    Args:
        retriever: in this process or loaded from disk, of a model of ratings.
        split: whose part is measured. `random_events_out` asks for any ratings, as is usual.
        on: "test" or "validation".
        batch_size: users in one call.
        progress: called with users done and users in all, after each batch.

    Raises: ValueError when the retriever foretells no ratings, or the part has none.
    """
    if SIGNATURE not in retriever.signatures:
        raise ValueError(
            "This retriever foretells no ratings: FunkSVD's does, and UserCF's and ItemCF's with "
            "ratings=True (for `train --settings`). "
            f"Received: a retriever with {', '.join(retriever.signatures) or 'lists alone'}."
        )
    part = split.part(on)
    if RATING not in part.targets:
        raise ValueError(
            "Errors of ratings need the event column 'rating'; if it has another name, rename it. "
            f"Received columns: {list(part.targets.columns)}."
        )
    known = np.isfinite(part.targets[RATING].to_numpy("float64", na_value=np.nan))
    targets = part.targets[known].reset_index(drop=True)
    if not len(targets):
        raise ValueError(
            f"No {on} target has a rating: there is nothing to measure. "
            f"Received: {len(known):,} targets without one."
        )
    return RatingReport(
        title=f"{split.interactions.name}, {split.name}, {on}",
        errors=targets[["user_id", "item_id"]].assign(
            rating=targets[RATING].astype("float64"),
            foretold=_foretold(retriever, split, on, targets, batch_size, progress),
        ),
        mean=float(split.train.events[RATING].astype("float64").mean()),
        notes=tuple(_notes(split, targets, int((~known).sum()))),
    )


def _foretold(retriever, split, on, targets, batch_size, progress) -> np.ndarray:
    """The rating of each target, float64; targets are sorted by user."""
    user, users = pd.factorize(targets["user_id"])
    start = np.searchsorted(user, np.arange(len(users) + 1))
    timestamps = targets.groupby(user)[TIMESTAMP].min().to_numpy() if TIMESTAMP in targets else None
    queries = Queries(
        retriever.rating_inputs,
        np.asarray(users),
        split.part(on).history,
        table=split.interactions.users,
        timestamps=timestamps,
    )
    ids = targets["item_id"].to_numpy(dtype=retriever.item_ids.dtype)
    foretold = np.empty(len(targets))
    done = 0
    for rows in like_lengths(queries.history_length, batch_size):
        size = start[rows + 1] - start[rows]
        place = np.arange(size.max())
        present = place < size[:, np.newaxis]
        positions = np.where(present, start[rows, np.newaxis] + place, 0)
        items = np.where(present, ids[positions], padding_of(ids))
        rating = retriever.predict_rating(queries.batch(rows), items.tolist())
        foretold[positions[present]] = np.asarray(rating)[present]
        done += len(rows)
        if progress is not None:
            progress(done, len(users))
    if not np.isfinite(foretold).all():
        wrong = targets[~np.isfinite(foretold)]
        raise ValueError(
            f"The retriever foretold no number for {len(wrong):,} of {len(targets):,} ratings, the "
            f"first {wrong[['user_id', 'item_id']].head(3).to_dict('records')}."
        )
    return foretold


def _notes(split: Split, targets: pd.DataFrame, unrated: int) -> list[str]:
    notes = []
    if unrated:
        notes.append(f"{unrated:,} targets have no rating and do not count.")
    rated = split.train.events[split.train.events[RATING].notna()]
    for column, who in (("user_id", "users"), ("item_id", "items")):
        new = int((~targets[column].isin(rated[column])).sum())
        if new:
            notes.append(f"{new:,} ratings are of {who} without a rating in train.")
    return notes
