"""What samplers refuse: arrays that are no encoded ids, no counts, or have nothing to draw."""

from __future__ import annotations

import numbers
from collections.abc import Sequence

import numpy as np
import pandas as pd

from tfrec_recall.data import Interactions
from tfrec_recall.data.arguments import refuse, whole
from tfrec_recall.data.ids import places
from tfrec_recall.data.vocabulary import FIRST_KNOWN


def vocabulary_size(owner: str, size: int) -> None:
    """Raises ValueError unless there is a known item to draw."""
    whole(owner, size, "size")
    if size <= FIRST_KNOWN:
        raise ValueError(f"There is no known item to draw. Received: a vocabulary of {size}.")


def encoded(owner: str, least: int = 0, **columns: np.ndarray) -> list[np.ndarray]:
    """These columns as int64 of one length, all of them whole numbers from `least` up."""
    arrays = {name: np.asarray(values) for name, values in columns.items()}
    shapes = {array.shape for array in arrays.values()}
    if len(shapes) > 1 or any(array.ndim != 1 for array in arrays.values()):
        said = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise ValueError(f"{owner} takes columns of one length. Received: shapes {said}.")
    for name, array in arrays.items():
        if array.size and not np.issubdtype(array.dtype, np.integer):
            raise ValueError(f"{owner} takes {name} as integers. Received: {array.dtype.name}.")
        if array.size and array.min() < least:
            raise ValueError(
                f"{owner} takes {name} as numbers from {least} up. Received: {array.min()}."
            )
    return [array.astype("int64") for array in arrays.values()]


def counts_of(owner: str, counts: np.ndarray) -> np.ndarray:
    """Training events of each encoded id as float64, with a known item among them."""
    given = np.asarray(counts)
    number = given.ndim == 1 and np.issubdtype(given.dtype, np.number)
    array = given.astype("float64") if number else np.zeros(0)
    if len(array) <= FIRST_KNOWN or not (np.isfinite(array) & (array >= 0)).all():
        raise ValueError(
            f"{owner} takes counts as a number from 0 up for each encoded id, padding, unknown and "
            f"at least one known item. Received: {given.dtype.name} of shape {given.shape}"
            + (f", the least {given.min()}." if number and given.size else ".")
        )
    return array


def user_rows(train: Interactions) -> np.ndarray:
    """The row of the users' table for each training event, as batches say it, int64."""
    return places(pd.Index(train.users["user_id"]), train.events["user_id"])


def check_ranks(owner: str, ranks: tuple[int, int], name: str, items: int | None = None) -> None:
    """Raises ValueError unless these are a window of ranks, and as many items have one."""
    fits = isinstance(ranks, Sequence) and len(ranks) == 2
    fits = fits and all(isinstance(rank, numbers.Integral) for rank in ranks)
    if not fits or not 0 <= ranks[0] < ranks[1]:
        refuse(owner, ranks, name, "a window of ranks, 0 <= first < last")
    if items is not None and ranks[1] > items:
        refuse(owner, ranks, name, f"ranks of a catalogue of {items:,} items, last <= {items}")
