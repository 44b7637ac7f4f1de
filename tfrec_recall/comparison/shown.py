"""Whose lists are kept: some users to look at, and more of them to compare lists over."""

from __future__ import annotations

import dataclasses

import numpy as np

USERS = 24  # that a reader can pick
COMPARED = 300  # over whom lists are compared
LENGTH = 20  # of a list that is looked at
OVERLAP = 50  # of a list that is compared


@dataclasses.dataclass(frozen=True, eq=False)
class Shown:
    """Rows of users, among those who are measured; the same for every run of a comparison.

    Args:
        picked: those to look at, from short histories to long ones.
        compared: those whose lists are compared.
    """

    picked: np.ndarray
    compared: np.ndarray

    @classmethod
    def of(cls, lengths: np.ndarray, seed: int = 0) -> Shown:
        """Users of these lengths of history: picked evenly over lengths, compared at random.

        >>> Shown.of(np.arange(100)[::-1]).picked.tolist()[:3]
        [99, 95, 90]
        """
        by_length = np.argsort(lengths, kind="stable")
        places = np.unique(np.linspace(0, len(lengths) - 1, USERS).round().astype(int))
        drawn = np.random.default_rng(seed).permutation(len(lengths))[:COMPARED]
        return cls(by_length[places], np.sort(drawn))
